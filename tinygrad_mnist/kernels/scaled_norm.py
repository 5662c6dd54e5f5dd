"""Layer norm, forward and backward, some rows at a time.

Each block of rows is small enough that all its steps find it in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.scratch import called_whole, scratch
from tinygrad_mnist.kernels.sums import shared_ones

Array = np.ndarray[Any, Any]
BLOCK = 1 << 15  # elements at a time


@called_whole
def layer_norm(
    x: Array,
    w: Array | None = None,
    b: Array | None = None,
    *,
    eps: float,
    size: int,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """(x - mean) r w + b over the last `size` elements, with r = 1 / sqrt(variance + eps).

    Returns mean and r, too: (rows, 2).
    """
    y, moments = out or (np.empty(x.shape, x.dtype), np.empty((x.size // size, 2), x.dtype))
    rows, y_rows, ones = _rows(x, size), y.reshape(-1, size), shared_ones(size, x.dtype)
    for block in _blocks(len(rows), size):
        part, mean, r = y_rows[block], moments[block, :1], moments[block, 1:]
        mean[:, 0] = rows[block].dot(ones)
        mean /= size
        np.subtract(rows[block], mean, out=part)
        r[:, 0] = np.vecdot(part, part)
        r /= size
        r += eps
        np.sqrt(r, out=r)
        np.divide(1, r, out=r)
        part *= r
        if w is not None:
            part *= w.reshape(-1)
        if b is not None:
            part += b.reshape(-1)
    return y, moments


@called_whole
def layer_norm_back(
    d: Array, x: Array, moments: Array, w: Array | None = None, *, size: int,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The gradients of x, of w and of b, one behind the other."""
    whole = np.empty(x.size + 2 * size, x.dtype) if out is None else out
    dx, sums = whole[: x.size].reshape(-1, size), np.zeros((2, size), np.float64)
    rows, d_rows, ones = _rows(x, size), _rows(d, size), shared_ones(size, x.dtype)
    weight = 1 if w is None else w.reshape(-1)
    for block in _blocks(len(rows), size):
        count = len(rows[block])
        (part,) = scratch(((count, size), x.dtype))
        mean, r, own, slope = moments[block, :1], moments[block, 1:], d_rows[block], dx[block]
        np.subtract(rows[block], mean, out=part)
        part *= r
        np.multiply(own, part, out=slope)
        down = shared_ones(count, x.dtype)
        sums[0] += down.dot(slope)
        sums[1] += down.dot(own)
        np.multiply(own, weight, out=slope)
        part *= (np.vecdot(slope, part) / size)[:, None]
        part += (slope.dot(ones) / size)[:, None]
        slope -= part
        slope *= r
    whole[x.size :] = sums.reshape(-1)
    return whole


def _rows(x: Array, size: int) -> Array:
    return np.ascontiguousarray(x).reshape(-1, size)


def _blocks(count: int, size: int) -> Iterator[slice]:
    step = max(1, BLOCK // max(1, size))
    for start in range(0, count, step):
        yield slice(start, start + step)
