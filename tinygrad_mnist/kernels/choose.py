"""Choosing among elements, and casting them."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # an ndarray or a Python number; NumPy's own types say too little to help here


def where(c: Array, a: Array, b: Array) -> Array:
    """a where c holds, else b."""
    return np.where(c, a, b)


def cast(x: Array, *, dtype: Any) -> Array:
    """x in another dtype, always in new memory."""
    return x.astype(dtype)
