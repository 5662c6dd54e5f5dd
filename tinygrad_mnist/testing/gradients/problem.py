"""Problem: the inputs that a check moves and the outputs it compares, for any library.

Float64 copies of the inputs as ndarrays, the outputs as one row, and the pull-back of cotangents.
Only the library's adapter touches arrays of the library.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.testing.gradients.error import GradcheckError
from tinygrad_mnist.testing.libraries.adapter import Adapter, Array, Pull


class Trace(NamedTuple):
    """One call with a history: its arguments and outputs, as the library's arrays."""

    leaves: Sequence[Any]
    arguments: Sequence[Any]
    outputs: Sequence[Any]
    pull: Pull


class Problem:
    """A function, copies of its inputs that can be moved (`leaves`), and what it returns.

    `dtype=None` leaves the inputs in their own dtypes. A model's parameters become leaves under
    their own names.
    """

    def __init__(self, func: Any, inputs: Any, library: Adapter, dtype: Any = np.float64) -> None:
        self.library, self.dtype = library, dtype
        self.names: list[str] = []
        self.leaves: list[Array] = []
        self.likes: list[Any] = []
        self.cast_from: dict[str, Any] = {}
        self.evaluations = 0
        parameters, self._function = library.parameters(func, dtype)
        for name, parameter in parameters.items():
            self._add(repr(name), parameter)
        self.parameters = len(parameters)
        values, self._rebuild = library.flatten(tuple_of(inputs))
        if not any(library.is_array(value) for _, value in values):
            values = [(path, converted(value, library)) for path, value in values]
        self._values = [self._value(path, value) for path, value in values]
        if not self.leaves:
            raise ValueError(self._nothing_to_check(values))

    def _value(self, path: str, value: Any) -> Any:
        """Return the index of a leaf, as a `_LeafIndex`, or the value that the function gets."""
        if not self.library.is_array(value):
            return value
        if not self.library.is_float(value):
            return self.library.from_numpy(np.array(self.library.to_numpy(value)), value)
        if self.library.is_checked(value):
            self._add(f"input {path[1:].replace(']', '', 1)}", value)
            return _LeafIndex(len(self.leaves) - 1)
        return self.library.from_numpy(self._copy(value), value)

    def _copy(self, value: Any) -> Array:
        array = self.library.to_numpy(value)
        return same_layout(array, np.dtype(self.dtype or array.dtype))

    def _add(self, name: str, value: Any) -> None:
        own = str(value.dtype).removeprefix("torch.")
        if self.dtype is not None and own != np.dtype(self.dtype).name:
            self.cast_from[name] = own
        self.names.append(name)
        self.leaves.append(self._copy(value))
        self.likes.append(value)

    def _nothing_to_check(self, values: Sequence[tuple[str, Any]]) -> str:
        arrays = [value for _, value in values if self.library.is_array(value)]
        ints = [str(array.dtype) for array in arrays if not self.library.is_float(array)]
        start = "gradcheck expects at least one input tensor to require gradient, but none of them "
        if ints and len(ints) == len(arrays):
            return f"{start}is of floats: they are {', '.join(ints)}; pass floats, as in 2.0"
        return start + self.library.asks

    def arguments(self, leaves: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return the parameters and the arguments, with these arrays of the library for leaves."""
        values = [leaves[v.number] if isinstance(v, _LeafIndex) else v for v in self._values]
        return list(leaves[: self.parameters]), self._rebuild(values)

    def call(self, *leaves: Any) -> list[Any]:
        """Return the function's outputs of floats, for these arrays of the library."""
        parameters, arguments = self.arguments(leaves)
        returned = self._function(parameters, *arguments)
        values = [value for _, value in self.library.flatten(returned)[0]]
        arrays = [value for value in values if self.library.is_array(value)]
        floats = [x for x in arrays if self.library.is_float(x) or "complex" in str(x.dtype)]
        if not floats:
            kinds = ", ".join(sorted({type_name(value) for value in values})) or "nothing"
            raise ValueError(
                f"gradcheck expects the function to return at least one {self.library.noun} of "
                f"floats, and it returns {kinds}"
            )
        return floats

    def copies(self) -> list[Array]:
        """Return copies of the leaves, with the same strides."""
        return [same_layout(leaf, leaf.dtype) for leaf in self.leaves]

    def lent(self, arrays: Sequence[Array]) -> list[Any]:
        """Make arrays of the library to differentiate by, on this memory where it can be shared."""
        return [self.library.leaf(a, like) for a, like in zip(arrays, self.likes, strict=True)]

    def values(self, arrays: Sequence[Array] | None = None) -> list[Array]:
        """Return the outputs for these leaves, or for those of the problem."""
        outputs = self.call(*self.lent(self.leaves if arrays is None else arrays))
        return [self.library.to_numpy(out) for out in outputs]

    def trace(self) -> Trace:
        """Record one call, to be pulled back, on copies of the leaves."""
        leaves = self.lent(self.copies())
        outputs, pull = self.library.vjp(self.call, leaves)
        for i, out in enumerate(outputs):
            if self.library.to_numpy(out).dtype.kind == "c":
                raise ValueError(
                    f"output {i} is complex, and derivatives of real numbers are checked: return "
                    "its real and its imaginary part"
                )
        return Trace(leaves, self.arguments(leaves)[1], outputs, pull)

    def pulled(self, trace: Trace, seeds: Sequence[Array | None]) -> list[Array]:
        """Return the gradient of each leaf for one cotangent per output; zeros without one."""
        library = self.library
        cotangents = []
        for seed, out in zip(seeds, trace.outputs, strict=True):
            if seed is None and not library.skips_outputs:
                seed = np.zeros(np.shape(out), library.to_numpy(out).dtype)
            cotangents.append(None if seed is None else library.from_numpy(seed, out))
        grads = list(trace.pull(cotangents))
        if len(grads) != len(self.leaves):
            raise GradcheckError(
                f"the derivative returns {len(grads)} arrays, and {len(self.leaves)} inputs are "
                f"differentiated by ({', '.join(self.names)}): return one array for each"
            )
        return [self._gradient(i, grad) for i, grad in enumerate(grads)]

    def _gradient(self, i: int, grad: Any) -> Array:
        leaf, name = self.leaves[i], self.names[i]
        if grad is None:
            return np.zeros(leaf.shape, leaf.dtype)
        array = self.library.to_numpy(grad) if self.library.is_array(grad) else np.asarray(grad)
        if array.shape != leaf.shape:
            raise GradcheckError(
                f"the gradient of {name} has shape {list(array.shape)}, and {name} has shape "
                f"{list(leaf.shape)}: they must be equal"
            )
        if array.dtype.kind == "c":
            raise GradcheckError(f"the gradient of {name} is complex, and {name} is real")
        return array

    def row(self, arrays: Sequence[Array] | None = None) -> Array:
        """Return all outputs as one row."""
        self.evaluations += 1
        return np.concatenate([np.ravel(out) for out in self.values(arrays)])

    def moving(self, index: int, width: int) -> Callable[[Array], Callable[[Any], Array]]:
        """Make the function direction -> (t -> `width` outputs with a leaf moved by t * direction).

        t may be imaginary. An input that the function refuses, or for which it returns another
        size, gives NaN.
        """
        move = self.moving_all(width)
        return lambda direction: move({index: direction})

    def moving_all(self, width: int) -> Callable[[dict[int, Array]], Callable[[Any], Array]]:
        """Make the function of `moving` for several leaves: directions by the leaf's index."""
        real: list[Array] = []
        imaginary: list[Array] = []  # all leaves: a product of two dtypes may be refused
        nowhere = np.full(width, np.nan)  # where nothing can be measured

        def at(t: Any, directions: dict[int, Array]) -> Array:
            now, dtype = (imaginary, np.complex128) if isinstance(t, complex) else (real, None)
            if not now:
                now.extend(same_layout(leaf, dtype or leaf.dtype) for leaf in self.leaves)
            for index, direction in directions.items():
                np.add(self.leaves[index], t * direction, out=now[index])
            try:
                row = self.row(now)
            except Exception:  # moved out of the domain
                return nowhere
            return row if len(row) == len(nowhere) else nowhere

        return lambda directions: lambda t: at(t, directions)


class _LeafIndex(NamedTuple):
    """The index of a leaf, among the values that the function is called with."""

    number: int


class Backward(Problem):
    """The gradients of another problem as a function of its leaves and of incoming gradients.

    Only incoming gradients with a history are moved; the others are constants.
    """

    def __init__(self, base: Problem, grad_outputs: Any = None) -> None:
        self.base, self.library, self.dtype = base, base.library, base.dtype
        self.evaluations = 0
        self.cast_from = base.cast_from
        outputs = base.call(*base.lent(base.leaves))
        self._live = [i for i, out in enumerate(outputs) if self.library.is_checked(out)]
        if not self._live:
            raise ValueError("no output requires grad: there is no gradient to differentiate")
        live = [outputs[i] for i in self._live]
        if grad_outputs is None:
            rng = np.random.default_rng(len(live))
            arrays = [self.library.to_numpy(out) for out in live]
            incoming = [np.array(rng.uniform(0.5, 1.5, a.shape), a.dtype) for a in arrays]
            moved = [True] * len(incoming)
        else:
            live = list(tuple_of(grad_outputs))
            incoming = [np.array(self.library.to_numpy(g), base.dtype) for g in live]
            moved = [self.library.is_checked(g) for g in live]
        self._fixed = [
            None if m else self.library.from_numpy(g, o)
            for m, g, o in zip(moved, incoming, live, strict=True)
        ]
        indices = [i for i, each in enumerate(moved) if each]
        self.names = [*base.names, *(f"incoming gradient {i}" for i in indices)]
        self.leaves = [*base.leaves, *(incoming[i] for i in indices)]
        self.likes = [*base.likes, *(live[i] for i in indices)]

    def arguments(self, leaves: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return the arguments of the base problem."""
        return self.base.arguments(leaves[: len(self.base.leaves)])

    def call(self, *leaves: Any) -> list[Any]:
        """Return the gradient of each leaf of the base problem; zeros for a leaf without one."""
        base = leaves[: len(self.base.leaves)]
        return list(self.library.gradient(self._of_live, base, self._cotangents(leaves)))

    def values(self, arrays: Sequence[Array] | None = None) -> list[Array]:
        """Return the gradients without a history, which takes less time."""
        leaves = self.lent(self.leaves if arrays is None else arrays)
        _, pull = self.library.vjp(self._of_live, leaves[: len(self.base.leaves)])
        return [self._gradient(i, grad) for i, grad in enumerate(pull(self._cotangents(leaves)))]

    def _cotangents(self, leaves: Sequence[Any]) -> list[Any]:
        incoming = iter(leaves[len(self.base.leaves) :])
        return [next(incoming) if g is None else g for g in self._fixed]

    def _of_live(self, *leaves: Any) -> list[Any]:
        outputs = self.base.call(*leaves)
        return [outputs[i] for i in self._live]


def converted(value: Any, library: Adapter) -> Any:
    """Make an ndarray an array of the library, to differentiate by if it is of floats."""
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    array = np.asarray(value)
    return (library.leaf if array.dtype.kind == "f" else library.from_numpy)(array, value)


def tuple_of(value: Any) -> tuple[Any, ...]:
    """Return one input, or several, as a tuple."""
    return tuple(value) if type(value) in (list, tuple) else (value,)


def type_name(value: Any) -> str:
    """Describe a value: the type of an array with its dtype, or the type of anything else."""
    dtype = getattr(value, "dtype", None)
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    return f"{kind} of {dtype}" if dtype is not None else kind.removeprefix("builtins.")


def same_layout(array: Array, dtype: Any) -> Array:
    """Copy an array with the same strides, or without them where elements overlap."""
    if array.flags.forc:
        return np.array(array, dtype, order="K")
    size = array.itemsize
    spans = sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1)
    overlaps = any(b < a * n for (a, n), (b, _) in itertools.pairwise(spans))
    if not array.size or overlaps or any(s < size or s % size for s, _ in spans):
        return np.array(array, dtype)
    buffer = np.zeros(sum((n - 1) * s for s, n in spans) // size + 1, dtype)
    turned: tuple[Any, ...] = tuple(slice(None, None, -1 if s < 0 else 1) for s in array.strides)
    strides = [abs(s) // size * buffer.itemsize for s in array.strides]
    view = np.lib.stride_tricks.as_strided(buffer, array.shape, strides)[(*turned, ...)]
    view[...] = array
    return view
