"""Where elements stand in their order: running extremes, middles, the commonest, places, counts."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here


def cumargmax(x: Array, *, axis: int) -> Array:
    """Where the largest so far is along `axis`, the last of its equals; a NaN stays."""
    return _last(x, np.maximum.accumulate(x, axis), axis)


def cumargmin(x: Array, *, axis: int) -> Array:
    """Where the smallest so far is along `axis`, the last of its equals; a NaN stays."""
    return _last(x, np.minimum.accumulate(x, axis), axis)


def _last(x: Array, top: Array, axis: int) -> Array:
    """The last place up to each one where x equals its running extreme."""
    same = x == top
    if x.dtype.kind == "f":
        same |= np.isnan(x) & np.isnan(top)
    places = np.arange(x.shape[axis]).reshape(-1, *(1,) * (x.ndim - axis - 1))
    return np.maximum.accumulate(np.where(same, places, 0), axis)


def middle(x: Array, *, axis: int, nan: bool) -> Array:
    """Where the lower middle of each row along `axis` is; with `nan`, where its first NaN is."""
    order = np.argsort(x, axis=axis, stable=True)
    if x.dtype.kind != "f":
        return order.take([(x.shape[axis] - 1) // 2], axis)
    lacking = np.isnan(x)
    count = x.shape[axis] - lacking.sum(axis, keepdims=True)
    place = np.take_along_axis(order, np.maximum(count - 1, 0) // 2, axis)
    if not nan:
        return place
    return np.where(count < x.shape[axis], lacking.argmax(axis, keepdims=True), place)


def median(x: Array) -> Array:
    """The lower middle of all elements; NaN wins."""
    return _middle_of(x.reshape(-1), nan=True)


def nanmedian(x: Array) -> Array:
    """The lower middle of what is not NaN; NaN where there is nothing else."""
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
    """Where the last of the commonest element of each row along `axis` is, the smallest of ties."""
    order = np.argsort(x, axis=axis, stable=True)
    ranked = np.moveaxis(np.take_along_axis(x, order, axis), axis, -1)
    places = np.arange(ranked.shape[-1])
    begins = np.ones(ranked.shape, bool)
    begins[..., 1:] = ranked[..., 1:] != ranked[..., :-1]
    run = places - np.maximum.accumulate(np.where(begins, places, 0), -1)
    end = np.expand_dims(run.argmax(-1), axis)  # of the first of the longest runs
    return np.take_along_axis(order, end, axis)


def searchsorted(edges: Array, x: Array, *, right: bool) -> Array:
    """Before which of the sorted edges x would stand: in one row, or each row in its own."""
    side: Any = "right" if right else "left"
    if edges.ndim == 1:
        return np.asarray(np.searchsorted(edges, x, side), np.int64)
    out = np.zeros(x.shape, np.int64)
    for at in np.ndindex(x.shape[:-1]):
        out[at] = np.searchsorted(edges[at], x[at], side)
    return out


def histogram(x: Array, *, bins: int, low: float, high: float) -> Array:
    """How many elements lie in each of `bins` equal parts of [low, high], in the dtype of x."""
    x = x.reshape(-1)
    x = x[(x >= low) & (x <= high)]
    place = ((x - low) * (bins / (high - low))).astype(np.int64)
    return np.bincount(np.minimum(place, bins - 1), minlength=bins).astype(x.dtype)
