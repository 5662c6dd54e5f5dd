"""Searches: for an element that is not zero, for an extreme one, and for the sorted order."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.kernels.index import first_places
from tinygrad_mnist.kernels.scratch import called_whole

Array = Any  # an ndarray; NumPy's own types say too little to help here
Axis = tuple[int, ...] | None
SHORT = 17  # up to here NumPy sorts by insertion, which is stable
LONG = 512  # elements of lines that a division takes less time for than a sort
SEARCHED, ROUNDS = 32, 4  # in longer lines, so few searches take less time than a sort


def any(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """True where an element along `axis` is not zero."""
    return np.logical_or.reduce(x, axis=axis, keepdims=keepdims)


def all(x: Array, *, axis: Axis = None, keepdims: Any = False) -> Array:
    """True where every element along `axis` is not zero."""
    return np.logical_and.reduce(x, axis=axis, keepdims=keepdims)


def argmax(x: Array, *, axis: int | None = None, keepdims: Any = False) -> Array:
    """The index of the first largest element."""
    return x.argmax(axis, keepdims=keepdims)


def argmin(x: Array, *, axis: int | None = None, keepdims: Any = False) -> Array:
    """The index of the first smallest element."""
    return x.argmin(axis, keepdims=keepdims)


def argsort(x: Array, *, axis: int, descending: bool = False) -> Array:
    """The order that sorts x; equal elements keep their order, NaN is the largest."""
    if not descending:
        return stable_order(x, axis)
    backwards = stable_order(np.flip(x, axis), axis)
    return np.flip(x.shape[axis] - 1 - backwards, axis)


@called_whole
def topmost(x: Array, *, axis: int, count: int, largest: bool) -> Array:
    """The indices of the `count` largest (or smallest) along `axis`, in order; NaN is the largest.

    Which of equal elements come first, and which are left out, is not defined.
    """
    n = x.shape[axis]
    if not count or not x.size:
        return np.zeros((*x.shape[:axis], count, *x.shape[axis + 1 :]), np.int64)
    moved = x if axis == x.ndim - 1 else np.moveaxis(x, axis, -1)
    lines = moved.reshape(-1, n)
    order = None
    if n >= SEARCHED and count <= ROUNDS and largest and x.dtype.kind == "f":
        order = _by_rounds(lines, count)
    if order is None:
        if n < LONG or 2 * count > n:
            order = lines.argsort(-1)
            order = order[:, n - count :][:, ::-1] if largest else order[:, :count]
        else:
            order = _by_partition(lines, count, largest=largest)
    order = order.reshape(*moved.shape[:-1], count)
    return order if moved is x else np.moveaxis(order, -1, axis)


def _by_rounds(lines: Array, count: int) -> Array | None:
    """Find the largest of each line, and of the rest; None where the rest may hold only -inf."""
    order = np.empty((len(lines), count), np.int64)
    first = first_places((len(lines),), lines.shape[1], ()).reshape(-1)
    rest = lines.reshape(-1)
    for turn in range(count):
        at = order[:, turn] = rest.reshape(lines.shape).argmax(1)
        at = at + first
        if turn and np.minimum.reduce(rest.take(at)) == -np.inf:
            return None
        if turn + 1 < count:
            rest = rest if turn else rest.copy()
            rest[at] = -np.inf
    return order


def _by_partition(lines: Array, count: int, *, largest: bool) -> Array:
    """Divide each line at the last one that counts, and sort those alone."""
    n = lines.shape[1]
    part = np.s_[:, n - count :] if largest else np.s_[:, :count]
    some = lines.argpartition(n - count if largest else count - 1, -1)[part]
    order = along(lines, some).argsort(-1)
    return along(some, order[:, ::-1] if largest else order)


def along(lines: Array, order: Array) -> Array:
    """The elements of each line of a matrix at indices in the same row."""
    return lines.reshape(-1).take(order + first_places((len(lines),), lines.shape[1], ()))


def stable_order(x: Array, axis: int) -> Array:
    """The order that sorts x along `axis`, equal elements in their own order.

    NumPy's sort that is not stable takes a seventh of the time of the one that is, so lines of
    floats are sorted again only where two elements are equal. NaN counts as equal to NaN.
    """
    if x.dtype.kind != "f" or x.dtype.itemsize < 4 or x.shape[axis] < SHORT or not x.size:
        return np.argsort(x, axis=axis, stable=True)
    moved = x if axis == x.ndim - 1 else np.moveaxis(x, axis, -1)
    lines = moved.reshape(-1, x.shape[axis])
    order = lines.argsort(-1)
    ranked = along(lines, order)
    tied = np.logical_or.reduce(np.equal(ranked[:, 1:], ranked[:, :-1]), -1)
    tied |= np.isnan(ranked[:, -2])
    if tied.any():
        order[tied] = lines[tied].argsort(-1, stable=True)
    order = order.reshape(moved.shape)
    return order if moved is x else np.moveaxis(order, -1, axis)
