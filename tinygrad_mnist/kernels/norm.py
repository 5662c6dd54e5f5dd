"""Standardising: mean zero and deviation one along some axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.sums import in_float32, total

Array = np.ndarray[Any, Any]


@in_float32
def standardize(x: Array, *, axis: tuple[int, ...], eps: float) -> tuple[Array, Array]:
    """(x - mean) r with r = 1 / sqrt(variance + eps) along `axis`; and r, dimensions kept."""
    n = math.prod(x.shape[i] for i in axis) or 1  # of nothing at all, nothing is made
    y = x - total(x, axis, keepdims=True) / n
    r = total(y * y, axis, keepdims=True)
    r /= n
    r += eps
    np.sqrt(r, out=r)
    np.divide(1, r, out=r)
    y *= r
    return y, r


@in_float32
def var(x: Array, *, axis: tuple[int, ...], correction: float, keepdims: Any = False) -> Array:
    """The mean squared distance from the mean along `axis`, over n - correction elements.

    What the mean itself was rounded by is taken out again (Chan, Golub and LeVeque, 1983).
    """
    n = math.prod(x.shape[i] for i in axis)
    d = x - total(x, axis, keepdims=True) / (n or 1)
    rounded = total(d, axis, keepdims=keepdims)
    y: Array = total(d * d, axis, keepdims=keepdims) - rounded * rounded / (n or 1)
    return y / (n - correction if n > correction else 0.0)
