"""Adapter: how the checker asks a library for values and gradients; the protocol and its defaults.

Four methods are needed. Here is a whole adapter, for this library as an example:

>>> import tinygrad_mnist as tg
>>> from tinygrad_mnist.testing import Adapter, gradcheck
>>> class Mine(Adapter):
...     name = "mine"
...     def is_array(self, value):
...         return isinstance(value, tg.Tensor)
...     def to_numpy(self, array):
...         return array.detach().numpy()
...     def from_numpy(self, array, like):
...         return tg.from_numpy(array).requires_grad_()
...     def vjp(self, function, arrays):
...         outputs = function(*arrays)
...         return outputs, lambda gs: tg.autograd.grad(outputs, arrays, gs, retain_graph=True)
>>> gradcheck(tg.exp, tg.tensor([1.0, 2.0]), library=Mine())
True
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]
Pull = Callable[[Sequence[Any]], Sequence[Any]]
"""One cotangent for each output -> one gradient (or None: zero) for each array."""
_CONTAINERS = (dict, tuple, list)
Rebuild = Callable[[Sequence[Any]], Any]


class Adapter:
    """One library: subclass it for another, and hand an instance in as `library=`.

    `is_array`, `to_numpy`, `from_numpy` and `vjp` are needed; everything else has a default that
    promises nothing for the library.
    """

    name = ""
    """The name of the library in messages."""
    noun = "array"
    """The name of the library's arrays in messages."""
    asks = "is an array of floats of this library"
    """The end of the message "none of them ...", where no input can be differentiated by."""
    keeps_float32 = False
    """True if float32 inputs promise float32 outputs and gradients."""
    keeps_layout = False
    """True if arrays have strides, on which nothing may depend."""
    skips_outputs = False
    """True if `pull` takes None for the cotangent of an output to leave out."""
    left_out: tuple[str, ...] = ()
    """The checks that make no sense for the library."""

    @property
    def has_second_order(self) -> bool:
        """Tell whether the adapter offers gradients that can be differentiated again."""
        return type(self).gradient is not Adapter.gradient

    # The methods that each adapter needs

    def is_array(self, value: Any) -> bool:
        """Tell whether the value is an array of this library."""
        raise NotImplementedError

    def to_numpy(self, array: Any) -> Array:
        """Return the values of an array of the library; its memory, where that can be shared."""
        raise NotImplementedError

    def from_numpy(self, array: Array, like: Any) -> Any:
        """Make an array of the library with these values and this dtype, otherwise like `like`."""
        raise NotImplementedError

    def vjp(self, function: Function, arrays: Sequence[Any]) -> tuple[Sequence[Any], Pull]:
        """Return the list of outputs of `function(*arrays)`, and a pull-back to call repeatedly."""
        raise NotImplementedError

    # Optional methods

    def gradient(
        self, function: Function, arrays: Sequence[Any], cotangents: Sequence[Any]
    ) -> Sequence[Any]:
        """Return the result of `vjp`'s pull-back in a form that can be differentiated again."""
        raise NotImplementedError(
            f"{self.name} has no second derivatives (or its adapter does not offer them): "
            "check the first order alone"
        )

    def is_float(self, array: Any) -> bool:
        """Tell whether the array's dtype is a float."""
        return bool(self.to_numpy(array).dtype.kind == "f")

    def is_checked(self, array: Any) -> bool:
        """Tell whether to differentiate by a float input, or to differentiate an output."""
        return True

    def leaf(self, array: Array, like: Any) -> Any:
        """Make an array as `from_numpy` does, to differentiate by."""
        return self.from_numpy(array, like)

    def flatten(self, value: Any) -> tuple[list[tuple[str, Any]], Rebuild]:
        """Return the leaves of nested containers with their paths, and a function that rebuilds."""
        if not isinstance(value, _CONTAINERS):
            return [("", value)], lambda leaves: leaves[0]
        if type(value) is tuple and not any(isinstance(item, _CONTAINERS) for item in value):
            return [(f"[{i}]", item) for i, item in enumerate(value)], tuple
        return list(walked(value)), lambda leaves: rebuilt(value, iter(leaves))

    def parameters(self, function: Any, dtype: Any) -> tuple[dict[str, Any], Function]:
        """Return a model's parameters by name, and the model as `call(parameters, *args)`.

        The model is copied; the parts that are not checked are cast to `dtype`, unless None.
        """
        return {}, lambda parameters, *args: function(*args)

    def session(self) -> AbstractContextManager[Any]:
        """Return a context for a whole check, for settings that the library needs."""
        return nullcontext()

    def precision(self, outputs: Sequence[Any]) -> float:
        """Return the relative rounding error of the least precise dtype that led to the outputs."""
        dtypes = [self.to_numpy(out).dtype for out in outputs]
        return max((float(np.finfo(d).eps) for d in dtypes if d.kind == "f"), default=2.0**-52)

    def own_checks(self, problem: Any, float32: Any) -> Iterator[str]:
        """Yield the failures of checks that belong to this library alone, each a sentence.

        `problem` is of first order; `float32` is the same in float32, or None.
        """
        return iter(())

    def called(self, function: Any) -> str:
        """Return the name of the function in messages; empty where it has none."""
        name = getattr(function, "__name__", "")
        return "" if name == "<lambda>" else str(name)


def walked(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, leaf) of nested tuples, lists and dicts."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walked(item, f"{path}[{key!r}]")
    elif isinstance(value, (tuple, list)):
        for i, item in enumerate(value):
            yield from walked(item, f"{path}[{i}]")
    else:
        yield path, value


def rebuilt(value: Any, leaves: Iterator[Any]) -> Any:
    """Build the same containers around other leaves."""
    if isinstance(value, dict):
        built = copy.copy(value)
        for key, item in value.items():
            built[key] = rebuilt(item, leaves)
        return built
    if isinstance(value, (tuple, list)):
        items = [rebuilt(item, leaves) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return next(leaves)
