"""Convolution of each channel for itself, and its two adjoints: sums of products, by einsum.

Channels are last in memory. Windows of the images are a view, and einsum goes through it with one
call for a line of pixels, which multiplies and adds at once; matrices of one column would take many
times as long.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.blocks import Blocks, cut, in_blocks
from tinygrad_mnist.kernels.scratch import scratch

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
WIDE = 64  # channels: sums for each are as fast as sums for each pixel of a line


def conv(x: Array, w: Array, y: Array, geom: Any) -> None:
    """Write the convolution of x (n, h, w, c) with w (c m, 1, kh, kw) into y (n, oh, ow, c m)."""
    oh, ow = y.shape[1:3]
    windows = _windows(x, w.shape[2:], (oh, ow), geom, lines=geom.stride[1] == 1)
    line = windows.shape[4:]
    totals = y.reshape(len(y), oh, *line, len(w) // x.shape[3])
    weights = [each.reshape(*w.shape[2:], *line) for each in _lines(w, x.shape[3], ow)]

    def work(_: int, some: slice) -> None:
        for j, weight in enumerate(weights):
            np.einsum("nhpqwc,pqwc->nhwc", windows[some], weight, out=totals[some][..., j])

    in_blocks(work, _images(y, math.prod(w.shape[2:])))


def conv_input(d: Array, w: Array, x: Array, geom: Any) -> None:
    """Write the adjoint in x of `conv` into x, from d (n, oh, ow, c m)."""
    rim = _rim_of_adjoint(w.shape[2:], geom)
    if len(w) == x.shape[3] and geom.stride == (1, 1) and min(rim) >= 0:
        conv(d, w[:, :, ::-1, ::-1], x, geom._replace(padding=rim))
        return
    (ph, pw), (n, h, width, c) = geom.padding, x.shape
    whole = np.zeros((n, h + 2 * ph, width + 2 * pw, c), x.dtype)
    slopes, lines = d.reshape(*d.shape[:3], c, len(w) // c), list(_lines(w, c, d.shape[2]))

    def work(_: int, some: slice) -> None:
        (product,) = scratch((slopes[some].shape[:4], x.dtype))
        for j, line in enumerate(lines):
            slope = slopes[some][..., j]
            for position in np.ndindex(*w.shape[2:]):
                target = whole[some][_at(position, d.shape[1:3], geom)]
                target += np.multiply(slope, line[position], out=product)

    in_blocks(work, _images(d, 2 * math.prod(w.shape[2:])))
    x[...] = whole[:, ph : ph + h, pw : pw + width]


def conv_weight(x: Array, d: Array, size: Pair, geom: Any) -> Array:
    """Return the adjoint in w of `conv`, (c m, 1, kh, kw)."""
    n, oh, ow, outputs = d.shape
    c, blocks = x.shape[3], _images(d, math.prod(size))
    windows = _windows(x, size, (oh, ow), geom, lines=geom.stride[1] == 1 and c < WIDE)
    line = windows.shape[4:]
    slopes = d.reshape(n, oh, *line, outputs // c)
    sums = np.zeros((len(blocks.parts), outputs // c, *size, line[1]), d.dtype)

    def work(number: int, some: slice) -> None:
        for j, total in enumerate(sums[number]):
            np.einsum("nhpqwc,nhwc->pqc", windows[some], slopes[some][..., j], out=total)

    in_blocks(work, blocks)
    total: Array = np.add.reduce(sums.reshape(*sums.shape[:4], line[1] // c, c), (0, 4), np.float64)
    return total.transpose(3, 0, 1, 2).astype(d.dtype, "C").reshape(outputs, 1, *size)


def _windows(x: Array, kernel: Pair, size: Pair, geom: Any, *, lines: bool) -> Array:
    """Return the windows as a view (n, oh, kh, kw, ow, c); with `lines`, (n, oh, kh, kw, 1, ow c).

    A line of pixels lies side by side where windows are one step apart, and einsum is not told.
    """
    source, (oh, ow), (gh, gw), (sh, sw) = _with_rim(x, geom), size, geom.dilation, geom.stride
    n, h, w, c = source.strides
    pixels, steps = ((1, ow * x.shape[3]), (0, c)) if lines else ((ow, x.shape[3]), (sw * w, c))
    shape, strides = (len(x), oh, *kernel, *pixels), (n, sh * h, gh * h, gw * w, *steps)
    return np.ndarray(shape, x.dtype, source, 0, strides)


def _with_rim(x: Array, geom: Any) -> Array:
    (ph, pw), (n, h, w, c) = geom.padding, x.shape
    if not ph and not pw:
        return x
    padded = np.zeros((n, h + 2 * ph, w + 2 * pw, c), x.dtype)
    padded[:, ph : ph + h, pw : pw + w] = x
    return padded


def _rim_of_adjoint(kernel: Pair, geom: Any) -> Pair:
    """Return the rim with which a convolution turned around goes back."""
    (kh, kw), (gh, gw), (ph, pw) = kernel, geom.dilation, geom.padding
    return gh * (kh - 1) - ph, gw * (kw - 1) - pw


def _at(position: Pair, size: Pair, geom: Any) -> tuple[slice, ...]:
    """Return the key of what all windows have at one position."""
    axes = zip(position, size, geom.stride, geom.dilation, strict=True)
    along = (slice(gap * at, gap * at + step * (n - 1) + 1, step) for at, n, step, gap in axes)
    return (slice(None), *along)


def _lines(w: Array, channels: int, width: int) -> Iterator[Array]:
    """Yield, for each output of a channel, (kh, kw, width, c): the weights of a line of pixels."""
    by_output = w.reshape(channels, -1, *w.shape[2:]).transpose(1, 2, 3, 0)
    for line in by_output:
        yield np.repeat(line[:, :, None], width, axis=2)


def _images(y: Array, calls: int) -> Blocks:
    """Cut the images, (n, h, w, c), for work that takes as long as so many calls of NumPy."""
    return cut(len(y), y[:1].size, calls=calls)
