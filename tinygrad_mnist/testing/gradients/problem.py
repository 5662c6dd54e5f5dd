"""What gradcheck moves and looks at: float64 copies of the inputs, and the outputs as one row."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.engine import as_tuple, grad
from tinygrad_mnist.autograd.tensor import Tensor, wrap

Array = np.ndarray[Any, Any]


class Problem:
    """A function, copies of its inputs that can be moved (`leaves`), and what it returns.

    `dtype=None` leaves the inputs in their own dtypes. A Module is copied whole, and its
    parameters become leaves under their own names.
    """

    def __init__(self, func: Callable[..., Any], inputs: Any, dtype: Any = np.float64) -> None:
        self.names: list[str] = []
        self.leaves: list[Tensor] = []
        self.cast_from: dict[str, Any] = {}
        self.dtype = dtype
        self.evaluations = self.width = 0
        if hasattr(func, "named_parameters"):
            func = copy.deepcopy(func)
            self._adopt(func)
        self.func = func
        self.args = [self._copy(f"input {i}", value) for i, value in enumerate(as_tuple(inputs))]
        if not self.leaves:
            raise ValueError(
                "gradcheck expects at least one input tensor to require gradient, but none of them "
                "do: pass Tensors made with requires_grad=True"
            )

    def _adopt(self, module: Any) -> None:
        for _, buffer in module.named_buffers():
            if buffer.dtype.kind == "f":
                buffer._data = buffer._data.astype(self.dtype or buffer.dtype)
        for name, parameter in module.named_parameters():
            parameter.grad = None
            if parameter.requires_grad:
                self._add(repr(name), parameter, parameter.dtype)
            parameter.data = wrap(parameter._data.astype(self.dtype or parameter.dtype))

    def _copy(self, name: str, value: Any) -> Any:
        if not isinstance(value, Tensor) or value.dtype.kind != "f":
            return value
        tensor = wrap(same_layout(value._data, np.dtype(self.dtype or value.dtype)))
        if value.requires_grad:
            self._add(name, tensor.requires_grad_(), value.dtype)
        return tensor

    def _add(self, name: str, leaf: Tensor, dtype: Any) -> None:
        if dtype != (self.dtype or dtype):
            self.cast_from[name] = dtype
        self.names.append(name)
        self.leaves.append(leaf)

    def outputs(self) -> list[Tensor]:
        """What the function returns, without what is no Tensor of floats."""
        found = [out for out in flattened(self.func(*self.args)) if out.dtype.kind in "fc"]
        if not found:
            raise ValueError(
                "gradcheck expects the function to return at least one Tensor of floats"
            )
        return found

    def row(self) -> Array:
        """All outputs, one after the other."""
        self.evaluations += 1
        row = np.concatenate([np.ravel(out._data) for out in self.outputs()])
        self.width = len(row)
        return row

    @contextmanager
    def moving(self, leaf: Tensor) -> Iterator[Callable[[Array], Callable[[Any], Array]]]:
        """direction -> (t -> the outputs with the leaf moved by t along it); t may be imaginary."""
        home = [each._data for each in self.leaves]
        imaginary: list[Array] = []  # all leaves: a product of two dtypes may be refused
        place = next(i for i, each in enumerate(self.leaves) if each is leaf)
        middle = home[place].copy()
        nowhere = np.full(self.width, np.nan)  # where nothing can be measured

        def at(t: Any, direction: Array) -> Array:
            if isinstance(t, complex) and not imaginary:
                imaginary.extend(same_layout(array, np.complex128) for array in home)
            now = imaginary if isinstance(t, complex) else home
            for each, array in zip(self.leaves, now, strict=True):
                each._data = array
            np.add(middle, t * direction, out=now[place])
            writes.stamp(now[place])
            try:
                row = self.row()
            except Exception:  # moved out of the domain
                return nowhere
            return row if len(row) == len(nowhere) else nowhere

        try:
            yield lambda direction: lambda t: at(t, direction)
        finally:
            for each, array in zip(self.leaves, home, strict=True):
                each._data = array
            home[place][...] = middle
            writes.stamp(home[place])


def flattened(value: Any) -> Iterator[Tensor]:
    """The Tensors in what a function returned: alone, or in tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from flattened(item)


class Backward(Problem):
    """The gradients of another problem as a function of its leaves and of what comes in.

    Only gradients that come out with a graph can be moved; the others are constants.
    """

    def __init__(self, base: Problem, grad_outputs: Any = None) -> None:
        self.base = base
        self.evaluations = self.width = 0
        self.cast_from = base.cast_from
        self.dtype = base.dtype
        outputs = [out for out in base.outputs() if out.requires_grad]
        if not outputs:
            raise ValueError("no output requires grad: there is no gradient to differentiate")
        if grad_outputs is None:
            rng = np.random.default_rng(len(outputs))
            arrays = [rng.uniform(0.5, 1.5, out.shape).astype(out.dtype) for out in outputs]
            given = [wrap(array).requires_grad_() for array in arrays]
        else:
            given = [wrap(np.array(g._data, base.dtype)) for g in as_tuple(grad_outputs)]
            for tensor, original in zip(given, as_tuple(grad_outputs), strict=True):
                tensor.requires_grad_(original.requires_grad)
        self.incoming = given
        self.args = [*base.args, *given]
        moved = [(f"incoming gradient {i}", g) for i, g in enumerate(given) if g.requires_grad]
        self.names = [*base.names, *(name for name, _ in moved)]
        self.leaves = [*base.leaves, *(g for _, g in moved)]

    def outputs(self) -> list[Tensor]:
        """The gradient of each leaf of the base problem; zeros for what none arrives at."""
        outputs = [out for out in self.base.outputs() if out.requires_grad]
        return list(
            grad(
                outputs, self.base.leaves, self.incoming,
                create_graph=True, allow_unused=True, materialize_grads=True,
            )
        )  # fmt: skip


def same_layout(array: Array, dtype: Any) -> Array:
    """A copy with the same strides, or a plain one where elements overlap."""
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
