"""Weighted sums of a few elements along one axis, as in interpolation, and their adjoint."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.buffers import ignoring
from tinygrad_mnist.kernels.scratch import called_whole

Array = Any  # an ndarray; NumPy's own types say too little to help here
LARGEST = 256  # elements along the axis, of which few have a weight, in one product


@called_whole
def mix(x: Array, index: Array, weight: Array, *, axis: int) -> Array:
    """y[i] = sum over k of weight[i, k] x[index[i, k]], along `axis`."""
    y = _product(x, index, weight, axis, x.shape[axis])
    return _mix(x, index, weight, axis) if y is None else y


@called_whole
def unmix(d: Array, index: Array, weight: Array, *, axis: int, length: int) -> Array:
    """The adjoint of mix: to each of the `length` elements, the sum of its weights times d."""
    x = _product(d, index, weight, axis, length, is_adjoint=True)
    return _unmix(d, index, weight, axis, length) if x is None else x


def _product(
    x: Array, index: Array, weight: Array, axis: int, length: int, *, is_adjoint: bool = False
) -> Array | None:
    """Return the sums as a product with a matrix that is mostly zeros; None if not finite or large.

    A zero times an infinity is NaN, where that element has no weight.
    """
    if x.dtype.char not in "fd" or not x.size or max(length, len(index)) > LARGEST:
        return None
    matrix = np.zeros((len(index), length), x.dtype)
    np.add.at(matrix, (np.arange(len(index))[:, None], index), weight.astype(x.dtype, copy=False))
    if is_adjoint:
        matrix = matrix.T
    order = sorted(range(x.ndim), key=lambda i: (-abs(x.strides[i]), i))  # as in memory
    laid_out = x.transpose(order)
    position = order.index(axis)
    before, behind = laid_out.shape[:position], laid_out.shape[position + 1 :]
    lines = laid_out.reshape(math.prod(before), x.shape[axis], math.prod(behind))
    with ignoring(over="ignore", invalid="ignore"):
        if behind and lines.shape[2] > 1:
            y = np.matmul(matrix, lines)
        else:
            y = lines[:, :, 0].dot(matrix.T)
        flat = y.reshape(-1)
        if not math.isfinite(flat.dot(flat)):
            return None
    return y.reshape(*before, len(matrix), *behind).transpose(np.argsort(order))


def _mix(x: Array, index: Array, weight: Array, axis: int) -> Array:
    to = (-1, *(1,) * (x.ndim - axis - 1))
    total: Any = None
    for indices, shares in zip(index.T, weight.T, strict=True):
        part = x.take(indices, axis)
        part *= shares.astype(x.dtype, copy=False).reshape(to)
        total = part if total is None else np.add(total, part, out=total)
    return np.asarray(total)


def _unmix(d: Array, index: Array, weight: Array, axis: int, length: int) -> Array:
    to = (-1, *(1,) * (d.ndim - axis - 1))
    out = np.zeros((*d.shape[:axis], length, *d.shape[axis + 1 :]), d.dtype)
    if not d.size:
        return out
    front: Any = (np.s_[:],) * axis
    for indices, shares in zip(index.T, weight.T, strict=True):
        order = np.argsort(indices, kind="stable")
        share = d.take(order, axis)  # equal indices side by side, to be added up in one pass
        share *= shares[order].astype(d.dtype, copy=False).reshape(to)
        distinct, starts = np.unique(indices[order], return_index=True)
        out[(*front, distinct)] += np.add.reduceat(share, starts, axis)
    return out
