"""Checks of this library's own promises: gradients own their memory, float32 stays float32."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.engine import backward
from tinygrad_mnist.autograd.modes import Switch
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.testing.libraries.adapter import Array


def ones_like(outputs: list[Tensor]) -> list[Tensor]:
    """An incoming gradient of ones for each output."""
    return [wrap(np.ones(out.shape, out.dtype)) for out in outputs]


def memory_failures(problem: Any) -> Iterator[str]:
    """Each `.grad` must be memory of its own, apart from all inputs and outputs."""
    leaves = problem.lent(problem.leaves)
    arguments = problem.arguments(leaves)[1]
    held: list[tuple[str, Array]] = []
    for call in (" of an earlier backward", ""):
        outputs = [out for out in problem.call(*leaves) if out.requires_grad]
        named = [
            *((f"argument {i}", a) for i, a in enumerate(arguments) if isinstance(a, Tensor)),
            *zip(problem.names, leaves, strict=True),
            *((f"output {i}", out) for i, out in enumerate(outputs)),
        ]
        if outputs:
            backward(outputs, ones_like(outputs))
        for name, leaf in zip(problem.names, leaves, strict=True):
            if leaf.grad is None:
                continue
            for other, array in (*held, *((name, tensor._data) for name, tensor in named)):
                if np.shares_memory(leaf.grad._data, array):
                    yield f"the gradient of {name} shares memory with {other}"
            held.append((f"the gradient of {name}{call}", leaf.grad._data))
            leaf.grad = None


def upcast_failures(problem: Any) -> Iterator[str]:
    """In a float32 problem no rule may turn a float32 gradient into float64."""
    outputs = [out for out in problem.call(*problem.lent(problem.leaves)) if out.requires_grad]
    watch = _Upcasts()
    with Switch(watch=watch):
        backward(outputs, ones_like(outputs))
    for name in sorted(watch.found):
        yield f"float64 upcast: {name} turns a float32 gradient into float64"


class _Upcasts:
    """Names the calls whose rules turn float32 into float64."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def called(self, node: Any) -> None:
        """Take no notice of a forward call."""

    def gave(self, node: Any, gradient: Any, incoming: Any) -> None:
        """Compare what came out with what came in."""
        if gradient is not None and incoming.dtype == np.float32 and gradient.dtype == np.float64:
            self.found.add(node.name())
