"""Activations whose derivative is a step, and dropout's mask."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.elementwise import kept

Array = Any  # an ndarray; NumPy's own types say too little to help here


def slopes(x: Array, *, slope: float) -> Array:
    """1 where x > 0, else `slope`, in x's dtype: the derivative of a leaky relu."""
    steps: Array = (x > 0) * np.asarray(1.0 - slope, x.dtype)
    steps += np.asarray(slope, x.dtype)
    return steps


def clip(x: Array, *, low: float, high: float) -> Array:
    """x, moved into [low, high]; integers stay integers."""
    if x.dtype.kind != "f":
        low, high = int(low), int(high)
    return np.clip(x, low, high)


def inside(d: Array, x: Array, *, low: float, high: float) -> Array:
    """d where low < x < high, else 0."""
    return kept(d, (x > low) & (x < high))


def dropout_mask(*, shape: tuple[int, ...], p: float, dtype: Any, rng: Any) -> Array:
    """0 with probability p, else 1 / (1 - p); drawn afresh at each call."""
    count = math.prod(shape)
    if (float(p) * 256).is_integer():  # one byte an element decides exactly, at a fifth of the time
        words = rng.integers(0, 2**64, size=-(-count // 8), dtype=np.uint64)
        keep = words.view(np.uint8)[:count].reshape(shape) >= int(p * 256)
    else:
        keep = rng.random(shape, np.float32) >= p
    return np.multiply(keep, 1 / (1 - p) if p < 1 else 0.0, dtype=dtype)
