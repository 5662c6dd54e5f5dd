"""UpdateStep: an optimizer's step of a function as it was learnt: one update of many parameters.

Parameters that nobody else looks at lie in one buffer, their gradients in another (`flat.py`). If
anything is not as it was then, the optimizer goes from parameter to parameter as ever.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.jit.flat import flat_steps
from tinygrad_mnist.jit.op_step import Step

Array = np.ndarray[Any, Any]
Pairs = list[tuple[Leaf, Array]]  # a parameter's leaf, and where its gradient is wanted
MOST_TRIES = 3


def with_gradients(optimizer: Any) -> list[Leaf]:
    """The leaves of an optimizer's parameters that have gradients."""
    nodes = (p._node for group in optimizer.param_groups for p in group["params"])
    return [node for node in nodes if getattr(node, "grad", None) is not None]


class UpdateStep(Step):
    """See the file's docstring."""

    __slots__ = ("optimizer", "parts", "tries")
    op = "update"

    def __init__(self, parent: Step, optimizer: weakref.ref[Any]) -> None:
        super().__init__(parent)
        found = optimizer()
        self.optimizer = optimizer if found is None else weakref.ref(found, self._forget)
        self.parts: list[tuple[Any, Pairs]] = []
        self.tries = 0  # how often the parameters could not be joined

    def _forget(self, _: object) -> None:
        self.parts = []

    def join(self, leaves: list[Leaf]) -> None:
        """Join the parameters that have gradients, where nobody else looks at them."""
        optimizer = self.optimizer()
        if optimizer is not None:
            self.parts = [
                (part, list(zip(its, flat.grads, strict=True)))
                for part, flat, its in flat_steps(optimizer, dict.fromkeys(leaves))
            ]
        self.tries += 1

    def homes(self) -> dict[Leaf, Array]:
        """Where the gradients are wanted."""
        return {leaf: home for _, pairs in self.parts for leaf, home in pairs}

    def described(self) -> tuple[str, list[Any]]:
        """Return a title, and the joint updates."""
        return "optimizer", [part for part, _ in self.parts]

    def go(self, call: Any, optimizer: Any) -> None:
        """Apply the step."""
        for part, pairs in self.parts:
            if not part.holds() or not self._gather(pairs):
                break
        else:
            for part, _ in self.parts:
                part()
            if self.parts:
                return
            if self.tries < MOST_TRIES:
                call.is_eventful = True
                call.unjoined.append((self, with_gradients(optimizer)))
        optimizer._apply()

    def _gather(self, pairs: Pairs) -> bool:
        """Have every gradient in its home; return False where there is none."""
        for leaf, home in pairs:
            grad = leaf.grad
            if grad is None:
                return False
            if grad._data is not home:
                home[...] = grad._data
        return True
