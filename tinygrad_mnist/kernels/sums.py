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
LONG = 1 << 15  # elements of a sum that BLAS makes sooner
LONGEST = 1024  # numbers whose squares BLAS adds up
AT_ONCE = 32  # blocks that BLAS adds up in one thread
ONE_THREAD = 9000  # elements of a matrix that BLAS multiplies with a vector in one thread
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def total(x: Array, axis: Axis = None, *, keepdims: Any = False) -> Array:
    """The sum along `axis`, in x's dtype: but float16 in float32, integers and bools in int64."""
    dtype = x.dtype
    if dtype.kind != "f":
        return np.add.reduce(x, axis, np.int64, keepdims=keepdims)
    wide = F32 if dtype.itemsize == 2 else dtype
    if x.ndim < 2 or _along_memory(x, axis):
        is_whole = axis is None or len(axis) == x.ndim
        if is_whole and 1 < x.size <= BLOCK and wide is dtype:
            flat = x if x.ndim == 1 else x.ravel("K")
            if flat.strides[0] == x.itemsize:  # the BLAS adds in many lanes; a third of the time
                y = flat.dot(shared_ones(x.size, dtype))
                return y.reshape((1,) * x.ndim) if keepdims else y
        if wide is dtype and x.size >= (LONG if is_whole else 2 * BLOCK):
            return _last(x, x.ndim if is_whole else len(axis), keepdims)  # type: ignore[arg-type]
        return np.add.reduce(x, axis, wide, keepdims=keepdims)
    axes = tuple(range(x.ndim)) if axis is None else axis
    n = math.prod([x.shape[a] for a in axes])
    if n <= FEW or not x.size:
        return np.add.reduce(x, axis, wide, keepdims=keepdims)
    if axes == (1,) and _is_stack_for_blas(x):
        y = np.matmul(shared_ones(n, dtype), x)
        return y.reshape(len(x), 1, x.shape[2]) if keepdims else y
    is_rows = x.flags.c_contiguous and axes == tuple(range(len(axes)))
    if n <= SOME and not (is_rows and x.size >= n * WIDE and wide is dtype):
        return np.add.reduce(x, axis, F64, keepdims=keepdims).astype(wide, copy=False)
    if wide is not dtype:
        x = x.astype(wide)
    if is_rows:
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


def _last(x: Array, ndim: int, keepdims: Any) -> Array:
    """Add up over the last `ndim` dimensions, which lie along memory, or over all."""
    if ndim == x.ndim:
        flat = x.ravel("K")
        if flat.strides[0] != x.itemsize:
            return np.add.reduce(x, None, keepdims=keepdims)
        y = row_sums(flat.reshape(1, -1)).reshape(())
    else:
        shape = x.shape[: x.ndim - ndim]
        count = math.prod(shape)
        if not count or x.size <= count:
            return np.add.reduce(x, tuple(range(x.ndim - ndim, x.ndim)), keepdims=keepdims)
        y = row_sums(x.reshape(count, x.size // count)).reshape(shape)
    return y.reshape(y.shape + (1,) * ndim) if keepdims else y


def row_sums(x: Array) -> Array:
    """The sum of each row of a matrix, by BLAS in lanes, of at most so many numbers at a time.

    BLAS does not see enough of them to use threads, whose number decides the last bits. NumPy takes
    several times as long, and most of all for short rows.
    """
    count, n = x.shape
    if n <= BLOCK:
        step = max(1, ONE_THREAD // max(1, n))
        ones = shared_ones(n, x.dtype)
        if count <= step:
            return x.dot(ones)
        whole = count // step * step
        y = np.matmul(x[:whole].reshape(-1, step, n), ones).reshape(-1)
        return y if whole == count else np.concatenate((y, x[whole:].dot(ones)))
    inner = (AT_ONCE, BLOCK) if n >= AT_ONCE * BLOCK else (BLOCK,)
    rest = n % math.prod(inner)
    parts = x[:, : n - rest].reshape(count, -1, *inner)
    y = row_sums(np.matmul(parts, shared_ones(BLOCK, x.dtype)).reshape(count, -1))
    return y + row_sums(x[:, n - rest :]) if rest else y


def squares_total(x: Array, axis: Axis = None, *, keepdims: Any = False) -> Array:
    """The sum of x * x along `axis`, as by `total`; of rows without memory for the squares."""
    if x.dtype.char not in "fd" or not x.ndim:
        return total(x * x, axis, keepdims=keepdims)
    is_last = axis is not None and len(axis) == 1 and axis[0] == x.ndim - 1
    if is_last and WIDE <= x.shape[-1] <= LONGEST and x.strides[-1] == x.itemsize:
        y = np.vecdot(x, x)
        return y.reshape(*y.shape, 1) if keepdims else y
    if x.size >= LONG and (axis is None or len(axis) == x.ndim):
        flat = x.ravel("K")
        whole = len(flat) // LONGEST * LONGEST
        if flat.strides[0] == x.itemsize:
            parts = flat[:whole].reshape(-1, LONGEST)
            rest = flat[whole:]
            y = np.add.reduce(np.vecdot(parts, parts), keepdims=True) + np.vecdot(rest, rest)
            return y.reshape((1,) * x.ndim if keepdims else ())
    return total(x * x, axis, keepdims=keepdims)


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
        return _few_rows(x)
    if x.dtype.itemsize > 2 and x.shape[1] >= WIDE:
        return _by_blas(x)
    return total(x, (0,)).astype(x.dtype, copy=False)


def _by_blas(x: Array) -> Array:
    """The sums of the columns of a wide matrix, some rows at a time."""
    m = len(x) // BLOCK
    rest = x[m * BLOCK :]
    y = _few_rows(rest)
    if not m:
        return y
    blocks = x[: m * BLOCK].reshape(m, BLOCK, x.shape[1])
    sums = np.matmul(shared_ones(BLOCK, x.dtype), blocks)
    return (np.add.reduce(sums, 0, F64) + y).astype(x.dtype, copy=False)


def _few_rows(x: Array) -> Array:
    """The sums of the columns of a few rows; of long ones in parts: BLAS adds one by one here."""
    if x.size < LONG:
        return x.T.dot(shared_ones(len(x), x.dtype))
    rest = len(x) % FOLD
    whole, rows = x[: len(x) - rest], x[len(x) - rest :]
    parts = np.matmul(shared_ones(FOLD, x.dtype), whole.reshape(-1, FOLD, x.shape[1]))
    y = np.add.reduce(parts, 0)
    return y + rows.T.dot(shared_ones(rest, x.dtype)) if rest else y


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
        out = kw.pop("out", None)
        more = (a.astype(F32) if getattr(a, "dtype", None) == x.dtype else a for a in args)
        made = kernel(x.astype(F32), *more, **kw)
        if isinstance(made, tuple):
            made = tuple(a.astype(x.dtype) if a.dtype == F32 else a for a in made)
        else:
            made = made.astype(x.dtype)
        if out is None:
            return made
        for to, value in zip(
            *((a if isinstance(a, tuple) else (a,)) for a in (out, made)), strict=True
        ):
            np.copyto(to, value)
        return out

    return wrapper
