"""Random arrays: kernels without array arguments, drawn afresh at each call."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here
Shape = tuple[int, ...]


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


def dropout_mask(*, shape: tuple[int, ...], p: float, dtype: Any, rng: Any) -> Array:
    """0 with probability p, else 1 / (1 - p); drawn afresh at each call."""
    count = math.prod(shape)
    if (float(p) * 256).is_integer():  # a byte per element is exact, in a fifth of the time
        words = rng.integers(0, 2**64, size=-(-count // 8), dtype=np.uint64)
        keep = words.view(np.uint8)[:count].reshape(shape) >= int(p * 256)
    else:
        keep = rng.random(shape, np.float32) >= p
    return np.multiply(keep, 1 / (1 - p) if p < 1 else 0.0, dtype=dtype)


def gammas(a: Array, *, rng: Any) -> Array:
    """Gamma distributed, of shape a and rate 1; positive even where that underflows."""
    drawn = np.asarray(rng.standard_gamma(a.astype(np.float64)))
    return np.maximum(drawn, np.finfo(a.dtype).tiny).astype(a.dtype)


def poissons(rate: Array, *, rng: Any) -> Array:
    """Poisson distributed counts, as floats."""
    return np.asarray(rng.poisson(rate)).astype(rate.dtype)


def binomials(count: Array, p: Array, *, rng: Any) -> Array:
    """Binomially distributed counts, as floats."""
    return np.asarray(rng.binomial(count.astype(np.int64), p)).astype(p.dtype)


def categories(p: Array, *, count: int, rng: Any) -> Array:
    """`count` indices for each row of probabilities, by its running sums."""
    sums = p.cumsum(-1, np.float64)
    drawn = rng.random((count, len(p))) * sums[:, -1]
    if len(p) == 1:
        index = sums[0].searchsorted(drawn, "right")
    elif len(p) <= count:
        each = [np.searchsorted(row, drawn[:, i], "right") for i, row in enumerate(sums)]
        index = np.stack(each, -1) if each else np.zeros((count, 0), np.int64)
    else:
        index = np.sum(drawn[..., None] >= sums, -1)
    last = p.shape[-1] - 1 - (p[:, ::-1] > 0).argmax(-1)  # rounding may lead past the end
    return np.minimum(index, last).astype(np.int64)
