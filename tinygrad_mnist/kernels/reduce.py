"""Reductions; an `axis` is None or a tuple of non-negative ints."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.buffers import ignoring
from tinygrad_mnist.kernels.elementwise import masked
from tinygrad_mnist.kernels.sums import F64, in_float32, squares_total, total

Array = Any  # an ndarray; NumPy's own types say too little to help here
Axis = tuple[int, ...] | None
TINY = 1e-30  # a sum of squares below this may have lost some squares


def sum(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """The sum along `axis`; small integers and bools add up as int64."""
    y = total(x, axis, keepdims=keepdims)
    return y if x.dtype.char != "e" else y.astype(x.dtype)


def mean(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """The mean along `axis`; NaN where there is no element."""
    n = reduced_count(x.shape, axis)
    y = total(x, axis, keepdims=keepdims)
    y = y / n if n else y * np.nan
    return y if x.dtype.char != "e" else y.astype(x.dtype)


def amax(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """The largest element along `axis`; NaN wins, as in PyTorch."""
    return np.maximum.reduce(x, axis=axis, keepdims=keepdims)


def amin(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """The smallest element along `axis`; NaN wins, as in PyTorch."""
    return np.minimum.reduce(x, axis=axis, keepdims=keepdims)


def highest(x: Array) -> Array:
    """The largest element of all; NaN wins."""
    return np.maximum.reduce(x, axis=None)


def lowest(x: Array) -> Array:
    """The smallest element of all; NaN wins."""
    return np.minimum.reduce(x, axis=None)


def length(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """The square root of the sum of squares; in float64 where float32 cannot hold the squares."""
    with ignoring(over="ignore", under="ignore"):
        squares = squares_total(x, axis, keepdims=keepdims)
    if x.dtype.itemsize < 8 and not np.all((squares > TINY) & (squares < np.inf)):
        squares = total(np.square(x, dtype=F64), axis, keepdims=keepdims)
    return np.sqrt(squares).astype(x.dtype, copy=False)


def ties(d: Array, x: Array, top: Array, *, axis: Axis = None, nan: bool = False) -> Array:
    """The share of d that each x gets, for top = amax(x): ties divide d, the others get 0.

    A NaN is no maximum, and the row's gradient is 0 / 0, as PyTorch's; with `nan` it is one.
    """
    top = top.reshape(kept_shape(x.shape, axis))
    same = np.equal(x, top)
    if nan:
        same |= np.isnan(x) & np.isnan(top)
    reduced_count = total(same.astype(x.dtype), axis, keepdims=True).astype(x.dtype, copy=False)
    return masked(d, np.negative(same.view(np.int8))) / reduced_count


@in_float32
def std(x: Array, *, axis: tuple[int, ...], correction: float, keepdims: Any = False) -> Array:
    """The square root of `var`, also where float32 cannot hold the squares."""
    n = reduced_count(x.shape, axis)
    with ignoring(over="ignore", invalid="ignore"):
        d = x - total(x, axis, keepdims=True) / (n or 1)
        d -= total(d, axis, keepdims=True) / (n or 1)
    y = length(d, axis=axis, keepdims=keepdims)
    return y / np.sqrt(n - correction if n > correction else 0.0, dtype=x.dtype)


@in_float32
def var(x: Array, *, axis: tuple[int, ...], correction: float, keepdims: Any = False) -> Array:
    """The mean squared distance from the mean along `axis`, over n - correction elements.

    The rounding error of the mean is taken out again (Chan, Golub and LeVeque, 1983).
    """
    n = math.prod(x.shape[i] for i in axis)
    d = x - total(x, axis, keepdims=True) / (n or 1)
    rounded = total(d, axis, keepdims=keepdims)
    y: Array = total(d * d, axis, keepdims=keepdims) - rounded * rounded / (n or 1)
    return y / (n - correction if n > correction else 0.0)


def cumsum(x: Array, *, axis: int) -> Array:
    """Running sums along `axis`, added in float64; of integers and bools in int64."""
    if x.dtype.kind in "biu":
        return np.add.accumulate(x, axis=axis, dtype=np.int64)
    y = np.add.accumulate(x, axis=axis, dtype=F64)
    return y if x.dtype == F64 else y.astype(x.dtype)


def reduced_count(shape: tuple[int, ...], axis: Axis) -> int:
    """Return how many elements of `shape` a reduction over these axes makes into one."""
    return math.prod(shape if axis is None else [shape[a] for a in axis])


def kept_shape(shape: tuple[int, ...], axis: Axis | int) -> tuple[int, ...]:
    """Return the shape of a reduction that keeps its dimensions."""
    if axis is None:
        return (1,) * len(shape)
    axes = (axis,) if isinstance(axis, int) else axis
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def dropped_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """Return the shape of a reduction that drops its dimensions."""
    return () if axis is None else tuple(n for i, n in enumerate(shape) if i not in axis)
