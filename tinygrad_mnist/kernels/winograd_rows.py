"""3x3 convolution with half of the products, for few channels: Winograd's F(4, 3) along rows alone.

Four rows of outputs come from six rows of inputs by the transforms of `winograd.py`, which leave
columns alone. So the matrices have lines as long as a row of an image. Along columns are plain
sums: three neighbouring pixels are one run in memory, and a run is a row of the left matrix. BLAS
takes no rows that overlap, but every third run; so 6 rows of a tile take 3 products each.

In `winograd.py` the transforms along columns take longer than the products of 16 channels, whose
matrices are too narrow for BLAS.

What is transformed is (row of a tile, image, tile, column, channel). Zeros surround the columns, so
that their number is a multiple of three; what comes out behind the last column is not used. An
infinity spoils its tile, as in `winograd.py`. Rounding errors are 2 to 4 times those of the plain
sums, and half of that form's.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.kernels.parallel import count, for_each, on_threads
from tinygrad_mnist.kernels.scratch import planned
from tinygrad_mnist.kernels.transforms import REACH, SIDE, A, B, G
from tinygrad_mnist.kernels.winograd import ENOUGH, EVERYWHERE, PRODUCTS

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
Cut = tuple[slice, int, slice]
TAPS = 3  # pixels in a run
# Pairs of channels: of 24 * 24 this form took 0.8 of the time of `winograd.py`'s, of 32 * 32 1.0.
# And channels: from 3 to 16 it took 0.3 to 0.8 of the time of plain sums, from 2 to 32 0.5 to 1.1,
# from 3 to 64 0.6 to 1.4.
MOST, LEAST, FURTHEST = 640, 3, 6


class Problem(NamedTuple):
    """The sizes that all memory follows from: images of c channels and of k, and the rim of x."""

    n: int
    x: Pair
    y: Pair
    c: int
    k: int
    rim: Pair
    dtype: Any

    @property
    def tiles(self) -> int:
        """The number of tiles above each other."""
        count: int = -(-self.y[0] // SIDE)
        return count

    @property
    def columns(self) -> int:
        """The number of columns of what is transformed."""
        return -(-max(self.y[1] + TAPS - 1, self.x[1] + self.rim[1]) // TAPS) * TAPS

    @property
    def line(self) -> int:
        """The number of pixels of an image in each row of its tiles."""
        return self.tiles * self.columns


def pays_along_rows(weight: tuple[int, ...], windows: Pair, rim: Pair) -> bool:
    """Tell whether this form takes less time than that of `winograd.py` and than plain sums."""
    few, many = sorted(weight[:2])
    of_an_image = few * many * windows[0] * windows[1] // SIDE
    suits = few >= LEAST and many <= FURTHEST * few and few * many <= MOST
    return suits and max(rim) < TAPS and of_an_image <= PRODUCTS // 2


def conv(x: Array, w: Array, b: Array | None, y: Array, *, rim: Pair) -> bool:
    """y[n, i, j, o] = sum over p, q, c of x[n, i + p, j + q, c] w[o, c, p, q] + b[o], into y."""
    return _convolved(x, w.transpose(2, 3, 1, 0), b, y, rim)


def conv_input(d: Array, w: Array, x: Array, *, rim: Pair) -> bool:
    """The adjoint in x: from d, of y's shape, into x."""
    turned = w[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)
    return _convolved(d, turned, None, x, (2 - rim[0], 2 - rim[1]))


def _convolved(x: Array, w: Array, b: Array | None, y: Array, rim: Pair) -> bool:
    """Convolve x with w (3, 3, from, to); tell whether the result is finite."""
    problem = _problem(x, y, rim)
    parts = _parts(problem, PRODUCTS)
    todo = iter(parts)  # each part goes to the next thread that asks
    u = np.matmul(G.astype(x.dtype), w.reshape(3, -1))
    u = u.reshape(REACH, 1, TAPS * problem.c, problem.k)
    squares: list[float] = []

    def work() -> None:
        tiles = _planned(problem)
        for part in todo:
            some = tiles[part.stop - part.start]
            some.take(x[part])
            np.matmul(some.inputs, u, some.outputs)
            if b is not None:
                some.everywhere += b
            some.make(y[part])
            flat = y[part].reshape(-1)
            squares.append(float(np.dot(flat, flat)))

    on_threads(work, _threads(problem, len(parts)))
    return math.isfinite(sum(squares))


def conv_weight(x: Array, d: Array, *, rim: Pair) -> Array | None:
    """The adjoint in w: from d, of y's shape, to w's shape; None if it is not finite."""
    problem = _problem(x, d, rim)
    parts = _parts(problem, PRODUCTS)
    number = min(len(parts), 2 if len(parts) < 8 else 4)  # the same for any number of threads
    ends = [len(parts) * i // number for i in range(number + 1)]
    shares: list[Any] = [parts[start:stop] for start, stop in itertools.pairwise(ends)]

    def add(at: int) -> None:
        tiles, total = _planned(problem), None
        for part in shares[at]:
            some = tiles[part.stop - part.start]
            some.take(x[part])
            some.spread(d[part])
            pairs = np.matmul(some.outputs.swapaxes(-1, -2), some.inputs).sum(1)
            total = pairs if total is None else np.add(total, pairs, out=total)
        shares[at] = total

    for_each(range(number), add, _threads(problem, number))
    rows = functools.reduce(np.add, shares).reshape(REACH, -1)
    w = np.matmul(G.T.astype(x.dtype), rows)
    if not math.isfinite(np.dot(w.reshape(-1), w.reshape(-1))):
        return None
    return np.ascontiguousarray(w.reshape(3, problem.k, 3, problem.c).transpose(1, 3, 0, 2))


def _problem(x: Array, y: Array, rim: Pair) -> Problem:
    """Return the sizes of images (n, h, w, channels)."""
    (n, *x_size, c), (*_, k) = x.shape, y.shape
    return Problem(n, tuple(x_size), y.shape[1:3], c, k, rim, x.dtype)


@functools.lru_cache(256)
def _parts(problem: Problem, products: int) -> list[slice]:
    """Cut the images so that OpenBLAS has a kernel for small products, for two threads."""
    at_once = max(1, products // (problem.c * problem.k * problem.line))
    times = max(2, -(-problem.n // at_once))
    times = min(problem.n, times + times % 2)
    ends = itertools.pairwise(problem.n * i // times for i in range(times + 1))
    return [slice(start, stop) for start, stop in ends]


def _threads(problem: Problem, most: int) -> int:
    """Return how many threads to use; one where waking another takes longer than the work."""
    work: int = problem.n * problem.line * REACH * (problem.c + problem.k)
    return max(1, min(count(), most, work // ENOUGH))


def _planned(problem: Problem) -> dict[int, Tiles]:
    """Return this thread's memory for the tiles of any part, by its number of images."""
    sizes = tuple({part.stop - part.start for part in _parts(problem, PRODUCTS)})
    pixels = REACH * max(sizes) * problem.line + TAPS - 1  # the last runs reach too far
    specs = [((pixels * each,), problem.dtype) for each in (problem.c, problem.k)]
    return planned(("rows", problem, sizes), _tiles, *specs)


def _tiles(key: tuple[str, Problem, tuple[int, ...]], *memory: Array) -> dict[int, Tiles]:
    return {n: Tiles(key[1], n, memory) for n in key[2]}


class Tiles:
    """Tiles of some images, of inputs and of outputs, and what transforms them."""

    def __init__(self, problem: Problem, n: int, memory: Sequence[Array]) -> None:
        shape = REACH, n, problem.tiles, problem.columns
        size, first = math.prod(shape), problem.rim[1]
        inputs, outputs = (
            flat[: size * each].reshape(*shape, each)
            for flat, each in zip(memory, (problem.c, problem.k), strict=True)
        )
        self.inputs, self.outputs = _runs(memory[0], inputs, TAPS), _runs(memory[1], outputs, 1)
        self.everywhere = outputs[EVERYWHERE]
        self._rims = inputs[..., :first, :], inputs[..., first + problem.x[1] :, :]
        self._behind = memory[0][inputs.size :][: (TAPS - 1) * problem.c]
        self._unused = outputs[:, :, :, problem.y[1] :]
        x_lines, y_lines = _lines(inputs, first, problem.x[1]), _lines(outputs, 0, problem.y[1])
        x_cuts = _cuts(problem.x[0], problem.rim[0], problem.tiles, REACH)
        y_cuts = _cuts(problem.y[0], 0, problem.tiles, SIDE)
        self._taken, self._spread = _along(B, x_cuts, x_lines), _along(A.T, y_cuts, y_lines)

    def take(self, images: Array) -> None:
        """Inputs = B images, with zeros around the columns."""
        for rim in self._rims:
            rim.fill(0)
        self._behind.fill(0)
        for matrix, *some, lines in self._taken:
            np.matmul(matrix, _rows(images, *some), lines)

    def make(self, images: Array) -> None:
        """Images = A outputs."""
        for matrix, *some, lines in self._spread:
            np.matmul(matrix.T, lines, _rows(images, *some))

    def spread(self, images: Array) -> None:
        """Outputs = A' images, and zeros behind the last column."""
        self._unused.fill(0)
        for matrix, *some, lines in self._spread:
            np.matmul(matrix, _rows(images, *some), lines)


def _along(matrix: Array, cuts: list[Cut], lines: Array) -> list[tuple[Any, ...]]:
    """Return (the matrix, what `_rows` takes of images, lines of tiles) for each of the cuts."""
    matrix = np.ascontiguousarray(matrix, lines.dtype)
    return [
        (matrix[:, rows], first, some.stop - some.start, rows.stop - rows.start, lines[:, some])
        for some, first, rows in cuts
    ]


def _runs(memory: Array, tiles: Array, taps: int) -> Array:
    """Look at tiles in memory as 6 times 3 matrices, each of every third run of some pixels."""
    rows, *shape, channels = tiles.shape
    pixel, runs = tiles.strides[-2], math.prod(shape) // TAPS
    strides = tiles.strides[0], pixel, TAPS * pixel, tiles.itemsize
    return _view(memory, 0, (rows, TAPS, runs, taps * channels), strides)


def _lines(tiles: Array, first: int, width: int) -> Array:
    """Look at some columns of tiles as (image, tile, row of the tile, everything in the row)."""
    row, image, tile, pixel, item = tiles.strides
    shape = *tiles.shape[1:3], REACH, width * tiles.shape[4]
    return _view(tiles, first * pixel, shape, (image, tile, row, item))


def _rows(images: Array, first: int, tiles: int, rows: int) -> Array:
    """Look at images, from a row on, as (image, tile, row, everything in it); tiles may overlap."""
    n, high, width, channels = images.shape
    row = width * channels * images.itemsize
    shape = n, tiles, rows, width * channels
    strides = high * row, SIDE * row, row, images.itemsize
    return _view(images, first * row, shape, strides)


def _view(memory: Any, start: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """Look at memory without gaps, from a byte on: `as_strided` takes 4 times as long."""
    return np.ndarray(shape, memory.dtype, memory, start, strides)


@functools.lru_cache(256)
def _cuts(size: int, rim: int, tiles: int, reach: int) -> list[Cut]:
    """Return (tiles, the first row that the first reads, which of so many rows each has).

    The rows begin `rim` before those of an image, in which some tiles have all of theirs.
    """
    cuts: list[Cut] = []
    for tile in range(tiles):
        start = tile * SIDE - rim
        some = slice(max(0, -start), min(reach, size - start))
        if cuts and cuts[-1][2] == some:
            cuts[-1] = slice(cuts[-1][0].start, tile + 1), *cuts[-1][1:]
        else:
            cuts.append((slice(tile, tile + 1), start + some.start, some))
    return cuts
