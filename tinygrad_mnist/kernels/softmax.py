"""Softmax, its relatives and their derivatives, some rows at a time.

exp(x) / sum(exp(x)) is the same with any number subtracted from a row, and the largest element, by
which no exponential overflows, takes NumPy longer than all else. So the exponentials are made of x
as it is, and made again, with the largest subtracted, in rows whose sum is infinite, NaN or small.
A row's result does not depend on other rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.blocks import cut, in_blocks
from tinygrad_mnist.kernels.buffers import ignoring
from tinygrad_mnist.kernels.index import first_places
from tinygrad_mnist.kernels.reduce import dropped_shape
from tinygrad_mnist.kernels.scratch import called_whole, copied_into, scratch
from tinygrad_mnist.kernels.sums import F64, WIDE, in_float32, row_sums, total

Array = Any  # an ndarray; NumPy's own types say too little to help here
BLOCK = 1 << 17  # elements at a time: they stay in the cache
LITTLE = 1 << 10  # elements of which the largest are found as fast
CALLS = 5  # calls of NumPy on each element
SMALL = 1 / 16  # in smaller sums, exponentials may have lost digits that the quotient shows
HUGE = 1e18  # the squares of larger sums may be infinite
LARGE = 4.0  # times the number of elements: logarithms of larger sums have few digits left


@called_whole
@in_float32
def softmax(x: Array, *, axis: int, out: Array | None = None) -> Array:
    """exp(x) / sum(exp(x)) along `axis`, stable for huge x."""
    if x.size <= LITTLE:
        with ignoring(invalid="ignore"):  # a row of only -inf gives NaN, as in PyTorch
            y = np.exp(x - np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf))
            y /= total(y, (axis,), keepdims=True)
        return copied_into(out, y)
    return _along(axis, _softmax, x, out=out)


@called_whole
@in_float32
def log_softmax(x: Array, *, axis: int, out: Array | None = None) -> Array:
    """x - log(sum(exp(x))) along `axis`, stable for huge x."""
    if x.size <= LITTLE:
        with ignoring(invalid="ignore"):  # as above
            y = x - np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
            y -= np.log(total(np.exp(y), (axis,), keepdims=True))
        return copied_into(out, y)
    return _along(axis, _log_softmax, x, out=out)


@called_whole
@in_float32
def softmax_back(p: Array, d: Array, *, axis: int, out: Array | None = None) -> Array:
    """p (d - sum(d p)) along `axis`: the gradient of x, for p = softmax(x) with gradient d."""
    if p.size <= LITTLE:
        return copied_into(out, p * (d - total(d * p, (axis,), keepdims=True)))
    return _along(axis, _softmax_back, p, d, out=out)


@called_whole
@in_float32
def log_softmax_back(z: Array, d: Array, *, axis: int, out: Array | None = None) -> Array:
    """d - exp(z) sum(d) along `axis`: the gradient of x, for z = log_softmax(x) with gradient d."""
    if z.size <= LITTLE:
        return copied_into(out, d - np.exp(z) * total(d, (axis,), keepdims=True))
    return _along(axis, _log_softmax_back, z, d, out=out)


@called_whole
@in_float32
def logsumexp(x: Array, *, axis: tuple[int, ...] | None = None, keepdims: Any = False) -> Array:
    """log(sum(exp(x))), stable for huge x; -inf for an empty sum."""
    if x.size <= LITTLE:
        top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
        top = np.where(np.isfinite(top), top, np.zeros((), x.dtype))
        with ignoring(divide="ignore"):
            y = np.log(total(np.exp(x - top), axis, keepdims=True)) + top
        return y if keepdims else y.reshape(dropped_shape(x.shape, axis))
    axes = tuple(range(x.ndim)) if axis is None else axis
    kept_dims = [1 if i in axes else n for i, n in enumerate(x.shape)]
    shape = kept_dims if keepdims else [n for i, n in enumerate(x.shape) if i not in axes]
    if len(axes) != 1:
        x = x.transpose(*(i for i in range(x.ndim) if i not in axes), *axes)
        axes = (x.ndim - len(axes), x.ndim)
    lead, inner = x.shape[: axes[0]], x.shape[axes[-1] if len(axes) > 1 else axes[0] + 1 :]
    outer, rest = math.prod(lead), math.prod(inner)
    y = np.empty((outer, 1, rest), x.dtype)
    _in_blocks(_logsumexp, x.reshape(outer, x.size // (outer * rest), rest), y)
    return y.reshape(shape)


def log_likelihoods(z: Array, t: Array, losses: Array, p: Array) -> None:
    """Write -log(softmax(z)) at t (n,) into `losses`, and softmax(z) into p (n, c)."""
    n, c = z.shape
    t = t.astype(np.int64, copy=False)

    def work(z: Array, t: Array, losses: Array, p: Array) -> None:
        _log_likelihoods(z, first_places((len(z),), c, ()).reshape(-1) + t, losses, p)

    if n:
        _in_blocks(work, z.reshape(n, c, 1), t, losses, p.reshape(n, c, 1))


def _along(axis: int, work: Callable[..., None], *arrays: Array, out: Array | None) -> Array:
    """Call `work` with the arrays, as (outer, n, inner), and the result, some rows at a time.

    The axes are in the order in which they lie in the memory of the first array.
    """
    x = arrays[0]
    y = np.empty_like(x) if out is None else out
    every = [*arrays, y]
    if not x.flags.c_contiguous:
        order = sorted(range(x.ndim), key=lambda i: -abs(x.strides[i]))
        axis, every = order.index(axis), [a.transpose(order) for a in every]
    shape = every[0].shape
    n, outer, inner = shape[axis], math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    if x.size:
        flat = [a.reshape(outer, n, inner) for a in every]
        _in_blocks(work, *flat)
        if not every[-1].flags.c_contiguous:
            every[-1][...] = flat[-1].reshape(shape)
    return y


def _in_blocks(work: Callable[..., None], *arrays: Array) -> None:
    """Call `work` with some rows of each array at a time."""
    x = arrays[0]
    with ignoring(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        if x.size <= BLOCK:
            work(*arrays)
            return
        parts = cut(len(x), x.size // len(x), calls=CALLS, block=BLOCK)
        in_blocks(lambda _, at: work(*[a[at] for a in arrays]), parts)


def _sums(x: Array) -> Array:
    """The sums along the middle axis, which is kept."""
    outer, n, inner = x.shape
    if inner == 1:
        return row_sums(x.reshape(outer, n)).reshape(outer, 1, 1)
    return total(x, (1,), keepdims=True)


def _softmax(x: Array, y: Array) -> None:
    np.exp(x, out=y)
    sums = _sums(y)
    y /= sums
    if not _tell(sums) < HUGE:
        _again(_shifted_softmax, x, sums, y)


def _log_likelihoods(z: Array, at: Array, losses: Array, p: Array) -> None:
    """Do `log_likelihoods` for some rows, in whose memory `at` are the places of the targets.

    Of a likely target, the logarithm is made of what is left of 1.
    """
    np.exp(z, out=p)
    mine, rest, sums = _parted(p, at)
    if not _tell(sums) < HUGE:
        lost = np.flatnonzero(~((sums >= SMALL) & (sums < HUGE)))
        z = z.copy()
        z[lost] -= np.maximum.reduce(z[lost], 1, keepdims=True)
        p[lost] = np.exp(z[lost])
        mine, rest, sums = _parted(p, at)
    p /= sums.reshape(-1, 1, 1)
    likely, other = np.log1p(rest / mine), np.log(sums) - z.reshape(-1).take(at)
    losses.reshape(-1)[...] = np.where(mine > rest, likely, other)


def _parted(p: Array, at: Array) -> tuple[Array, Array, Array]:
    """The elements at some places, one in each row, the sum of each row's others, and all."""
    line = p.reshape(-1)
    mine = line.take(at)
    line[at] = 0
    rest = row_sums(p.reshape(len(p), -1))
    line[at] = mine
    return mine, rest, mine + rest


def _tell(sums: Array) -> Any:
    """Return the largest sum, HUGE or more (or NaN) if the sums of some rows tell too little."""
    highest = np.maximum.reduce(sums, None)
    return highest if np.minimum.reduce(sums, None) >= SMALL else np.inf


def _again(shifted: Callable[[Array], Array], x: Array, sums: Array, y: Array) -> None:
    """Compute the rows whose sums tell too little by `shifted`, of rows (rows, n)."""
    outer, _, inner = np.nonzero(~((sums >= SMALL) & (sums < HUGE)))
    y[outer, :, inner] = shifted(x[outer, :, inner])


def _shifted_softmax(x: Array) -> Array:
    y = np.exp(x - np.maximum.reduce(x, 1, keepdims=True))
    y /= row_sums(y)[:, None]
    return y


def _log_softmax(x: Array, y: Array) -> None:
    np.exp(x, out=y)
    sums = _sums(y)
    highest, logs, large = _tell(sums), np.log(sums), x
    peak_at, peaks = _peaks(y, sums)
    large_sum = LARGE * x.shape[1]
    if highest > large_sum:  # subtract a whole number first: it takes no digits from what is left
        whole = np.where(sums > large_sum, np.rint(logs), 0.0)
        rest = np.log(sums * np.exp(-whole, dtype=F64)).astype(x.dtype)
        logs, large = np.where(sums > large_sum, rest, logs), x - whole
    np.subtract(large, logs, out=y)
    if len(peaks):
        y[peak_at] = peaks
    if not highest < HUGE:
        _again(_shifted_log_softmax, x, sums, y)


def _peaks(y: Array, sums: Array) -> tuple[Any, Array]:
    """The places of elements that outweigh all others in their row, and the logarithm of each.

    The difference of x and log(sum) has no digits left there; that of 1 and the others' share has.
    """
    outer, n, inner = y.shape
    if inner == 1 and n >= WIDE:
        rows = y.reshape(outer, n)
        squares = np.vecdot(rows, rows).reshape(sums.shape)
    else:
        squares = _sums(y * y)
    is_peak = squares > sums * sums * np.asarray(0.5, y.dtype)
    if not np.logical_or.reduce(is_peak, None):
        return (), squares[:0]
    first, _, last = np.nonzero(is_peak)
    rows = y[first, :, last]
    at = rows.argmax(1)
    flat = at + first_places((len(rows),), n, ()).reshape(-1)
    top = rows.reshape(-1).take(flat)
    rows.reshape(-1)[flat] = 0
    return (first, at, last), -np.log1p(row_sums(rows) / top)


def _shifted_log_softmax(x: Array) -> Array:
    y = x - np.maximum.reduce(x, 1, keepdims=True)
    y -= np.log(row_sums(np.exp(y)))[:, None]
    return y


def _logsumexp(x: Array, y: Array) -> None:
    (work,) = scratch((x.shape, x.dtype))
    np.exp(x, out=work)
    sums = _sums(work)
    np.log(sums, out=y)
    if not _tell(sums) < HUGE:
        _again(_shifted_logsumexp, x, sums, y)


def _shifted_logsumexp(x: Array) -> Array:
    top = np.maximum.reduce(x, 1, keepdims=True)
    top[~np.isfinite(top)] = 0
    return np.log(row_sums(np.exp(x - top)))[:, None] + top


def _softmax_back(p: Array, d: Array, y: Array) -> None:
    outer, n, inner = p.shape
    if inner == 1 and n >= WIDE:
        sums = np.vecdot(d.reshape(outer, n), p.reshape(outer, n)).reshape(outer, 1, 1)
    else:
        sums = _sums(np.multiply(d, p, out=y))
    np.subtract(d, sums, out=y)
    y *= p


def _log_softmax_back(z: Array, d: Array, y: Array) -> None:
    np.exp(z, out=y)
    y *= _sums(d)
    np.subtract(d, y, out=y)
