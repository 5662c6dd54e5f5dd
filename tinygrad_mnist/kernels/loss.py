"""Losses that are one kernel, because their pieces would overflow or divide by zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.kernels.sums import in_float32

Array = Any  # an ndarray; NumPy's own types say too little to help here


@in_float32
def bce_of_p(p: Array, t: Array) -> Array:
    """-(t log p + (1 - t) log(1 - p)) for probabilities p, each logarithm at least -100."""
    if p.size and not (p.min() >= 0 and p.max() <= 1):  # NaN is refused as well
        raise ValueError("all elements of input should be between 0 and 1")
    with np.errstate(divide="ignore"):
        log_p = np.maximum(np.log(p), -100)
        log_q = np.maximum(np.log1p(-p), -100)
    return (t - 1) * log_q - t * log_p


def one_hot(t: Array, *, count: int) -> Array:
    """int64 rows of `count` zeros with a one at each index in t."""
    if t.size and (t.min() < 0 or t.max() >= count):
        raise ValueError(f"class values must be from 0 to {count - 1}, not {t.min()} to {t.max()}")
    return (t[..., None] == np.arange(count)).astype(np.int64)
