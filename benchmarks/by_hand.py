"""NumPy by hand: as one first writes it, and as fast as it goes in a straight line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy._core.umath import clip  # relu in one pass; np.clip checks its arguments first

from benchmarks.problem import BETAS, EPS, Array, Config, NotHere, Problem


class Naive:
    """What a good textbook would print: a gradient for each array, new arrays throughout."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        if not problem.config.sizes:
            raise NotHere("only the MLPs are written by hand")
        self.P = [w.copy() for w in problem.weights]
        self.M = [np.zeros_like(w) for w in self.P]
        self.V = [np.zeros_like(w) for w in self.P]
        self.t = 0

    def run(self, batches: Array) -> Array:
        return np.array([self.step(idx) for idx in batches])

    def step(self, idx: Array) -> float:
        config, X, Y, _ = self.problem
        x, y = (X[idx], Y[idx]) if config.batch else (X, Y)
        W, b, n = self.P[::2], self.P[1::2], len(x)
        H = [x]
        for w, c in zip(W[:-1], b[:-1], strict=True):
            H.append(np.maximum(H[-1] @ w.T + c, 0))
        z = H[-1] @ W[-1].T + b[-1]
        if config.binary:
            loss = np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))
            d = (1 / (1 + np.exp(-z)) - y) / n
        else:
            e = np.exp(z - z.max(1, keepdims=True))
            p = e / e.sum(1, keepdims=True)
            loss = -np.mean(np.log(p[np.arange(n), y]))
            p[np.arange(n), y] -= 1
            d = p / n
        grads = []
        for k in range(len(W) - 1, -1, -1):
            grads = [d.T @ H[k], d.sum(0), *grads]
            if k:
                d = (d @ W[k]) * (H[k] > 0)
        self.update(grads)
        return float(loss)

    def update(self, grads: list[Array]) -> None:
        lr, (b1, b2) = self.problem.config.lr, BETAS
        self.t += 1
        for k, g in enumerate(grads):
            if self.problem.config.optimizer == "SGD":
                self.P[k] -= lr * g
                continue
            self.M[k] = b1 * self.M[k] + (1 - b1) * g
            self.V[k] = b2 * self.V[k] + (1 - b2) * g * g
            m, v = self.M[k] / (1 - b1**self.t), self.V[k] / (1 - b2**self.t)
            self.P[k] -= lr * m / (np.sqrt(v) + EPS)

    def outputs(self, x: Array) -> Array:
        for w, c in zip(self.P[:-2:2], self.P[1:-2:2], strict=True):
            x = np.maximum(x @ w.T + c, 0)
        return x @ self.P[-2].T + self.P[-1]


def aligned(*shape: int, dtype: Any = np.float32) -> Array:
    """Zeros that begin at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


def cut(flat: Array, shapes: list[tuple[int, ...]]) -> list[Array]:
    """Views of a flat buffer, one after the other."""
    ends = np.cumsum([int(np.prod(s)) for s in shapes])
    parts = np.split(flat, ends[:-1])
    return [part.reshape(s) for part, s in zip(parts, shapes, strict=True)]


def scalar(value: float) -> Array:
    """A 0-d float32: a ufunc takes it without converting it at each call."""
    return np.array(value, np.float32)


class Twin:
    """The same arithmetic with every buffer made beforehand: the floor for NumPy calls."""

    def __init__(self, problem: Problem) -> None:
        config, X, Y, weights = problem
        if not config.sizes:
            raise NotHere("only the MLPs are written by hand")
        shapes = config.shapes()
        count = sum(w.size for w in weights)
        flat, self.gradient = aligned(count), aligned(count)
        self.P, grads = cut(flat, shapes), cut(self.gradient, shapes)
        for p, w in zip(self.P, weights, strict=True):
            p[...] = w
        rows = config.batch or len(X)
        x, y = (aligned(rows, X.shape[1]), np.empty_like(Y[:rows])) if config.batch else (X, Y)
        self.data = (X, Y, x, y)
        hidden = len(config.sizes) - 2
        self.layers = [
            (w, w.T, b, gw, gb, aligned(rows, len(w)), aligned(rows, len(w)), aligned(rows, len(w)))
            for w, b, gw, gb in zip(self.P[::2], self.P[1::2], grads[::2], grads[1::2], strict=True)
        ]
        self.masks = [aligned(rows, len(b), dtype=bool) for b in self.P[1::2]]
        self.hidden, self.rows = hidden, rows
        self.ones = np.ones(rows, np.float32)
        self.loss = (bce if config.binary else cross_entropy)(self.layers[-1][5], y)
        self.update = (sgd if config.optimizer == "SGD" else adam)(config, flat, self.gradient)
        self.gather = config.batch is not None

    def step(self, idx: Array) -> float:
        X, Y, x, y = self.data
        if self.gather:
            np.take(X, idx, 0, x, "clip")
            np.take(Y, idx, 0, y, "clip")
        h, layers = x, self.layers
        for _, wt, b, _, _, z, a, _ in layers[:-1]:
            np.dot(h, wt, z)
            np.add(z, b, z)
            clip(z, ZERO, INFINITY, a)
            h = a
        _, wt, b, _, _, z, _, _ = layers[-1]
        np.dot(h, wt, z)
        np.add(z, b, z)
        loss, d = self.loss()
        for k in range(self.hidden, -1, -1):
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
        self.update()
        return loss

    def run(self, batches: Array) -> Array:
        step = self.step
        return np.array([step(idx) for idx in batches])

    outputs = Naive.outputs


ZERO, ONE, INFINITY = scalar(0), scalar(1), scalar(np.inf)


def cross_entropy(z: Array, y: Array) -> Callable[[], tuple[float, Array]]:
    """Mean cross-entropy of logits (rows, classes), and its gradient: along classes first."""
    rows, classes = z.shape
    zt, top, total, picked = aligned(classes, rows), aligned(rows), aligned(rows), aligned(rows)
    at, order, flat, share = (
        aligned(rows, dtype=np.int64),
        np.arange(rows),
        zt.reshape(-1),
        1 / rows,
    )

    def loss() -> tuple[float, Array]:
        np.copyto(zt, z.T)
        np.maximum.reduce(zt, 0, None, top)
        np.subtract(zt, top, zt)
        np.multiply(y, rows, at)
        np.add(at, order, at)
        np.take(flat, at, 0, picked, "clip")
        np.exp(zt, zt)
        np.add.reduce(zt, 0, None, total)
        np.divide(zt, total, zt)
        np.log(total, total)
        np.subtract(total, picked, total)
        flat[at] -= ONE
        np.multiply(zt, share, zt)
        return float(np.add.reduce(total)) * share, zt.T

    return loss


def bce(z: Array, y: Array) -> Callable[[], tuple[float, Array]]:
    """Mean binary cross-entropy of logits (rows, 1), and its gradient."""
    a, e, d, p = (aligned(*z.shape) for _ in range(4))
    share = 1 / len(z)

    def loss() -> tuple[float, Array]:
        np.abs(z, a)
        np.negative(a, a)
        np.exp(a, e)  # e = exp(-|z|)
        np.log1p(e, a)
        clip(z, ZERO, INFINITY, d)
        np.add(a, d, a)
        np.multiply(z, y, d)
        np.subtract(a, d, a)
        np.add(e, ONE, p)
        np.greater_equal(z, ZERO, d)
        np.maximum(e, d, out=e)  # 1 where z >= 0, for e <= 1
        np.divide(e, p, d)  # sigmoid(z)
        np.subtract(d, y, d)
        np.multiply(d, share, d)
        return float(np.add.reduce(a, None)) * share, d

    return loss


def sgd(config: Config, p: Array, g: Array) -> Callable[[], None]:
    lr = scalar(config.lr)

    def update() -> None:
        np.multiply(g, lr, g)
        np.subtract(p, g, p)

    return update


def adam(config: Config, p: Array, g: Array) -> Callable[[], None]:
    """Ten passes over memory; the corrections go into two scalars."""
    m, v, s = aligned(len(p)), aligned(len(p)), aligned(len(p))
    (b1, b2), lr, t = BETAS, config.lr, 0

    def update() -> None:
        nonlocal t
        t += 1
        root = np.sqrt(1 - b2**t)
        np.subtract(g, m, s)
        np.multiply(s, 1 - b1, s)
        np.add(m, s, m)
        np.multiply(v, b2, v)
        np.multiply(g, g, g)
        np.multiply(g, 1 - b2, g)
        np.add(v, g, v)
        np.sqrt(v, s)
        np.add(s, EPS * root, s)
        np.divide(m, s, s)
        np.multiply(s, lr * root / (1 - b1**t), s)
        np.subtract(p, s, p)

    return update
