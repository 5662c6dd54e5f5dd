"""Batch norm, forward and backward: each goes through memory twice, in large blocks of pixels.

Channels are last in memory, and a copy makes them so: a pixel is a row. Narrow rows stand side by
side, so that BLAS adds up wide columns, and NumPy goes through longer rows yet, which take half the
time where each row meets the same numbers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.blocks import cut, in_blocks
from tinygrad_mnist.kernels.scratch import called_whole, scratch
from tinygrad_mnist.kernels.sums import columns

Array = np.ndarray[Any, Any]
WIDE = 2048  # elements of a row whose columns BLAS adds up
BLOCK = 1 << 18  # elements at a time: with fewer, the calls take as long as the work
LONG = 8192  # elements that NumPy should go through at once
SMALL = 4096  # elements that are gone through in less time than their arrangement takes
Share = tuple[int, Array, Array]  # how many pixels, their mean, and the squares of the distances


@called_whole
def channel_moments(x: Array) -> Array:
    """Mean and variance of each channel (dimension 1), (2, channels).

    Each block has its own mean, and squares of the distances from it (Chan, Golub and LeVeque,
    1983).
    """
    count, rows = x.shape[1], _pixels(x)
    blocks = cut(*rows.shape, calls=4, block=BLOCK)
    shares: list[Any] = [None] * len(blocks.parts)

    def work(number: int, at: slice) -> None:
        some = rows[at]
        (part,) = scratch((some.shape, x.dtype))
        mean = _sums(some, count) / (some.size // count)
        distances, many = _long(some, part)
        middle = _repeated(mean.astype(x.dtype), some)
        np.subtract(distances, middle[: many.shape[1]], out=many)
        many *= many
        shares[number] = some.size // count, mean, _sums(part, count)

    in_blocks(work, blocks)
    total, mean, squares = functools.reduce(_joined, shares) if shares else (0, math.nan, math.nan)
    moments = np.empty((2, count), x.dtype)
    moments[0], moments[1] = mean, squares / max(1, total)
    return moments


def _joined(one: Share, other: Share) -> Share:
    """Return the moments of the pixels of both."""
    (n, mean, squares), (m, second, more) = one, other
    gap, total = second - mean, n + m
    return total, mean + gap * (m / total), squares + more + gap * gap * (n * m / total)


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
    rows, (y, memory) = _pixels(x), _image_memory(x, out)
    into = memory.reshape(rows.shape)
    mean, scale = (_repeated(a, rows) for a in _factors(moments, w, eps))
    shift = None if b is None else _repeated(b, rows)

    def work(number: int, at: slice) -> None:
        source, part = _long(rows[at], into[at])
        width = part.shape[1]
        np.subtract(source, mean[:width], out=part)
        part *= scale[:width]
        if shift is not None:
            part += shift[:width]

    in_blocks(work, cut(*rows.shape, calls=3, block=BLOCK))
    return y


@called_whole
def batch_norm_back(
    d: Array, x: Array, w: Array | None = None, moments: Array | None = None, *, eps: float,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The gradients of x, its pixels in rows, of w and of b, one behind the other."""
    moments = channel_moments(x) if moments is None else moments
    count, rows, slopes = x.shape[1], _pixels(x), _pixels(d)
    whole = np.empty(x.size + 2 * count, x.dtype) if out is None else out
    dx = whole[: x.size].reshape(rows.shape)
    blocks = cut(*rows.shape, calls=10, block=BLOCK)
    sums = np.zeros((len(blocks.parts), 2, count), np.float64)
    (mean, r), total = _factors(moments, None, eps), x.size // max(1, count)
    middle = _repeated(mean, rows)

    def add_up(number: int, at: slice) -> None:
        (part,) = scratch((rows[at].shape, x.dtype))
        source, distances = _long(rows[at], dx[at])
        np.subtract(source, middle[: source.shape[1]], out=distances)
        np.multiply(dx[at], slopes[at], out=part)
        sums[number] = _sums(part, count), _sums(slopes[at], count)

    in_blocks(add_up, blocks)
    dw, db = np.add.reduce(sums, 0)
    dw *= r
    factors = dw * r / max(1, total), db / max(1, total), r if w is None else r * w
    along, level, scale = (_repeated(a.astype(x.dtype, copy=False), rows) for a in factors)

    def work(number: int, at: slice) -> None:
        slope, part = _long(slopes[at], dx[at])
        width = part.shape[1]
        part *= along[:width]
        np.subtract(slope, part, out=part)
        part -= level[:width]
        part *= scale[:width]

    in_blocks(work, blocks)
    whole[x.size : x.size + count] = dw
    whole[x.size + count :] = db
    return whole


def _factors(moments: Array, w: Array | None, eps: float) -> tuple[Array, Array]:
    """The mean, and what its distance is multiplied by."""
    r = 1 / np.sqrt(moments[1] + moments.dtype.type(eps))
    return moments[0], r if w is None else r * w


def _sums(rows: Array, count: int) -> Array:
    """Return the sum of each channel in rows of pixels."""
    total: Array = np.add.reduce(columns(rows).reshape(-1, count), 0, np.float64)
    return total


def _pixels(x: Array) -> Array:
    """Images (n, channels, ...) as a matrix of pixels, as many in a row as make it long."""
    pixels = np.ascontiguousarray(_channels_last(x)).reshape(-1, x.shape[1])
    if x.size <= SMALL:
        return pixels
    side = 1
    while x.shape[1] * side < WIDE and len(pixels) % (2 * side) == 0:
        side *= 2
    return pixels.reshape(len(pixels) // side, -1)


def _long(*blocks: Array) -> Sequence[Array]:
    """Return some rows of each array as fewer, longer rows."""
    if blocks[0].size <= SMALL:
        return blocks
    rows, width = blocks[0].shape
    side = math.gcd(rows, max(1, LONG // width))
    return [block.reshape(rows // side, side * width) for block in blocks]


def _repeated(by_column: Array, rows: Array) -> Array:
    """Return a number for each element of the longest rows that `_long` makes of such rows."""
    width, columns = rows.shape[1], len(by_column)
    if rows.size <= SMALL and width == columns:
        return by_column
    times = min(len(rows), max(1, LONG // width)) * (width // columns)
    whole = np.empty((times, columns), by_column.dtype)
    whole[:] = by_column
    return whole.reshape(-1)


def _channels_last(x: Array) -> Array:
    return x.transpose(0, *range(2, x.ndim), 1)


def _image_memory(x: Array, out: Array | None) -> tuple[Array, Array]:
    """Memory for images, and the same with channels last."""
    if out is not None:
        return out, _channels_last(out)
    memory = np.empty((len(x), *x.shape[2:], x.shape[1]), x.dtype)
    return np.moveaxis(memory, -1, 1), memory
