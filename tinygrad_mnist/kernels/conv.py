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
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.kernels import banded, depthwise, grouped, winograd, winograd_rows
from tinygrad_mnist.kernels.columns import COLUMNS, WIDE, columns_of, windows_of
from tinygrad_mnist.kernels.parallel import count, for_each, ranges
from tinygrad_mnist.kernels.scratch import called_whole, copied_into, scratch

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]

# Winograd's form transforms each channel, and saves products for each pair of channels: on images
# of 7 to 56 pixels it took 1.2 to 1.5 times the plain form's time with 8 channels, 0.7 to 1.0 with
# 16, half with 64, and as long for so few products that the calls of NumPy take longest. The form
# along rows has limits of its own.
LEAST_CHANNELS, LEAST_PRODUCTS = 16, 1_000_000
CHANNELS_PER_TILE = 4  # of more, the weight's transform takes longer than it saves
FEW_CHANNELS = 6  # which are copied one by one: NumPy takes up to four times as long
COPIED, MULTIPLIED = 8, 48  # elements of columns, and products, that take as long as one element
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
    size = geom.extent(x.shape[2:], w.shape[2:])
    if _is_depthwise(geom, x.shape[1], w.size, size):
        y = _image_memory((len(x), *size, len(w)), np.result_type(x, w), out)
        depthwise.conv(_channels_last(x), w, y, geom)
        if b is not None:
            y += b
        return copied_into(out, y.transpose(0, 3, 1, 2))
    if geom.groups > 1:
        if (wider := _wider(w.shape[1], len(w), geom)) is not None:
            whole = conv(x, grouped.joined(w, geom.groups, wider[0]), b, geom=wider[1], out=out)
            if grouped.is_finite(whole):
                return whole
        parts = zip(_split(x, geom, 1), _split(w, geom, 0), strict=True)
        inner = geom._replace(groups=1)
        whole = np.concatenate([conv(*part, geom=inner) for part in parts], axis=1, out=out)
        return whole if b is None else np.add(whole, b.reshape(-1, 1, 1), out=whole)
    y = _image_memory((len(x), *size, len(w)), np.result_type(x, w), out)
    form = winograd_form(x, w, w.shape, size, geom)
    if form and form.conv(_channels_last(x), w, b, y, rim=geom.padding):
        return copied_into(out, y.transpose(0, 3, 1, 2))
    whole = y.transpose(0, 3, 1, 2)
    some = _parts(whole, w[0].size)
    for_each(some, lambda part: _conv(x[part], w, b, geom=geom, y=y[part]), count())
    return copied_into(out, whole)


def _conv(x: Array, w: Array, b: Array | None, *, geom: Geometry, y: Array) -> None:
    """Convolve some images into y, (n, h, w, out)."""
    windows = _windows(x, w.shape[2:], y.shape[1:3], geom)
    if w.size < WIDE:
        weight = w.transpose(2, 3, 1, 0).reshape(-1, len(w))
    else:  # a copy by outputs takes less time, but small products with it more
        weight = w.transpose(0, 2, 3, 1).reshape(len(w), -1).T
    if b is not None and not windows.flags.c_contiguous:
        weight, b = np.vstack((weight, b), dtype=w.dtype), None  # a one beside each window
    for some, columns in columns_of(windows, *weight.shape):
        np.matmul(columns, weight, y[some].reshape(*columns.shape[:2], -1))
    if b is not None:
        y += b


@called_whole
@QUIETLY
def conv_weight(
    x: Array, d: Array, *, size: Pair, geom: Geometry, out: Array | None = None
) -> Array:
    """The adjoint in w: from d, of y's shape, to w's shape; `size` is the kernel's."""
    if _is_depthwise(geom, x.shape[1], d.shape[1] * math.prod(size), d.shape[2:]):
        by_channel = depthwise.conv_weight(_channels_last(x), _channels_last(d), size, geom)
        return copied_into(out, by_channel)
    if geom.groups > 1:
        if (wider := _wider(x.shape[1] // geom.groups, d.shape[1], geom)) is not None:
            whole = conv_weight(x, d, size=size, geom=wider[1])
            return copied_into(out, grouped.taken_apart(whole, geom.groups, wider[0]))
        parts = zip(_split(x, geom, 1), _split(d, geom, 1), strict=True)
        inner = geom._replace(groups=1)
        return np.concatenate([conv_weight(*p, size=size, geom=inner) for p in parts], out=out)
    shape = (d.shape[1], x.shape[1], *size)
    w = None
    if form := winograd_form(x, d, shape, d.shape[2:], geom):
        w = form.conv_weight(_channels_last(x), _channels_last(d), rim=geom.padding)
    if w is None:
        w = _conv_weight(x, d, size=size, geom=geom)
    return w if out is None else copied_into(out, w)


def _conv_weight(x: Array, d: Array, *, size: Pair, geom: Geometry) -> Array:
    """The adjoint in w, for any kernel.

    The images are shared out by the shapes alone, so sums of shares do not depend on the number of
    threads; the last bits of a single share's product do, as the BLAS divides it.
    """
    shares: list[Any] = _parts(d, size[0] * size[1] * x.shape[1], most=2)

    def add(number: int) -> None:
        part = shares[number]
        shares[number] = _share_of_weight(x[part], d[part], size=size, geom=geom)

    for_each(range(len(shares)), add, count())
    total = functools.reduce(np.add, shares).reshape(d.shape[1], *size, x.shape[1])
    return np.ascontiguousarray(total.transpose(0, 3, 1, 2))


def _share_of_weight(x: Array, d: Array, *, size: Pair, geom: Geometry) -> Array:
    """Return the adjoint in w of some images, (out, a window's elements)."""
    rows = _channels_last(d)
    windows = _windows(x, size, rows.shape[1:3], geom)
    outputs, patch = d.shape[1], size[0] * size[1] * x.shape[1]
    total = None
    for some, columns in columns_of(windows, patch, outputs):
        if columns.flags.c_contiguous:  # one matrix
            columns = columns.reshape(1, -1, patch)
        lines = rows[some].reshape(*columns.shape[:2], -1)
        if outputs <= FEW_CHANNELS:  # as one factor has its rows in memory, few or many
            products = np.matmul(columns.swapaxes(-1, -2), lines).swapaxes(-1, -2)
        else:
            products = np.matmul(lines.swapaxes(-1, -2), columns)
        part = products[0] if len(products) == 1 else products.sum(0)
        total = part if total is None else np.add(total, part, out=total)
    return np.zeros((outputs, patch), d.dtype) if total is None else total


@called_whole
@QUIETLY
def conv_input(
    d: Array, w: Array, *, size: Pair, geom: Geometry, out: Array | None = None
) -> Array:
    """The adjoint in x: from d, of y's shape, to x's shape; `size` is its (height, width)."""
    if _is_depthwise(geom, geom.groups * w.shape[1], w.size, d.shape[2:]):
        x = _image_memory((len(d), *size, geom.groups), np.result_type(d, w), out)
        depthwise.conv_input(_channels_last(d), w, x, geom)
        return copied_into(out, x.transpose(0, 3, 1, 2))
    if geom.groups > 1:
        if (wider := _wider(w.shape[1], len(w), geom)) is not None:
            weights = grouped.joined(w, geom.groups, wider[0])
            whole = conv_input(d, weights, size=size, geom=wider[1], out=out)
            if grouped.is_finite(whole):
                return whole
        parts = zip(_split(d, geom, 1), _split(w, geom, 0), strict=True)
        inner = geom._replace(groups=1)
        groups = [conv_input(*part, size=size, geom=inner) for part in parts]
        return np.concatenate(groups, axis=1, out=out)
    n, c = len(d), w.shape[1]
    if form := winograd_form(d, w, w.shape, d.shape[2:], geom):
        x = _image_memory((n, *size, c), d.dtype, out)
        if form.conv_input(_channels_last(d), w, x, rim=geom.padding):
            return copied_into(out, x.transpose(0, 3, 1, 2))
    if w.shape[2:] == (1, 1) and geom.padding == (0, 0):
        x = _image_memory((n, *size, c), np.result_type(d, w), out)
        for_each(_parts(d, w[0].size), lambda p: _pointwise(d[p], w, x[p], geom.stride), count())
        return copied_into(out, x.transpose(0, 3, 1, 2))
    x = _sums_in_x(d, w, size, geom, out)
    return copied_into(out, x.transpose(0, 3, 1, 2))


def _sums_in_x(d: Array, w: Array, size: Pair, geom: Geometry, out: Array | None) -> Array:
    """Return the adjoint in x, (n, h, w, c), in the way that takes the least time."""
    x = None
    if banded.bands_pay(d, w, size):
        x = banded.adjoint_in_x(_channels_last(d), w, size, geom, _parts(d, w[0].size))
    elif _gathering_pays(w, geom):
        x = _gathered(d, w, size, geom, out)
    return _scattered(d, w, size, geom) if x is None else x


def _is_depthwise(geom: Geometry, channels: int, weights: int, size: Pair) -> bool:
    """Tell whether each of many channels is convolved for itself."""
    return FEW_CHANNELS < geom.groups == channels and weights > 0 and min(size) > 0


def _gathering_pays(w: Array, geom: Geometry) -> bool:
    """Tell whether to read d where it is needed, rather than to add where it was read.

    The first reads each gradient as often as the second adds to each input, of so many channels.
    """
    outputs, channels, *kernel = w.shape
    pays: bool = kernel != [1, 1] if max(geom.stride) > 1 else outputs <= 2 * channels
    return pays


def _gathered(d: Array, w: Array, size: Pair, geom: Geometry, out: Array | None) -> Array | None:
    """Return the adjoint in x, (n, h, w, c), as convolutions of d; None if it is not finite.

    There is one for each line of pixels in a step of x. Its outputs at a place are all pixels of
    the line, so some of its weights are zeros, which an infinity turns into NaN.
    """
    (sh, sw), n, c = geom.stride, len(d), w.shape[1]
    settings = zip(w.shape[2:], *geom[:3], strict=True)
    (rows, top, high), (along, left, wide) = (_taps(*axis) for axis in settings)
    weight = np.zeros((sh, high, wide, len(w), sw, c), w.dtype)
    for (a, p, v), (b, q, u) in itertools.product(rows, along):
        weight[a, v, u, :, b] = w[:, :, p, q]
    weight = weight.reshape(sh, high * wide * len(w), sw * c)
    parts = [_elements([v for at, _, v in rows if at == a], wide * len(w)) for a in range(sh)]
    height, width = -(-size[0] // sh), -(-size[1] // sw)
    is_whole = (height * sh, width * sw) == size
    shape = n, height * sh, width * sw, c
    x = _image_memory(shape, np.result_type(d, w), out if is_whole else None)
    lines = x.reshape(n, height, sh, width, sw * c)
    gaps = tuple(g if s == 1 else 1 for s, g in zip(geom.stride, geom.dilation, strict=True))
    inner = Geometry((1, 1), (top, left), gaps)  # type: ignore[arg-type]
    kernel, extent = (high, wide), (height, width)
    sizes: list[float] = []

    def work(some: slice) -> None:
        windows = _windows(d[some], kernel, extent, inner)
        for part, columns in columns_of(windows, weight.shape[1], sw * c):
            if sh == 1:
                np.matmul(columns, weight[0], x[some][part].reshape(*columns.shape[:2], -1))
                continue
            for a, read in enumerate(parts):
                line = lines[some][part][:, :, a]
                if len(columns) == 1:  # of several images, with a large weight
                    line[...] = columns[0, :, read].dot(weight[a, read]).reshape(line.shape)
                    continue
                rows = columns.reshape(*line.shape[:-1], -1)
                np.matmul(rows[..., read], weight[a, read], line)
        flat = x[some].reshape(-1)
        sizes.append(float(np.dot(flat, flat)))

    for_each(_parts(d, w[0].size), work, count())
    if not math.isfinite(sum(sizes)):
        return None
    return x[:, : size[0], : size[1]]


def _elements(lines: list[int], each: int) -> slice:
    """Return the elements of windows that hold some of their lines, of so many elements each."""
    return slice(min(lines, default=0) * each, (max(lines, default=-1) + 1) * each)


def _taps(
    kernel: int, step: int, rim: int, gap: int
) -> tuple[list[tuple[int, int, int]], int, int]:
    """Return what an axis of x gets from d: taps, the rim of the windows in d, and their size.

    A tap is (a, p, v): pixel `step * i + a` of x was read by element p of the window that is
    element v of the window in d at i.
    """
    reads = []
    for a in range(step):
        for p in range(kernel):
            ahead, rest = divmod(a + rim - gap * p, step)
            if not rest:
                reads.append((a, p, ahead))
    first = min(ahead for _, _, ahead in reads)
    each = gap if step == 1 else 1
    taps = [(a, p, (ahead - first) // each) for a, p, ahead in reads]
    return taps, -first, max(v for *_, v in taps) + 1


def _pointwise(d: Array, w: Array, x: Array, step: Pair) -> None:
    """Write the adjoint in x for a kernel of one pixel: a product at every step, else zeros."""
    rows, weight = _channels_last(d), w.reshape(w.shape[:2])
    if step == (1, 1) and x.shape[1:3] == rows.shape[1:3]:
        lines = len(d), d.shape[2] * d.shape[3]
        np.matmul(rows.reshape(*lines, len(w)), weight, x.reshape(*lines, w.shape[1]))
        return
    x.fill(0)
    steps = x[:, :: step[0], :: step[1]][:, : rows.shape[1], : rows.shape[2]]
    np.matmul(rows, weight, steps)


def _scattered(d: Array, w: Array, size: Pair, geom: Geometry) -> Array:
    """Return the adjoint in x, (n, h, w, c), by a product for each position in the kernel."""
    (height, width), (ph, pw) = size, geom.padding
    shape = len(d), height + 2 * ph, width + 2 * pw, w.shape[1]
    x = np.zeros(shape, np.result_type(d, w))
    for_each(_parts(d, w[0].size), lambda p: _scatter(d[p], w, x[p], geom=geom), count())
    return x[:, ph : ph + height, pw : pw + width]


def _scatter(d: Array, w: Array, x: Array, *, geom: Geometry) -> None:
    """Add to x, padded, one product for each position in the kernel, where that was read."""
    (sh, sw), _, (dh, dw), _ = geom
    n, o, oh, ow = d.shape
    rows = _channels_last(d).reshape(-1, o)
    weight = np.ascontiguousarray(w.transpose(2, 3, 0, 1))
    step = min(max(1, n), max(1, COLUMNS // max(1, oh * ow * (o + w.shape[1]) * x.itemsize)))
    (shares,) = scratch(((step, oh, ow, w.shape[1]), x.dtype))
    for start in range(0, n, step):
        part, image = rows[start * oh * ow : (start + step) * oh * ow], x[start : start + step]
        share = shares[: len(image)]
        for p, q in np.ndindex(*w.shape[2:]):
            np.dot(part, weight[p, q], out=share.reshape(len(part), -1))
            image[:, p * dh :, q * dw :][:, : oh * sh : sh, : ow * sw : sw] += share


def _parts(y: Array, patch: int, most: int | None = None) -> list[slice]:
    """The images to convolve at the same time, in parts; one part where there is little to do.

    y (n, out, h, w) is the result, or its gradient, `patch` the elements of a window.
    """
    n, outputs, height, width = y.shape
    each = (outputs + patch) / COPIED + outputs * patch / MULTIPLIED
    return ranges(n, int(n * height * width * each), y, most=most)


def _windows(x: Array, kernel: Pair, size: Pair, geom: Geometry) -> Array:
    step, rim, gap, _ = geom
    return windows_of(x.transpose(0, 2, 3, 1), kernel, size, step=step, rim=rim, gap=gap)


def _wider(inputs: int, outputs: int, geom: Geometry) -> tuple[int, Geometry] | None:
    """Return how many groups become one, and the geometry of those; None where none do.

    From a group's inputs and the outputs of all.
    """
    count = grouped.groups_in_one(geom.groups, inputs, outputs // geom.groups)
    return (count, geom._replace(groups=geom.groups // count)) if count > 1 else None


def _split(x: Array, geom: Geometry, axis: int) -> list[Array]:
    return np.split(x, geom.groups, axis)


def _channels_last(x: Array) -> Array:
    y = x.transpose(0, 2, 3, 1)
    if y.flags.c_contiguous or x.shape[1] > FEW_CHANNELS:
        return np.ascontiguousarray(y)
    whole = np.empty(y.shape, x.dtype)
    for channel in range(x.shape[1]):
        whole[..., channel] = y[..., channel]
    return whole


def _image_memory(shape: tuple[int, ...], dtype: Any, out: Array | None) -> Array:
    """Return memory for images, channels last: that of `out` where it has this layout."""
    if out is not None and out.dtype == dtype and out.transpose(0, 2, 3, 1).flags.c_contiguous:
        return out.transpose(0, 2, 3, 1)
    return np.empty(shape, dtype)


def winograd_form(
    a: Array, b: Array, weight: tuple[int, ...], windows: Pair, geom: Geometry
) -> Any:
    """Return the module with the form of Winograd's to try, or None."""
    if not _winograd_can(a, b, weight, windows, geom):
        return None
    if winograd_rows.pays_along_rows(weight, windows, geom.padding):
        return winograd_rows
    return winograd if min(weight[:2]) >= LEAST_CHANNELS else None


def winograd_pays(
    a: Array, b: Array, weight: tuple[int, ...], windows: Pair, geom: Geometry
) -> bool:
    """Tell whether Winograd's form along both axes is faster than plain sums.

    By the arrays, the weight's shape and the windows.
    """
    is_wide: bool = min(weight[:2]) >= LEAST_CHANNELS
    return is_wide and _winograd_can(a, b, weight, windows, geom)


def _winograd_can(
    a: Array, b: Array, weight: tuple[int, ...], windows: Pair, geom: Geometry
) -> bool:
    """Tell whether a convolution is of Winograd's kind, and large enough."""
    apart = (weight[2:], geom.stride, geom.dilation) == ((3, 3), (1, 1), (1, 1))
    if not apart or a.dtype != b.dtype or a.dtype not in (np.float32, np.float64):
        return False
    tiles = len(a) * math.ceil(windows[0] / 4) * math.ceil(windows[1] / 4)
    if tiles * CHANNELS_PER_TILE < max(weight[:2]):
        return False
    return len(a) * windows[0] * windows[1] * weight[0] * weight[1] >= LEAST_PRODUCTS
