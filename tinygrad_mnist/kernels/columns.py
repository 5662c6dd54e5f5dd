"""The windows of images as matrices, a few images at a time: convolution by plain products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.scratch import scratch

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]

COLUMNS = 1 << 20  # bytes of columns at a time, which a core's cache holds beside their products
PRODUCTS = 1_000_000  # in one matrix product: up to there OpenBLAS has a kernel for small ones
WIDE = 1 << 14  # elements of the other matrix, from which on several images make one product
SHORT = 16  # elements that a window has side by side: fewer are copied one by one


def windows_of(x: Array, kernel: Pair, size: Pair, *, step: Pair, rim: Pair, gap: Pair) -> Array:
    """Return windows of x (n, h, w, c) as a view (n, *size, kernel height, kernel width, c).

    They begin `rim` before x; what lies outside x is zero. A few channels lie in planes.
    """
    lines = zip(size, step, kernel, gap, strict=True)
    reach = [(n - 1) * s + (k - 1) * g + 1 for n, s, k, g in lines]
    n, high, wide, channels = x.shape
    is_inside = rim == (0, 0) and reach[0] <= high and reach[1] <= wide
    if is_inside:
        reach = [high, wide]
    if kernel != (1, 1) and kernel[1] * channels < SHORT:
        memory = np.empty((n, channels, *reach), x.dtype)
        padded = memory.transpose(0, 2, 3, 1)
    elif is_inside and x.flags.c_contiguous:
        memory = padded = x
    else:
        memory = padded = np.empty((n, *reach, channels), x.dtype)
    if padded is not x:
        _fill(padded, x, rim)
    a, b, c, d = padded.strides
    strides = a, b * step[0], c * step[1], b * gap[0], c * gap[1], d
    shape = n, *size, *kernel, channels
    return np.ndarray(shape, x.dtype, memory, 0, strides)  # `as_strided` takes 4 times as long


def _fill(padded: Array, x: Array, rim: Pair) -> None:
    """Copy x into larger or smaller images, behind so many lines of zeros, and more at the end."""
    sizes = zip(x.shape[1:3], padded.shape[1:3], rim, strict=True)
    (rows, some_rows), (columns, some_columns) = (_common(*each) for each in sizes)
    padded[:, : rows.start] = padded[:, rows.stop :] = 0
    lines = padded[:, rows]
    lines[:, :, : columns.start] = lines[:, :, columns.stop :] = 0
    lines[:, :, columns] = x[:, some_rows, some_columns]


def _common(size: int, reach: int, rim: int) -> tuple[slice, slice]:
    """Return the lines of a padded axis, of length `reach`, and those of x that are the same."""
    first = max(rim, 0)
    last = max(first, min(rim + size, reach))
    return slice(first, last), slice(first - rim, last - rim)


def columns_of(windows: Array, width: int, outputs: int) -> Iterator[tuple[slice, Array]]:
    """Yield (some images, their windows as matrices (product, windows, width)).

    The matrices have `width` columns: the elements of a window, and ones. Each goes into a product
    with a matrix (width, outputs), or with one (windows, outputs).
    """
    n, oh, ow, kh, kw, c = windows.shape
    if not n:
        return
    patch, is_short = kh * kw * c, kw * c < SHORT
    is_wide = width * outputs >= WIDE and not is_short
    lines = 0 if is_wide else _lines_at_once(oh, ow * width * outputs)
    groups, count = (1, oh * ow) if is_wide else (oh // lines, lines * ow)
    if windows.flags.c_contiguous and width == patch:  # pixels, not windows
        rows = (1, n * count) if is_wide else (n * groups, count)
        yield slice(0, n), windows.reshape(*rows, patch)
        return
    most = max(COLUMNS, width * outputs * windows.itemsize) if is_wide else COLUMNS
    step = min(max(1, n), max(1, most // max(1, oh * ow * width * windows.itemsize)))
    shape = (step, groups, width, count) if is_short else (step, groups, count, width)
    (memory,) = scratch((shape, windows.dtype))
    for start in range(0, n, step):
        part = windows[start : start + step].reshape(-1, groups, oh // groups, ow, kh, kw, c)
        matrices = memory[: len(part)]
        if is_short:  # along the rows of the images instead
            part = part.transpose(0, 1, 4, 5, 6, 2, 3)
            np.copyto(matrices[:, :, :patch].reshape(part.shape), part)
            matrices[:, :, patch:] = 1
            matrices = matrices.swapaxes(-1, -2)
        else:
            np.copyto(matrices[..., :patch].reshape(part.shape), part)
            matrices[..., patch:] = 1
        rows = (1, len(part) * count) if is_wide else (len(part) * groups, count)
        yield slice(start, start + len(part)), matrices.reshape(*rows, width)


def _lines_at_once(height: int, products: int) -> int:
    """Return how many lines of windows to put into one product, if one makes so many products."""
    return max(
        (n for n in range(1, height + 1) if height % n == 0 and n * products <= PRODUCTS), default=1
    )
