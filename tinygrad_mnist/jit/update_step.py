"""UpdateStep: one optimizer.step() of a function as it was learnt: one update of many parameters.

Parameters whose memory nobody else holds lie in one buffer, their gradients in another
(`joint_optimizer.py`). If anything has changed since, the optimizer goes from parameter to
parameter as in eager.
"""

from __future__ import annotations

import weakref
from operator import attrgetter, is_
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.jit.joint_optimizer import FlatStep, flat_steps
from tinygrad_mnist.jit.op_step import Step

Array = np.ndarray[Any, Any]
Pairs = list[tuple[Leaf, Array]]  # a parameter's leaf, and where its gradient is wanted
MOST_TRIES = 3
_grad = attrgetter("grad")


def with_gradients(optimizer: Any) -> list[Leaf]:
    """Return the leaves of an optimizer's parameters that have gradients."""
    nodes = (p._node for group in optimizer.param_groups for p in group["params"])
    return [node for node in nodes if getattr(node, "grad", None) is not None]


class UpdateStep(Step):
    """One optimizer.step(): a joint update per group, or the optimizer's own step."""

    __slots__ = ("_grads", "_leaves", "optimizer", "parts", "tries")
    op = "update"

    def __init__(self, parent: Step, optimizer: weakref.ref[Any]) -> None:
        super().__init__(parent)
        present = optimizer()
        self.optimizer = optimizer if present is None else weakref.ref(present, self._forget)
        self.parts: list[tuple[Any, Pairs]] = []
        self._leaves: list[Leaf] = []  # those whose gradients were at home after the last step,
        self._grads: list[Any] = []  # and these gradients
        self.tries = 0  # how often the parameters could not be joined

    def _forget(self, _: object) -> None:
        self.parts, self._leaves, self._grads = [], [], []

    def join(self, leaves: list[Leaf]) -> None:
        """Join the parameters that have gradients, where nobody else holds their memory."""
        optimizer = self.optimizer()
        if optimizer is not None:
            self.parts = [
                (part, list(zip(leaves_of_part, flat.grads, strict=True)))
                for part, flat, leaves_of_part in flat_steps(optimizer, dict.fromkeys(leaves))
            ]
        self.tries += 1

    def homes(self) -> dict[Leaf, Array]:
        """Return where each leaf's gradient is wanted."""
        return {leaf: home for _, pairs in self.parts for leaf, home in pairs}

    def described(self) -> tuple[str, list[Any]]:
        """Return a title, and the joint updates."""
        return "optimizer", [part for part, _ in self.parts]

    def go(self, call: Any, optimizer: Any) -> None:
        """Apply the step."""
        parts = self.parts
        at_home = self._grads and all(map(is_, map(_grad, self._leaves), self._grads))
        if at_home and len(parts) == 1 and parts[0][0].usual():
            return
        for part, pairs in parts:
            if not part.holds() or not (at_home or self._gather(part, pairs)):
                break
        else:
            for part, _ in parts:
                part()
            if parts:
                if not at_home:
                    self._look(parts)
                return
            if self.tries < MOST_TRIES:
                call.is_eventful = True
                call.unjoined.append((self, with_gradients(optimizer)))
        optimizer._apply()

    def _gather(self, part: FlatStep, pairs: Pairs) -> bool:
        """Copy each gradient to its home, unless it is there.

        Returns False where one is missing, or is itself a parameter of the step.
        """
        for leaf, home in pairs:
            grad = leaf.grad
            if grad is None:
                return False
            if grad._data is not home:
                if np.may_share_memory(grad._data, part.buffer):
                    return False
                home[...] = grad._data
        return True

    def _look(self, parts: list[tuple[Any, Pairs]]) -> None:
        """Note the gradients, if all are at home: those of the next step will be the same ones."""
        pairs = [pair for _, leaves_of_part in parts for pair in leaves_of_part]
        if all(leaf.grad is not None and leaf.grad._data is home for leaf, home in pairs):
            self._leaves = [leaf for leaf, _ in pairs]
            self._grads = [leaf.grad for leaf in self._leaves]
        else:
            self._leaves, self._grads = [], []
