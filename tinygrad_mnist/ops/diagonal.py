"""Diagonals and triangles of matrices."""

from __future__ import annotations

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import composed, dim_of, public
from tinygrad_mnist.ops.shape import clone, movedim, ravel, reshape

__all__ = ["diag", "diag_embed", "diagflat", "diagonal", "trace", "tril", "triu"]
METHODS = __all__


@public
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonals of the matrices in (dim1, dim2), as the last dimension; a view."""
    if dim_of(input.ndim, dim1) == dim_of(input.ndim, dim2):
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    axes = dim_of(input.ndim, dim1), dim_of(input.ndim, dim2)
    return table.diagonal(input, offset=int(offset), axes=axes)


take_diagonal = diagonal  # for where `diagonal` is a number


def diagonal_of(rows: int, columns: int, offset: int) -> tuple[int, int, int]:
    """A diagonal's start in the flattened matrix, its step, and its length."""
    start = offset if offset >= 0 else -offset * columns
    length = min(rows + min(offset, 0), columns - max(offset, 0))
    return start, columns + 1, max(length, 0)


@public
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices in (dim1, dim2), zero but for a diagonal: the last dimension of input."""
    n = input.shape[-1] + abs(offset)
    start, step, _ = diagonal_of(n, n, offset)
    stop = start + (input.shape[-1] - 1) * step + 1 if input.shape[-1] else start
    lead = input.shape[:-1]
    flat = table.unslice(input, key=(..., slice(start, stop, step)), shape=(*lead, n * n))
    return movedim(reshape(flat, (*lead, n, n)), (-2, -1), (dim1, dim2))


@public
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with this diagonal."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise RuntimeError(f"diag(): expected a vector or a matrix, not {input.ndim} dimensions")
    return clone(take_diagonal(input, diagonal))


@public
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    if input.ndim != 2:
        raise RuntimeError("trace: expected a matrix")
    return table.sum(diagonal(input))


def triangle(x: Tensor, diagonal: int, *, lower: bool) -> Tensor:
    """The elements on and below `diagonal`, or those above it."""
    if x.ndim < 2:
        raise RuntimeError("tril and triu: input tensor must have at least 2 dimensions")
    below = np.tri(x.shape[-2], x.shape[-1], diagonal, dtype=np.bool_)
    return table.where(below if lower else ~below, x, np.zeros((), x.dtype))


# One-line compositions of other ops
diagflat = composed(
    "The matrix whose diagonal is input, flattened.",
    lambda input, offset=0: diag_embed(ravel(input), offset),
)
tril = composed(
    "The matrices' lower triangles, zero above `diagonal`.",
    lambda input, diagonal=0: triangle(input, diagonal, lower=True),
)
triu = composed(
    "The matrices' upper triangles, zero below `diagonal`.",
    lambda input, diagonal=0: triangle(input, diagonal - 1, lower=False),
)
