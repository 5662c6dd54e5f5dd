"""Distances of each row of one matrix to each row of another, and sums of differences.

By products, as |x|^2 + |y|^2 - 2 x y, which takes a hundredth of the time of all differences. What
is left of it where rows lie close together is rounding; those few pairs are compared directly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.blocks import cut, in_blocks
from tinygrad_mnist.kernels.buffers import ignoring
from tinygrad_mnist.kernels.reduce import length
from tinygrad_mnist.kernels.scratch import called_whole, scratch
from tinygrad_mnist.kernels.sums import shared_ones, total

Array = Any  # an ndarray; NumPy's own types say too little to help here
BLOCK = 1 << 16  # elements of differences at a time: they stay in the cache
STACKS = 1 << 17  # elements of all matrices of a part of a stack
CALLS = 64  # a product counts as so many calls on each element
CLOSE = 1 / 64  # of the squared lengths: of smaller squares, products leave a few digits only


@called_whole
def distances(a: Array, b: Array, *, by_product: bool = False, out: Array | None = None) -> Array:
    """The distance of each row of a (..., n, c) to each row of b (..., m, c): (..., n, m)."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = np.empty((*lead, a.shape[-2], b.shape[-2]), a.dtype) if out is None else out
    if not by_product:
        _compare(a, b, y)
        return y
    a, b = _stack(a, lead), _stack(b, lead)
    near = np.empty((len(a), *y.shape[-2:]), np.bool_)
    squares = y.reshape(near.shape)
    with ignoring(over="ignore", invalid="ignore"):
        _in_stacks(_by_product, a, b, squares, near)
    if y is not squares and not np.may_share_memory(y, squares):
        y[...] = squares.reshape(y.shape)
    at = np.flatnonzero(near)
    if at.size:
        _compare_some(a, b, at, y)
    return y


def _stack(x: Array, lead: tuple[int, ...]) -> Array:
    """Return matrices as one stack, whose leading dimensions are broadcast."""
    shape = x.shape[-2:]
    x = x if x.shape[:-2] == lead else np.broadcast_to(x, (*lead, *shape))
    return x.reshape(math.prod(lead), *shape)


def _in_stacks(work: Callable[..., None], *stacks: Array) -> None:
    """Call `work` with some matrices of each stack at a time."""
    n, m, c = stacks[0].shape[1], stacks[1].shape[1], stacks[0].shape[2]
    parts = cut(len(stacks[0]), n * c + m * c + n * m, calls=CALLS, block=STACKS)
    in_blocks(lambda _, at: work(*[x[at] for x in stacks]), parts)


def _by_product(a: Array, b: Array, y: Array, near: Array) -> None:
    """Write the distances into y, and which ones are to be computed from differences.

    The squared lengths are added by the product as well, by two more columns.
    """
    (k, n, c), m = a.shape, b.shape[1]
    rows, columns = scratch(((k, n, c + 2), a.dtype), ((k, m, c + 2), a.dtype))
    centre = total(b, (1,), keepdims=True) / max(1, m)
    for x, to, column in ((a, rows, c), (b, columns, c + 1)):
        some = np.subtract(x, centre, out=to[..., :c])
        np.vecdot(some, some, out=to[..., column])
    columns[..., c] = 1
    rows[..., c + 1] = 1
    rows[..., :c] *= np.asarray(-2, a.dtype)
    np.matmul(rows, columns.mT, out=y)
    most = np.maximum.reduce(columns[..., c + 1], -1, initial=0).reshape(k, 1, 1)
    np.greater(y, (rows[..., c, None] + most) * np.asarray(CLOSE, a.dtype), out=near)
    np.logical_not(near, out=near)  # of NaN and infinity, too, nothing is greater
    np.sqrt(y, out=y)


def _compare(a: Array, b: Array, y: Array) -> None:
    """Write the distances into y by way of the differences, some rows at a time."""
    lead, (n, m), c = y.shape[:-2], y.shape[-2:], a.shape[-1]
    if y.size * c <= BLOCK:
        y[...] = length(a[..., :, None, :] - b[..., None, :, :], axis=(y.ndim,))
        return
    a, b = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (a, b))
    if lead:
        for at in np.ndindex(lead):
            _compare(a[at], b[at], y[at])
        return
    step = max(1, BLOCK // max(1, m * c))
    for start in range(0, n, step):
        some = np.s_[start : start + step]
        y[some] = length(a[some, None, :] - b, axis=(2,))


def _compare_some(a: Array, b: Array, at: Array, y: Array) -> None:
    """Write the distances at some places of y, in C order, by way of the differences."""
    n, m, c = a.shape[1], b.shape[1], a.shape[2]
    a, b = a.reshape(len(a) * n, c), b.reshape(len(b) * m, c)
    row, column = np.divmod(at, m)
    column += row // n * m
    step = max(1, BLOCK // max(1, c))
    for start in range(0, len(at), step):
        some = np.s_[start : start + step]
        d = length(a.take(row[some], 0) - b.take(column[some], 0), axis=(1,))
        np.put(y, at[some], d)


@called_whole
def pull(
    r: Array, a: Array, b: Array, *, by_product: bool = False, out: Array | None = None
) -> Array:
    """The sum over j of r[..., i, j] (a[..., i, :] - b[..., j, :]): (..., n, c)."""
    lead = np.broadcast_shapes(r.shape[:-2], a.shape[:-2], b.shape[:-2])
    y = np.empty((*lead, *a.shape[-2:]), a.dtype) if out is None else out
    if not by_product:
        _pull_each(r, a, b, y)
        return y
    a, b, r = (_stack(x, lead) for x in (a, b, r))
    pulled = y.reshape(a.shape)
    _in_stacks(_pull, a, b, r, pulled)
    if y is not pulled and not np.may_share_memory(y, pulled):
        y[...] = pulled.reshape(y.shape)
    return y


def _pull(a: Array, b: Array, r: Array, y: Array) -> None:
    """Do `pull` by way of a product, from the middle of b: it takes digits off large numbers."""
    shares, work = scratch((b.shape, b.dtype), (a.shape, a.dtype))
    centre = total(b, (1,), keepdims=True) / max(1, b.shape[1])
    np.matmul(r, np.subtract(centre, b, out=shares), out=y)
    np.subtract(a, centre, out=work)
    work *= np.matmul(r, shared_ones(b.shape[1], r.dtype))[..., None]
    y += work


def _pull_each(r: Array, a: Array, b: Array, y: Array) -> None:
    """Do `pull` by way of all differences, some matrices at a time."""
    lead, m = y.shape[:-2], b.shape[-2]
    if not lead or y.size * m <= BLOCK:
        differences = a[..., :, None, :] - b[..., None, :, :]
        np.matmul(r[..., None, :], differences, out=y[..., None, :])
        return
    r, a, b = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (r, a, b))
    for at in np.ndindex(lead):
        _pull_each(r[at], a[at], b[at], y[at])
