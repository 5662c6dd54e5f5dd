"""Convolution of each channel for itself, and its two adjoints: a product for each position.

Channels are last in memory. Each position in the kernel is one view of the images, which is
multiplied by a row of weights; matrices of one column would take many times as long.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.blocks import Blocks, cut, in_blocks
from tinygrad_mnist.kernels.scratch import scratch
from tinygrad_mnist.kernels.sums import columns

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]


def conv(x: Array, w: Array, y: Array, geom: Any) -> None:
    """Write the convolution of x (n, h, w, c) with w (c m, 1, kh, kw) into y (n, oh, ow, c m)."""
    source, (_, oh, ow, outputs) = _with_rim(x, geom), y.shape
    several = y.reshape(*y.shape[:3], x.shape[3], outputs // x.shape[3])

    def work(_: int, some: slice) -> None:
        part, into = source[some], several[some]
        (product,) = scratch((into.shape[:4], y.dtype))
        for j, (first, *others) in enumerate(_rows(w, x.shape[3], ow)):
            total = into[..., j]
            np.multiply(part[_at(first[0], (oh, ow), geom)], first[1], out=total)
            for position, row in others:
                total += np.multiply(part[_at(position, (oh, ow), geom)], row, out=product)

    in_blocks(work, _images(y, math.prod(w.shape[2:])))


def conv_input(d: Array, w: Array, x: Array, geom: Any) -> None:
    """Write the adjoint in x of `conv` into x, from d (n, oh, ow, c m)."""
    (ph, pw), (n, h, width, c) = geom.padding, x.shape
    whole = np.zeros((n, h + 2 * ph, width + 2 * pw, c), x.dtype) if ph or pw else x
    if whole is x:
        x[...] = 0
    several = d.reshape(*d.shape[:3], c, d.shape[3] // c)

    def work(_: int, some: slice) -> None:
        (product,) = scratch((several[some].shape[:4], x.dtype))
        for j, rows in enumerate(_rows(w, c, d.shape[2])):
            slope = several[some][..., j]
            for position, row in rows:
                target = whole[some][_at(position, d.shape[1:3], geom)]
                target += np.multiply(slope, row, out=product)

    in_blocks(work, _images(d, math.prod(w.shape[2:])))
    if whole is not x:
        x[...] = whole[:, ph : ph + h, pw : pw + width]


def conv_weight(x: Array, d: Array, size: Pair, geom: Any) -> Array:
    """Return the adjoint in w of `conv`, (c m, 1, kh, kw)."""
    source, c = _with_rim(x, geom), x.shape[3]
    several = d.reshape(*d.shape[:3], c, d.shape[3] // c)
    blocks = _images(d, math.prod(size))
    sums = np.zeros((len(blocks.parts), c, several.shape[4], *size), d.dtype)

    def work(number: int, some: slice) -> None:
        part, slopes = source[some], several[some]
        (product,) = scratch((slopes.shape[:4], d.dtype))
        for j in range(slopes.shape[4]):
            for p, q in np.ndindex(*size):
                view = part[_at((p, q), d.shape[1:3], geom)]
                np.multiply(view, slopes[..., j], out=product)
                sums[number, :, j, p, q] = columns(product.reshape(-1, c))

    in_blocks(work, blocks)
    total: Array = np.add.reduce(sums, 0, np.float64).astype(d.dtype)
    return total.reshape(d.shape[3], 1, *size)


def _with_rim(x: Array, geom: Any) -> Array:
    (ph, pw), (n, h, w, c) = geom.padding, x.shape
    if not ph and not pw:
        return x
    padded = np.zeros((n, h + 2 * ph, w + 2 * pw, c), x.dtype)
    padded[:, ph : ph + h, pw : pw + w] = x
    return padded


def _at(position: Pair, size: Pair, geom: Any) -> tuple[slice, ...]:
    """Return the key of what all windows have at one position."""
    axes = zip(position, size, geom.stride, geom.dilation, strict=True)
    along = (slice(gap * at, gap * at + step * (n - 1) + 1, step) for at, n, step, gap in axes)
    return (slice(None), *along)


def _rows(w: Array, channels: int, width: int) -> Iterator[list[tuple[Pair, Array]]]:
    """Yield, for each output of a channel, the positions and a line of pixels of their weights."""
    by_output = w.reshape(channels, -1, *w.shape[2:])
    for j in range(by_output.shape[1]):
        yield [
            (position, np.tile(by_output[:, j, position[0], position[1]], (width, 1)))
            for position in np.ndindex(*w.shape[2:])
        ]


def _images(y: Array, positions: int) -> Blocks:
    """Cut the images, (n, h, w, c), each of which takes two calls of NumPy for each position."""
    return cut(len(y), y[:1].size, calls=2 * positions)
