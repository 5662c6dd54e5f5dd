"""A 3x3 convolution, rectified and pooled, in Winograd's form, as calls that are bound once.

Winograd's form computes tiles of 2x2 pixels, and such a tile is one window of the pooling. So a few
images at a time are convolved, pooled and rectified while they are in the cache, and of the pooling
only the place of each maximum is kept; the way back begins from these places. Neither the
convolution's output nor its gradient ever exists as a whole.

As in `winograd.py`, whose calls these are, infinities spoil a tile. So each way looks at its
result, and where that is not finite, the plain kernels run instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from tinygrad_mnist.kernels.winograd import GG, Calls, Tiles, images_at_once

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
        n, c, dtype = len(x), x.shape[1], x.dtype
        self._expanded = owned((16, c * y.shape[1]), dtype)
        u = self._expanded.reshape(4, 4, c, -1)
        most = images_at_once(pooled.shape[1] * pooled.shape[2], c, y.shape[1], x.itemsize)
        parts = [slice(at, min(at + most, n)) for at in range(0, n, most)]
        blocks = {size: Block(size, images, pooled, layer) for size in set(map(_length, parts))}
        self._parts = [
            (blocks[_length(at)], images[at], Maxima(_length(at), pooled), pooled[at])
            for at in parts
        ]
        self._checks = owned((len(parts) + 1,), dtype)
        calls = (
            block.forward(some, u, b, maxima, out, self._check(number))
            for number, (block, some, maxima, out) in enumerate(self._parts)
        )
        self._forward = [step for part in calls for step in bound(part)]
        self._backward: list[Step] = []

    def _check(self, number: int) -> Array:
        return self._checks[number : number + 1].reshape(())

    def forward(self) -> None:
        """Fill y."""
        np.dot(
            GG.astype(self._w.dtype), self._w.transpose(2, 3, 1, 0).reshape(9, -1), self._expanded
        )
        self._checks[-1] = 0
        for step in self._forward:
            step()
        self._is_plain = not np.isfinite(self._checks).all()
        if self._is_plain:
            np.copyto(self._y, max_pool(self._rectified(), win=self._layer.win))

    def bind_backward(self, d: Array, gradients: Gradients) -> Step:
        """Return the step that fills the gradients from d, of y's shape."""
        c, k = self._x.shape[1], self._y.shape[1]
        turned = owned((4, 4, k, c), d.dtype)
        total, share = owned((16, c * k), d.dtype), owned((4, 4, c, k), d.dtype)
        self._backward = [
            partial(np.copyto, turned, self._expanded.reshape(4, 4, c, k).swapaxes(-1, -2)),
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
            self._backward += bound(block.to_weight(some, share, total.reshape(share.shape)))
            if images is not None:
                to_input = block.to_input(
                    turned, images[rows], gradients.is_gated, self._check(number)
                )
                self._backward += bound(to_input)
        w = gradients.w.transpose(2, 3, 1, 0)
        return partial(self._go_back, d, gradients, total, w)

    def _go_back(self, d: Array, gradients: Gradients, total: Array, w: Array) -> None:
        if not self._is_plain:
            for step in self._backward:
                step()
            w[...] = np.dot(GG.T.astype(total.dtype), total).reshape(w.shape)
            self._checks[-1] = np.dot(total.reshape(-1), total.reshape(-1))
            if np.isfinite(self._checks).all():
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
        shape = (n, *pooled.shape[1:])
        self.is_left, self.is_upper = owned((2, *shape), bool), owned(shape, bool)


class Block(Tiles):
    """Memory for n images, and the calls that use it."""

    def __init__(self, n: int, images: Array, pooled: Array, layer: Layer) -> None:
        _, h, w, k = pooled.shape
        whole = np.empty((n, 2 * h, 2 * w, k), images.dtype)  # for its layout alone
        super().__init__(n, images[:n], whole, layer.geom.padding, memory=_each_owned)
        self.x_copies = self.y_copies = self.d_copies = []  # a call has images of its own
        self._pairs = owned((2, n, h, w, k), images.dtype)
        self._d, self._is_positive = owned((n, h, w, k), images.dtype), owned((n, h, w, k), bool)
        self._is_active = owned(self.x.shape, bool)
        self._ones = np.ones(n * h * w, images.dtype)
        self._sums, self._rim = owned((k,), images.dtype), layer.geom.padding

    def _enter(self, images: Array) -> Calls:
        """Copy images into phases; the rim stays zero."""
        for phases, same in self.copies_of(self.x, images, self._rim):
            yield np.copyto, phases, same

    def forward(
        self, images: Array, u: Array, b: Array | None, maxima: Maxima, out: Array, check: Array
    ) -> Calls:
        y, pairs, zero = self.y, self._pairs, ZERO[images.dtype.char]
        yield from self._enter(images)
        yield from self.take()
        yield np.matmul, self.v, u, self.m
        if b is not None:
            yield np.add, self.m[1, 1], b, self.m[1, 1]  # this product is in all four outputs
        yield from self.make()
        yield np.dot, y.reshape(-1), y.reshape(-1), check
        yield np.greater_equal, y[:, 0], y[:, 1], maxima.is_left
        yield partial(np.maximum, out=pairs), y[:, 0], y[:, 1]
        yield np.greater_equal, pairs[0], pairs[1], maxima.is_upper
        yield partial(np.maximum, out=out), pairs[0], pairs[1]
        yield clip_ufunc, out, zero, INFINITY[images.dtype.char], out

    def backward(self, d: Array, out: Array, maxima: Maxima, b: Array | None) -> Calls:
        """m = A dy along both axes, (d0, d0 + d1, d0 - d1, d1): dy is d at the first maximum."""
        mine, m = self._d, self._m
        yield np.greater, out, ZERO[out.dtype.char], self._is_positive
        yield np.copyto, mine, d
        yield np.multiply, mine, self._is_positive, mine
        if b is not None:
            yield np.dot, self._ones, mine.reshape(len(self._ones), -1), self._sums
            yield np.add, b, self._sums, b
        yield np.multiply, mine, maxima.is_upper, m[0, 1]
        yield np.subtract, mine, m[0, 1], m[3, 1]
        ends = m[::3]  # for both rows, the sum of the columns has been computed
        yield np.multiply, ends[:, 1], maxima.is_left, ends[:, 0]
        yield np.subtract, ends[:, 1], ends[:, 0], ends[:, 3]
        yield np.subtract, ends[:, 0], ends[:, 3], ends[:, 2]
        yield np.add, m[0], m[3], m[1]
        yield np.subtract, m[0], m[3], m[2]

    def to_weight(self, images: Array, share: Array, total: Array) -> Calls:
        yield from self._enter(images)
        yield from self.take()
        yield np.matmul, self.v.swapaxes(-1, -2), self.m, share
        yield np.add, total, share, total

    def to_input(self, turned: Array, images: Array, is_gated: bool, check: Array) -> Calls:
        """Fill the gradient of images whose phases `to_weight` has left in x."""
        if is_gated:
            yield np.greater, self.x, ZERO[images.dtype.char], self._is_active
        yield np.matmul, self.m, turned, self.v
        yield from self.give_back()
        yield np.dot, self.x.reshape(-1), self.x.reshape(-1), check
        if is_gated:
            yield np.multiply, self.x, self._is_active, self.x
        for phases, same in self.copies_of(self.x, images, self._rim):
            yield np.copyto, same, phases
        if self._rim != (0, 0):
            yield self.x.fill, 0


def owned(shape: Iterable[int], dtype: Any) -> Array:
    """Make an array that begins at a cache line."""
    shape = tuple(shape)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    array: Array = aligned_bytes(size).view(dtype).reshape(shape)
    array.fill(0)
    return array


def _each_owned(*specs: tuple[tuple[int, ...], Any]) -> list[Array]:
    return [owned(*one) for one in specs]


def bound(calls: Calls) -> list[Step]:
    """Bind calls to their arguments."""
    return [partial(function, *args) for function, *args in calls]


def _pixels(images: Array) -> Array:
    return images.transpose(0, 2, 3, 1)


def _length(rows: slice) -> int:
    return int(rows.stop - rows.start)
