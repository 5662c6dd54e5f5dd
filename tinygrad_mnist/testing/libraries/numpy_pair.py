"""The adapter of a NumPy function and its hand-written derivative: (f, vjp) or (f, grad)."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.testing.libraries.adapter import Function, Pull, walked
from tinygrad_mnist.testing.libraries.autograd import NumpyLike

_HOW = "give vjp(g, *inputs), or grad(*inputs) for a function that returns one number"


class NumpyPair(NumpyLike):
    """`vjp(g, *inputs)` returns one array for each input; so does `grad(*inputs)`, for a scalar.

    The number of arguments tells which one it is. For several outputs, g is a tuple.
    """

    name = "NumPy"
    left_out = ("second order", "ownership of gradients")

    def __init__(self, derivative: Function, count: int) -> None:
        self._derivative, self._count = derivative, count
        self._takes_g = takes_cotangent(derivative, count)
        self._arguments: tuple[Any, ...] = ()
        self._returned: Any = None

    def parameters(self, function: Any, dtype: Any) -> tuple[dict[str, Any], Function]:
        """Return no parameters, and a call that stores its arguments for the derivative."""

        def call(parameters: Any, *args: Any) -> Any:
            value = function[0](*args)
            self._arguments, self._returned = args, value
            return np.float64(value) if type(value) is float else value

        return {}, call

    def vjp(self, function: Function, arrays: Sequence[Any]) -> tuple[Sequence[Any], Pull]:
        """Return the outputs, and the hand-written derivative as their pull-back."""
        outputs = function(*arrays)
        arguments, several = self._arguments, isinstance(self._returned, (tuple, list))
        if not self._takes_g and (len(outputs) > 1 or np.size(outputs[0]) != 1):
            shapes = ", ".join(str(list(np.shape(out))) for out in outputs)
            raise ValueError(
                f"{function_name(self._derivative)} takes no incoming gradient g, so the function "
                f"must return one number, and it returns shape {shapes}: {_HOW}"
            )

        def pull(gs: Sequence[Any]) -> Sequence[Any]:
            if self._takes_g:
                return self._grads(self._derivative(tuple(gs) if several else gs[0], *arguments))
            grads = self._grads(self._derivative(*arguments))
            return [None if grad is None else grad * np.reshape(gs[0], ()) for grad in grads]

        return outputs, pull

    def _grads(self, returned: Any) -> list[Any]:
        """Pick the gradients by the float arrays out of the derivative's result."""
        inputs = [(path, self._is_input(leaf)) for path, leaf in self.flatten(self._arguments)[0]]
        checked = sum(needed for _, needed in inputs)
        if checked == 1 and not isinstance(returned, (tuple, list, dict)):
            return [as_ndarray(returned)]
        grads = list(walked(returned))
        if len(grads) == checked:
            return [as_ndarray(grad) for _, grad in grads]
        if len(grads) == len(inputs):
            return [
                as_ndarray(g) for (_, g), (_, needed) in zip(grads, inputs, strict=True) if needed
            ]
        return [as_ndarray(grad) for _, grad in grads]  # a wrong number: the checker reports it

    def _is_input(self, leaf: Any) -> bool:
        return self.is_array(leaf) and self.is_float(leaf)

    def called(self, function: Any) -> str:
        """Return the names of both functions."""
        names = [name for name in map(function_name, function) if name != "<lambda>"]
        return f"the pair ({', '.join(map(function_name, function))})" if names else ""


def takes_cotangent(derivative: Function, count: int) -> bool:
    """Tell vjp(g, *inputs) from grad(*inputs), by the number of arguments that are needed."""
    try:
        parameters = inspect.signature(derivative).parameters.values()
    except (TypeError, ValueError):  # compiled, without a signature
        return True
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in positional)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        if needed == 1 and positional[0].name in ("g", "grad", "grad_output", "cotangent", "ct"):
            return True
        raise TypeError(
            f"{function_name(derivative)}(*args) may take an incoming gradient or not: name its "
            f"arguments; {_HOW}"
        )
    if needed in (count, count + 1):
        return needed == count + 1
    if needed <= count <= len(positional) or needed <= count + 1 <= len(positional):
        return len(positional) > count
    raise TypeError(
        f"{function_name(derivative)} needs {needed} arguments and there are {count} inputs: {_HOW}"
    )


def as_ndarray(value: Any) -> Any:
    """Return a gradient as an ndarray; None, which means zero, as it is."""
    return None if value is None else np.asarray(value)


def function_name(function: Any) -> str:
    """Return the function's name, or that of its type."""
    return str(getattr(function, "__name__", type(function).__name__))
