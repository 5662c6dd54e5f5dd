"""Arrays made of settings, or of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here


def full(*, shape: tuple[int, ...], value: Any, dtype: Any) -> Array:
    """`value` everywhere."""
    if type(value) is int and not value:
        return np.zeros(shape, dtype)
    y = np.empty(shape, dtype)
    np.copyto(y, value, "unsafe")
    return y


def one_hot(t: Array, *, count: int) -> Array:
    """int64 rows of `count` zeros with a one at each index in t."""
    if t.size and (t.min() < 0 or t.max() >= count):
        raise ValueError(f"class values must be from 0 to {count - 1}, not {t.min()} to {t.max()}")
    return (t[..., None] == np.arange(count)).astype(np.int64)
