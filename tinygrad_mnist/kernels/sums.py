"""Sums that stay accurate however many elements there are.

NumPy adds pairwise along memory, and one by one across it: 60,000 rows of 255.1 then have the mean
255.016 in float32. Here sums across memory fold 16 rows onto one at a time, from the second time on
in float64; few numbers are added by the BLAS, in many lanes. float16 is added in float32, and the
caller rounds the sum.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here
Axis = tuple[int, ...] | None
FEW, SOME = 8, 64  # counts: of numbers to add one by one, and of numbers to add in float64
FOLD = 16  # rows that are added onto one
BLOCK, WIDE = 256, 32  # rows, or numbers, that BLAS adds up; and how long the rows are at least
ONE_THREAD = 9000  # elements of a matrix that BLAS multiplies with a vector in one thread
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def total(x: Array, axis: Axis = None, *, keepdims: Any = False) -> Array:
    """The sum along `axis`, in x's dtype: but float16 in float32, integers and bools in int64."""
    dtype = x.dtype
    if dtype.kind != "f":
        return np.add.reduce(x, axis, np.int64, keepdims=keepdims)
    wide = F32 if dtype.itemsize == 2 else dtype
    if x.ndim < 2 or _along_memory(x, axis):
        if 1 < x.size <= BLOCK and wide is dtype and (axis is None or len(axis) == x.ndim):
            flat = x if x.ndim == 1 else x.ravel("K")
            if flat.strides[0] == x.itemsize:  # the BLAS adds in many lanes; a third of the time
                y = flat.dot(shared_ones(x.size, dtype))
                return y.reshape((1,) * x.ndim) if keepdims else y
        return np.add.reduce(x, axis, wide, keepdims=keepdims)
    axes = tuple(range(x.ndim)) if axis is None else axis
    n = math.prod([x.shape[a] for a in axes])
    if n <= FEW or not x.size:
        return np.add.reduce(x, axis, wide, keepdims=keepdims)
    if axes == (1,) and _is_stack_for_blas(x):
        y = np.matmul(shared_ones(n, dtype), x)
        return y.reshape(len(x), 1, x.shape[2]) if keepdims else y
    if n <= SOME:
        return np.add.reduce(x, axis, F64, keepdims=keepdims).astype(wide, copy=False)
    if wide is not dtype:
        x = x.astype(wide)
    if x.flags.c_contiguous and axes == tuple(range(len(axes))):
        y, rest = _rows(x.reshape(n, x.size // n)), x.shape[len(axes) :]
        return y.reshape((1,) * len(axes) + rest if keepdims else rest)
    return _across(x, axes, keepdims)


def _along_memory(x: Array, axis: Axis) -> bool:
    """Tell whether a sum runs over all of an array's memory, or over its last dimensions."""
    if axis is None:
        return bool(x.flags.c_contiguous or x.flags.f_contiguous)
    first = x.ndim - len(axis)
    return bool(x.flags.c_contiguous) and min(axis, default=first) >= first


def _is_stack_for_blas(x: Array) -> bool:
    """Tell whether BLAS adds up the rows of each matrix of a stack sooner, and in one thread."""
    return (
        x.ndim == 3
        and x.dtype.itemsize > 2
        and x.shape[2] >= WIDE
        and x.shape[1] <= SOME
        and x.shape[1] * x.shape[2] <= ONE_THREAD
        and bool(x.flags.c_contiguous)
    )


def _rows(x: Array) -> Array:
    """Add up the rows of a matrix in C order."""
    return _by_blas(x) if x.shape[1] >= WIDE else _added(_folded(x, (0,)), (0,), x.dtype)


def _across(x: Array, axes: tuple[int, ...], keepdims: Any) -> Array:
    """Add up along axes of which some do not lie along memory."""
    order = sorted(range(x.ndim), key=lambda i: (-abs(x.strides[i]), i))
    inner = list(_inner_run(x, [i for i in order if x.shape[i] > 1], axes))
    rest = tuple(a for a in axes if a not in inner)
    if inner:
        x = np.add.reduce(x, tuple(inner), keepdims=True)
    if rest:
        x = _added(_folded(x, rest), rest, x.dtype)
    if keepdims:
        return x
    return x.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def _inner_run(x: Array, order: list[int], axes: tuple[int, ...]) -> Iterator[int]:
    """Yield the summed axes that NumPy takes in one pass: each continues the last in memory."""
    step = None
    while order and order[-1] in axes and step in (None, x.strides[order[-1]]):
        axis = order.pop()
        step = x.strides[axis] * x.shape[axis]
        yield axis


def _folded(x: Array, axes: tuple[int, ...]) -> Iterator[Array]:
    """Yield parts with few elements along `axes`, whose sums add up to that of x."""
    dtype = x.dtype
    for a in axes:
        while (m := x.shape[a] // FOLD) > 1:
            head, shape = (np.s_[:],) * a, x.shape
            if m * FOLD < shape[a]:
                yield x[(*head, np.s_[m * FOLD :])]
                x = x[(*head, np.s_[: m * FOLD])]
            x = np.add.reduce(x.reshape(*shape[:a], FOLD, m, *shape[a + 1 :]), a, dtype)
            dtype = F64
    yield x


def _added(parts: Iterator[Array], axes: tuple[int, ...], dtype: Any) -> Array:
    """Add up the parts' sums along `axes`, which keep length one."""
    sums = [np.add.reduce(part, axes, F64, keepdims=True) for part in parts]
    return functools.reduce(np.add, sums).astype(dtype, copy=False)


def columns(x: Array) -> Array:
    """The sums of the columns of a matrix; of few rows by BLAS, in a third of NumPy's time."""
    if x.dtype.itemsize > 2 and len(x) <= BLOCK:
        return x.T.dot(shared_ones(len(x), x.dtype))
    if x.dtype.itemsize > 2 and x.shape[1] >= WIDE:
        return _by_blas(x)
    return total(x, (0,)).astype(x.dtype, copy=False)


def _by_blas(x: Array) -> Array:
    """The sums of the columns of a wide matrix, some rows at a time."""
    m = len(x) // BLOCK
    rest = x[m * BLOCK :]
    y = rest.T.dot(shared_ones(len(rest), x.dtype))
    if not m:
        return y
    blocks = x[: m * BLOCK].reshape(m, BLOCK, x.shape[1])
    sums = np.matmul(shared_ones(BLOCK, x.dtype), blocks)
    return (np.add.reduce(sums, 0, F64) + y).astype(x.dtype, copy=False)


@functools.lru_cache(maxsize=16)
def shared_ones(count: int, dtype: Any) -> Array:
    """Return the same read-only array of ones at every call."""
    y = np.ones(count, dtype)
    y.setflags(write=False)
    return y


def in_float32(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Make a kernel of several steps compute float16 in float32, and round the result."""

    @functools.wraps(kernel)
    def wrapper(x: Array, *args: Any, **kw: Any) -> Any:
        if getattr(x, "dtype", F32).char != "e":
            return kernel(x, *args, **kw)
        more = (a.astype(F32) if getattr(a, "dtype", None) == x.dtype else a for a in args)
        made = kernel(x.astype(F32), *more, **kw)
        if isinstance(made, tuple):
            return tuple(a.astype(x.dtype) if a.dtype == F32 else a for a in made)
        return made.astype(x.dtype)

    return wrapper
