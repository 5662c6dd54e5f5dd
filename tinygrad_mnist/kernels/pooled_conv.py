"""A 3x3 convolution, rectified and pooled, in Winograd's form, as calls that are bound once.

Winograd's form computes tiles of 2x2 pixels, and such a tile is one window of the pooling. So a few
images at a time are convolved, pooled and rectified while they are in the cache, and of the pooling
only the place of each maximum is kept; the way back begins from these places. Neither the
convolution's output nor its gradient ever exists as a whole.

As in `winograd.py`, whose calls these are, infinities spoil a tile. So each way looks at its
result, and where that is not finite, the plain kernels run instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

# np.clip without its Python wrapper
from numpy._core.umath import clip as clip_ufunc  # type: ignore[attr-defined]

from tinygrad_mnist.kernels.activation import gate, relu
from tinygrad_mnist.kernels.conv import Geometry, conv, conv_input, conv_weight, winograd_pays
from tinygrad_mnist.kernels.elementwise import INFINITY, ZERO
from tinygrad_mnist.kernels.pool import Windows, max_pool, pool_put
from tinygrad_mnist.kernels.scratch import aligned_bytes
from tinygrad_mnist.kernels.transforms import REACH, Cut, adjoint_of, giving
from tinygrad_mnist.kernels.winograd import (
    PRODUCTS,
    Calls,
    Form,
    Problem,
    Tiles,
    bound,
    by_rows,
    contract,
    expand,
    images_at_once,
    lines,
    room_for,
)

BLOCK = 2 << 20  # bytes at a time: half of `winograd.BLOCK`, for a bound call costs little

Array = np.ndarray[Any, Any]
Step = Callable[[], object]


class Layer(NamedTuple):
    """The settings of a convolution and of the pooling behind it."""

    geom: Geometry
    win: Windows


class Gradients(NamedTuple):
    """Where to leave the gradients of the weight, the bias and the input; None: not wanted."""

    w: Array
    b: Array | None
    x: Array | None
    is_gated: bool  # x is rectified itself, and has a gradient only where it is above 0


def pooled_form_pays(x: Array, w: Array, layer: Layer) -> bool:
    """Tell whether the layer has this form, and whether Winograd's pays for it."""
    height, width = layer.geom.extent(x.shape[2:], w.shape[2:])
    halves = height // 2, width // 2
    return (
        layer.win == Windows((2, 2), (2, 2), (1, 1), (0, 0), halves)
        and (height, width) == (2 * halves[0], 2 * halves[1])
        and layer.geom.groups == 1
        and _pixels(x).flags.c_contiguous
        and winograd_pays(x, w, w.shape, (height, width), layer.geom)
    )


class PooledConv:
    """y = max_pool(relu(conv(x, w, b))) for arrays that stay where they are, and its gradients."""

    def __init__(self, layer: Layer, x: Array, w: Array, b: Array | None, y: Array) -> None:
        """Bind the calls that fill y, (n, k, h, w) with its channels last in memory."""
        self._layer, self._x, self._w, self._b, self._y = layer, x, w, b, y
        self._is_plain = False  # the last result was not finite, and came from the plain kernels
        images, pooled = _pixels(x), _pixels(y)
        n, c, k, dtype = len(x), x.shape[1], y.shape[1], x.dtype
        self._expanded = owned((REACH, REACH, c, k), dtype)
        height, width = pooled.shape[1:3]
        problem = Problem(
            n,
            x.shape[2:],
            (2 * height, 2 * width),
            c,
            k,
            layer.geom.padding,
            dtype,
        )
        step = images_at_once(problem, PRODUCTS, BLOCK)
        parts = [slice(at, min(at + step, n)) for at in range(0, n, step)]
        blocks = {size: Block(problem, size) for size in set(map(_length, parts))}
        self._parts = [
            (blocks[_length(at)], images[at], Maxima(_length(at), pooled), pooled[at])
            for at in parts
        ]
        self._checks = owned((len(parts) + 1,), dtype)
        calls = (
            block.forward(some, self._expanded, b, maxima, out, self._check(number))
            for number, (block, some, maxima, out) in enumerate(self._parts)
        )
        self._forward = [step for part in calls for step in bound(part)]
        self._backward: list[Step] = []

    def _check(self, number: int) -> Array:
        return self._checks[number : number + 1].reshape(())

    def forward(self) -> None:
        """Fill y."""
        expand(self._w.transpose(1, 2, 3, 0), self._expanded)
        self._checks[-1] = 0
        for step in self._forward:
            step()
        self._is_plain = not np.isfinite(self._checks).all()
        if self._is_plain:
            np.copyto(self._y, max_pool(self._rectified(), win=self._layer.win))

    def bind_backward(self, d: Array, gradients: Gradients) -> Step:
        """Return the step that fills the gradients from d, of y's shape."""
        c, k = self._x.shape[1], self._y.shape[1]
        turned = owned((REACH, REACH, k, c), d.dtype)
        total, share = (owned(turned.shape, d.dtype) for _ in range(2))
        self._backward = [
            partial(np.copyto, turned, self._expanded.swapaxes(-1, -2)),
            partial(total.fill, 0),
            *([] if gradients.b is None else [partial(gradients.b.fill, 0)]),
        ]
        images = None if gradients.x is None else _pixels(gradients.x)
        at = 0
        for number, (block, some, maxima, out) in enumerate(self._parts):
            rows = slice(at, at + len(some))
            at = rows.stop
            calls = block.backward(_pixels(d)[rows], out, maxima, gradients.b)
            self._backward += bound(calls)
            self._backward += bound(block.to_weight(some, share, total))
            if images is not None:
                gate = some if gradients.is_gated else None
                to_input = block.to_input(turned, images[rows], gate, self._check(number))
                self._backward += bound(to_input)
        return partial(self._go_back, d, gradients, total)

    def _go_back(self, d: Array, gradients: Gradients, total: Array) -> None:
        if not self._is_plain:
            for step in self._backward:
                step()
            w = contract(total)
            self._checks[-1] = np.dot(w.reshape(-1), w.reshape(-1))
            if np.isfinite(self._checks).all():
                np.copyto(gradients.w, w)
                return
        self._go_back_plainly(d, gradients)

    def _rectified(self) -> Array:
        rectified: Array = relu(conv(self._x, self._w, self._b, geom=self._layer.geom))
        return rectified

    def _go_back_plainly(self, d: Array, gradients: Gradients) -> None:
        geom, win = self._layer
        a = self._rectified()
        g = gate(pool_put(d, a, max_pool(a, win=win), win=win), a)
        np.copyto(gradients.w, conv_weight(self._x, g, size=self._w.shape[2:], geom=geom))
        if gradients.b is not None:
            np.copyto(gradients.b, g.sum((0, 2, 3)))
        if gradients.x is not None:
            dx = conv_input(g, self._w, size=self._x.shape[2:], geom=geom)
            np.copyto(gradients.x, gate(dx, self._x) if gradients.is_gated else dx)


class Maxima:
    """Where the maximum of each window lies, for some images."""

    def __init__(self, n: int, pooled: Array) -> None:
        _, h, w, k = pooled.shape
        self.is_left, self.is_upper = owned((n, 2 * h, w, k), bool), owned((n, h, w, k), bool)


class Block(Tiles):
    """Memory for n images, and the calls that use it.

    In the convolution's result, of the columns that one product makes the even ones come first, and
    then the odd ones: so both are long runs for the pooling.
    """

    def __init__(self, problem: Problem, n: int) -> None:
        form = Form(n, range(problem.tiles[0]))
        memory = [owned((size,), problem.dtype) for size in room_for(problem, [form])]
        super().__init__(problem, form, memory)
        (height, width), k, dtype = problem.y, problem.k, problem.dtype
        self._back = tuple(_sorted(cut) for cut in self._back)
        self._across_y = adjoint_of(self._back)
        self._columns = [cut.target for cut in self._back]
        rows, columns = (range(count) for count in problem.tiles)
        self._up_x = giving(problem.x[0], problem.rim[0], rows, dtype)
        self._back_x = giving(problem.x[1], problem.rim[1], columns, dtype)
        pooled = n, height // 2, width // 2, k
        # These lie where m does, which is read before they are made, and made after they are read
        shapes = (n, height, width, k), (n, height, width // 2, k), pooled
        self._y, self._pairs, self._d = behind_each_other(memory[2], shapes)
        self._is_positive = owned(pooled, bool)
        self._is_active = owned((n, *problem.x, problem.c), bool)
        self._ones, self._sums = np.ones(math.prod(pooled[:3]), dtype), owned((k,), dtype)

    def forward(
        self, images: Array, u: Array, b: Array | None, maxima: Maxima, out: Array, check: Array
    ) -> Calls:
        yield from self.down(images)
        yield from self.across()
        yield from self.multiply(u, b)
        yield from self.back_across()
        yield from self.up(self._y)
        flat = self._y.reshape(-1)
        yield np.dot, flat, flat, check
        for half, left, right in self._halves():
            yield np.greater_equal, left, right, maxima.is_left[:, :, half]
            yield partial(np.maximum, out=self._pairs[:, :, half]), left, right
        upper, lower = self._pairs[:, ::2], self._pairs[:, 1::2]
        yield np.greater_equal, upper, lower, maxima.is_upper
        yield partial(np.maximum, out=out), upper, lower
        yield clip_ufunc, out, ZERO[out.dtype.char], INFINITY[out.dtype.char], out

    def _halves(self) -> Iterator[tuple[slice, Array, Array]]:
        """Yield columns of windows, and the left and the right elements of these windows."""
        for columns in self._columns:
            middle = (columns.start + columns.stop) // 2
            half = slice(columns.start // 2, columns.stop // 2)
            left, right = slice(columns.start, middle), slice(middle, columns.stop)
            yield half, self._y[:, :, left], self._y[:, :, right]

    def backward(self, d: Array, out: Array, maxima: Maxima, b: Array | None) -> Calls:
        """m = A' y, where y is d at the first maximum of each window, and else 0."""
        mine = self._d
        yield np.greater, out, ZERO[out.dtype.char], self._is_positive
        yield np.multiply, d, self._is_positive, mine
        if b is not None:
            yield np.dot, self._ones, mine.reshape(len(self._ones), -1), self._sums
            yield np.add, b, self._sums, b
        upper, lower = self._pairs[:, ::2], self._pairs[:, 1::2]
        yield np.multiply, mine, maxima.is_upper, upper
        yield np.subtract, mine, upper, lower
        for half, left, right in self._halves():
            yield np.multiply, self._pairs[:, :, half], maxima.is_left[:, :, half], left
            yield np.subtract, self._pairs[:, :, half], left, right
        yield from self.down_y(self._y)
        yield from self.across_y()

    def to_weight(self, images: Array, share: Array, total: Array) -> Calls:
        yield from self.down(images)
        yield from self.across()
        yield from self.pair(share)
        yield np.add, total, share, total

    def to_input(self, u: Array, into: Array, gate: Array | None, check: Array) -> Calls:
        """Fill the gradient of images, which is wanted only where `gate` is above 0."""
        yield np.matmul, self.m, u, self.v
        yield from self.back_across_x()
        yield from self.up_x(into)
        flat = into.reshape(-1)
        yield np.dot, flat, flat, check
        if gate is not None:
            yield np.greater, gate, ZERO[gate.dtype.char], self._is_active
            yield np.multiply, into, self._is_active, into

    def back_across_x(self) -> Calls:
        """Begin x = B' v."""
        return lines(self._back_x, self._v, self._half_x.transpose(2, 0, 1, 3, 4))

    def up_x(self, images: Array) -> Calls:
        """Complete x = B' v."""
        return lines(self._up_x, by_rows(self._half_x), by_rows(images))


def behind_each_other(memory: Array, shapes: Iterable[tuple[int, ...]]) -> Iterator[Array]:
    """Yield arrays of these shapes, one behind the other."""
    at = 0
    for shape in shapes:
        size = math.prod(shape)
        yield memory[at : at + size].reshape(shape)
        at += size


def _sorted(cut: Cut) -> Cut:
    """Return the cut with its even lines first, and its odd ones behind them."""
    return cut._replace(matrix=np.concatenate((cut.matrix[::2], cut.matrix[1::2])))


def owned(shape: Iterable[int], dtype: Any) -> Array:
    """Make an array that begins at a cache line."""
    shape = tuple(shape)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    array: Array = aligned_bytes(size).view(dtype).reshape(shape)
    array.fill(0)
    return array


def _pixels(images: Array) -> Array:
    return images.transpose(0, 2, 3, 1)


def _length(rows: slice) -> int:
    return int(rows.stop - rows.start)
