"""3x3 convolution with 16 products instead of 36: Winograd's F(2x2, 3x3), and its adjoints.

Two outputs y of a line, from four inputs x and three weights g, take four products, not six:

    y = A' (G g * B' x),   hence   dx = B (G g * A dy)   and   dg = G' (A dy * B' x),

         1  0 -1  0         1    0    0
    B' = 0  1  1  0    G = 1/2  1/2  1/2    A' = 1  1  1  0
         0 -1  1  0        1/2 -1/2  1/2         0  1 -1  1
         0  1  0 -1         0    0   -1

In an image the same is done along both axes: 16 matrices (tiles, in) times 16 matrices (in, out).
Here an image is stored in phases, (2, 2, image, row, column, channel), with even and odd rows and
columns apart, so that each sum runs over long memory. Outside, images are (image, row, column,
channel).
Sources: Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast Algorithms for
Convolutional Neural Networks, 2015 (there the last column of A' and row of G have the other sign).

One infinity makes its whole tile NaN. So each function tells whether its result is finite; if not,
use the plain sums. Rounding errors are 1 to 3 times those of the plain sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.kernels.scratch import pixels, scratch

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
Calls = Iterator[tuple[Any, ...]]  # (function, argument, ...): calls for later
Copies = list[tuple[Array, Array]]  # the same pixels in phases and in images

G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, -1]])
GG = np.kron(G, G)  # (16, 9): along both axes
PRODUCTS = 1_000_000  # in one matrix product: up to there OpenBLAS has a kernel for small ones
BLOCK = 2 << 20  # bytes of B' x and A dy at a time: neither half nor twice as many was faster


def conv(x: Array, w: Array, b: Array | None, y: Array, *, rim: Pair) -> bool:
    """y[n, i, j, o] = sum over p, q, c of x[n, i + p, j + q, c] w[o, c, p, q] + b[o], into y."""
    u = _expanded(w.transpose(2, 3, 1, 0))

    def calls(t: Tiles) -> Calls:
        yield from t.take()
        yield np.matmul, t.v, u, t.m
        if b is not None:
            rows = t.m[1, 1].reshape(-1, t.columns * len(b))
            yield np.add, rows, np.tile(b, t.columns), rows  # this product is in all four outputs
        yield from t.make()

    blocks = _blocks(x, y, rim, lambda t: Plan(t.x_copies, calls(t), t.y_copies))
    return _finite(t.y for t in blocks)


def conv_input(d: Array, w: Array, x: Array, *, rim: Pair) -> bool:
    """The adjoint in x: from d, of y's shape, into x."""
    u = _expanded(w.transpose(2, 3, 0, 1))

    def calls(t: Tiles) -> Calls:
        yield from t.spread()
        yield np.matmul, t.m, u, t.v
        yield from t.give_back()

    blocks = _blocks(x, d, rim, lambda t: Plan(t.d_copies, calls(t), t.x_copies))
    return _finite(t.x for t in blocks)


def conv_weight(x: Array, d: Array, *, rim: Pair) -> Array | None:
    """The adjoint in w: from d, of y's shape, to w's shape; None if it is not finite."""
    c, k = x.shape[-1], d.shape[-1]
    part, total = np.empty((4, 4, c, k), x.dtype), np.zeros((4, 4, c, k), x.dtype)

    def calls(t: Tiles) -> Calls:
        yield from t.take()
        yield from t.spread()
        yield np.matmul, t.v.swapaxes(-1, -2), t.m, part
        yield np.add, total, part, total

    for _ in _blocks(x, d, rim, lambda t: Plan(t.x_copies + t.d_copies, calls(t), [])):
        pass
    w = np.dot(GG.T.astype(x.dtype), total.reshape(16, -1)).reshape(3, 3, c, k)
    return w.transpose(3, 2, 0, 1) if _finite([w]) else None


def _expanded(w: Array) -> Array:
    """Return G g along both axes, for w (3, 3, from, to)."""
    u: Array = np.dot(GG.astype(w.dtype), w.reshape(9, -1))
    return u.reshape(4, 4, *w.shape[2:])


def _finite(arrays: Iterator[Array] | list[Array]) -> bool:
    """Tell whether all elements are finite (and their squares can be added up)."""
    return bool(np.isfinite(sum(np.dot(a.reshape(-1), a.reshape(-1)) for a in arrays)))


class Plan(NamedTuple):
    """The work on a block of images: copies into phases, calls, copies from phases."""

    before: Copies
    calls: Calls
    after: Copies


def _blocks(x: Array, y: Array, rim: Pair, plan: Callable[[Tiles], Plan]) -> Iterator[Tiles]:
    """Go through the images, as many at a time as suits the cache and the products."""
    tiles = -(-y.shape[1] // 2) * -(-y.shape[2] // 2)
    most = images_at_once(tiles, x.shape[-1], y.shape[-1], x.itemsize)
    for start in range(0, len(x), most):
        some, n = slice(start, start + most), min(most, len(x) - start)
        if start == 0 or n < most:
            t = Tiles(n, x, y, rim)
            before, calls, after = plan(t)
            steps: list[Callable[[], object]] = [partial(f, *args) for f, *args in calls]
        for phases, images in before:
            np.copyto(phases, images[some])
        for step in steps:
            step()
        for phases, images in after:
            np.copyto(images[some], phases)
        yield t


def images_at_once(tiles: int, c: int, k: int, itemsize: int) -> int:
    """Return how many images of so many tiles suit the cache, and the kernel for small products."""
    return max(1, min(PRODUCTS // (tiles * c * k), BLOCK // (16 * tiles * (c + k) * itemsize)))


class Tiles:
    """Memory for n images cut into tiles, and the calls that turn one form into the next."""

    def __init__(
        self, n: int, x: Array, y: Array, rim: Pair, memory: Callable[..., list[Array]] = scratch
    ) -> None:
        (_, h, w, k), c = y.shape, x.shape[-1]
        h, w = -(-h // 2), -(-w // 2)
        self.columns = w
        shapes = [
            (2, 2, n, h + 1, w + 1, c), (4, 2, n, h + 1, w, c), (4, 4, n, h, w, c),
            (4, 4, n, h, w, k), (2, 4, n, h, w, k), (2, 2, n, h, w, k),
        ]  # fmt: skip
        self.x, self._half_x, v, m, self._half_y, self.y = memory(*((s, x.dtype) for s in shapes))
        self._v, self._m = v, m
        self.v, self.m = v.reshape(4, 4, -1, c), m.reshape(4, 4, -1, k)
        self.x_copies = _same_pixels(self.x, x, rim)
        self.y_copies = _same_pixels(self.y, y, (0, 0))
        self.d_copies = _same_pixels(m[::3, ::3], y, (0, 0))

    @staticmethod
    def copies_of(phases: Array, images: Array, rim: Pair) -> Copies:
        """Return parts of phases and of images with the same pixels; zero the other phases."""
        return _same_pixels(phases, images, rim)

    def take(self) -> Calls:
        """v = B' x."""
        yield from _take(self.x.swapaxes(0, 1), self._half_x, COLUMNS)
        yield from _take(self._half_x.swapaxes(0, 1), self._v, ROWS)

    def give_back(self) -> Calls:
        """x = B v."""
        yield from _give_back(self._v, self._half_x.swapaxes(0, 1), ROWS)
        yield from _give_back(self._half_x, self.x.swapaxes(0, 1), COLUMNS)

    def make(self) -> Calls:
        """y = A' m."""
        yield from _make(self._m, self._half_y)
        yield from _make(self._half_y.swapaxes(0, 1), self.y.swapaxes(0, 1))

    def spread(self) -> Calls:
        """m = A y, for the y that `d_copies` put into the corners of m."""
        yield from _spread(self._m[::3].swapaxes(0, 1))
        yield from _spread(self._m)


class Axis(NamedTuple):
    """Keys of rows or columns: all but the last, all but the first, the first, the last."""

    before: Any
    after: Any
    first: Any
    last: Any


ROWS = Axis(np.s_[..., :-1, :, :], np.s_[..., 1:, :, :], np.s_[..., 0, :, :], np.s_[..., -1, :, :])
COLUMNS = Axis(np.s_[..., :-1, :], np.s_[..., 1:, :], np.s_[..., 0, :], np.s_[..., -1, :])


def _take(x: Array, v: Array, axis: Axis) -> Calls:
    """v = B' x along one axis: x (2, ...) to v (4, ...)."""
    x1, x2 = x[1][axis.before], x[0][axis.after]
    yield np.subtract, x[axis.before], x[axis.after], v[::3]
    yield np.add, x1, x2, v[1]
    yield np.subtract, x2, x1, v[2]


def _give_back(v: Array, x: Array, axis: Axis) -> Calls:
    """x = B v: each element is in two tiles, except at the ends."""
    x0, x1, x2, x3 = x[0][axis.before], x[1][axis.before], x[0][axis.after], x[1][axis.after]
    yield np.copyto, x[0][axis.first], 0
    yield np.add, v[1], v[2], x2
    yield np.subtract, x2, v[0], x2
    yield np.add, x0, v[0], x0
    yield np.copyto, x[1][axis.last], 0
    yield np.subtract, v[1], v[2], x1
    yield np.add, x1, v[3], x1
    yield np.subtract, x3, v[3], x3


def _make(m: Array, y: Array) -> Calls:
    """y = A' m."""
    yield np.add, m[1], m[2], y[0]
    yield np.subtract, m[1], m[2], y[1]
    yield np.add, y, m[::3], y


def _spread(m: Array) -> Calls:
    """m = A y, where m[0] and m[3] hold y already."""
    yield np.add, m[0], m[3], m[1]
    yield np.subtract, m[0], m[3], m[2]


def _same_pixels(phases: Array, images: Array, rim: Pair) -> Copies:
    """Return parts of phases and of images with the same pixels; set the rest of phases to 0.

    A pixel's channels are one element: whole pixels are copied, in one call if possible.
    """
    phases, images = pixels(phases), pixels(images)
    h, w = phases.shape[3:]
    if rim == (0, 0) and images.shape[1:] == (2 * h, 2 * w):
        return [(phases.transpose(2, 3, 0, 4, 1), images.reshape(-1, h, 2, w, 2))]
    phases[...] = np.zeros((), phases.dtype)
    copies = []
    for i, j in np.ndindex(2, 2):
        some = images[:, (i + rim[0]) % 2 :: 2, (j + rim[1]) % 2 :: 2]
        top, left = (rim[0] + 1 - i) // 2, (rim[1] + 1 - j) // 2
        target = phases[i, j, :, top : top + some.shape[1], left : left + some.shape[2]]
        copies.append((target, some))
    return copies
