"""Steps that change something outside a program: optimizers' steps, and writes into arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.jit.joint_optimizer import FlatStep
from tinygrad_mnist.jit.tape import Effect
from tinygrad_mnist.jit.views import moved_view

Array = np.ndarray[Any, Any]


class EffectStep:
    """An effect that every replay repeats: an optimizer's step, in one update per group if it may.

    `grads` are the gradients that the effect finds in the leaves.
    """

    def __init__(
        self,
        effect: Effect,
        parts: Sequence[FlatStep],
        grads: Sequence[tuple[Leaf, Tensor | None]],
    ) -> None:
        self.parts, self.grads, self._run = parts, grads, effect.run
        self._single = parts[0] if len(parts) == 1 else None
        name = f"{type(effect.subject).__name__}.{getattr(effect.run, '__name__', 'step')}"
        self.__qualname__ = parts[0].__qualname__ if parts else name

    def flat(self) -> bool:
        """Tell whether the flat form may run; if not, put the gradients into the leaves."""
        if self.parts:
            for part in self.parts:
                if not part.holds():
                    break
            else:
                return True
        for leaf, grad in self.grads:
            leaf.grad = grad
        return False

    def __call__(self) -> None:
        single = self._single
        if single is not None and single.holds():
            single()
            return
        if not self.flat():
            self._run()
            return
        for part in self.parts:
            part()


class WriteBack:
    """Copies into an argument what was written to the program's copy of the argument."""

    def __init__(self, target: Array, copy: Array) -> None:
        if target.size and not np.may_share_memory(target, copy):
            raise RuntimeError("a write into an argument does not lie in the argument's copy")
        self._target, self._copy = target, copy
        self.argument = copy  # of the present call

    def __call__(self) -> None:
        part = moved_view(self._target, self._copy, self.argument)
        np.copyto(part, self._target)
        writes.stamp(part)
