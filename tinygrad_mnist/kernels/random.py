"""Random and constant arrays: kernels without array arguments, drawn afresh at each call."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here
Shape = tuple[int, ...]


def full(*, shape: Shape, value: Any, dtype: Any) -> Array:
    """`value` everywhere."""
    return np.full(shape, value, dtype)


def uniform(*, shape: Shape, dtype: Any, rng: Any) -> Array:
    """Uniform on [0, 1)."""
    if dtype in (np.float32, np.float64):
        return np.asarray(rng.random(shape, dtype))
    return np.asarray(rng.random(shape, np.float32)).astype(dtype)


def normal(*, shape: Shape, dtype: Any, rng: Any) -> Array:
    """Standard normal."""
    if dtype in (np.float32, np.float64):
        return np.asarray(rng.standard_normal(shape, dtype))
    return np.asarray(rng.standard_normal(shape, np.float32)).astype(dtype)


def integers(*, low: int, high: int, shape: Shape, dtype: Any, rng: Any) -> Array:
    """Uniform on low, low + 1, ..., high - 1."""
    return np.asarray(rng.integers(low, high, shape)).astype(dtype)


def permutation(*, n: int, rng: Any) -> Array:
    """0, 1, ..., n - 1 in random order."""
    return np.asarray(rng.permutation(n), np.int64)
