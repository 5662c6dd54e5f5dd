"""Standardising: mean zero and deviation one along some axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.sums import in_float32, total

Array = np.ndarray[Any, Any]


@in_float32
def standardize(x: Array, *, axis: tuple[int, ...], eps: float) -> tuple[Array, Array]:
    """(x - mean) r with r = 1 / sqrt(variance + eps) along `axis`; and r, with dimensions kept."""
    n = math.prod(x.shape[i] for i in axis) or 1  # an empty input gives an empty output
    y = x - total(x, axis, keepdims=True) / n
    r = total(y * y, axis, keepdims=True)
    r /= n
    r += eps
    np.sqrt(r, out=r)
    np.divide(1, r, out=r)
    y *= r
    return y, r
