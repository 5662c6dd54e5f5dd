"""The parts that the hand-written NumPy shares: buffers, losses, updates, and threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
from numpy._core.umath import clip  # relu in one pass; np.clip checks its arguments first

from benchmarks.problem import BETAS, EPS, Array, Config

Calls = Iterator[tuple[Any, ...]]  # (function, argument, ...): calls for later


def aligned(*shape: int, dtype: Any = np.float32) -> Array:
    """Make zeros that begin at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


def cut(flat: Array, shapes: Iterable[tuple[int, ...]]) -> list[Array]:
    """Cut a flat buffer into views, one after the other."""
    shapes = list(shapes)
    ends = np.cumsum([int(np.prod(s)) for s in shapes])
    parts = np.split(flat, ends[:-1])
    return [part.reshape(s) for part, s in zip(parts, shapes, strict=True)]


def scalar(value: float) -> Array:
    """Make a 0-d float32, which a ufunc need not convert at each call."""
    return np.array(value, np.float32)


ZERO, ONE, INFINITY = scalar(0), scalar(1), scalar(np.inf)


def bound(calls: Calls) -> list[Callable[[], Any]]:
    """Bind calls to their arguments, so that they can be made again and again."""
    return [partial(function, *args) for function, *args in calls]


def make(calls: Iterable[Callable[[], Any]]) -> None:
    for call in calls:
        call()


def cross_entropy(z: Array, y: Array, seed: float, loss: Array) -> Calls:
    """Compute `loss`, the sum of cross-entropies of logits z (classes, rows) at labels y.

    The gradient, times `seed`, replaces z.
    """
    classes, rows = z.shape
    hot, top, total, picked = aligned(*z.shape), aligned(rows), aligned(rows), aligned()
    yield np.eye(classes, dtype=np.float32).take, y, 1, hot, "clip"
    yield np.maximum.reduce, z, 0, None, top
    yield np.subtract, z, top, z
    yield np.dot, z.reshape(-1), hot.reshape(-1), picked
    yield np.exp, z, z
    yield np.dot, np.ones(classes, np.float32), z, total
    yield np.divide, z, total, z
    yield np.subtract, z, hot, z
    yield np.multiply, z, scalar(seed), z
    yield np.log, total, total
    yield np.dot, total, np.ones(rows, np.float32), loss
    yield np.subtract, loss, picked, loss


def bce(z: Array, y: Array, seed: float, loss: Array) -> Calls:
    """Compute `loss`, the sum of binary cross-entropies of logits z (1, rows) at y.

    The gradient, times `seed`, replaces z.
    """
    a, b, picked = aligned(*z.shape), aligned(*z.shape), aligned()
    y = y.reshape(z.shape)
    yield np.dot, z[0], y[0], picked
    yield np.abs, z, a
    yield np.negative, a, a
    yield np.exp, a, a
    yield np.add, a, ONE, a
    yield np.log, a, a
    yield clip, z, ZERO, INFINITY, b
    yield np.add, a, b, a  # max(z, 0) + log(1 + exp(-|z|)): the loss where y = 0
    yield np.dot, a[0], np.ones(z.size, np.float32), loss
    yield np.subtract, loss, picked, loss
    yield np.subtract, z, a, z
    yield np.exp, z, z  # sigmoid(z)
    yield np.subtract, z, y, z
    yield np.multiply, z, scalar(seed), z


def seed(config: Config, rows: int) -> float:
    """Return the start of the loss's gradient: with SGD's rate in it, a step is a subtraction."""
    return (config.lr if config.optimizer == "SGD" else 1) / rows


def update(config: Config, p: Array, g: Array) -> Callable[[], object]:
    """Return the optimizer's step on flat arrays."""
    return partial(np.subtract, p, g, p) if config.optimizer == "SGD" else adam(config, p, g)


def adam(config: Config, p: Array, g: Array) -> Callable[[], None]:
    """Return Adam in ten passes: m and v without (1 - beta), all corrections in two scalars."""
    m, v, s = (aligned(len(p)) for _ in range(3))
    (b1, b2), t = BETAS, 0
    decay1, decay2, rate, eps = scalar(b1), scalar(b2), scalar(0), scalar(0)

    def passes() -> Calls:
        yield np.multiply, m, decay1, m
        yield np.add, m, g, m
        yield np.multiply, v, decay2, v
        yield np.multiply, g, g, g
        yield np.add, v, g, v
        yield np.sqrt, v, s
        yield np.add, s, eps, s
        yield np.divide, m, s, s
        yield np.multiply, s, rate, s
        yield np.subtract, p, s, p

    calls = bound(passes())

    def update() -> None:
        nonlocal t
        t += 1
        root = np.sqrt((1 - b2**t) / (1 - b2))
        rate[...], eps[...] = config.lr * root * (1 - b1) / (1 - b1**t), EPS * root
        make(calls)

    return update


class Team:
    """As many Python threads as BLAS has; one without threadpoolctl."""

    def __init__(self) -> None:
        try:
            import threadpoolctl

            self.blas = threadpoolctl.ThreadpoolController().select(user_api="blas")
            self.size = max((blas.num_threads for blas in self.blas.lib_controllers), default=1)
        except ImportError:
            self.blas, self.size = None, 1
        self.threads = ThreadPoolExecutor(max(self.size - 1, 1))

    def alone(self) -> AbstractContextManager[Any]:
        """Return a context in which BLAS starts no threads."""
        return self.blas.limit(limits=1) if self.blas else nullcontext()

    def do(self, work: Callable[..., object], *each: Iterable[Any]) -> None:
        """Call `work` on each set of arguments, the first in this thread, and wait for all."""
        first, *other_arguments = zip(*each, strict=True)
        begun = [self.threads.submit(work, *args) for args in other_arguments]
        work(*first)
        for other in begun:
            other.result()

    def shares(self, count: int) -> list[slice]:
        """Cut range(count) into equal slices, one per thread."""
        ends = [count * k // self.size for k in range(self.size + 1)]
        return [slice(a, b) for a, b in itertools.pairwise(ends)]
