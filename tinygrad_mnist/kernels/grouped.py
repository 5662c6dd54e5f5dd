"""Convolutions in groups of few channels, as ones in fewer groups of more.

Products with few columns take the BLAS many times as long for each multiplication. So some groups
become one, whose weights for each other's channels are zeros. That is exact but for an infinity or
a NaN, which times zero is NaN: where a result is not finite, `conv.py` goes through the groups one
by one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here
WIDTH = 32  # channels of a group: from then on products take no less time for each multiplication


def groups_in_one(groups: int, inputs: int, outputs: int) -> int:
    """Return how many groups of so many channels to make one: a divisor of their number."""
    most = min(groups, WIDTH // max(1, min(inputs, outputs)))
    return next((count for count in range(most, 1, -1) if groups % count == 0), 1)


def joined(w: Array, groups: int, count: int) -> Array:
    """Return weights of `groups`, (out, in / groups, ...), for `count` of them in each group."""
    outputs, inputs = len(w) // groups, w.shape[1]
    wide = np.zeros((groups // count, count, outputs, count, inputs, *w.shape[2:]), w.dtype)
    each = np.arange(count)
    wide[:, each, :, each] = np.moveaxis(
        w.reshape(groups // count, count, outputs, inputs, *w.shape[2:]), 1, 0
    )
    return wide.reshape(len(w), count * inputs, *w.shape[2:])


def taken_apart(wide: Array, groups: int, count: int) -> Array:
    """Return the weights that `joined` puts into weights of that many zeros."""
    outputs, inputs = len(wide) // groups, wide.shape[1] // count
    apart = wide.reshape(groups // count, count, outputs, count, inputs, *wide.shape[2:])
    each = np.arange(count)
    blocks = np.moveaxis(apart[:, each, :, each], 0, 1)
    return np.ascontiguousarray(blocks).reshape(len(wide), inputs, *wide.shape[2:])


def is_finite(y: Array) -> bool:
    """Tell whether all numbers are finite, and not nearly too large."""
    return math.isfinite(np.add.reduce(y, axis=None))
