"""Weighted sums of a few elements along one axis, as in interpolation, and their adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here


def mix(x: Array, index: Array, weight: Array, *, axis: int) -> Array:
    """y[i] = sum over k of weight[i, k] x[index[i, k]], along `axis`."""
    to = (-1, *(1,) * (x.ndim - axis - 1))
    total: Any = None
    for indices, shares in zip(index.T, weight.T, strict=True):
        part = x.take(indices, axis)
        part *= shares.astype(x.dtype, copy=False).reshape(to)
        total = part if total is None else np.add(total, part, out=total)
    return np.asarray(total)


def unmix(d: Array, index: Array, weight: Array, *, axis: int, length: int) -> Array:
    """The adjoint of mix: to each of the `length` elements, the sum of its weights times d."""
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
