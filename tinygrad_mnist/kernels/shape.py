"""Kernels that move elements: views where NumPy has them, and their adjoints."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.kernels.scratch import begun_with, called_whole, in_place
from tinygrad_mnist.kernels.sums import FEW, columns, total

Array = Any  # an ndarray; NumPy's own types say too little to help here
Key = tuple[Any, ...]
ALL = np.s_[:]


def reshape(x: Array, *, shape: tuple[int, ...]) -> Array:
    """x in another shape; a view where possible."""
    return x.reshape(shape)


def permute(x: Array, *, axes: tuple[int, ...]) -> Array:
    """x with its dimensions in another order; a view."""
    return x.transpose(axes)


def broadcast_to(x: Array, *, shape: tuple[int, ...]) -> Array:
    """x repeated along dimensions of length one, and new leading ones; a read-only view."""
    if x.size != 1:
        return np.broadcast_to(x, shape)
    y = np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))  # the same in a tenth of the time
    y.setflags(write=False)
    return y


def sum_to(x: Array, *, shape: tuple[int, ...]) -> Array:
    """The adjoint of broadcasting from `shape`: the sum over the repeated dimensions."""
    if x.ndim == 2 and shape == x.shape[1:] and x.dtype.kind == "f" and len(x) > FEW:
        return columns(x)
    extra = x.ndim - len(shape)
    axes = tuple(
        i for i, n in enumerate(x.shape) if i < extra or (shape[i - extra] == 1 and n != 1)
    )
    y = total(x, axes, keepdims=True).reshape(shape)
    return y if y.dtype == x.dtype else y.astype(x.dtype)


def slice(x: Array, *, key: Key) -> Array:
    """x[key] for a key of ints, slices, None and Ellipsis; a view.

    The key gets an Ellipsis: else one that picks one element would give a number, not a view.
    """
    return x[key if ... in key else (*key, ...)]


def unslice(x: Array, *, key: Key, shape: tuple[int, ...], out: Array | None = None) -> Array:
    """The adjoint of slice: zeros of `shape` with x at `key`."""
    y = np.zeros(shape, x.dtype) if out is None else out
    if out is not None:
        out[...] = 0
    y[key] = x
    return y


@in_place
def add_at(x: Array, part: Array, *, key: Key, out: Array | None = None) -> Array:
    """x with `part` added at `key`: x + unslice(part), without zeros and their sum."""
    y = begun_with(x, out)
    at = y[key if ... in key else (*key, ...)]
    np.add(at, part, at)
    return y


def diagonal(x: Array, *, offset: int, axes: tuple[int, int]) -> Array:
    """The diagonals of the matrices in two axes, as the last dimension; a view."""
    return x.diagonal(offset, *axes)


def undiagonal(x: Array, *, offset: int, axes: tuple[int, int], shape: tuple[int, ...]) -> Array:
    """The adjoint of diagonal: zeros of `shape` with x on those diagonals."""
    out = np.zeros(shape, x.dtype)
    view = out.diagonal(offset, *axes)
    view.setflags(write=True)
    view[...] = x
    return out


@in_place
@called_whole
def add_diagonal(
    x: Array, part: Array, *, offset: int, axes: tuple[int, int], out: Array | None = None
) -> Array:
    """x with `part` added to those diagonals."""
    y = begun_with(x, out)
    view = y.diagonal(offset, *axes)
    view.setflags(write=True)
    np.add(view, part, view)
    return y


def stack(*xs: Array, axis: int) -> Array:
    """The arrays of one shape along a new dimension."""
    key = (ALL,) * axis + (None,)
    return np.concatenate([x[key] for x in xs], axis=axis)


def cat(*xs: Array, axis: int, starts: tuple[int, ...]) -> Array:
    """The arrays one after the other along `axis`; `starts` is where each of them begins."""
    return np.concatenate(xs, axis=axis)
