"""The adapter of HIPS autograd: functions of ndarrays, traced."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.testing.libraries.adapter import Adapter, Array, Function, Pull, Rebuild


class NumpyLike(Adapter):
    """The base of adapters for plain ndarrays; without any, Python floats count as arrays."""

    noun = "ndarray"
    keeps_layout = True

    def is_array(self, value: Any) -> bool:
        """Tell whether the value is an ndarray or a NumPy number."""
        return isinstance(value, (np.ndarray, np.generic))

    def to_numpy(self, array: Any) -> Array:
        """Return the array itself."""
        return np.asarray(array)

    def from_numpy(self, array: Array, like: Any) -> Any:
        """Return the array itself, or a number where `like` is one."""
        return array[()] if isinstance(like, np.generic) else array

    def flatten(self, value: Any) -> tuple[list[tuple[str, Any]], Rebuild]:
        """Return the leaves of nested containers, with their paths."""
        leaves, rebuild = super().flatten(value)
        if not any(self.is_array(leaf) for _, leaf in leaves):
            leaves = [(p, np.float64(x) if type(x) is float else x) for p, x in leaves]
        return leaves, rebuild


class Autograd(NumpyLike):
    """`autograd.make_vjp` for each input and each output."""

    name = "autograd"
    skips_outputs = True
    left_out = ("ownership of gradients", "float32: autograd promises no dtype")

    def is_array(self, value: Any) -> bool:
        """Tell whether the value is an ndarray or a NumPy number, traced or not."""
        while self.owns(value):  # one box for each order of derivative
            value = value._value
        return super().is_array(value)

    def owns(self, value: Any) -> bool:
        """Tell whether autograd is tracing the value."""
        tracer = sys.modules.get("autograd.tracer")
        return tracer is not None and isinstance(value, tracer.Box)

    def flatten(self, value: Any) -> tuple[list[tuple[str, Any]], Rebuild]:
        """Return the leaves of containers, also of traced ones."""
        return super().flatten(unboxed(value))

    def is_float(self, array: Any) -> bool:
        """Tell whether the array's dtype is a float; a traced array has a dtype too."""
        return bool(array.dtype.kind == "f")

    def vjp(self, function: Function, arrays: Sequence[Any]) -> tuple[Sequence[Any], Pull]:
        """Trace each output by each array alone: a gradient of a wrong shape stays as it is."""
        import autograd

        outputs = function(*arrays)
        pulls = [
            [autograd.make_vjp(picked(function, i), j)(*arrays)[0] for j in range(len(arrays))]
            for i in range(len(outputs))
        ]

        def pull(gs: Sequence[Any]) -> Sequence[Any]:
            present = [(row, g) for row, g in zip(pulls, gs, strict=True) if g is not None]
            rows = [[pull_one(g) for pull_one in row] for row, g in present]
            return [sum(column[1:], column[0]) for column in zip(*rows, strict=True)]

        return outputs, pull

    def gradient(
        self, function: Function, arrays: Sequence[Any], cotangents: Sequence[Any]
    ) -> Sequence[Any]:
        """Return the result of `vjp`'s pull-back: autograd traces its own derivatives."""
        return self.vjp(function, arrays)[1](cotangents)


def unboxed(value: Any) -> Any:
    """Return the items of a container that is being traced, and anything else as it is."""
    builtins = sys.modules.get("autograd.builtins")
    if builtins is not None and isinstance(value, builtins.SequenceBox):
        return [unboxed(value[i]) for i in range(len(value))]
    if builtins is not None and isinstance(value, builtins.DictBox):
        return {key: unboxed(value[key]) for key in value}
    return value


def picked(function: Function, i: int) -> Function:
    """Make the function of output i alone."""
    return lambda *arrays: function(*arrays)[i]
