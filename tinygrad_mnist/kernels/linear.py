"""Products, by BLAS."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here
STREAM = 2 << 20  # bytes of rows that come from memory, not from a core's cache


def matmul(a: Array, b: Array) -> Array:
    """a @ b for matrices (or stacks of them); `a.dot` has the least overhead for two matrices.

    A stack times one matrix is one product of all rows, on all threads of the BLAS.
    """
    if a.dtype is not b.dtype:
        one_dtype(a, b)
    if a.dtype.char == "?":
        raise TypeError("not implemented for bools")
    if a.ndim == 2 and b.ndim == 2:
        return a.dot(b)
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError("both arguments need two dimensions or more")
    if b.ndim == 2 and a.shape[-1] == len(b) and b.shape[1] > 1 and a.flags.c_contiguous:
        rows = a.reshape(math.prod(a.shape[:-1]), len(b))
        return rows.dot(b).reshape(*a.shape[:-1], b.shape[1])
    return np.matmul(a, b)


def matmul_columns(a: Array, b: Array) -> Array:
    """a.T @ b for matrices, laid out in memory column by column."""
    if a.dtype is not b.dtype:
        one_dtype(a, b)
    y = np.empty_like(b, shape=(a.shape[1], b.shape[1]), order="F")
    b.T.dot(a, y.T)
    return y


def linear(x: Array, w: Array, b: Array | None = None) -> Array:
    """x @ w.T + b for x (n, in), w (out, in), b (out,)."""
    if x.dtype is not w.dtype:
        one_dtype(x, w)
    try:
        y = x.dot(w.T) if len(w) != 1 or x.nbytes < STREAM else row_by_row(x, w)
    except ValueError:
        raise ValueError(
            f"the input has {x.shape[-1]} features, the weight is for {w.shape[1]}"
        ) from None
    if b is not None:
        y += b
    return y


def row_by_row(x: Array, w: Array) -> Array:
    """x @ w.T for one output, by rows: BLAS reads several rows at once, which is slower here."""
    return np.vecdot(x, w[0]).reshape(-1, 1)


def one_dtype(a: Array, b: Array) -> None:
    """Refuse to mix dtypes: nobody wants a whole matrix cast at each product."""
    if a.dtype != b.dtype:
        raise TypeError(
            f"expected both arguments to have the same dtype, but got {a.dtype} and {b.dtype}; "
            "cast one of them, e.g. with .float()"
        )
