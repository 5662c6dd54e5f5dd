"""Some models of the zoo as jitted JAX functions: those that are short without a library of layers.

A model's parameters are a list in the order of its definition: weight, bias, weight, bias, ...
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from benchmarks.problem import BETAS, EPS, NotHere
from benchmarks.training import RATE, Eager

Array = np.ndarray[Any, Any]


def dense(P: list[Any], x: Any, between: Callable[[Any], Any]) -> Any:
    for w, b in zip(P[:-2:2], P[1:-2:2], strict=True):
        x = between(x @ w.T + b)
    return x @ P[-2].T + P[-1]


def cross_entropy(z: Any, y: Any) -> Any:
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))


def mlp(P: list[Any], x: Any, y: Any) -> Any:
    return cross_entropy(dense(P, x, jax.nn.relu), y)


def norm_mlp(P: list[Any], x: Any, y: Any) -> Any:
    for w, b, scale, shift in zip(P[:-2:4], P[1:-2:4], P[2:-2:4], P[3:-2:4], strict=True):
        x = x @ w.T + b
        x = (x - x.mean(1, keepdims=True)) / jnp.sqrt(x.var(1, keepdims=True) + 1e-5)
        x = jax.nn.gelu(x * scale + shift, approximate=False)
    return cross_entropy(x @ P[-2].T + P[-1], y)


def vae(P: list[Any], x: Any, noise: Any) -> Any:
    h = jax.nn.relu(x @ P[0].T + P[1])
    mu, logvar = h @ P[2].T + P[3], h @ P[4].T + P[5]
    z = mu + noise * jnp.exp(0.5 * logvar)
    y = jax.nn.sigmoid(dense(P[6:], z, jax.nn.relu))
    logs = x * jnp.maximum(jnp.log(y), -100) + (1 - x) * jnp.maximum(jnp.log(1 - y), -100)
    return -logs.sum() - 0.5 * (1 + logvar - mu**2 - jnp.exp(logvar)).sum()


def pinn(P: list[Any], where: Any, start: Any) -> Any:
    def u(x: Any, time: Any) -> Any:
        return dense(P, jnp.stack([x, time]), jnp.tanh)[0]

    def residual(x: Any, time: Any) -> Any:
        curve = jax.grad(jax.grad(u))(x, time)
        u_x, u_t = jax.grad(u, (0, 1))(x, time)
        return u_t + u(x, time) * u_x - 0.01 / math.pi * curve

    inner = jax.vmap(residual)(where[:, 0], where[:, 1])
    first = dense(P, jnp.concatenate([start, jnp.zeros_like(start)], 1), jnp.tanh)
    return (inner**2).mean() + ((first + jnp.sin(math.pi * start)) ** 2).mean()


def penalty(P: list[Any], real: Any, fake: Any, part: Any) -> Any:
    def judged(x: Any) -> Any:
        return dense(P, x, lambda h: jax.nn.leaky_relu(h, 0.2))

    slope = jax.grad(lambda x: judged(x).sum())(part * real + (1 - part) * fake)
    steep = jnp.sqrt((slope**2).sum(1))
    return judged(fake).mean() - judged(real).mean() + 10 * ((steep - 1) ** 2).mean()


LOSSES: dict[str, Callable[..., Any]] = {
    "mlp": mlp, "norm": norm_mlp, "vae": vae, "pinn": pinn, "penalty": penalty,
}  # fmt: skip


class Jax:
    """A model of the zoo, trained by one jitted function that is waited for."""

    def __init__(self, name: str, sizes: dict[str, int] | None = None) -> None:
        if name not in LOSSES:
            raise NotHere("not written for JAX: not short without a library of layers")
        start = Eager(name, sizes)  # for its weights and data
        self.parts, loss_of, rate = start.parts, LOSSES[name], RATE["Adam"]
        P = [jnp.array(p.detach().numpy()) for p in start.net.parameters()]
        self.state = [P, [jnp.zeros_like(p) for p in P], [jnp.zeros_like(p) for p in P], 0.0]
        self.data = [jnp.asarray(array) for array in self.parts.data]
        b1, b2 = BETAS

        def step(state: Any, data: Any, rows: Any) -> Any:
            P, M, V, t = state
            loss, grads = jax.value_and_grad(loss_of)(P, *(d[rows] for d in data))
            t = t + 1
            M = [b1 * m + (1 - b1) * g for m, g in zip(M, grads, strict=True)]
            V = [b2 * v + (1 - b2) * g * g for v, g in zip(V, grads, strict=True)]
            P = [
                p - rate * (m / (1 - b1**t)) / (jnp.sqrt(v / (1 - b2**t)) + EPS)
                for p, m, v in zip(P, M, V, strict=True)
            ]
            return [P, M, V, t], loss

        self.step = jax.jit(step, donate_argnums=0)

    def run(self, batches: Array) -> Array:
        """Train on each row of `batches`; return the losses."""
        losses = []
        for rows in batches:
            self.state, loss = self.step(self.state, self.data, rows)
            losses.append(float(loss))
        return np.array(losses)
