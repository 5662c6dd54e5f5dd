"""A convolution's adjoint in x for few channels: whole rows of pixels by one banded matrix.

What a row of d gives a row of x is one product with a matrix whose bands hold the weights. Most of
the matrix is zeros; yet it is faster than many products with a handful of columns each, whose sums
are added pixel by pixel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.parallel import count, for_each

Array = Any  # an ndarray; NumPy's own types say too little to help here
Pair = tuple[int, int]
FEW_CHANNELS = 10  # with more, the other ways use the machine as well
LEAST_PRODUCTS = 1_000_000  # fewer take less time than the matrix takes to make


def bands_pay(d: Array, w: Array, size: Pair) -> bool:
    """Tell whether the banded matrix takes less time, by the shapes; `size` is that of images.

    Times are nanoseconds for a pixel of d and an element of the kernel: the matrix does 27
    multiplications in one, and an element of it takes 1.5 to make, for all rows of d together.
    """
    (outputs, channels, high, kernel), rows = w.shape, len(d) * d.shape[2]
    if not 0 < channels <= FEW_CHANNELS or high * kernel < 2 or rows == 0:
        return False
    pairs = outputs * channels
    banded = pairs * size[1] / kernel * (1 / 27 + 1.5 / rows)
    plain = 6 + 1.2 * channels + pairs / 20
    return bool(banded < plain and rows * d.shape[3] * w.size >= LEAST_PRODUCTS)


def adjoint_in_x(d: Array, w: Array, size: Pair, geom: Any, parts: list[slice]) -> Array | None:
    """Return the adjoint in x, (n, h, w, c); None if it is not finite: an infinity times 0 is NaN.

    d is (n, h, w, out), without gaps; `parts` are the images for each thread.
    """
    (step, _), (rim, left), (gap, _), _ = geom
    n, rows, columns, outputs = d.shape
    channels, high = w.shape[1:3]
    width = size[1] + 2 * left
    bands = _bands(w, columns, width, geom)
    x = np.zeros((n, size[0] + 2 * rim, width * channels), np.result_type(d, w))
    lines = d.reshape(n, rows, columns * outputs)
    sizes: list[float] = []

    def work(some: slice) -> None:
        line = lines[some].reshape(-1, columns * outputs)
        for p in range(high):
            product = line.dot(bands[p]).reshape(-1, rows, width * channels)
            x[some, p * gap : p * gap + (rows - 1) * step + 1 : step] += product
        flat = x[some].reshape(-1)
        sizes.append(float(flat.dot(flat)))

    for_each(parts, work, count())
    if not math.isfinite(sum(sizes)):
        return None
    images = x.reshape(n, -1, width, channels)
    return images[:, rim : rim + size[0], left : left + size[1]]


def _bands(w: Array, columns: int, width: int, geom: Any) -> Array:
    """The matrix for each row of the kernel: (a row of d, a row of padded x)."""
    outputs, channels, high, wide = w.shape
    bands = np.zeros((high, columns, outputs, width, channels), w.dtype)
    row, pixel, output, across, channel = bands.strides
    shape = high, columns, outputs, wide, channels
    strides = row, pixel + geom.stride[1] * across, output, geom.dilation[1] * across, channel
    np.lib.stride_tricks.as_strided(bands, shape, strides)[...] = w.transpose(2, 0, 3, 1)[:, None]
    return bands.reshape(high, columns * outputs, width * channels)
