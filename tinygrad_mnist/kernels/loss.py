"""Losses that are one kernel, because their pieces would overflow or divide by zero."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

# np.clip without its Python wrapper
from numpy._core.umath import clip as clip_ufunc  # type: ignore[attr-defined]

from tinygrad_mnist.kernels.buffers import ignoring
from tinygrad_mnist.kernels.checks import classes_within
from tinygrad_mnist.kernels.elementwise import ONE, ZERO, block_by_block, minus_size, single
from tinygrad_mnist.kernels.scratch import copied_into
from tinygrad_mnist.kernels.softmax import log_likelihoods
from tinygrad_mnist.kernels.sums import columns, in_float32

Array = Any  # an ndarray; NumPy's own types say too little to help here
FEW_CLASSES = 16


@in_float32
def cross_entropy_rows(
    z: Array, t: Array, *, out: tuple[Array, Array, Array] | None = None
) -> tuple[Array, Array, Array]:
    """Cross-entropy of each row of logits z (n, c) against its class t (n,).

    The residuals are softmax(z) and `one_hot_index(t)`.

    Few classes are computed in (classes, batch) layout: reductions over a short last axis are slow
    in NumPy.
    """
    if z.ndim != 2 or t.shape != z.shape[:1]:
        raise ValueError(f"logits must be (n, classes) and targets (n,), not {z.shape}, {t.shape}")
    if t.dtype.kind not in "iu":
        raise TypeError(f"class targets must be integers, not {t.dtype}")
    classes_within(t, z.shape[1])
    if has_many_classes(z):
        losses, p = (out or (np.empty(len(z), z.dtype), np.empty(z.shape, z.dtype)))[:2]
        log_likelihoods(z, t, losses, p)
        return losses, p, copied_into(out and out[2], one_hot_index(t))
    p = z.T.copy()
    p -= np.maximum.reduce(p, axis=0, initial=-np.inf)
    at = one_hot_index(t)
    picked = p.reshape(-1).take(at, mode="clip")
    np.exp(p, p)
    sums = columns(p)
    p /= sums
    made = np.log(sums) - picked, p.T, at
    if out is not None:
        for to, result in zip(out, made, strict=True):
            copied_into(to, result)
    return out or made


def has_many_classes(z: Array, *_: Any, **__: Any) -> bool:
    """Tell whether logits are gone through by rows, which `jit` does not open."""
    return bool(z.ndim == 2 and z.shape[1] > FEW_CLASSES)


cross_entropy_rows.called_whole = has_many_classes  # type: ignore[attr-defined]


def one_hot_index(t: Array) -> Array:
    """The indices in memory of the elements [t[i], i] of a (classes, n) array."""
    count, first_row = row_index(len(t))
    at = t.astype(np.int64, copy=False) * count
    at += first_row
    return at


@functools.lru_cache(maxsize=16)
def row_index(count: int) -> tuple[Array, Array]:
    """Return `count` as an array, by which NumPy multiplies faster, and the numbers below it."""
    numbers = np.arange(count)
    numbers.flags.writeable = False
    return np.array(count), numbers


def logit_slope(p: Array, at: Array, d: Array) -> Array:
    """The gradient of logits: d (p - 1) at the classes, else d p; for p (n, c), d (n,).

    `at` is the `one_hot_index` of the classes.
    """
    if not p.flags.c_contiguous or p.shape[1] < 2:
        by_class = p.T.copy()
        np.subtract.at(by_class.reshape(-1), at, ONE.get(p.dtype.char, 1))
        by_class *= d
        return by_class.T
    row = row_index(len(p))[1]
    at = (at - row) // max(1, len(p)) + row * p.shape[1]
    picked, y = p.reshape(-1).take(at), p * d[:, None]
    picked -= ONE.get(p.dtype.char, 1)
    picked *= d
    np.put(y.reshape(-1), at, picked)
    return y


@in_float32
def bce_of_probability(p: Array, t: Array) -> Array:
    """-(t log p + (1 - t) log(1 - p)) for probabilities p, each logarithm at least -100."""
    if p.size and not (p.min() >= 0 and p.max() <= 1):  # NaN is refused as well
        raise ValueError("all elements of input should be between 0 and 1")
    with ignoring(divide="ignore"):
        log_p = np.maximum(np.log(p), -100)
        log_q = np.maximum(np.log1p(-p), -100)
    return (t - 1) * log_q - t * log_p


@in_float32
def bce_with_logits(z: Array, t: Array) -> Array:
    """Binary cross-entropy of a logit z: log(1 + exp(z)) - z t, stable for any z."""
    way = np.greater(z, ZERO.get(z.dtype.char, 0)).astype(z.dtype)  # to subtract bools is slower
    way = np.subtract(way, t, dtype=z.dtype)
    return z * way + np.log1p(np.exp(minus_size(z)))


@block_by_block
def huber(x: Array, *, delta: float, out: Array | None = None) -> Array:
    """x^2 / 2 where |x| <= delta, else delta (|x| - delta / 2)."""
    letter = x.dtype.char
    far = np.absolute(x)
    near = clip_ufunc(far, ZERO[letter], single(delta, letter))  # so that no infinity is squared
    far -= near * single(0.5, letter)
    return np.multiply(near, far, out)
