"""Layer norm, forward and backward, some rows at a time.

Each block of rows is small enough that all its steps find it in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.buffers import RowBuffer
from tinygrad_mnist.kernels.scratch import called_whole, scratch
from tinygrad_mnist.kernels.sums import shared_ones

Array = np.ndarray[Any, Any]
BLOCK = 1 << 17  # elements at a time


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
    rows, y_rows = _rows(x, size), y.reshape(-1, size)
    with RowBuffer(size):
        for block in _blocks(len(rows), size):
            _normalize(rows[block], w, b, eps, y_rows[block], moments[block])
    return y, moments


def _normalize(
    x: Array, w: Array | None, b: Array | None, eps: float, y: Array, moments: Array
) -> None:
    """Do `layer_norm` for some rows."""
    size, mean, r = x.shape[1], moments[:, :1], moments[:, 1:]
    mean[:, 0] = x.dot(shared_ones(size, x.dtype))
    mean /= size
    np.subtract(x, mean, out=y)
    r[:, 0] = np.vecdot(y, y)
    r /= size
    r += eps
    np.sqrt(r, out=r)
    np.divide(1, r, out=r)
    y *= r
    if w is not None:
        y *= w.reshape(-1)
    if b is not None:
        y += b.reshape(-1)


@called_whole
def layer_norm_back(
    d: Array, x: Array, moments: Array, w: Array | None = None, *, size: int,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The gradients of x, of w and of b, one behind the other."""
    whole = np.empty(x.size + 2 * size, x.dtype) if out is None else out
    dx, sums = whole[: x.size].reshape(-1, size), np.zeros((2, size), np.float64)
    rows, d_rows = _rows(x, size), _rows(d, size)
    w = shared_ones(size, x.dtype) if w is None else w.reshape(-1)
    with RowBuffer(size):
        for block in _blocks(len(rows), size):
            sums += _norm_slopes(d_rows[block], rows[block], moments[block], w, dx[block])
    whole[x.size :] = sums.reshape(-1)
    return whole


def _norm_slopes(d: Array, x: Array, moments: Array, w: Array, dx: Array) -> tuple[Array, Array]:
    """Write the gradient of some rows of x; return their parts of the gradients of w and b."""
    count, size = x.shape
    mean, r = moments[:, :1], moments[:, 1:]
    (part,) = scratch(((count, size), x.dtype))
    np.subtract(x, mean, out=part)
    np.multiply(d, part, out=dx)
    dw, db = r[:, 0].dot(dx), shared_ones(count, x.dtype).dot(d)
    part *= dx.dot(w).reshape(-1, 1) * (r * r / size)
    part += d.dot(w).reshape(-1, 1) / size
    np.multiply(d, w, out=dx)
    dx -= part
    dx *= r
    return dw, db


def _rows(x: Array, size: int) -> Array:
    return np.ascontiguousarray(x).reshape(-1, size)


def _blocks(count: int, size: int) -> Iterator[slice]:
    step = max(1, BLOCK // max(1, size))
    for start in range(0, count, step):
        yield slice(start, start + step)
