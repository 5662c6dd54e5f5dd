"""NumPy by hand: the CNN, two images at a time, on one thread per core.

Channels are last in memory and pixels lie in phases (see by_hand_winograd), which makes the first
convolution one product with sixteen shifted images, and the pooling a maximum of four arrays.
Calls and their views are bound once, so that a thread runs little Python between calls, while
all other threads wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import as_strided

from benchmarks.by_hand_parts import (
    INFINITY,
    ZERO,
    Calls,
    Team,
    adam,
    aligned,
    bound,
    clip,
    cross_entropy,
    cut,
    make,
    seed,
)
from benchmarks.by_hand_winograd import GG, transformed_back, transformed_input, transformed_output
from benchmarks.problem import Array, Problem, Stepwise

TILE = 2  # images
C1, C2, POOLED, HIDDEN, CLASSES = 32, 64, 144, 128, 10  # channels, pooled pixels, features
WINDOW = 17  # 4x4 pixels, and a one for the bias


def placement() -> Array:
    """Return the matrix that puts the first convolution's weights and bias into the window."""
    at = np.zeros((2, 2, WINDOW, 10), np.float32)
    for p, q, k, j in np.ndindex(2, 2, 3, 3):
        at[p, q, 4 * (p + k) + q + j, 3 * k + j] = 1
    at[:, :, -1, -1] = 1
    return at.reshape(-1, 10)


PLACEMENT = placement()


class Weights:
    """The parameters, or their gradient; all but those of the widest layer in one array."""

    def __init__(self) -> None:
        head = [(HIDDEN,), (CLASSES, HIDDEN), (CLASSES,)]
        shapes = [(10, C1), (9, C1 * C2), (C2,), *head]
        self.flat = aligned(sum(int(np.prod(s)) for s in shapes))
        self.first, self.second, self.b2, self.b3, self.w4, self.b4 = cut(self.flat, shapes)
        self.head = self.flat[-sum(int(np.prod(s)) for s in head) :]
        self.wide = aligned(HIDDEN, POOLED * C2)

    def load(self, weights: list[Array]) -> None:
        """Copy weights from PyTorch's layouts."""
        w1, b1, w2, self.b2[:], w3, self.b3[:], self.w4[:], self.b4[:] = weights
        self.first[:9], self.first[9] = w1.reshape(C1, 9).T, b1
        self.second[:] = w2.transpose(2, 3, 1, 0).reshape(9, -1)
        self.wide[:] = w3.reshape(HIDDEN, C2, POOLED).swapaxes(1, 2).reshape(HIDDEN, -1)


class Expanded:
    """The convolutions' weights in the form that the products need, or their gradient in it."""

    def __init__(self) -> None:
        shapes = [(4, WINDOW, C1), (4, 4, C1, C2), (C2,)]
        self.flat = aligned(sum(int(np.prod(s)) for s in shapes))
        self.first, self.second, self.b2 = cut(self.flat, shapes)

    def load(self, w: Weights) -> None:
        np.dot(PLACEMENT, w.first, self.first.reshape(-1, C1))
        np.dot(GG, w.second, self.second.reshape(16, -1))
        self.b2[:] = w.b2

    def give_back(self, g: Weights) -> None:
        """Apply the transpose of `load`."""
        np.dot(PLACEMENT.T, self.first.reshape(-1, C1), g.first)
        np.dot(GG.T, self.second.reshape(16, -1), g.second)
        g.b2[:] = self.b2


class Scratch:
    """One thread's buffers for a tile."""

    def __init__(self) -> None:
        n, rows = TILE, TILE * POOLED
        self.half1, self.half2 = aligned(2, 4, n, 13, 12, C1), aligned(2, 4, rows, C2)
        self.v, self.z = aligned(4, 4, n, 12, 12, C1), aligned(4, 4, rows, C1)
        self.m, self.y, self.pairs = (
            aligned(4, 4, rows, C2),
            aligned(2, 2, rows, C2),
            aligned(2, rows, C2),
        )
        self.dx, self.positive = aligned(2, 2, n, 13, 13, C1), aligned(rows, C2, dtype=bool)
        self.active = aligned(2, 2, n, 13, 13, C1, dtype=bool)
        self.gradient, self.ones = Expanded(), np.ones(rows, np.float32)


class Tile:
    """The buffers that forward fills for backward, for a few images, and the calls of both."""

    def __init__(self, cnn: CNN, images: Array, h: Array, dh: Array) -> None:
        rows = TILE * POOLED
        self.cnn, self.images, self.h, self.dh = cnn, images, h, dh
        self.window, self.x = aligned(WINDOW, TILE * 169), aligned(2, 2, TILE, 13, 13, C1)
        self.window[-1] = 1
        self.left, self.upper = aligned(2, rows, C2, dtype=bool), aligned(rows, C2, dtype=bool)

    def forward(self, s: Scratch) -> Calls:
        """Yield the calls from the images to h: the second convolution, pooled and rectified."""
        w, x, y, h, images = self.cnn.expanded, self.x, s.y, self.h, self.images
        image, row, column = images.strides
        strides = (row, column, image, 2 * row, 2 * column)
        windows = as_strided(images, (4, 4, TILE, 13, 13), strides)
        yield np.copyto, self.window[:-1].reshape(windows.shape), windows
        yield np.matmul, self.window.T, w.first, x.reshape(4, -1, C1)
        yield clip, x, ZERO, INFINITY, x
        yield from transformed_input(x, s.half1, s.v)
        yield np.matmul, s.v.reshape(4, 4, -1, C1), w.second, s.m
        yield from transformed_output(s.m, s.half2, y)
        yield np.greater_equal, y[:, 0], y[:, 1], self.left
        yield partial(np.maximum, out=s.pairs), y[:, 0], y[:, 1]
        yield np.greater_equal, s.pairs[0], s.pairs[1], self.upper
        yield partial(np.maximum, out=h), s.pairs[0], s.pairs[1]
        yield np.add, h, self.cnn.b2, h  # after the maximum, where it is a quarter of the work
        yield clip, h, ZERO, INFINITY, h

    def backward(self, s: Scratch, total: Expanded) -> Calls:
        """Yield the calls from the gradient of h to the sums for the weights."""
        x, d, dh, g = self.x, s.m, self.dh, s.gradient
        yield np.greater, self.h, ZERO, s.positive
        yield np.multiply, dh, s.positive, dh
        yield np.dot, s.ones, dh, g.b2
        yield from self.unpool(d)
        yield from transformed_input(x, s.half1, s.v)
        yield np.matmul, s.v.reshape(4, 4, -1, C1).swapaxes(-1, -2), d, g.second
        yield np.matmul, d, self.cnn.second_t, s.z
        yield from transformed_back(s.z.reshape(s.v.shape), s.half1, s.dx)
        yield np.greater, x, ZERO, s.active
        yield np.multiply, s.dx, s.active, s.dx
        yield np.matmul, self.window, s.dx.reshape(4, -1, C1), g.first
        yield np.add, total.flat, g.flat, total.flat

    def unpool(self, d: Array) -> Calls:
        """d = A dy along both axes, (d0, d0 + d1, d0 - d1, d1): dy is dh at the first maximum."""
        yield np.multiply, self.dh, self.upper, d[0, 1]
        yield np.subtract, self.dh, d[0, 1], d[3, 1]
        ends = d[::3]  # for both rows the sum of the columns has been computed
        yield np.multiply, ends[:, 1], self.left, ends[:, 0]
        yield np.subtract, ends[:, 1], ends[:, 0], ends[:, 3]
        yield np.subtract, ends[:, 0], ends[:, 3], ends[:, 2]
        yield np.add, d[0], d[3], d[1]
        yield np.subtract, d[0], d[3], d[2]


class Worker:
    """One thread's images, forward and backward."""

    def __init__(self, cnn: CNN, tiles: slice) -> None:
        self.cnn, rows = cnn, slice(tiles.start * TILE, tiles.stop * TILE)
        self.y, self.h, self.dh, self.d3 = cnn.y[rows], cnn.h[rows], cnn.dh[rows], cnn.d3[rows]
        self.head = aligned(cnn.weights.head.size)  # gradients of the last layers
        self.convolutions, self.loss, scratch = Expanded(), aligned(), Scratch()

        count = rows.stop - rows.start
        self.a3, self.logits = aligned(count, HIDDEN), aligned(CLASSES, count)
        self.there, self.back = [], [partial(self.convolutions.flat.fill, 0)]
        images = cnn.x[rows].reshape(-1, TILE, 28, 28)
        h, dh = (a.reshape(len(images), -1, C2) for a in (self.h, self.dh))
        for parts in zip(images, h, dh, strict=True):
            tile = Tile(cnn, *parts)
            self.there += bound(tile.forward(scratch))
            self.back += bound(tile.backward(scratch, self.convolutions))
        self.there += bound(self.last_layers())
        self.turn = bound(self.last_layers_back())

    def last_layers(self) -> Calls:
        w, a, z = self.cnn.weights, self.a3, aligned(HIDDEN, len(self.a3))
        yield np.dot, w.wide, self.h.T, z
        yield np.add, z.T, w.b3, a
        yield clip, a, ZERO, INFINITY, a
        yield np.dot, w.w4, a.T, self.logits
        yield np.add, self.logits, w.b4[:, None], self.logits

    def last_layers_back(self) -> Calls:
        """Yield the calls back to the gradient of h."""
        w, a, d4, d3 = self.cnn.weights, self.a3, self.logits, self.d3
        b3, w4, b4 = cut(self.head, [(HIDDEN,), (CLASSES, HIDDEN), (CLASSES,)])
        active, ones = aligned(*a.shape, dtype=bool), np.ones(len(a), np.float32)
        yield from cross_entropy(d4, self.y, seed(self.cnn.config, self.cnn.rows), self.loss)
        yield np.dot, d4, a, w4
        yield np.dot, d4, ones, b4
        yield np.dot, d4.T, w.w4, d3
        yield np.greater, a, ZERO, active
        yield np.multiply, d3, active, d3
        yield np.dot, ones, d3, b3
        yield np.dot, d3, w.wide, self.dh


class CNN(Stepwise):
    def __init__(self, problem: Problem) -> None:
        self.config, self.X, self.Y, weights = problem
        self.rows = rows = self.config.batch or 0
        self.x, self.y = aligned(rows, 784), np.empty_like(self.Y[:rows])
        self.h, self.dh = aligned(rows, POOLED * C2), aligned(rows, POOLED * C2)
        self.d3 = aligned(rows, HIDDEN)
        self.weights, self.gradient, self.expanded = Weights(), Weights(), Expanded()
        self.second_t, self.b2 = aligned(4, 4, C2, C1), aligned(TILE * POOLED, C2)
        self.weights.load(weights)

        self.team = Team()
        self.workers = [Worker(self, tiles) for tiles in self.team.shares(rows // TILE)]
        self.shares = self.team.shares(HIDDEN)
        p, g = self.weights, self.gradient
        self.update = adam(self.config, p.flat, g.flat)
        self.updates = [
            adam(self.config, p.wide[at].reshape(-1), g.wide[at].reshape(-1)) for at in self.shares
        ]

    def step(self, idx: Array) -> float:
        self.X.take(idx, 0, self.x, "clip")
        self.Y.take(idx, 0, self.y, "clip")
        self.expand()
        self.team.do(self.first_half, self.workers)
        self.team.do(self.second_half, self.workers, self.shares, self.updates)
        self.add_up()
        self.update()
        return sum(float(worker.loss) for worker in self.workers) / self.rows

    def expand(self) -> None:
        self.expanded.load(self.weights)
        np.copyto(self.second_t, self.expanded.second.swapaxes(-1, -2))
        np.copyto(self.b2, self.expanded.b2)

    def first_half(self, worker: Worker) -> None:
        """Make the part of a step in which threads read the wide weights."""
        make(worker.there)
        make(worker.turn)

    def second_half(self, worker: Worker, rows: slice, update: Callable[[], None]) -> None:
        """Update a share of the wide layer's rows, then go back through a share of the images."""
        np.dot(self.d3[:, rows].T, self.h, self.gradient.wide[rows])
        update()
        make(worker.back)

    def add_up(self) -> None:
        first, *other_workers = self.workers
        for other in other_workers:
            first.convolutions.flat += other.convolutions.flat
            first.head += other.head
        first.convolutions.give_back(self.gradient)
        self.gradient.head[:] = first.head

    def run(self, batches: Array) -> Array:
        with self.team.alone():
            return super().run(batches)

    def outputs(self, x: Array) -> Array:
        self.expand()
        logits = []
        with self.team.alone():
            for start in range(0, len(x), self.rows):
                some = x[start : start + self.rows]
                self.x[: len(some)] = some
                self.team.do(make, [worker.there for worker in self.workers])
                joined = np.concatenate([worker.logits.T for worker in self.workers])
                logits.append(joined[: len(some)])
        return np.concatenate(logits)
