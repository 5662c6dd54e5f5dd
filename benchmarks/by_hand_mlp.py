"""An MLP by hand: parameters in one array, backward as calls on buffers, mini-batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.by_hand_naive import logits
from benchmarks.by_hand_parts import (
    INFINITY,
    ZERO,
    Calls,
    aligned,
    bce,
    bound,
    clip,
    cross_entropy,
    cut,
    seed,
    update,
)
from benchmarks.problem import Array, Config, Problem, Stepwise

WIDE = 16  # outputs from which on a layer's weights are stored as (inputs, outputs)


class Parameters:
    """Weights and biases, or their gradient, in one array; `wide` layers' stored transposed."""

    def __init__(self, config: Config, initial: list[Array] | None = None) -> None:
        shapes = config.shapes()
        stored = [s[::-1] if s[0] >= WIDE else s for s in shapes]
        self.flat = aligned(sum(int(np.prod(s)) for s in shapes))
        parts = cut(self.flat, stored)
        self.arrays = [p.T if s[0] >= WIDE else p for p, s in zip(parts, shapes, strict=True)]
        self.layers = list(zip(self.arrays[::2], self.arrays[1::2], strict=True))
        for p, value in zip(self.arrays, initial or [], strict=False):
            p[...] = value


class Backprop:
    """The calls of an MLP's loss and gradient on `rows` rows, on buffers made beforehand."""

    def __init__(self, config: Config, P: Parameters, rows: int, seed: float) -> None:
        self.P, self.gradient, self.seed = P, Parameters(config), seed
        self.criterion = bce if config.binary else cross_entropy
        widths = config.sizes[1:-1]
        self.z, self.a, self.d = ([aligned(rows, w) for w in widths] for _ in range(3))
        self.active = [aligned(rows, w, dtype=bool) for w in widths]
        self.logits = aligned(config.sizes[-1], rows)  # classes first
        self.loss, self.ones = aligned(), np.ones(rows, np.float32)

    def calls(self, x: Array, y: Array) -> Calls:
        """Yield calls that fill `gradient` and `loss`, the sum of the rows' losses."""
        *hidden, (w, b) = self.P.layers
        *grads, (gw, gb) = self.gradient.layers
        h = [x, *self.a]
        for k, (v, c) in enumerate(hidden):
            yield np.dot, h[k], v.T, self.z[k]
            yield np.add, self.z[k], c, self.z[k]
            yield clip, self.z[k], ZERO, INFINITY, self.a[k]
        yield self.product(w, h[-1], self.logits)
        yield np.add, self.logits, b[:, None], self.logits
        yield from self.criterion(self.logits, y, self.seed, self.loss)
        yield np.dot, self.logits, h[-1], gw
        yield np.dot, self.logits, self.ones, gb
        d = self.logits.T
        for k in reversed(range(len(hidden))):
            yield np.dot, d, w, self.d[k]
            (w, _), (gw, gb), d = hidden[k], grads[k], self.d[k]
            yield np.greater, self.a[k], ZERO, self.active[k]
            yield np.copyto, self.z[k], self.active[k]  # to multiply by bools would convert slower
            yield np.multiply, d, self.z[k], d
            yield (np.dot, h[k].T, d, gw.T) if len(w) >= WIDE else (np.dot, d.T, h[k], gw)
            yield np.dot, self.ones, d, gb

    def product(self, w: Array, h: Array, z: Array) -> tuple[Any, ...]:
        """Return the call of the last layer's product."""
        return np.dot, w, h.T, z


class Twin(Stepwise):
    """A mini-batch of an MLP in a straight line: the floor for NumPy calls."""

    def __init__(self, problem: Problem) -> None:
        config, self.X, self.Y, weights = problem
        self.P = Parameters(config, weights)
        self.rows = rows = config.batch or 0
        self.x, self.y = aligned(rows, self.X.shape[1]), np.empty_like(self.Y[:rows])
        backprop = Backprop(config, self.P, rows, seed(config, rows))
        self.loss, self.calls = backprop.loss, bound(backprop.calls(self.x, self.y))
        self.calls.append(update(config, self.P.flat, backprop.gradient.flat))

    def step(self, idx: Array) -> float:
        self.X.take(idx, 0, self.x, "clip")
        self.Y.take(idx, 0, self.y, "clip")
        for call in self.calls:
            call()
        return float(self.loss) / self.rows

    def outputs(self, x: Array) -> Array:
        return logits(self.P.arrays, x)
