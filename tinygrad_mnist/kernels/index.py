"""Picking elements by index, writing them, and the adjoints of both."""

from __future__ import annotations

import functools
import math
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.buffers import ignoring
from tinygrad_mnist.kernels.checks import OutOfBounds, outside, places_within, rows_within
from tinygrad_mnist.kernels.scratch import begun_with, called_whole, in_place, scratch
from tinygrad_mnist.kernels.sums import ONE_THREAD, shared_ones

Array = Any  # an ndarray; NumPy's own types say too little to help here
Key = tuple[Any, ...]
BYTES_16 = 1 << 15  # the first number that 16 bits do not hold
FEW, WIDE, ROUNDS = 64, 8, 64  # below and above which other ways to add rows take less time
MANY = 1000  # elements from which on a search for those that are not zero has two steps
MARKS = 40_000  # ones and zeros whose product takes less time than to put the indices in order
KEPT = 1 << 15  # numbers of an array that is kept for the next call
BETWEEN = 4  # rows of a sum for each row that is added: from then on most are left alone
EACH = 8  # so many indices can be gone through one by one in the time of a round


def take(x: Array, index: Array) -> Array:
    """The rows x[index], along the first dimension; negative indices count from the end."""
    return x.take(index, 0)


def nonzero(x: Array) -> tuple[Array, ...]:
    """The indices of the elements that are not zero, as of np.nonzero, in one vector per dimension.

    NumPy goes through numbers of several dimensions one by one; a mask in one dimension takes it
    a tenth of the time.
    """
    if x.ndim < 2 or x.size < MANY:
        return np.nonzero(x)
    return np.unravel_index(np.flatnonzero(x != 0), x.shape)


@called_whole
def put(x: Array, index: Array, *, shape: tuple[int, ...], out: Array | None = None) -> Array:
    """The adjoint of take: zeros of `shape` to whose rows `index` the rows of x are added."""
    y = np.zeros(shape, x.dtype) if out is None else out
    if out is not None:
        out[...] = 0
    if index.size < FEW or x.size < WIDE * index.size:
        np.add.at(y, index, x)
        return y
    rows = x.reshape(index.size, -1)
    flat = np.where(index < 0, index + shape[0], index).reshape(-1)
    if shape[0] * index.size <= MARKS and _add_by_product(rows, flat, y):
        return y
    if flat.min() >= -BYTES_16 and flat.max() < BYTES_16:
        flat = flat.astype(np.int16)  # which NumPy sorts by its bytes, in a tenth of the time
    order = flat.argsort(kind="stable")
    ordered = flat[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    counts = np.diff(starts, append=len(order))
    most, targets = counts.max(), y.reshape(shape[0], -1)
    if len(starts) < EACH * most and x.dtype.char in "fd":
        _add_runs(rows, order, [*starts.tolist(), len(order)], ordered[starts], targets)
        return y
    if most > ROUNDS:
        targets[ordered[starts]] = np.add.reduceat(rows.take(order, 0), starts, axis=0)
        return y
    targets[ordered[starts]] = rows.take(order[starts], 0)
    for repeat in range(1, most):  # the first row for each index, the second one, and so on
        some = starts[counts > repeat] + repeat
        targets[ordered[some]] += rows.take(order[some], 0)
    return y


@in_place
@called_whole
def add_rows(x: Array, rows: Array, index: Array, *, out: Array | None = None) -> Array:
    """x with rows added to its rows `index`: x + put(rows), without zeros for those between."""
    y = begun_with(x, out)
    if index.size < FEW:
        np.add.at(y, index, rows)
    elif BETWEEN * rows.size > y.size:
        y += put(rows, index, shape=y.shape)
    else:
        at, number = np.unique(np.where(index < 0, index + len(y), index), return_inverse=True)
        y[at] += put(rows, number.reshape(index.shape), shape=(len(at), *y.shape[1:]))
    return y


def _add_by_product(rows: Array, index: Array, y: Array) -> bool:
    """Write the sums as one product with a matrix of ones and zeros, if these are finite.

    A zero times an infinity is NaN, also in rows that the infinity is not added to.
    """
    if rows.dtype.char not in "fd":
        return False
    (marks,) = scratch(((len(y), len(rows)), rows.dtype))
    marks[...] = 0
    marks[index, np.arange(len(index))] = 1
    with ignoring(over="ignore", invalid="ignore"):
        total = marks.dot(rows)
        flat = total.reshape(-1)
        is_finite = math.isfinite(flat.dot(flat))
    if is_finite:
        y.reshape(total.shape)[...] = total
    return is_finite


def _add_runs(rows: Array, order: Array, bounds: list[int], index: Array, targets: Array) -> None:
    """Write the sum of each run of rows in some order, from bound to bound, into its target.

    By BLAS, but where that would use several threads, whose number decides the last bits.
    """
    ones, most = shared_ones(len(rows), rows.dtype), ONE_THREAD // rows.shape[1]
    (memory,) = scratch((rows.shape, rows.dtype))
    rows = rows.take(order, 0, memory, "clip")
    for row, (start, end) in zip(index.tolist(), pairwise(bounds), strict=True):
        if end - start <= most:
            ones[: end - start].dot(rows[start:end], out=targets[row])
        else:
            np.add.reduce(rows[start:end], 0, out=targets[row])


def gather(x: Array, index: Array, *, axis: int) -> Array:
    """out[i][j] = x[index[i][j]][j] (for axis 0): one element of x along `axis` for each index."""
    return x.reshape(-1).take(flat_indices(index, x.shape, axis))


def flat_indices(index: Array, shape: tuple[int, ...], axis: int) -> Array:
    """The indices in an array of `shape`, in C order, that indices along `axis` mean.

    NumPy picks by one index into memory in a third of the time of one for each dimension.
    """
    places_within(index, shape[axis])
    index = index.astype(np.int64, copy=False)
    lead, inner = shape[:axis], math.prod(shape[axis + 1 :])
    first = first_places(lead, shape[axis] * inner, shape[axis + 1 :])
    return index + first if inner == 1 else index * inner + first


def first_places(lead: tuple[int, ...], step: int, rest: tuple[int, ...]) -> Array:
    """The indices of the first elements of all lines of an array, to be read: (*lead, 1, *rest)."""
    is_small = math.prod(lead) * math.prod(rest) < KEPT
    return (_kept_places if is_small else _first_places)(lead, step, rest)


def _first_places(lead: tuple[int, ...], step: int, rest: tuple[int, ...]) -> Array:
    starts = np.arange(math.prod(lead)).reshape(*lead, 1, *(1 for _ in rest)) * step
    first = starts + np.arange(math.prod(rest)).reshape(1, *rest)
    first.flags.writeable = False
    return first


_kept_places = functools.lru_cache(maxsize=64)(_first_places)


def scatter_add(x: Array, index: Array, *, axis: int, shape: tuple[int, ...]) -> Array:
    """The adjoint of gather: zeros of `shape` to which x is added at `index` along `axis`."""
    out = np.zeros(shape, x.dtype)
    at = flat_indices(index, shape, axis)
    if index.shape[axis] == 1:  # no place comes twice
        out.reshape(-1)[at] = x
    else:
        np.add.at(out.reshape(-1), at.reshape(-1), x.reshape(-1))
    return out


@in_place
@called_whole
def add_gathered(
    x: Array, part: Array, index: Array, *, axis: int, out: Array | None = None
) -> Array:
    """x with `part` added at `index` along `axis`: x + scatter_add(part), without zeros."""
    y = begun_with(x, out)
    if not y.flags.c_contiguous:
        y += scatter_add(part, index, axis=axis, shape=y.shape)
        return y
    at = flat_indices(index, y.shape, axis)
    if index.shape[axis] == 1:  # no place comes twice
        y.reshape(-1)[at] += part
    else:
        np.add.at(y.reshape(-1), at.reshape(-1), part.reshape(-1))
    return y


@in_place
def assign(x: Array, value: Any, *, key: Key, out: Array | None = None) -> Array:
    """x with value at `key` (ints, slices, None and Ellipsis)."""
    y = np.empty_like(x) if key == (...,) and out is None else begun_with(x, out)
    y[key] = value
    return y


@in_place
def assign_view(
    x: Array, value: Any, *, way: Any, order: tuple[int, ...], out: Array | None = None
) -> Array:
    """x with value in the view that the ops of `way` make of x; x's axes in `order` in memory."""
    if (out is None or out is x) and not x.transpose(order).flags.c_contiguous:
        packed = np.empty([x.shape[axis] for axis in order], x.dtype)
        out = packed.transpose(np.argsort(order))
    y = begun_with(x, out)
    view = y[...]
    for op, kw in way:
        view = op.kernel(view, **kw)
    if not view.flags.writeable:
        view.setflags(write=True)
    view[...] = value
    return y


def view_of(x: Array, *, way: Any, order: tuple[int, ...]) -> Array:
    """The view that the ops of `way` make of x: the adjoint of `assign_view` to its value."""
    for op, kw in way:
        x = op.kernel(x, **kw)
    return x


def unview(x: Array, *, way: Any, order: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """The adjoint of view_of: zeros of `shape` with x in that view."""
    return assign_view(np.zeros(shape, x.dtype), x, way=way, order=order)


def assign_at(x: Array, index: Array, value: Any) -> Array:
    """x with its rows `index` replaced by those of value; of equal indices the last one wins."""
    out = np.array(x)
    out[index] = value
    return out


@called_whole
def flat_index(*index: Array, shape: tuple[int, ...]) -> Array:
    """Make one index into flattened memory of one index per dimension; negative ones wrap."""
    flat: Any = 0
    for dim, (i, n) in enumerate(zip(index, shape, strict=True)):
        i = np.asarray(i)
        if outside(i, n):
            bad = i[(i < -n) | (i >= n)]
            if bad.size:
                raise OutOfBounds(
                    f"index {bad[0]} is out of bounds for dimension {dim} with size {n}"
                )
            i = np.where(i < 0, i + n, i)
        flat = flat * n + i if dim else i
    return np.asarray(flat)


def within(index: Array, *, count: int) -> Array:
    """The index, of which no element is negative or beyond the last of `count` places."""
    places_within(index, count)
    return np.positive(index)  # a result of its own: a tape passes over a call that did nothing


def embed(w: Array, index: Array) -> Array:
    """The rows w[index]; indices count from the front alone."""
    rows_within(index, len(w))
    return w.take(index, axis=0)
