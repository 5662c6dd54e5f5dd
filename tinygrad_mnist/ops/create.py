"""New Tensors: from numbers and arrays, with or without a copy; zeros and ones; ranges."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.layout import note_foreign
from tinygrad_mnist.autograd.modes import MODES, is_recording
from tinygrad_mnist.autograd.tensor import Tensor, as_array, refuse_read, unwrap, wrap
from tinygrad_mnist.kernels.create import full as full_of
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import as_element, call_recorded, creation, public, size_of

__all__ = [
    "arange", "as_tensor", "asarray", "empty", "empty_like", "eye", "from_dlpack", "from_numpy",
    "full", "full_like", "linspace", "logspace", "ones", "ones_like", "tensor", "tril_indices",
    "triu_indices", "zeros", "zeros_like",
]  # fmt: skip
METHODS = ["new_empty", "new_full", "new_ones", "new_tensor", "new_zeros"]


@creation
def tensor(data: Any, *, dtype: Any = None) -> Tensor:
    """A new leaf Tensor with a copy of `data`; Python floats become the default dtype.

    >>> import tinygrad_mnist as tg
    >>> tg.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    return wrap(as_array(data, dtype))


@creation
def as_tensor(data: Any, dtype: Any = None) -> Tensor:
    """Return data as a Tensor, on the same memory where possible."""
    if isinstance(data, Tensor):
        return data if dtype in (None, data.dtype) else table.cast(data, dtype=dtype)
    if isinstance(data, np.ndarray) and dtype in (None, data.dtype) and data.dtype.isnative:
        return from_numpy(data)
    return wrap(as_array(data, dtype))


asarray = as_tensor


def from_numpy(ndarray: Any) -> Tensor:
    """A Tensor on the array's own memory: a write through either changes both."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if ndarray.dtype.kind not in "fiub":
        raise TypeError(f"can't convert np.ndarray of type {ndarray.dtype} to a Tensor")
    if not ndarray.dtype.isnative:
        raise ValueError(
            f"an array of the other byte order ({ndarray.dtype}) cannot share its memory with a "
            "Tensor; convert it with array.astype(array.dtype.newbyteorder('='))"
        )
    if not ndarray.flags.c_contiguous:
        note_foreign(ndarray)
    return wrap(ndarray)


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A Tensor on the memory of an object with the DLPack protocol."""
    return from_numpy(np.from_dlpack(ext_tensor))


@creation
def full(size: Any, fill_value: Any, *, dtype: Any = None) -> Tensor:
    """A Tensor of `size` that holds `fill_value` everywhere."""
    value = fill_value.item() if isinstance(fill_value, (Tensor, np.generic)) else fill_value
    dtype = np.dtype(dtype) if dtype is not None else wrap(as_array(value)).dtype
    return _filled(size_of((size,)), value, dtype)


def _filled(size: tuple[int, ...], value: Any, dtype: Any) -> Tensor:
    dtype = np.dtype(dtype)
    is_followed = MODES and is_recording() is None
    if type(value) is int and 0 <= value <= 1 and not is_followed:  # every dtype holds these
        try:
            return wrap(full_of(shape=size, value=value, dtype=dtype))
        except (MemoryError, TypeError, ValueError):  # the general way has words for it
            pass
    value = as_element(value, dtype)
    return call_recorded(table.full, shape=size, value=value, dtype=dtype)


@creation
def zeros(*size: Any, dtype: Any = None) -> Tensor:
    """Zeros, in the default dtype."""
    return _filled(size_of(size), 0, dtype or get_default_dtype())


@creation
def ones(*size: Any, dtype: Any = None) -> Tensor:
    """Ones, in the default dtype."""
    return _filled(size_of(size), 1, dtype or get_default_dtype())


# Uninitialized memory may hold anything, so zeros will do.
empty = zeros


@creation
def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None) -> Tensor:
    """`fill_value` everywhere, in the shape and dtype of input."""
    return full(input.shape, fill_value, dtype=dtype or input.dtype)


@creation
def zeros_like(input: Tensor, *, dtype: Any = None) -> Tensor:
    """Zeros in the shape and dtype of input."""
    return _filled(input._data.shape, 0, dtype or input.dtype)


@creation
def ones_like(input: Tensor, *, dtype: Any = None) -> Tensor:
    """Ones in the shape and dtype of input."""
    return _filled(input._data.shape, 1, dtype or input.dtype)


empty_like = zeros_like


@creation
def arange(start: Any = None, end: Any = None, step: Any = 1, *, dtype: Any = None) -> Tensor:
    """start, start + step, ... before end; `arange(end)` starts at 0."""
    start, end, step = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    if start is None and end is None:
        raise TypeError("arange() missing 1 required positional argument: 'end'")
    start, end = (0, start) if end is None else (start or 0, end)
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"arange: steps of {step} do not lead from {start} to {end}")
    if dtype is None and builtins.any(isinstance(v, float) for v in (start, end, step)):
        dtype = get_default_dtype()
    result_dtype = np.int64 if dtype is None else np.dtype(dtype)
    n = max(0, int(np.ceil((end - start) / step)))
    return wrap((np.arange(n) * step + start).astype(result_dtype))


@creation
def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None) -> Tensor:
    """`steps` numbers evenly spaced from start to end, both included."""
    if isinstance(start, Tensor) or isinstance(end, Tensor):
        refuse_read("linspace()")
    start, end = unwrap(start), unwrap(end)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    return wrap(np.linspace(start, end, steps).astype(dtype or get_default_dtype()))


@creation
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None) -> Tensor:
    """base to the powers `linspace(start, end, steps)`."""
    if isinstance(start, Tensor) or isinstance(end, Tensor):
        refuse_read("logspace()")
    values = np.power(base, np.linspace(unwrap(start), unwrap(end), steps))
    return wrap(values.astype(dtype or get_default_dtype()))


@creation
def eye(n: int, m: int | None = None, *, dtype: Any = None) -> Tensor:
    """The n x m (n x n) matrix with ones on its diagonal."""
    return wrap(np.eye(n, m, dtype=dtype or get_default_dtype()))


@creation
def new_tensor(input: Tensor, data: Any, *, dtype: Any = None) -> Tensor:
    """`tensor(data)` in the dtype of input."""
    return wrap(as_array(data, dtype or input.dtype))


@creation
def new_full(input: Tensor, size: Any, fill_value: Any, *, dtype: Any = None) -> Tensor:
    """`full` in the dtype of input."""
    return full(size, fill_value, dtype=dtype or input.dtype)


@creation
def new_zeros(input: Tensor, *size: Any, dtype: Any = None) -> Tensor:
    """`zeros` in the dtype of input."""
    return full(size_of(size), 0, dtype=dtype or input.dtype)


@creation
def new_ones(input: Tensor, *size: Any, dtype: Any = None) -> Tensor:
    """`ones` in the dtype of input."""
    return full(size_of(size), 1, dtype=dtype or input.dtype)


new_empty = new_zeros


@public
def tril_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """The indices of a lower triangle, as a (2, n) Tensor."""
    return wrap(np.stack(np.tril_indices(row, offset, col)))


@public
def triu_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """The indices of an upper triangle, as a (2, n) Tensor."""
    return wrap(np.stack(np.triu_indices(row, offset, col)))
