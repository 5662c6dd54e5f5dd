"""Checks of this library's own promises: gradients own their memory, float32 stays float32."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.engine import backward
from tinygrad_mnist.autograd.modes import Switch
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.testing.libraries.adapter import Array


def unit_gradients(outputs: list[Tensor]) -> list[Tensor]:
    """Make an incoming gradient of ones for each output."""
    return [wrap(np.ones(out.shape, out.dtype)) for out in outputs]


def memory_failures(problem: Any) -> Iterator[str]:
    """Yield the `.grad`s that share memory with an input, an output or another gradient."""
    leaves = problem.lent(problem.leaves)
    arguments = problem.arguments(leaves)[1]
    earlier: list[tuple[str, Array]] = []
    for call in (" of an earlier backward", ""):
        outputs = [out for out in problem.call(*leaves) if out.requires_grad]
        named = [
            *((f"argument {i}", a) for i, a in enumerate(arguments) if isinstance(a, Tensor)),
            *zip(problem.names, leaves, strict=True),
            *((f"output {i}", out) for i, out in enumerate(outputs)),
        ]
        if outputs:
            backward(outputs, unit_gradients(outputs))
        for name, leaf in zip(problem.names, leaves, strict=True):
            if leaf.grad is None:
                continue
            for other, array in (*earlier, *((name, tensor._data) for name, tensor in named)):
                if np.shares_memory(leaf.grad._data, array):
                    yield f"the gradient of {name} shares memory with {other}"
            earlier.append((f"the gradient of {name}{call}", leaf.grad._data))
            leaf.grad = None


def upcast_failures(problem: Any) -> Iterator[str]:
    """Yield the calls of a float32 problem whose rules turn a float32 gradient into float64."""
    outputs = [out for out in problem.call(*problem.lent(problem.leaves)) if out.requires_grad]
    watch = _Upcasts()
    with Switch(watch=watch):
        backward(outputs, unit_gradients(outputs))
    for name in sorted(watch.upcasts):
        yield f"float64 upcast: {name} turns a float32 gradient into float64"


class _Upcasts:
    """A watch that collects the calls whose rules turn float32 into float64."""

    def __init__(self) -> None:
        self.upcasts: set[str] = set()

    def computed(self, op: Any, args: Any, out: Any) -> None:
        """Ignore a forward call, whether it is recorded or not."""

    def called(self, node: Any) -> None:
        """Ignore a forward call."""

    def gave(self, node: Any, gradient: Any, incoming: Any) -> None:
        """Compare the dtype of a gradient with that of the incoming one."""
        if gradient is not None and incoming.dtype == np.float32 and gradient.dtype == np.float64:
            self.upcasts.add(node.name())
