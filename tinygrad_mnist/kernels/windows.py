"""Windows over the last axes, side by side or overlapping, laid out in memory; their adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

Array = Any  # an ndarray; NumPy's own types say too little to help here
Sizes = tuple[int, ...]


def fitting(length: int, size: int, step: int, gap: int) -> int:
    """Return how many windows of `size` elements, `gap` apart, fit into `length`."""
    return (length - gap * (size - 1) - 1) // step + 1


def windows(x: Array, *, size: Sizes, step: Sizes, gap: Sizes) -> Array:
    """x (..., n1, n2) as (..., k1, k2, m1, m2): element p of window i is x[i * step + p * gap]."""
    lead = x.ndim - len(size)
    lengths = zip(x.shape[lead:], size, step, gap, strict=True)
    number = tuple(fitting(*sizes) for sizes in lengths)
    inside = tuple(n * g for n, g in zip(x.strides[lead:], gap, strict=True))
    across = tuple(n * s for n, s in zip(x.strides[lead:], step, strict=True))
    view = as_strided(
        x, (*x.shape[:lead], *size, *number), (*x.strides[:lead], *inside, *across), writeable=False
    )
    return np.array(view, order="C")


def unwindows(d: Array, *, shape: Sizes, step: Sizes, gap: Sizes) -> Array:
    """The adjoint of windows: each element gets the sum over the windows that hold it."""
    count = len(shape)
    lead, size, number = d.shape[: -2 * count], d.shape[-2 * count : -count], d.shape[-count:]
    out = np.zeros((*lead, *shape), d.dtype)
    if not d.size:
        return out
    for position in np.ndindex(*size):
        key: Any = tuple(
            np.s_[p * g : p * g + (m - 1) * s + 1 : s]
            for p, g, m, s in zip(position, gap, number, step, strict=True)
        )
        out[(..., *key)] += d[(*(np.s_[:],) * len(lead), *position)]
    return out
