"""JAX: one jitted step, blocking or asynchronous, and an epoch of steps in one `lax.scan`."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp

from benchmarks.problem import BETAS, EPS, Array, Config, Problem, Stepwise


def network(sizes: tuple[int, ...], P: list[Any], x: Any) -> Any:
    if not sizes:
        x = x.reshape(-1, 1, 28, 28)
        for w, b in ((P[0], P[1]), (P[2], P[3])):
            x = lax.conv_general_dilated(
                x, w, (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW")
            )
            x = jax.nn.relu(x + b[:, None, None])
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        x, P = x.reshape(len(x), -1), P[4:]
    for w, b in zip(P[:-2:2], P[1:-2:2], strict=True):
        x = jax.nn.relu(x @ w.T + b)
    return x @ P[-2].T + P[-1]


def loss_of(config: Config, P: list[Any], x: Any, y: Any) -> Any:
    z = network(config.sizes, P, x)
    if config.binary:
        return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))


class Blocking(Stepwise):
    """A step that waits for its loss."""

    def __init__(self, problem: Problem) -> None:
        self.config = config = problem.config
        self.X, self.Y = jnp.asarray(problem.X), jnp.asarray(problem.Y)
        self.state = [[jnp.array(w) for w in problem.weights], None, None, jnp.zeros(())]
        if config.optimizer == "Adam":
            self.state[1:3] = ([jnp.zeros_like(p) for p in self.state[0]] for _ in range(2))
        (b1, b2), lr = BETAS, config.lr

        def step(state: Any, X: Any, Y: Any, idx: Any) -> Any:
            P, M, V, t = state
            x, y = (X[idx], Y[idx]) if config.batch else (X, Y)
            loss, grads = jax.value_and_grad(lambda P: loss_of(config, P, x, y))(P)
            if config.optimizer == "SGD":
                return [[p - lr * g for p, g in zip(P, grads, strict=True)], M, V, t], loss
            t = t + 1
            M = [b1 * m + (1 - b1) * g for m, g in zip(M, grads, strict=True)]
            V = [b2 * v + (1 - b2) * g * g for v, g in zip(V, grads, strict=True)]
            P = [
                p - lr * (m / (1 - b1**t)) / (jnp.sqrt(v / (1 - b2**t)) + EPS)
                for p, m, v in zip(P, M, V, strict=True)
            ]
            return [P, M, V, t], loss

        self.pure = step
        self.jitted = jax.jit(step, donate_argnums=0)

    def step(self, idx: Array) -> float:
        return float(self.train(idx))

    def train(self, idx: Array) -> Any:
        self.state, loss = self.jitted(self.state, self.X, self.Y, idx)
        return loss

    def outputs(self, x: Array) -> Array:
        return np.asarray(jax.jit(network, static_argnums=0)(self.config.sizes, self.state[0], x))


class Async(Blocking):
    """Steps that run asynchronously; only the last one is waited for."""

    def run(self, batches: Array) -> Array:
        losses = [self.train(idx) for idx in batches]
        jax.block_until_ready(self.state)
        return np.array(losses)


class Scan(Blocking):
    """All steps in one call."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)

        def epoch(state: Any, X: Any, Y: Any, batches: Any) -> Any:
            return lax.scan(lambda s, idx: self.pure(s, X, Y, idx), state, batches)

        self.epoch = jax.jit(epoch, donate_argnums=0)

    def run(self, batches: Array) -> Array:
        self.state, losses = self.epoch(self.state, self.X, self.Y, batches)
        jax.block_until_ready(self.state)
        return np.asarray(losses)
