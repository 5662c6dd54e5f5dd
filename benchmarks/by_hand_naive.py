"""NumPy by hand, as in a good textbook: new arrays throughout, and a gradient for each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.problem import BETAS, EPS, Array, Config, Problem, Stepwise


class Naive(Stepwise):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.P = [w.copy() for w in problem.weights]
        self.update = updated(problem.config, self.P)

    def step(self, idx: Array) -> float:
        config, X, Y, _ = self.problem
        x, y = (X[idx], Y[idx]) if config.batch else (X, Y)
        if config.sizes:
            loss, grads, _ = mlp(config, self.P, x, y)
        else:
            loss, grads = cnn(config, self.P, x, y)
        self.update(grads)
        return loss

    def outputs(self, x: Array) -> Array:
        P = self.P
        if not self.problem.config.sizes:
            x, P = convolutions(P, x)[-1].reshape(len(x), -1), P[4:]
        return logits(P, x)


def logits(P: list[Array], x: Array) -> Array:
    """Return an MLP's outputs."""
    for w, b in zip(P[:-2:2], P[1:-2:2], strict=True):
        x = np.maximum(x @ w.T + b, 0)
    return x @ P[-2].T + P[-1]


def mlp(config: Config, P: list[Array], x: Array, y: Array) -> tuple[float, list[Array], Array]:
    """Return the loss, its gradients for the parameters, and for the first layer's output."""
    W, b, n = P[::2], P[1::2], len(x)
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
    grads: list[Array] = []
    for k in range(len(W) - 1, -1, -1):
        grads = [d.T @ H[k], d.sum(0), *grads]
        if k:
            d = (d @ W[k]) * (H[k] > 0)
    return float(loss), grads, d


def convolutions(P: list[Array], x: Array) -> list[Array]:
    """Return the images (n, c, h, w) before and after each convolution, and after the pooling."""
    x = x.reshape(-1, 1, 28, 28)
    a = np.maximum(convolved(x, P[0]) + P[1][:, None, None], 0)
    c = np.maximum(convolved(a, P[2]) + P[3][:, None, None], 0)
    return [x, a, c, squares(c).max(-1)]


def cnn(config: Config, P: list[Array], x: Array, y: Array) -> tuple[float, list[Array]]:
    x, a, c, h = convolutions(P, x)
    loss, grads, d = mlp(config, P[4:], h.reshape(len(h), -1), y)
    dh = (d @ P[4]).reshape(h.shape)
    windows = squares(c)
    dc = np.zeros_like(windows)
    np.put_along_axis(dc, windows.argmax(-1)[..., None], dh[..., None], -1)
    dc = squares_back(dc) * (c > 0)
    dw2, db2 = weight_gradient(a, dc), dc.sum((0, 2, 3))
    wide = np.pad(dc, ((0, 0), (0, 0), (2, 2), (2, 2)))
    da = convolved(wide, P[2][:, :, ::-1, ::-1].swapaxes(0, 1)) * (a > 0)
    return loss, [weight_gradient(x, da), da.sum((0, 2, 3)), dw2, db2, *grads]


def convolved(x: Array, w: Array) -> Array:
    """Convolve images (n, c, h, w) with 3x3 kernels (o, c, 3, 3)."""
    windows = sliding_window_view(x, (3, 3), (2, 3))
    return np.tensordot(windows, w, ([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2)


def weight_gradient(x: Array, d: Array) -> Array:
    return np.tensordot(d, sliding_window_view(x, (3, 3), (2, 3)), ([0, 2, 3], [0, 2, 3]))


def squares(x: Array) -> Array:
    """Cut images (n, c, h, w) into their 2x2 squares (n, c, h / 2, w / 2, 4)."""
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // 2, 2, w // 2, 2).swapaxes(3, 4)
    return x.reshape(n, c, h // 2, w // 2, 4)


def squares_back(x: Array) -> Array:
    n, c, h, w, _ = x.shape
    return x.reshape(n, c, h, w, 2, 2).swapaxes(3, 4).reshape(n, c, 2 * h, 2 * w)


def updated(config: Config, P: list[Array]) -> Callable[[list[Array]], None]:
    """Return the optimizer's step, which updates each array in turn."""
    M, V, t = [np.zeros_like(p) for p in P], [np.zeros_like(p) for p in P], 0
    lr, (b1, b2) = config.lr, BETAS

    def update(grads: list[Array]) -> None:
        nonlocal t
        t += 1
        for k, g in enumerate(grads):
            if config.optimizer == "SGD":
                P[k] -= lr * g
                continue
            M[k] = b1 * M[k] + (1 - b1) * g
            V[k] = b2 * V[k] + (1 - b2) * g * g
            m, v = M[k] / (1 - b1**t), V[k] / (1 - b2**t)
            P[k] -= lr * m / (np.sqrt(v) + EPS)

    return update
