"""autograd (HIPS): traced NumPy; the optimizer is that of the naive loop.

Its own convolution takes seconds per step: here a convolution is nine products of shifted images.
"""

from __future__ import annotations

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad

from benchmarks.by_hand_naive import updated
from benchmarks.problem import Array, Config, Problem, Stepwise


def convolved(x: Array, w: Array) -> Array:
    """Convolve images (n, h, w, c) with 3x3 kernels (o, c, 3, 3)."""
    h, v = x.shape[1] - 2, x.shape[2] - 2
    w = anp.transpose(w, (2, 3, 1, 0))
    return sum(x[:, i : i + h, j : j + v] @ w[i, j] for i, j in np.ndindex(3, 3))


def network(sizes: tuple[int, ...], P: list[Array], x: Array) -> Array:
    if not sizes:
        x = x.reshape(-1, 28, 28, 1)
        for w, b in ((P[0], P[1]), (P[2], P[3])):
            x = anp.maximum(convolved(x, w) + b, 0)
        n, h, v, c = x.shape
        x = x.reshape(n, h // 2, 2, v // 2, 2, c).max(axis=(2, 4))
        x, P = anp.transpose(x, (0, 3, 1, 2)).reshape(n, -1), P[4:]
    for w, b in zip(P[:-2:2], P[1:-2:2], strict=True):
        x = anp.maximum(x @ w.T + b, 0)
    return x @ P[-2].T + P[-1]


def loss_of(P: list[Array], config: Config, x: Array, y: Array) -> Array:
    z = network(config.sizes, P, x)
    if config.binary:
        return anp.mean(anp.logaddexp(0, z) - z * y)
    z = z - z.max(axis=1, keepdims=True)
    return anp.mean(anp.log(anp.exp(z).sum(axis=1)) - z[anp.arange(len(y)), y])


class Autograd(Stepwise):
    def __init__(self, problem: Problem) -> None:
        self.config, self.X, self.Y, weights = problem
        self.P = [w.copy() for w in weights]
        self.loss = value_and_grad(loss_of)
        self.update = updated(self.config, self.P)

    def step(self, idx: Array) -> float:
        x, y = (self.X[idx], self.Y[idx]) if self.config.batch else (self.X, self.Y)
        loss, grads = self.loss(self.P, self.config, x, y)
        self.update(grads)
        return float(loss)

    def outputs(self, x: Array) -> Array:
        return network(self.config.sizes, self.P, x)
