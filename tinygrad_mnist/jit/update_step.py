"""UpdateStep: one optimizer.step() of a function as it was learnt, as one update of many parameters.

Parameters that nobody else looks at lie in one buffer, their gradients in another (`flat.py`). If
anything is not as it was then, the optimizer goes from parameter to parameter as ever.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Leaf
from tinygrad_mnist.jit.flat import flat_steps
from tinygrad_mnist.jit.op_step import Step

Array = np.ndarray[Any, Any]
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
        self.parts: list[Any] = []
        self.tries = 0  # how often the parameters could not be joined

    def _forget(self, _: object) -> None:
        self.parts = []

    def join(self, leaves: list[Leaf]) -> None:
        """Join the parameters that have gradients, where nobody else looks at them."""
        optimizer = self.optimizer()
        if optimizer is not None:
            self.parts = flat_steps(optimizer, dict.fromkeys(leaves))
        self.tries += 1

    def homes(self) -> dict[Leaf, Array]:
        """Where the gradients are wanted."""
        return {
            leaf: home
            for _, flat, leaves in self.parts
            for leaf, home in zip(leaves, flat.grads, strict=True)
        }

    def described(self) -> tuple[str, list[Any]]:
        """Return a title, and the joint updates."""
        return "optimizer", [part for part, _, _ in self.parts]

    def go(self, call: Any, optimizer: Any) -> None:
        """Apply the step."""
        if not self.parts or not self._ready():
            if not self.parts and self.tries < MOST_TRIES:
                call.unjoined.append((self, with_gradients(optimizer)))
            optimizer._apply()
            return
        for _, flat, leaves in self.parts:
            for leaf, home in zip(leaves, flat.grads):  # noqa: B905  (strict takes longer)
                grad = leaf.grad._data
                if grad is not home:
                    home[...] = grad
        for part, _, _ in self.parts:
            part()

    def _ready(self) -> bool:
        for part, _, leaves in self.parts:
            if not part.holds():
                return False
            for leaf in leaves:
                if leaf.grad is None:
                    return False
        return True
