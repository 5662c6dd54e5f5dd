"""NumPy by hand, as fast as it goes: which form for which configuration, and the straight line."""

from __future__ import annotations

import numpy as np

from benchmarks.by_hand_naive import logits
from benchmarks.by_hand_parts import (
    INFINITY,
    ZERO,
    aligned,
    bce,
    clip,
    cross_entropy,
    cut,
    seed,
    update,
)
from benchmarks.problem import Array, Config, Contender, Problem, Stepwise


def twin(problem: Problem) -> Contender:
    """The fastest form of the configuration that we know how to write."""
    from benchmarks.by_hand_cnn import CNN
    from benchmarks.by_hand_tiled import Tiled

    if not problem.config.sizes:
        return CNN(problem)
    return Twin(problem) if problem.config.batch else Tiled(problem)


class Backprop:
    """Loss and gradient of an MLP on `rows` rows, every buffer made beforehand."""

    def __init__(self, config: Config, P: list[Array], rows: int, seed: float) -> None:
        self.gradient = aligned(sum(p.size for p in P))
        grads = cut(self.gradient, [p.shape for p in P])
        self.layers = [
            (w, w.T, b, gw, gb, *(aligned(rows, len(w)) for _ in range(3)))
            for w, b, gw, gb in zip(P[::2], P[1::2], grads[::2], grads[1::2], strict=True)
        ]
        self.masks = [aligned(rows, len(b), dtype=bool) for b in P[1::2]]
        self.ones = np.ones(rows, np.float32)
        self.loss = (bce if config.binary else cross_entropy)(self.layers[-1][5], seed)

    def __call__(self, x: Array, y: Array) -> float:
        """Fill the gradient; return the sum of the rows' losses."""
        h, layers = x, self.layers
        for _, wt, b, _, _, z, a, _ in layers[:-1]:
            np.dot(h, wt, z)
            np.add(z, b, z)
            clip(z, ZERO, INFINITY, a)
            h = a
        _, wt, b, _, _, z, _, _ = layers[-1]
        np.dot(h, wt, z)
        np.add(z, b, z)
        loss, d = self.loss(y)
        for k in range(len(layers) - 1, -1, -1):
            w, _, _, gw, gb, _, _, _ = layers[k]
            below = layers[k - 1] if k else None
            np.dot(d.T, below[6] if below else x, gw)
            np.dot(self.ones, d, gb)
            if below:
                _, _, _, _, _, z, a, down = below
                np.dot(d, w, down)
                np.greater(a, ZERO, self.masks[k - 1])
                np.copyto(z, self.masks[k - 1])  # as floats: multiplying by bools converts slower
                np.multiply(down, z, down)
                d = down
        return loss


class Twin(Stepwise):
    """A mini-batch of an MLP in a straight line: the floor for NumPy calls."""

    def __init__(self, problem: Problem) -> None:
        config, self.X, self.Y, weights = problem
        flat = aligned(sum(w.size for w in weights))
        self.P = cut(flat, config.shapes())
        for p, w in zip(self.P, weights, strict=True):
            p[...] = w
        self.rows = rows = config.batch or 0
        self.x, self.y = aligned(rows, self.X.shape[1]), np.empty_like(self.Y[:rows])
        self.backprop = Backprop(config, self.P, rows, seed(config, rows))
        self.update = update(config, flat, self.backprop.gradient)

    def step(self, idx: Array) -> float:
        np.take(self.X, idx, 0, self.x, "clip")
        np.take(self.Y, idx, 0, self.y, "clip")
        loss = self.backprop(self.x, self.y)
        self.update()
        return loss / self.rows

    def outputs(self, x: Array) -> Array:
        return logits(self.P, x)
