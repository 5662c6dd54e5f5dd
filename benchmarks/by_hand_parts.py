"""What the hand-written NumPy shares: buffers, losses, updates, and threads."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy._core.umath import clip  # relu in one pass; np.clip checks its arguments first

from benchmarks.problem import BETAS, EPS, Array, Config

Calls = Iterator[tuple[Any, ...]]  # (function, argument, ...): calls for later
CHUNK = 1 << 15  # elements that an update takes at a time: five arrays of them fit the L2 cache


def aligned(*shape: int, dtype: Any = np.float32) -> Array:
    """Zeros that begin at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


def cut(flat: Array, shapes: Iterable[tuple[int, ...]]) -> list[Array]:
    """Views of a flat buffer, one after the other."""
    shapes = list(shapes)
    ends = np.cumsum([int(np.prod(s)) for s in shapes])
    parts = np.split(flat, ends[:-1])
    return [part.reshape(s) for part, s in zip(parts, shapes, strict=True)]


def scalar(value: float) -> Array:
    """A 0-d float32: a ufunc takes it without converting it at each call."""
    return np.array(value, np.float32)


ZERO, ONE, INFINITY = scalar(0), scalar(1), scalar(np.inf)


def cross_entropy(z: Array, seed: float) -> Callable[[Array], tuple[float, Array]]:
    """The sum of cross-entropies of logits z (rows, classes) at labels y, and `seed` times its
    gradient: with the classes first in memory.
    """
    rows, classes = z.shape
    zt, top, total, picked = aligned(classes, rows), aligned(rows), aligned(rows), aligned(rows)
    at, order, flat = aligned(rows, dtype=np.int64), np.arange(rows), zt.reshape(-1)

    def loss(y: Array) -> tuple[float, Array]:
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
        np.multiply(zt, seed, zt)
        return float(np.add.reduce(total)), zt.T

    return loss


def bce(z: Array, seed: float) -> Callable[[Array], tuple[float, Array]]:
    """The sum of binary cross-entropies of logits z (rows, 1) at y; `seed` times its gradient."""
    a, e, d, p = (aligned(*z.shape) for _ in range(4))

    def loss(y: Array) -> tuple[float, Array]:
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
        np.multiply(d, seed, d)
        return float(np.add.reduce(a, None)), d

    return loss


def seed(config: Config, rows: int) -> float:
    """What the loss's gradient begins with: with SGD's rate, its step is one subtraction."""
    return (config.lr if config.optimizer == "SGD" else 1) / rows


def update(config: Config, p: Array, g: Array) -> Callable[[], None]:
    """The optimizer's step on flat arrays."""
    return (lambda: np.subtract(p, g, p)) if config.optimizer == "SGD" else adam(config, p, g)


def adam(config: Config, p: Array, g: Array) -> Callable[[], None]:
    """Ten passes: m and v without the factors (1 - beta), all corrections in two scalars."""
    m, v, scratch = aligned(len(p)), aligned(len(p)), aligned(min(CHUNK, len(p)))
    chunks = [
        (p[at], g[at], m[at], v[at], scratch[: len(p[at])])
        for at in (slice(start, start + CHUNK) for start in range(0, len(p), CHUNK))
    ]
    (b1, b2), t = BETAS, 0
    decay1, decay2 = scalar(b1), scalar(b2)

    def update() -> None:
        nonlocal t
        t += 1
        root = np.sqrt((1 - b2**t) / (1 - b2))
        rate, eps = scalar(config.lr * root * (1 - b1) / (1 - b1**t)), scalar(EPS * root)
        for p, g, m, v, s in chunks:
            np.multiply(m, decay1, m)
            np.add(m, g, m)
            np.multiply(v, decay2, v)
            np.multiply(g, g, g)
            np.add(v, g, v)
            np.sqrt(v, s)
            np.add(s, eps, s)
            np.divide(m, s, s)
            np.multiply(s, rate, s)
            np.subtract(p, s, p)

    return update


class Team:
    """One Python thread a core, each with one BLAS thread; one alone without threadpoolctl."""

    def __init__(self) -> None:
        try:
            import threadpoolctl

            self.blas = threadpoolctl.ThreadpoolController().select(user_api="blas")
            self.size = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        except ImportError:
            self.blas, self.size = None, 1
        self.threads = ThreadPoolExecutor(self.size)

    def alone(self) -> AbstractContextManager[Any]:
        """While this lasts BLAS starts no threads."""
        return self.blas.limit(limits=1) if self.blas else nullcontext()

    def do(self, work: Callable[..., Any], *each: Iterable[Any]) -> list[Any]:
        """`map` on the threads: the next element goes to the thread that is free."""
        return list(self.threads.map(work, *each))

    def shares(self, count: int) -> list[slice]:
        """The range of `count` things in equal parts, one a thread."""
        ends = [count * k // self.size for k in range(self.size + 1)]
        return [slice(a, b) for a, b in itertools.pairwise(ends)]
