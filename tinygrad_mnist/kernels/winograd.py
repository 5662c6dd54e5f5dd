"""3x3 convolution with 36 products instead of 144: Winograd's F(4x4, 3x3), and its adjoint in w.

Four outputs y of a line, from six inputs x and three weights g, take six products, not twelve:

    y = A (G g * B x),   hence   dg = G' (A' dy * B x),

where row i of A has the i-th powers of the points 0, 1, -1, 1/2, -2 and infinity. In an image the
same is done along both axes: 36 matrices (tiles, in) times 36 matrices (in, out). The gradient in x
is the convolution of dy with the kernel turned around.

The sums A, B are matrix products as well. Up to `TOGETHER` tiles of a line are transformed by one
matrix, mostly zeros, which reads the line's own pixels: nothing is copied to cut or to pad images,
and BLAS is faster with those zeros than NumPy is at adding. Images are (image, row, column,
channel), and v = B x along both axes is (row of a tile, image, row, column, column of a tile,
channel), so that each of the 36 matrices has its rows at equal distances.
Sources: Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast Algorithms for
Convolutional Neural Networks, 2015; Barabasz and others, Error Analysis and Improving the Accuracy
of Winograd Convolution, 2020 (the points).

One infinity makes its whole tile NaN. So each function tells whether its result is finite; if not,
use the plain sums. Rounding errors are 3 to 6 times those of the plain sums.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.kernels.parallel import count, for_each, on_threads
from tinygrad_mnist.kernels.scratch import Spec, planned
from tinygrad_mnist.kernels.transforms import (
    REACH,
    SIDE,
    TOGETHER,
    Cut,
    G,
    making,
    spreading,
    taking,
)
from tinygrad_mnist.threads import one_thread_each

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
Calls = Iterator[tuple[Any, ...]]  # (function, argument, ...): calls for later
Step = Callable[[], object]

GG = np.kron(G, G)  # (36, 9): along both axes
EVERYWHERE = 1  # the point that adds to all outputs of a line
PRODUCTS = 1_000_000  # in one matrix product: up to there OpenBLAS has a kernel for small ones
BLOCK = 4 << 20  # bytes of both sides of the products at a time: smaller pieces, more calls
FEW = 16  # tiles of a product: for fewer, reading the weights takes longer than the product
ENOUGH = 1 << 18  # elements of tiles for a thread: 0.15 ms


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
    def tiles(self) -> Pair:
        """The number of tiles along each axis."""
        return -(-self.y[0] // SIDE), -(-self.y[1] // SIDE)


class Form(NamedTuple):
    """The number of images of a piece, and its rows of tiles."""

    n: int
    rows: range


class Piece(NamedTuple):
    """Some images, or some rows of tiles of one image: what is computed at a time."""

    images: slice
    form: Form


Parts = tuple[Piece, ...]
Forms = tuple[Form, ...]


def conv(x: Array, w: Array, b: Array | None, y: Array, *, rim: Pair) -> bool:
    """y[n, i, j, o] = sum over p, q, c of x[n, i + p, j + q, c] w[o, c, p, q] + b[o], into y."""
    return _convolved(x, w.transpose(1, 2, 3, 0), b, y, rim)


def conv_input(d: Array, w: Array, x: Array, *, rim: Pair) -> bool:
    """The adjoint in x: from d, of y's shape, into x."""
    turned = w[:, :, ::-1, ::-1].transpose(0, 2, 3, 1)
    return _convolved(d, turned, None, x, (2 - rim[0], 2 - rim[1]))


def _convolved(x: Array, w: Array, b: Array | None, y: Array, rim: Pair) -> bool:
    """Convolve x with w (from, 3, 3, to); tell whether the result is finite."""
    problem = problem_of(x, y, rim)
    parts, some = pieces(problem, PRODUCTS, BLOCK)
    todo = iter(parts)  # each piece goes to the next thread that asks
    x_lines, y_lines = by_rows(x), by_rows(y)
    squares: list[float] = []
    kind = "conv" if b is None else "conv b"

    def work() -> None:
        plan = planned((kind, problem, some), Convolution, *specs(problem, some))
        plan.prepare(w, b)
        for piece in todo:
            squares.append(plan.run(piece, x_lines, y_lines))

    threads = _threads(problem, len(parts))
    with one_thread_of_blas(problem, some, threads):
        on_threads(work, threads)
    return math.isfinite(sum(squares))


def one_thread_of_blas(problem: Problem, some: Forms, threads: int) -> AbstractContextManager[None]:
    """Return the context for this thread alone: no product is shared, as on several threads."""
    tiles = max((n * len(rows) * problem.tiles[1] for n, rows in some), default=0)
    is_shared = threads < 2 and tiles * problem.c * problem.k > PRODUCTS
    return one_thread_each() if is_shared else nullcontext()


class Convolution:
    """A convolution on memory of its own, piece by piece."""

    def __init__(self, key: tuple[str, Problem, Forms], u: Array, b: Array, *memory: Array) -> None:
        kind, problem, some = key
        has_bias = kind == "conv b"
        self._u, self._b = u, b
        self._forms = {}
        for form in some:
            t = Tiles(problem, form, memory)
            calls = bound(t.across(), t.multiply(u, b if has_bias else None), t.back_across())
            self._forms[form] = t.down_from(), calls, t.up_to(), t.lines_of_y

    def prepare(self, w: Array, b: Array | None) -> None:
        """Take the weight (from, 3, 3, to) and the bias."""
        expand(w, self._u)
        if b is not None:
            np.copyto(self._b, b)

    def run(self, piece: Piece, x: Array, y: Array) -> float:
        """Convolve some of x into y, both in lines; return the sum of the squares."""
        down, between, up, written = self._forms[piece.form]
        source, target = x[piece.images], y[piece.images]
        for matrix, some, into in down:
            np.matmul(matrix, source[:, some], into)
        for step in between:
            step()
        for matrix, half, some in up:
            np.matmul(matrix, half, target[:, some])
        flat = target[:, written].reshape(-1)
        return float(np.dot(flat, flat))


def conv_weight(x: Array, d: Array, *, rim: Pair) -> Array | None:
    """The adjoint in w: from d, of y's shape, to w's shape; None if it is not finite."""
    problem = problem_of(x, d, rim)
    parts, some = pieces(problem, PRODUCTS, BLOCK)
    count = min(len(parts), 2 if len(parts) < 8 else 4)  # the same for any number of threads
    ends = [len(parts) * number // count for number in range(count + 1)]
    shares: list[Any] = [parts[start:stop] for start, stop in itertools.pairwise(ends)]
    x_lines, d_lines = by_rows(x), by_rows(d)

    def add(number: int) -> None:
        plan = planned(("corr", problem, some), Correlation, *specs(problem, some, weights=2))
        shares[number] = plan.run(shares[number], x_lines, d_lines)

    threads = _threads(problem, count)
    with one_thread_of_blas(problem, some, threads):
        for_each(range(count), add, threads)
    w: Any = functools.reduce(np.add, shares)
    return w if math.isfinite(np.dot(w.reshape(-1), w.reshape(-1))) else None


class Correlation:
    """The gradient of a weight on memory of its own, piece by piece."""

    def __init__(
        self, key: tuple[str, Problem, Forms], total: Array, share: Array, _: Array, *memory: Array
    ) -> None:
        problem, some = key[1:]
        shape = REACH, REACH, problem.k, problem.c
        self._total, self._share = total.reshape(shape), share.reshape(shape)
        self._forms = {}
        for form in some:
            t = Tiles(problem, form, memory)
            across, across_y = bound(t.across()), bound(t.across_y())
            self._forms[form] = t.down_from(), across, t.down_from_y(), across_y, t

    def run(self, parts: Parts, x: Array, d: Array) -> Array:
        """Return the share of some pieces in the gradient."""
        into = self._total
        for piece in parts:
            down, across, down_y, across_y, t = self._forms[piece.form]
            for cuts, lines, then in ((down, x, across), (down_y, d, across_y)):
                source = lines[piece.images]
                for matrix, some, target in cuts:
                    np.matmul(matrix, source[:, some], target)
                for step in then:
                    step()
            np.matmul(t.m.swapaxes(-1, -2), t.v, into)
            if into is self._share:
                self._total += into
            into = self._share
        return contract(self._total)


def _threads(problem: Problem, most: int) -> int:
    """Return how many threads to use; one where waking another takes longer than the work."""
    work = problem.n * problem.tiles[0] * problem.tiles[1] * REACH**2 * (problem.c + problem.k)
    threads: int = min(count(), most, work // ENOUGH)
    return max(1, threads)


def expand(w: Array, u: Array) -> None:
    """u = G w along both axes, for w (from, 3, 3, to)."""
    lines = w.reshape(len(w), 9, -1)
    np.matmul(GG.astype(w.dtype), lines, out=u.reshape(REACH**2, *u.shape[2:]).swapaxes(0, 1))


def contract(total: Array) -> Array:
    """Return G' of the sums (6, 6, k, c) along both axes, (k, c, 3, 3)."""
    _, _, k, c = total.shape
    rows = total.reshape(REACH**2, k, c).transpose(1, 2, 0)
    w: Array = np.matmul(rows, GG.astype(total.dtype)).reshape(k, c, 3, 3)
    return w


def problem_of(x: Array, y: Array, rim: Pair) -> Problem:
    """Return the sizes of images (n, h, w, channels)."""
    (n, *x_size, c), (*_, k) = x.shape, y.shape
    return Problem(n, tuple(x_size), y.shape[1:3], c, k, rim, x.dtype)


@lru_cache(256)
def pieces(problem: Problem, products: int, block: int) -> tuple[Parts, Forms]:
    """Cut the images so that a piece suits the cache, and its products the kernel for small ones.

    Returns the pieces, and the different forms that they have.
    """
    n, high, lines = problem.n, problem.tiles[0], _lines_at_once(problem, products, block)
    if lines < high:
        step = lines - lines % TOGETHER or lines
        rows = [range(at, min(at + step, high)) for at in range(0, high, step)]
        parts = [Piece(slice(i, i + 1), Form(1, some)) for i in range(n) for some in rows]
    else:
        times = -(-n // images_at_once(problem, products, block))
        ends = itertools.pairwise(n * number // times for number in range(times + 1))
        parts = [Piece(slice(at, end), Form(end - at, range(high))) for at, end in ends]
    return tuple(parts), tuple(dict.fromkeys(piece.form for piece in parts))


def images_at_once(problem: Problem, products: int, block: int) -> int:
    """Return how many images to take at a time, about as many each time."""
    most = max(1, _lines_at_once(problem, products, block) // problem.tiles[0])
    times = max(2, -(-problem.n // most))
    return max(1, -(-problem.n // (times + times % 2)))  # for two threads


def _lines_at_once(problem: Problem, products: int, block: int) -> int:
    """Return how many rows of tiles to take at a time.

    Each piece reads all weights. Where few tiles would go into one product, as many are taken as
    need half the memory of the weights.
    """
    c, k = problem.c, problem.k
    itemsize = np.dtype(problem.dtype).itemsize
    size: int = REACH**2 * (c + k) * itemsize
    most = products // (c * k)
    if most < FEW:
        most = block = max(block, REACH**2 * c * k * itemsize // 2)
    return max(1, min(most, block // size) // problem.tiles[1])


def specs(problem: Problem, some: Forms, weights: int = 1) -> list[Spec]:
    """Return what memory to ask for: transformed weights, a bias, and that for tiles."""
    c, k, dtype = problem.c, problem.k, problem.dtype
    sizes = room_for(problem, some)
    return [((REACH, REACH, c, k), dtype)] * weights + [((n,), dtype) for n in (k, *sizes)]


def room_for(problem: Problem, some: Iterable[Form]) -> list[int]:
    """Return how many elements the largest of some pieces needs of each kind of memory."""
    c, k, wide = problem.c, problem.k, problem.tiles[1]
    count = max((n * len(rows) for n, rows in some), default=0)  # rows of tiles
    half = REACH * max(problem.x[1] * c, problem.y[1] * k)
    return [count * size for size in (half, REACH**2 * wide * c, REACH**2 * wide * k)]


class Tiles:
    """Memory for a piece that is cut into tiles, and the calls that turn one form into the next.

    A line is transformed along one axis and then along the other: `down` the rows of images, or
    `up` to them, and `across`. What is half done is (image, row of tiles, row of a tile, column,
    channel).
    """

    def __init__(self, problem: Problem, form: Form, memory: Sequence[Array]) -> None:
        (_, x, y, c, k, rim, dtype), wide = problem, problem.tiles[1]
        n, rows = form
        high, columns = len(rows), range(wide)
        half, v, m = memory
        self._half_x = _shaped(half, n, high, REACH, x[1], c)
        self._half_y = _shaped(half, n, high, REACH, y[1], k)
        self._v = _shaped(v, REACH, n, high, wide * REACH, c)
        self._m = _shaped(m, REACH, n, high, wide * REACH, k)
        self.v, self.m = _products(self._v), _products(self._m)
        self._down = taking(x[0], rim[0], rows, dtype)
        self._across = taking(x[1], rim[1], columns, dtype)
        self._up = making(y[0], rows, dtype)
        self._back = making(y[1], columns, dtype)
        self._down_y = spreading(y[0], rows, dtype)
        self._across_y = spreading(y[1], columns, dtype)
        self.lines_of_y = slice(self._up[0].target.start, self._up[-1].target.stop)

    def down(self, images: Array) -> Calls:
        """Begin v = B x."""
        return lines(self._down, by_rows(images), by_rows(self._half_x))

    def down_from(self) -> list[tuple[Array, slice, Array]]:
        """Return what `down` needs beside images: (matrix, their lines, where it leaves them)."""
        half = by_rows(self._half_x)
        return [(cut.matrix, cut.source, half[:, cut.target]) for cut in self._down]

    def across(self) -> Calls:
        """Complete v = B x."""
        return lines(self._across, self._half_x.transpose(2, 0, 1, 3, 4), self._v)

    def multiply(self, u: Array, b: Array | None = None) -> Calls:
        """m = v u, and b in the product that is added to all outputs."""
        yield np.matmul, self.v, u, self.m
        if b is not None:
            everywhere = self.m[EVERYWHERE, EVERYWHERE]
            yield np.add, everywhere, b, everywhere

    def back_across(self) -> Calls:
        """Begin y = A m."""
        return lines(self._back, self._m, self._half_y.transpose(2, 0, 1, 3, 4))

    def up(self, images: Array) -> Calls:
        """Complete y = A m."""
        return lines(self._up, by_rows(self._half_y), by_rows(images))

    def up_to(self) -> list[tuple[Array, Array, slice]]:
        """Return what `up` needs beside images: (matrix, what it reads, their lines)."""
        half = by_rows(self._half_y)
        return [(cut.matrix, half[:, cut.source], cut.target) for cut in self._up]

    def down_from_y(self) -> list[tuple[Array, slice, Array]]:
        """Return what `down_y` needs beside images, as `down_from` does."""
        half = by_rows(self._half_y)
        return [(cut.matrix, cut.source, half[:, cut.target]) for cut in self._down_y]

    def down_y(self, images: Array) -> Calls:
        """Begin m = A' y."""
        return lines(self._down_y, by_rows(images), by_rows(self._half_y))

    def across_y(self) -> Calls:
        """Complete m = A' y."""
        return lines(self._across_y, self._half_y.transpose(2, 0, 1, 3, 4), self._m)

    def pair(self, part: Array) -> Calls:
        """part = m' v, (6, 6, k, c): the share of these tiles in the weight's gradient."""
        yield np.matmul, self.m.swapaxes(-1, -2), self.v, part


def _shaped(memory: Array, *shape: int) -> Array:
    return memory[: math.prod(shape)].reshape(shape)


def _products(tiles: Array) -> Array:
    """Look at tiles as 36 matrices (6, 6, tiles, channels)."""
    first, *_, channels = tiles.shape
    return tiles.reshape(first, -1, REACH, channels).transpose(0, 2, 1, 3)


def by_rows(images: Array) -> Array:
    """Look at images, or at halves of tiles, as (image, row, everything in the row)."""
    return images.reshape(len(images), -1, math.prod(images.shape[-2:]))


def lines(cuts: tuple[Cut, ...], source: Array, target: Array) -> Calls:
    """Yield the products that take lines of the source to lines of the target."""
    for cut in cuts:
        yield np.matmul, cut.matrix, source[..., cut.source, :], target[..., cut.target, :]


def bound(*calls: Calls) -> list[Step]:
    """Bind calls to their arguments."""
    return [partial(function, *args) for some in calls for function, *args in some]
