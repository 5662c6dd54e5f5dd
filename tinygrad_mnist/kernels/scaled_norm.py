"""Normalising with a scale and a shift, forward and backward, some rows at a time.

Each block of rows is small enough that all its steps find it in the cache. Rows of images are their
pixels: channels are last in memory, and a copy makes them so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.buffers import RowBuffer
from tinygrad_mnist.kernels.scratch import called_whole, scratch
from tinygrad_mnist.kernels.sums import columns, shared_ones

Array = np.ndarray[Any, Any]
BLOCK = 1 << 17  # elements at a time
WIDE = 512  # elements that NumPy should go through at once: so many narrow rows side by side


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


def channel_moments(x: Array) -> Array:
    """Mean and variance of each channel (dimension 1), (2, channels)."""
    rows = _pixels(x)
    side, wide = _side_by_side(rows)
    count = len(rows)
    mean = columns(rows) / count
    total, means = np.zeros(rows.shape[1], np.float64), np.tile(mean, side)
    for block in _blocks(len(wide), wide.shape[1]):
        (part,) = scratch((wide[block].shape, x.dtype))
        np.subtract(wide[block], means, out=part)
        part *= part
        total += columns(part).reshape(side, -1).sum(0, dtype=np.float64)
    return np.stack((mean, total / count)).astype(x.dtype, copy=False)


@called_whole
def batch_norm(
    x: Array,
    w: Array | None = None,
    b: Array | None = None,
    moments: Array | None = None,
    *,
    eps: float,
    out: Array | None = None,
) -> Array:
    """(x - mean) / sqrt(variance + eps) w + b of each channel.

    `moments` are what `channel_moments` gives for x, where the caller has them already.
    """
    moments = channel_moments(x) if moments is None else moments
    y, memory = _image_memory(x, out)
    side, wide = _side_by_side(_pixels(x))
    into, (mean, scale) = memory.reshape(wide.shape), _factors(moments, w, eps)
    mean, scale = np.tile(mean, side), np.tile(scale, side)
    shift = None if b is None else np.tile(b, side)
    for block in _blocks(len(wide), wide.shape[1]):
        part = np.subtract(wide[block], mean, out=into[block])
        part *= scale
        if shift is not None:
            part += shift
    return y


@called_whole
def batch_norm_back(
    d: Array, x: Array, w: Array | None = None, moments: Array | None = None, *, eps: float,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The gradients of x, its pixels in rows, of w and of b, one behind the other."""
    moments = channel_moments(x) if moments is None else moments
    whole = np.empty(x.size + 2 * x.shape[1], x.dtype) if out is None else out
    rows, d_rows = _pixels(x), _pixels(d)
    side, wide = _side_by_side(rows)
    d_wide, dx = d_rows.reshape(wide.shape), whole[: x.size].reshape(wide.shape)
    mean, scale = _factors(moments, w, eps)
    r = _factors(moments, None, eps)[1]
    means, scales = np.tile(mean, side), np.tile(scale, side)
    dot = np.zeros(wide.shape[1], np.float64)
    for block in _blocks(len(wide), wide.shape[1]):
        (part,) = scratch((wide[block].shape, x.dtype))
        np.subtract(wide[block], means, out=part)
        part *= d_wide[block]
        dot += columns(part)
    dw = dot.reshape(side, -1).sum(0) * r
    db = columns(d_rows)
    along = np.tile((dw * r / len(rows)).astype(x.dtype), side)
    level = np.tile((db / len(rows)).astype(x.dtype), side)
    for block in _blocks(len(wide), wide.shape[1]):
        part = np.subtract(wide[block], means, out=dx[block])
        part *= along
        np.subtract(d_wide[block], part, out=part)
        part -= level
        part *= scales
    whole[x.size : x.size + len(dw)] = dw
    whole[x.size + len(dw) :] = db
    return whole


def _factors(moments: Array, w: Array | None, eps: float) -> tuple[Array, Array]:
    """The mean, and what its distance is multiplied by."""
    r = 1 / np.sqrt(moments[1] + moments.dtype.type(eps))
    return moments[0], r if w is None else r * w


def _rows(x: Array, size: int) -> Array:
    return np.ascontiguousarray(x).reshape(-1, size)


def _pixels(x: Array) -> Array:
    """Images (n, channels, ...) as a matrix (pixels, channels)."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)).reshape(-1, x.shape[1])


def _image_memory(x: Array, out: Array | None) -> tuple[Array, Array]:
    """Memory for images, and the same with channels last."""
    if out is not None:
        return out, np.moveaxis(out, 1, -1)
    memory = np.empty((len(x), *x.shape[2:], x.shape[1]), x.dtype)
    return np.moveaxis(memory, -1, 1), memory


def _side_by_side(rows: Array) -> tuple[int, Array]:
    """How many rows stand side by side, and these longer rows."""
    side = 1
    while rows.shape[1] * side < WIDE and len(rows) % (2 * side) == 0:
        side *= 2
    return side, rows.reshape(len(rows) // side, -1)


def _blocks(count: int, size: int) -> Iterator[slice]:
    step = max(1, BLOCK // max(1, size))
    for start in range(0, count, step):
        yield slice(start, start + step)
