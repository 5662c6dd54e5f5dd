"""Convolution over images (n, channels, height, width), and its two adjoints.

Inside, channels are last in memory, so that a window is a few long runs and one matrix product
makes all output channels. Results are views of such memory: the next layer then need not copy.
Products take a few images at a time, so that the columns stay in the cache. Where Winograd's form
takes less time it is tried first, and its result is used if it is finite.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinygrad_mnist.kernels import winograd
from tinygrad_mnist.kernels.parallel import count, for_each, ranges
from tinygrad_mnist.kernels.scratch import called_whole, copied_into, scratch

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]

COLUMNS = 3 << 20  # bytes of columns at a time
# Winograd's form adds sums for each channel, and saves products for each pair of channels: on
# images of 7 to 56 pixels it took 1.0 to 1.4 times the plain form's time with 8 channels, 0.6 to
# 1.0 with 16, and half with 64. Its views take 0.1 ms, once.
LEAST_CHANNELS, LEAST_PRODUCTS = 16, 4_000_000
QUIETLY = np.errstate(over="ignore", invalid="ignore")  # products of infinities are no mistake here


class Geometry(NamedTuple):
    """The layout of the windows: step, rim of zeros, distance of elements in a window, groups."""

    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def extent(self, size: Pair, kernel: Pair) -> Pair:
        """Return how many windows fit, (height, width)."""
        (h, w), (kh, kw) = size, kernel
        (sh, sw), (ph, pw), (dh, dw), _ = self
        return (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (
            w + 2 * pw - dw * (kw - 1) - 1
        ) // sw + 1


@called_whole
@QUIETLY
def conv(
    x: Array, w: Array, b: Array | None = None, *, geom: Geometry, out: Array | None = None
) -> Array:
    """y[n, o, i, j] = sum over c, p, q of x[n, c, i + p, j + q] w[o, c, p, q] + b[o]."""
    if geom.groups > 1:
        parts = zip(_split(x, geom, 1), _split(w, geom, 0), strict=True)
        inner = geom._replace(groups=1)
        whole = np.concatenate([conv(*part, geom=inner) for part in parts], axis=1, out=out)
        return whole if b is None else np.add(whole, b.reshape(-1, 1, 1), out=whole)
    size = geom.extent(x.shape[2:], w.shape[2:])
    y = _image_memory((len(x), *size, len(w)), np.result_type(x, w), out)
    if winograd_pays(x, w, w.shape, size, geom) and winograd.conv(
        _channels_last(x), w, b, y, rim=geom.padding
    ):
        return copied_into(out, y.transpose(0, 3, 1, 2))
    parts = _parts(x, w, geom=geom)
    for_each(parts, lambda part: _conv(x[part], w, b, geom=geom, y=y[part]), count())
    return copied_into(out, y.transpose(0, 3, 1, 2))


def _conv(x: Array, w: Array, b: Array | None, *, geom: Geometry, y: Array) -> None:
    """Convolve some images into y, (n, h, w, out)."""
    windows = _windows(x, w.shape[2:], geom, y.shape[1:3])
    rows = y.reshape(-1, len(w))
    weight = w.transpose(2, 3, 1, 0).reshape(-1, len(w))
    if b is not None and not windows.flags.c_contiguous:
        weight, b = np.vstack((weight, b), dtype=w.dtype), None  # a one beside each window
    _multiply(windows, weight, rows)
    if b is not None:
        rows += b


def _multiply(windows: Array, weight: Array, rows: Array) -> None:
    for part, columns in _columns(windows, *weight.shape):
        np.dot(columns, weight, out=rows[part])


@called_whole
@QUIETLY
def conv_weight(
    x: Array, d: Array, *, size: Pair, geom: Geometry, out: Array | None = None
) -> Array:
    """The adjoint in w: from d, of y's shape, to w's shape; `size` is the kernel's."""
    if geom.groups > 1:
        parts = zip(_split(x, geom, 1), _split(d, geom, 1), strict=True)
        inner = geom._replace(groups=1)
        return np.concatenate([conv_weight(*p, size=size, geom=inner) for p in parts], out=out)
    shape = (d.shape[1], x.shape[1], *size)
    w = None
    if winograd_pays(x, d, shape, d.shape[2:], geom):
        w = winograd.conv_weight(_channels_last(x), _channels_last(d), rim=geom.padding)
    if w is None:
        w = _conv_weight(x, d, size=size, geom=geom)
    return w if out is None else copied_into(out, w)


def _conv_weight(x: Array, d: Array, *, size: Pair, geom: Geometry) -> Array:
    """The adjoint in w, for any kernel: shares of the images, the same for any number of threads."""
    shares: list[Any] = _parts(x, d, geom=geom, most=2)

    def add(number: int) -> None:
        part = shares[number]
        shares[number] = _share_of_weight(x[part], d[part], size=size, geom=geom)

    for_each(range(len(shares)), add, min(count(), len(shares)))
    total = functools.reduce(np.add, shares).reshape(*size, x.shape[1], d.shape[1])
    return np.ascontiguousarray(total.transpose(3, 2, 0, 1))


def _share_of_weight(x: Array, d: Array, *, size: Pair, geom: Geometry) -> Array:
    windows = _windows(x, size, geom, d.shape[2:])
    rows = _channels_last(d).reshape(-1, d.shape[1])
    total = np.zeros((size[0] * size[1] * x.shape[1], d.shape[1]), d.dtype)
    for part, columns in _columns(windows, *total.shape):
        total += np.dot(columns.T, rows[part])
    return total


@called_whole
@QUIETLY
def conv_input(
    d: Array, w: Array, *, size: Pair, geom: Geometry, out: Array | None = None
) -> Array:
    """The adjoint in x: from d, of y's shape, to x's shape; `size` is its (height, width).

    One product for each position in the kernel, added where that position was read.
    """
    if geom.groups > 1:
        parts = zip(_split(d, geom, 1), _split(w, geom, 0), strict=True)
        inner = geom._replace(groups=1)
        groups = [conv_input(*part, size=size, geom=inner) for part in parts]
        return np.concatenate(groups, axis=1, out=out)
    n, c = len(d), w.shape[1]
    if winograd_pays(d, w, w.shape, d.shape[2:], geom):
        x = _image_memory((n, *size, c), d.dtype, out)
        if winograd.conv_input(_channels_last(d), w, x, rim=geom.padding):
            return copied_into(out, x.transpose(0, 3, 1, 2))
    x = _gathered(d, w, size, geom) if _steps_pay(w, geom) else None
    x = _scattered(d, w, size, geom) if x is None else x
    return copied_into(out, x.transpose(0, 3, 1, 2))


def _steps_pay(w: Array, geom: Geometry) -> bool:
    """Tell whether several pixels of a step in x are best computed at once."""
    return max(geom.stride) > 1 and w[0, 0].size > 1


def _gathered(d: Array, w: Array, size: Pair, geom: Geometry) -> Array | None:
    """Return the adjoint in x, (n, h, w, c), as a convolution of d; None if it is not finite.

    Its outputs at a place are all pixels of one step in x. So many of its weights are zeros, which
    an infinity turns into NaN.
    """
    (sh, sw), n, c = geom.stride, len(d), w.shape[1]
    (rows, top, high), (columns, left, wide) = (
        _taps(*one) for one in zip(size, w.shape[2:], *geom[:3], strict=True)
    )
    weight = np.zeros((high, wide, len(w), sh, sw, c), w.dtype)
    for (a, p, v), (b, q, u) in itertools.product(rows, columns):
        weight[v, u, :, a, b] = w[:, :, p, q]
    weight = weight.reshape(high * wide * len(w), -1)
    height, width = -(-size[0] // sh), -(-size[1] // sw)
    x = np.empty((n, height, sh, width, sw, c), np.result_type(d, w))
    gaps = tuple(g if s == 1 else 1 for s, g in zip(geom.stride, geom.dilation, strict=True))
    inner = Geometry((1, 1), (top, left), gaps)  # type: ignore[arg-type]
    sizes: list[float] = []

    def work(some: slice) -> None:
        windows = _windows(d[some], (high, wide), inner, (height, width))
        for part, columns in _columns(windows, *weight.shape):
            y = np.dot(columns, weight)
            sizes.append(float(np.dot(y.reshape(-1), y.reshape(-1))))
            images = x[some][part.start // (height * width) : part.stop // (height * width)]
            steps = y.reshape(-1, height, width, sh, sw, c)
            np.copyto(images, steps.transpose(0, 1, 3, 2, 4, 5))

    for_each(_parts(d, w, geom=geom), work, count())
    if not math.isfinite(sum(sizes)):
        return None
    return x.reshape(n, height * sh, width * sw, c)[:, : size[0], : size[1]]


def _taps(
    size: int, kernel: int, step: int, rim: int, gap: int
) -> tuple[list[tuple[int, int, int]], int, int]:
    """Return what an axis of x gets from d: taps, the rim of the windows in d, and their size.

    A tap is (a, p, v): pixel `step * i + a` of x was read by element p of the window that is
    element v of the window in d at i.
    """
    found = []
    for a in range(step):
        for p in range(kernel):
            ahead, rest = divmod(a + rim - gap * p, step)
            if not rest:
                found.append((a, p, ahead))
    first = min(ahead for _, _, ahead in found)
    each = gap if step == 1 else 1
    taps = [(a, p, (ahead - first) // each) for a, p, ahead in found]
    return taps, -first, max(v for *_, v in taps) + 1


def _scattered(d: Array, w: Array, size: Pair, geom: Geometry) -> Array:
    """Return the adjoint in x, (n, h, w, c), by a product for each position in the kernel."""
    (height, width), (ph, pw) = size, geom.padding
    shape = len(d), height + 2 * ph, width + 2 * pw, w.shape[1]
    x = np.zeros(shape, np.result_type(d, w))
    for_each(_parts(d, w, geom=geom), lambda p: _scatter(d[p], w, x[p], geom=geom), count())
    return x[:, ph : ph + height, pw : pw + width]


def _scatter(d: Array, w: Array, x: Array, *, geom: Geometry) -> None:
    """Add to x, padded, one product for each position in the kernel, where that was read."""
    (sh, sw), _, (dh, dw), _ = geom
    n, o, oh, ow = d.shape
    rows = _channels_last(d).reshape(-1, o)
    weight = np.ascontiguousarray(w.transpose(2, 3, 0, 1))
    step = min(max(1, n), _images(oh * ow * (o + w.shape[1]) * x.itemsize))
    (shares,) = scratch(((step, oh, ow, w.shape[1]), x.dtype))
    for start in range(0, n, step):
        part, image = rows[start * oh * ow : (start + step) * oh * ow], x[start : start + step]
        share = shares[: len(image)]
        for p, q in np.ndindex(*w.shape[2:]):
            np.dot(part, weight[p, q], out=share.reshape(len(part), -1))
            image[:, p * dh :, q * dw :][:, : oh * sh : sh, : ow * sw : sw] += share


def _parts(images: Array, other: Array, *, geom: Geometry, most: int | None = None) -> list[slice]:
    """The images to convolve at the same time, in parts; one part where there is little to do."""
    if min(images.shape[1], len(images)) < 2:
        return [np.s_[: len(images)]]
    size = 4 * images.size  # columns have several times as many elements
    return ranges(len(images), size, images, other, most=most)


def _split(x: Array, geom: Geometry, axis: int) -> list[Array]:
    return np.split(x, geom.groups, axis)


def _channels_last(x: Array) -> Array:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _image_memory(shape: tuple[int, ...], dtype: Any, out: Array | None) -> Array:
    """Return memory for images, channels last: that of `out` where it has this layout."""
    if out is not None and out.dtype == dtype and out.transpose(0, 2, 3, 1).flags.c_contiguous:
        return out.transpose(0, 2, 3, 1)
    return np.empty(shape, dtype)


def winograd_pays(
    a: Array, b: Array, weight: tuple[int, ...], windows: Pair, geom: Geometry
) -> bool:
    """Tell whether to try Winograd's form, by the arrays, the weight's shape and the windows."""
    apart = (weight[2:], geom.stride, geom.dilation) == ((3, 3), (1, 1), (1, 1))
    if not apart or min(weight[:2]) < LEAST_CHANNELS or a.dtype != b.dtype:
        return False
    products = len(a) * windows[0] * windows[1] * weight[0] * weight[1]
    return products >= LEAST_PRODUCTS and a.dtype in (np.float32, np.float64)


def _images(size: int) -> int:
    """Return how many images to take at a time, if one needs `size` bytes."""
    return max(1, COLUMNS // max(1, size))


def _windows(x: Array, kernel: Pair, geom: Geometry, size: Pair) -> Array:
    """A view (n, *size, kernel height, kernel width, channels) of x, and of zeros around it."""
    (sh, sw), rim, (dh, dw), _ = geom
    x = x.transpose(0, 2, 3, 1)
    sizes = zip(size, geom.stride, kernel, geom.dilation, strict=True)
    reach = [(n - 1) * s + (k - 1) * g + 1 for n, s, k, g in sizes]
    if rim == (0, 0) and reach[0] <= x.shape[1] and reach[1] <= x.shape[2]:
        padded = np.ascontiguousarray(x)
    else:
        padded = np.zeros((len(x), *reach, x.shape[3]), x.dtype)
        rows, columns = (_common(*each) for each in zip(x.shape[1:3], reach, rim, strict=True))
        padded[:, rows[0], columns[0]] = x[:, rows[1], columns[1]]
    a, b, c, d = padded.strides
    shape = (len(x), *size, *kernel, x.shape[3])
    return as_strided(padded, shape, (a, b * sh, c * sw, b * dh, c * dw, d), writeable=False)


def _common(size: int, reach: int, rim: int) -> tuple[slice, slice]:
    """Return the lines of a padded axis, of length `reach`, and those of x that are the same."""
    first = max(rim, 0)
    last = max(first, min(rim + size, reach))
    return slice(first, last), slice(first - rim, last - rim)


def _columns(windows: Array, width: int, outputs: int) -> Iterator[tuple[slice, Array]]:
    """Yield (rows of the output, their windows as a matrix), a few images at a time.

    The matrix has `width` columns: the elements of a window, and ones.
    """
    n, oh, ow, kh, kw, c = windows.shape
    patch, short = kh * kw * c, kw * c < 16
    if windows.flags.c_contiguous and width == patch:  # pixels, not windows
        yield slice(0, n * oh * ow), windows.reshape(n * oh * ow, patch)
        return
    step = min(max(1, n), _images(oh * ow * width * windows.itemsize))
    if short:
        step = max(1, min(step, winograd.PRODUCTS // max(1, oh * ow * width * outputs)))
    (memory,) = scratch(((step * oh * ow * width,), windows.dtype))
    for start in range(0, n, step):
        part = windows[start : start + step]
        count = len(part) * oh * ow
        matrix = memory[: count * width]
        if short:  # short runs: copy along the rows of the images instead
            part, matrix = part.transpose(3, 4, 5, 0, 1, 2), matrix.reshape(-1, count)
            np.copyto(matrix[:patch].reshape(part.shape), part)
            matrix = matrix.T
        else:
            matrix = matrix.reshape(count, -1)
            np.copyto(matrix[:, :patch].reshape(part.shape), part)
        matrix[:, patch:] = 1
        yield slice(start * oh * ow, start * oh * ow + count), matrix
