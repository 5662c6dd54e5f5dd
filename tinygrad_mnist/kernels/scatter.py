"""Extremes of the values that go to each element of a vector."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here


def largest_at(x: Array, index: Array, value: Array) -> Array:
    """The largest of each element of x and the values that go to its index; NaN wins."""
    out = np.array(x)
    np.maximum.at(out, index, value)
    return out


def smallest_at(x: Array, index: Array, value: Array) -> Array:
    """The smallest of each element of x and the values that go to its index; NaN wins."""
    out = np.array(x)
    np.minimum.at(out, index, value)
    return out
