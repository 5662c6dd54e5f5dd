"""Adapter: how the checker asks a library for values and gradients; the protocol and its defaults.

Four methods are needed. This is the whole adapter of a library, with this one for an example:

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
Rebuild = Callable[[Sequence[Any]], Any]


class Adapter:
    """One library: subclass it for another, and hand an instance in as `library=`.

    `is_array`, `to_numpy`, `from_numpy` and `vjp` are needed; everything else has a default that
    claims nothing for the library.
    """

    name = ""
    """What messages call the library."""
    noun = "array"
    """What messages call its arrays."""
    asks = "is an array of floats of this library"
    """The end of the message for inputs of which none is differentiated by: "none of them ..."."""
    keeps_float32 = False
    """Whether float32 in promises float32 out, gradients included."""
    keeps_layout = False
    """Whether arrays have strides, on which nothing may depend."""
    skips_outputs = False
    """Whether `pull` takes None for the cotangent of an output that is not asked about."""
    left_out: tuple[str, ...] = ()
    """The checks that make no sense for the library."""

    @property
    def has_second_order(self) -> bool:
        """Whether the adapter offers gradients that can be differentiated again."""
        return type(self).gradient is not Adapter.gradient

    # What each library has to answer

    def is_array(self, value: Any) -> bool:
        """Whether the value is an array of this library."""
        raise NotImplementedError

    def to_numpy(self, array: Any) -> Array:
        """The values of an array of the library; its memory, where it can be shared."""
        raise NotImplementedError

    def from_numpy(self, array: Array, like: Any) -> Any:
        """An array of the library with these values and this dtype, otherwise like `like`."""
        raise NotImplementedError

    def vjp(self, function: Function, arrays: Sequence[Any]) -> tuple[Sequence[Any], Pull]:
        """The list that `function(*arrays)` returns, and its pull-back, which can be repeated."""
        raise NotImplementedError

    # What some can do besides

    def gradient(
        self, function: Function, arrays: Sequence[Any], cotangents: Sequence[Any]
    ) -> Sequence[Any]:
        """What the pull-back of `vjp` gives, in a form that can be differentiated again."""
        raise NotImplementedError(
            f"{self.name} has no second derivatives (or its adapter does not offer them): "
            "check the first order alone"
        )

    def is_float(self, array: Any) -> bool:
        """Whether the array's dtype is a float."""
        return bool(self.to_numpy(array).dtype.kind == "f")

    def is_checked(self, array: Any) -> bool:
        """Whether a float input is to be differentiated by, and an output to be differentiated."""
        return True

    def leaf(self, array: Array, like: Any) -> Any:
        """As `from_numpy`, for an array that is differentiated by."""
        return self.from_numpy(array, like)

    def flatten(self, value: Any) -> tuple[list[tuple[str, Any]], Rebuild]:
        """The leaves of nested containers with their paths, and what rebuilds from other leaves."""
        return list(walked(value)), lambda leaves: rebuilt(value, iter(leaves))

    def parameters(self, function: Any, dtype: Any) -> tuple[dict[str, Any], Function]:
        """A model's parameters by name, and the model as `call(parameters, *args)`.

        The model is copied, and the parts that are not checked are cast to `dtype` unless None.
        """
        return {}, lambda parameters, *args: function(*args)

    def session(self) -> AbstractContextManager[Any]:
        """Entered around a whole check: for settings that the library needs."""
        return nullcontext()

    def precision(self, outputs: Sequence[Any]) -> float:
        """The relative rounding of the least precise dtype on the way to the outputs."""
        dtypes = [self.to_numpy(out).dtype for out in outputs]
        return max((float(np.finfo(d).eps) for d in dtypes if d.kind == "f"), default=2.0**-52)

    def own_checks(self, problem: Any, float32: Any) -> Iterator[str]:
        """Yield the failures of checks that belong to this library alone, each a sentence.

        `problem` is of first order; `float32` is the same in float32, or None.
        """
        return iter(())

    def called(self, function: Any) -> str:
        """What the library's users call the function; empty where it has no name."""
        name = getattr(function, "__name__", "")
        return "" if name == "<lambda>" else str(name)


def walked(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, leaf) of tuples, lists and dicts, nested as they like."""
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
