"""Standardising: mean zero and deviation one along some axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def standardize(x: Array, *, axis: tuple[int, ...], eps: float) -> tuple[Array, Array]:
    """(x - mean) r with r = 1 / sqrt(variance + eps) along `axis`; and r, dimensions kept."""
    n = math.prod(x.shape[i] for i in axis) or 1  # of nothing at all, nothing is made
    y = x - np.add.reduce(x, axis=axis, keepdims=True) / n
    r = np.add.reduce(y * y, axis=axis, keepdims=True)
    r /= n
    r += eps
    np.sqrt(r, out=r)
    np.divide(1, r, out=r)
    y *= r
    return y, r
