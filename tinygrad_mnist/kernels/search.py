"""Searches: for an element that is not zero, for an extreme one, and for the sorted order."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here
Axis = tuple[int, ...] | None


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
        return np.argsort(x, axis=axis, stable=True)
    backwards = np.argsort(np.flip(x, axis), axis=axis, stable=True)
    return np.flip(x.shape[axis] - 1 - backwards, axis)
