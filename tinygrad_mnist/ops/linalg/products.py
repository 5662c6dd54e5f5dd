"""Products and powers of matrices, and the rest of `linalg`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import further, table
from tinygrad_mnist.ops.arguments import dim_of, public
from tinygrad_mnist.ops.diagonal import diagonal as take_diagonal
from tinygrad_mnist.ops.join import stack
from tinygrad_mnist.ops.linalg.checks import square_matrices
from tinygrad_mnist.ops.linalg.solve import inv
from tinygrad_mnist.ops.matmul import matmul as matmul

__all__ = [
    "cross", "diagonal", "matmul", "matrix_exp", "matrix_power", "multi_dot", "vander", "vecdot",
]  # fmt: skip


@public
def matrix_power(A: Tensor, n: int) -> Tensor:
    """A multiplied by itself n times; for a negative n its inverse."""
    if not isinstance(n, int):
        raise TypeError(
            f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}"
        )
    square_matrices("matrix_power", A)
    if n < 0:
        A, n = inv(A), -n
    if n == 0:
        return table.where(np.True_, np.eye(A.shape[-1], dtype=A.dtype), A * 0)
    result = None
    while True:
        if n & 1:
            result = A if result is None else table.matmul(result, A)
        n >>= 1
        if not n:
            return table.cast(result, dtype=A.dtype) if result is A else result  # type: ignore[return-value]
        A = table.matmul(A, A)


@public
def matrix_exp(A: Tensor) -> Tensor:
    """The exponential series of square matrices."""
    square_matrices("matrix_exp", A)
    return further.matrix_exp(A)


@public
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of several matrices, in the order that takes fewest multiplications.

    The first and the last may be vectors.
    """
    n = len(tensors)
    if n < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    first, *middle, last = tensors
    if any(x.ndim != 2 for x in middle) or not {first.ndim, last.ndim} <= {1, 2}:
        raise ShapeError(
            "multi_dot(): matrices are needed, but for the first and the last tensor, which may "
            f"be vectors; not {[list(x.shape) for x in tensors]}"
        )
    chain = [table.reshape(first, shape=(1, -1)) if first.ndim == 1 else first, *middle]
    chain.append(table.reshape(last, shape=(-1, 1)) if last.ndim == 1 else last)
    y = best_product(chain)
    shape = (() if first.ndim == 1 else y.shape[:1]) + (() if last.ndim == 1 else y.shape[1:])
    return table.reshape(y, shape=shape)


def best_product(chain: list[Tensor]) -> Tensor:
    """The product of a chain of matrices, split by dynamic programming."""
    n = len(chain)
    sizes = [chain[0].shape[0], *(x.shape[1] for x in chain)]
    cost, split = {(i, i): 0 for i in range(n)}, {}
    for span in range(1, n):
        for i in range(n - span):
            j = i + span
            splits = [
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i, j], split[i, j] = min(splits)

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return chain[i]
        k = split[i, j]
        return table.matmul(product(i, k), product(k + 1, j))

    return product(0, n - 1)


@public
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of three elements along `dim`."""
    if input.ndim != other.ndim:
        raise ShapeError("linalg.cross: inputs must have the same number of dimensions.")
    axis = dim_of(input.ndim, dim)
    if input.shape[axis] != 3 or other.shape[axis] != 3:
        raise ShapeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got "
            f"{input.shape[axis]} and {other.shape[axis]}"
        )
    (a, b, c), (x, y, z) = (
        [table.slice(v, key=(np.s_[:],) * axis + (i,)) for i in range(3)] for v in (input, other)
    )
    return stack([b * z - c * y, c * x - a * z, a * y - b * x], axis)


@public
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The sums of products along `dim`."""
    product = x * y
    return table.sum(product, axis=(dim_of(product.ndim, dim),))


@public
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices, as the last dimension; a view."""
    return take_diagonal(A, offset, dim1, dim2)


@public
def vander(x: Tensor, N: int | None = None) -> Tensor:
    """The powers 0 to N - 1 (as many as elements) of each element, along a new last dimension."""
    x = x if x.ndim else table.reshape(x, shape=(1,))
    n = x.shape[-1] if N is None else N
    if N is not None and N <= 1:
        raise RuntimeError("N must be greater than 1.")
    if x.dtype.kind == "b":
        x = table.cast(x, dtype="int64")
    column = table.reshape(x, shape=(*x.shape, 1))
    powers: list[Any] = [table.where(np.True_, np.ones((), x.dtype), column)]
    for _ in range(n - 1):
        powers.append(powers[-1] * column)
    return table.cat(*powers, axis=x.ndim, starts=tuple(range(n)))
