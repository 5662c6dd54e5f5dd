"""Steps, whose derivatives are zero or one almost everywhere, and these derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

# np.clip without its Python wrapper
from numpy._core.umath import clip as clip_ufunc  # type: ignore[attr-defined]

from tinygrad_mnist.kernels.elementwise import (
    I8,
    INTEGER,
    block_by_block,
    like_ufuncs,
    masked,
    masked_by_bools,
    single,
)

Array = Any  # an ndarray; NumPy's own types say too little to help here


def clip(x: Array, *, low: float | None, high: float | None) -> Array:
    """x, moved into [low, high]; integers stay integers."""
    if x.dtype.kind in "iu":
        low, high = (bound if bound is None else int(bound) for bound in (low, high))
    if x.dtype.kind == "f":  # what NumPy's function calls, in half its time for a small array
        if low is not None:
            return np.maximum(x, low) if high is None else clip_ufunc(x, low, high)
        if high is not None:
            return np.minimum(x, high)
    return np.clip(x, low, high)


@like_ufuncs
def heaviside(x: Array, values: Array) -> Array:
    """Zero where x < 0, `values` where x is 0, and 1 beyond. Integers stay integers."""
    dtype = np.result_type(x, values)
    return np.asarray(np.where(np.equal(x, 0), values, np.greater(x, 0)), dtype)


def between(d: Array, x: Array, *, low: float | None, high: float | None) -> Array:
    """d where low <= x <= high, else 0."""
    if low is None or high is None:
        return masked_by_bools(d, x >= low if high is None else x <= high)
    return masked_by_bools(d, (x >= low) & (x <= high))


def strictly_between(d: Array, x: Array, *, low: float, high: float) -> Array:
    """d where low < x < high, else 0."""
    return masked_by_bools(d, (x > low) & (x < high))


@block_by_block
def softshrink(x: Array, *, bound: float, out: Array | None = None) -> Array:
    """x, moved towards zero by `bound`, and no further."""
    letter = x.dtype.char
    return np.subtract(x, clip_ufunc(x, single(-bound, letter), single(bound, letter)), out)


def beyond(d: Array, x: Array, *, bound: float) -> Array:
    """d where |x| > bound (or NaN), else 0."""
    mask = np.less_equal(np.absolute(x), single(bound, x.dtype.char)).view(np.int8)
    return masked(d, np.subtract(mask, I8))


def share_of_max(d: Array, a: Array, b: Array) -> Array:
    """0 where a < b, half of d where they tie, else d: how PyTorch shares a tie, or a NaN."""
    half = 1 - np.equal(a, b).astype(d.dtype) * d.dtype.type(0.5)
    return masked(d * half, np.subtract(np.less(a, b).view(np.int8), I8))


def nothing(d: Array) -> Array:
    """Zeros in the shape of d, even where d is NaN or infinite."""
    bits = INTEGER[d.dtype.char]
    return np.bitwise_and(d.view(bits), bits.type(0)).view(d.dtype)
