"""Numbers that describe a matrix: norms, determinants, condition, rank."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels.reduce import dropped_shape, kept_shape
from tinygrad_mnist.ops import further, table
from tinygrad_mnist.ops.arguments import Dim, dims_of, public
from tinygrad_mnist.ops.linalg.checks import floats, matrices, square_matrices
from tinygrad_mnist.ops.linalg.factor import svdvals
from tinygrad_mnist.ops.linalg.solve import inv_ex, rank_limit
from tinygrad_mnist.ops.reduce import norm as p_norm

__all__ = ["cond", "det", "matrix_norm", "matrix_rank", "norm", "slogdet", "vector_norm"]


class Slogdet(NamedTuple):
    """The results of `slogdet`."""

    sign: Tensor
    logabsdet: Tensor


@public
def vector_norm(
    x: Tensor, ord: Any = 2, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """(sum |x|^ord)^(1/ord) over `dim`, or over all of x; its gradient at zero is zero.

    `ord` inf and -inf give the largest and smallest |x|, 0 the number of elements that are not 0.
    """
    if dtype is not None:
        x = table.cast(x, dtype=dtype)
    floats("vector_norm", x)
    if isinstance(ord, str):
        raise TypeError(f"linalg.vector_norm: ord is a number, not {ord!r}")
    return p_norm(x, ord, dim, keepdim)


@public
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of matrices in two dims: "fro", "nuc", 2 and -2 (singular values), 1, inf, ..."""
    if dtype is not None:
        A = table.cast(A, dtype=dtype)
    matrices("matrix_norm", A)
    dims = dim if isinstance(dim, (tuple, list)) else (dim,)
    if len(dims) != 2:
        raise RuntimeError(
            f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dims))}"
        )
    rows, columns = dims_of(A.ndim, dims)
    if ord == "fro":
        return p_norm(A, 2, (rows, columns), keepdim)
    if ord in (1, -1, math.inf, -math.inf):
        summed, rest = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = table.sum(table.abs(A), axis=(summed,), keepdims=True)
        best = table.amax if ord > 0 else table.amin
        y = best(sums, axis=(rest,), keepdims=True)
    elif ord in ("nuc", 2, -2):
        others = tuple(i for i in range(A.ndim) if i not in (rows, columns))
        values = svdvals(table.permute(A, axes=(*others, rows, columns)))
        axis = (values.ndim - 1,)
        y = (
            table.sum(values, axis=axis) if ord == "nuc"
            else (table.amax if ord > 0 else table.amin)(values, axis=axis)
        )  # fmt: skip
    else:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    shape = (kept_shape if keepdim else dropped_shape)(A.shape, (rows, columns))
    return table.reshape(y, shape=shape)


@public
def norm(
    A: Tensor, ord: Any = None, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """`matrix_norm` for two dims or a matrix, `vector_norm` for one; without `ord` the length."""
    dims = dim if isinstance(dim, (tuple, list)) or dim is None else (dim,)
    if ord is None:
        return vector_norm(A, 2, dims, keepdim, dtype=dtype)
    if dims is None:
        if A.ndim not in (1, 2):
            raise ShapeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
                f"{A.ndim}D."
            )
        dims = tuple(range(A.ndim))
    if isinstance(ord, str) or len(dims) == 2:
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    if len(dims) != 1:
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)


@public
def det(A: Tensor) -> Tensor:
    """The determinants of square matrices; differentiable where they are 0, too.

    >>> import tinygrad_mnist as tg
    >>> tg.linalg.det(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    square_matrices("det", A)
    return further.det(A)


@public
def slogdet(A: Tensor) -> Slogdet:
    """The signs of determinants, and the logarithms of their sizes: -inf for a singular matrix."""
    square_matrices("slogdet", A)
    sign = further.det_sign(A)
    return Slogdet(sign, further.logabsdet(A))


@public
def cond(A: Tensor, p: Any = None) -> Tensor:
    """The norm of A times that of its inverse; of singular values where `p` is None, 2 or -2."""
    matrices("cond", A)
    if p is None or p in (2, -2):
        values = svdvals(A)
        big, small = values[..., 0], values[..., -1]
        return small / big if p == -2 else big / small
    square_matrices("cond", A)
    inverse, info = inv_ex(A)
    y = matrix_norm(A, p) * matrix_norm(inverse, p)
    return table.where(table.ne(info, 0), math.inf, y)


@public
def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """The number of singular values above max(atol, rtol * the largest); rtol is max(m, n) * eps.

    `tol` is the older name of `atol` with `rtol=0`.
    """
    matrices("matrix_rank", A)
    if tol is not None:
        atol, rtol = tol, 0.0
    a = A.detach()
    limit = rank_limit(a, None, atol, rtol)
    return further.rank(a, limit, symmetric=bool(hermitian))
