"""Extremes in the places of a vector, to each of which several values may go."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here


def largest_at(x: Array, index: Array, value: Array) -> Array:
    """x, or the largest of it and the values that go to its place; NaN wins."""
    out = np.array(x)
    np.maximum.at(out, index, value)
    return out


def smallest_at(x: Array, index: Array, value: Array) -> Array:
    """x, or the smallest of it and the values that go to its place; NaN wins."""
    out = np.array(x)
    np.minimum.at(out, index, value)
    return out
