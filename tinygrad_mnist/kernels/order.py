"""Order statistics: running extremes, medians, modes, searches in sorted rows, histograms."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.kernels.search import stable_order

Array = Any  # an ndarray; NumPy's own types say too little to help here


def cumargmax(x: Array, *, axis: int) -> Array:
    """The index of the largest so far along `axis`, the last of equals; a NaN stays."""
    return _last(x, np.maximum.accumulate(x, axis), axis)


def cumargmin(x: Array, *, axis: int) -> Array:
    """The index of the smallest so far along `axis`, the last of equals; a NaN stays."""
    return _last(x, np.minimum.accumulate(x, axis), axis)


def _last(x: Array, top: Array, axis: int) -> Array:
    """Return the last index, up to each one, at which x equals its running extreme."""
    same = x == top
    if x.dtype.kind == "f":
        same |= np.isnan(x) & np.isnan(top)
    indices = np.arange(x.shape[axis]).reshape(-1, *(1,) * (x.ndim - axis - 1))
    return np.maximum.accumulate(np.where(same, indices, 0), axis)


def middle(x: Array, *, axis: int, nan: bool) -> Array:
    """The index of each row's lower median along `axis`; with `nan`, of its first NaN."""
    order = stable_order(x, axis)
    if x.dtype.kind != "f":
        return order.take([(x.shape[axis] - 1) // 2], axis)
    lacking = np.isnan(x)
    count = x.shape[axis] - lacking.sum(axis, keepdims=True)
    index = np.take_along_axis(order, np.maximum(count - 1, 0) // 2, axis)
    if not nan:
        return index
    return np.where(count < x.shape[axis], lacking.argmax(axis, keepdims=True), index)


def median(x: Array) -> Array:
    """The lower median of all elements; NaN wins."""
    return _middle_of(x.reshape(-1), nan=True)


def nanmedian(x: Array) -> Array:
    """The lower median of the elements that are not NaN; NaN if all are."""
    return _middle_of(x.reshape(-1), nan=False)


def _middle_of(x: Array, nan: bool) -> Array:
    if not x.size:
        if x.dtype.kind != "f":
            raise ValueError("the median of no integers is no number")
        return np.full((), np.nan, x.dtype)
    if x.dtype.kind == "f":
        lacking = np.isnan(x)
        if lacking.any():
            if nan or lacking.all():
                return np.full((), np.nan, x.dtype)
            x = x[~lacking]
    k = (x.size - 1) // 2
    return np.partition(x, k)[k]


def mode(x: Array, *, axis: int) -> Array:
    """The last index of each row's commonest element along `axis`; of ties, the smallest's."""
    order = stable_order(x, axis)
    ranked = np.moveaxis(np.take_along_axis(x, order, axis), axis, -1)
    indices = np.arange(ranked.shape[-1])
    begins = np.ones(ranked.shape, bool)
    begins[..., 1:] = ranked[..., 1:] != ranked[..., :-1]
    run = indices - np.maximum.accumulate(np.where(begins, indices, 0), -1)
    end = np.expand_dims(run.argmax(-1), axis)  # of the first of the longest runs
    return np.take_along_axis(order, end, axis)


def searchsorted(edges: Array, x: Array, *, right: bool) -> Array:
    """The index of the sorted edge before which x belongs: in one row, or for each row its own."""
    side: Any = "right" if right else "left"
    if edges.ndim == 1:
        return np.asarray(np.searchsorted(edges, x, side), np.int64)
    out = np.zeros(x.shape, np.int64)
    for at in np.ndindex(x.shape[:-1]):
        out[at] = np.searchsorted(edges[at], x[at], side)
    return out


def histogram(x: Array, *, bins: int, low: float, high: float) -> Array:
    """The number of elements in each of `bins` equal parts of [low, high], in the dtype of x."""
    x = x.reshape(-1)
    x = x[(x >= low) & (x <= high)]
    bin_of = ((x - low) * (bins / (high - low))).astype(np.int64)
    return np.bincount(np.minimum(bin_of, bins - 1), minlength=bins).astype(x.dtype)
