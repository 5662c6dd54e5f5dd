"""Reductions, softmax and its relatives; an `axis` is None or a tuple of non-negative ints."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.checks import classes_within
from tinygrad_mnist.kernels.elementwise import ONE, masked
from tinygrad_mnist.kernels.sums import F64, columns, in_float32, total

Array = Any  # an ndarray; NumPy's own types say too little to help here
Axis = tuple[int, ...] | None
TINY = 1e-30  # a sum of squares below it may have lost some


def sum(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """The sum along `axis`; small integers and bools add up as int64."""
    y = total(x, axis, keepdims=keepdims)
    return y if x.dtype.char != "e" else y.astype(x.dtype)


def mean(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """The mean along `axis`; nan where there is nothing."""
    n = count(x.shape, axis)
    y = total(x, axis, keepdims=keepdims)
    y = y / n if n else y * np.nan
    return y if x.dtype.char != "e" else y.astype(x.dtype)


def amax(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """The largest along `axis`; NaN wins, as in PyTorch."""
    return np.maximum.reduce(x, axis=axis, keepdims=keepdims)


def amin(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """The smallest along `axis`; NaN wins, as in PyTorch."""
    return np.minimum.reduce(x, axis=axis, keepdims=keepdims)


def highest(x: Array) -> Array:
    """The largest of all; NaN wins."""
    return np.maximum.reduce(x, axis=None)


def lowest(x: Array) -> Array:
    """The smallest of all; NaN wins."""
    return np.minimum.reduce(x, axis=None)


def any(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """Whether an element along `axis` is not zero."""
    return np.logical_or.reduce(x, axis=axis, keepdims=keepdims)


def argmax(x: Array, *, axis: int | None = None, keepdims: Any = False) -> Array:
    """Where the first largest is."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


def argmin(x: Array, *, axis: int | None = None, keepdims: Any = False) -> Array:
    """Where the first smallest is."""
    return np.argmin(x, axis=axis, keepdims=keepdims)


def argsort(x: Array, *, axis: int, descending: bool = False) -> Array:
    """The order that sorts x; equal elements stay in theirs, NaN is the largest."""
    if not descending:
        return np.argsort(x, axis=axis, stable=True)
    backwards = np.argsort(np.flip(x, axis), axis=axis, stable=True)
    return np.flip(x.shape[axis] - 1 - backwards, axis)


def length(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """The square root of the sum of squares; in float64 where float32 cannot hold the squares."""
    with np.errstate(over="ignore", under="ignore"):
        squares = total(x * x, axis, keepdims=keepdims)
    if x.dtype.itemsize < 8 and not np.all((squares > TINY) & (squares < np.inf)):
        squares = total(np.square(x, dtype=F64), axis, keepdims=keepdims)
    return np.sqrt(squares).astype(x.dtype, copy=False)


def ties(d: Array, x: Array, top: Array, *, axis: Axis = None, nan: bool = False) -> Array:
    """What of d, where top = amax(x), is due to each x: ties share it, the others get 0.

    A NaN is no maximum, and the row's gradient is 0 / 0, as PyTorch's; or, for `nan`, it is one.
    """
    top = top.reshape(kept(x.shape, axis))
    same = np.equal(x, top)
    if nan:
        same |= np.isnan(x) & np.isnan(top)
    count = total(same.astype(x.dtype), axis, keepdims=True).astype(x.dtype, copy=False)
    return masked(d, np.negative(same.view(np.int8))) / count


def cumsum(x: Array, *, axis: int) -> Array:
    """Running sums along `axis`, added in float64; of integers and bools in int64."""
    if x.dtype.kind in "biu":
        return np.add.accumulate(x, axis=axis, dtype=np.int64)
    y = np.add.accumulate(x, axis=axis, dtype=F64)
    return y if x.dtype == F64 else y.astype(x.dtype)


@in_float32
def logsumexp(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """log(sum(exp(x))), stable for huge x; -inf for an empty sum."""
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, np.zeros((), x.dtype))
    with np.errstate(divide="ignore"):
        y = np.log(total(np.exp(x - top), axis, keepdims=True)) + top
    return y if keepdims else y.reshape(dropped(x.shape, axis))


@in_float32
def softmax(x: Array, *, axis: int) -> Array:
    """exp(x) / sum(exp(x)) along `axis`, stable for huge x."""
    with np.errstate(invalid="ignore"):  # nothing but -inf gives NaN, as in PyTorch
        y = np.exp(x - np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf))
        y /= total(y, (axis,), keepdims=True)
    return y


@in_float32
def log_softmax(x: Array, *, axis: int) -> Array:
    """x - log(sum(exp(x))) along `axis`, stable for huge x."""
    with np.errstate(invalid="ignore"):  # nothing but -inf gives NaN, as in PyTorch
        y = x - np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
        y -= np.log(total(np.exp(y), (axis,), keepdims=True))
    return y


@in_float32
def xent(z: Array, t: Array) -> tuple[Array, Array, Array]:
    """Cross-entropy of each row of logits z (n, c) against its class t (n,).

    With it come softmax(z) and `hot_index(t)`.

    Computed in (classes, batch) layout: reductions over a short last axis are slow in NumPy.
    """
    if z.ndim != 2 or t.shape != z.shape[:1]:
        raise ValueError(f"logits must be (n, classes) and targets (n,), not {z.shape}, {t.shape}")
    if t.dtype.kind not in "iu":
        raise TypeError(f"class targets must be integers, not {t.dtype}")
    classes_within(t, z.shape[1])
    p = z.T.copy()
    p -= np.maximum.reduce(p, axis=0, initial=-np.inf)
    at = hot_index(t)
    picked = p.reshape(-1).take(at, mode="clip")
    np.exp(p, p)
    sums = columns(p)
    p /= sums
    return np.log(sums) - picked, p.T, at


def hot_index(t: Array) -> Array:
    """Where the elements [t[i], i] of a (classes, n) array are in memory."""
    count, first_row = row_index(len(t))
    at = t.astype(np.int64, copy=False) * count
    at += first_row
    return at


@functools.lru_cache(maxsize=16)
def row_index(count: int) -> tuple[Array, Array]:
    """`count` as an array, which NumPy multiplies by faster, and the numbers below it."""
    numbers = np.arange(count)
    numbers.flags.writeable = False
    return np.array(count), numbers


def minus_hot(p: Array, at: Array) -> Array:
    """p (n, c) minus one in each row, at `hot_index` of the classes."""
    by_class = p.T.copy()
    flat = by_class.reshape(-1)
    hot = flat.take(at, mode="clip")
    hot -= ONE.get(hot.dtype.char, 1)
    flat.put(at, hot, mode="clip")
    return by_class.T


def count(shape: tuple[int, ...], axis: Axis) -> int:
    """How many elements a reduction over these axes takes in."""
    return math.prod(shape if axis is None else [shape[a] for a in axis])


def kept(shape: tuple[int, ...], axis: Axis | int) -> tuple[int, ...]:
    """The shape of a reduction that keeps its dimensions."""
    if axis is None:
        return (1,) * len(shape)
    axes = (axis,) if isinstance(axis, int) else axis
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def dropped(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The shape of a reduction that drops its dimensions."""
    return () if axis is None else tuple(n for i, n in enumerate(shape) if i not in axis)
