"""Factorizations: each with the signs and the order that LAPACK, and so PyTorch, gives."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.kernels.linalg import LinAlgError
from tinygrad_mnist.ops import further, table
from tinygrad_mnist.ops.arguments import public
from tinygrad_mnist.ops.linalg.checks import matrices, square_matrices

__all__ = [
    "cholesky", "cholesky_ex", "eigh", "eigvalsh", "householder_product", "lu", "lu_factor",
    "lu_factor_ex", "lu_solve", "qr", "svd", "svdvals",
]  # fmt: skip


class CholeskyEx(NamedTuple):
    """The results of `cholesky_ex`."""

    L: Tensor
    info: Tensor


class Eigh(NamedTuple):
    """The results of `eigh`."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class Svd(NamedTuple):
    """The results of `svd`."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class Qr(NamedTuple):
    """The results of `qr`."""

    Q: Tensor
    R: Tensor


class Lu(NamedTuple):
    """The results of `lu`."""

    P: Tensor
    L: Tensor
    U: Tensor


class LuFactor(NamedTuple):
    """The results of `lu_factor`."""

    LU: Tensor
    pivots: Tensor


class LuFactorEx(NamedTuple):
    """The results of `lu_factor_ex`."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


@public
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """L of A = L L' (or U of A = U' U); only one triangle of A is read.

    Raises LinAlgError for a matrix that is not positive-definite.
    """
    square_matrices("cholesky", A)
    lower = further.cholesky(A.mT if upper else A)
    return lower.mT if upper else lower


@public
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> CholeskyEx:
    """`cholesky`, and for each matrix 0 or the order of its first leading minor that fails.

    The factor of a matrix that is not positive-definite is NaN.
    """
    square_matrices("cholesky_ex", A)
    a = A.mT if upper else A
    info = further.failures(a.detach(), kind="cholesky")
    if check_errors:
        return CholeskyEx(cholesky(A, upper=upper), info)
    fails = table.reshape(table.ne(info, 0), shape=(*info.shape, 1, 1))
    lower = further.cholesky(table.where(fails, np.eye(a.shape[-1], dtype=a.dtype), a))
    lower = table.where(fails, math.nan, lower)
    return CholeskyEx(lower.mT if upper else lower, info)


@public
def eigh(A: Tensor, UPLO: str = "L") -> Eigh:
    """Eigenvalues, ascending, and eigenvectors, as columns, of symmetric matrices.

    Only the triangle `UPLO` of A is read. The gradient of the eigenvectors is infinite, or
    NaN, where two eigenvalues are the same; that of the eigenvalues is not.

    >>> import tinygrad_mnist as tg
    >>> tg.linalg.eigh(tg.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    tensor([1., 3.])
    """
    square_matrices("eigh", A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    n = A.shape[-1]
    return Eigh(*further.parts(further.eigh(A, lower=UPLO.upper() == "L"), (n,), (n, n)))


@public
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, ascending."""
    return eigh(A, UPLO).eigenvalues


@public
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Svd:
    """U, the singular values, descending, and V' of A = U diag(S) V'.

    `full_matrices=False` leaves out the columns of U and rows of V' without a singular value, which
    have no gradient. The gradient of U and V' is infinite, or NaN, where two singular values are
    the same; that of S is not. `driver` has no effect.
    """
    matrices("svd", A)
    m, n = A.shape[-2:]
    k = min(m, n)
    sizes = ((m, m), (k,), (n, n)) if full_matrices else ((m, k), (k,), (k, n))
    return Svd(*further.parts(further.svd(A, full=bool(full_matrices)), *sizes))


@public
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, descending."""
    return svd(A, full_matrices=False).S


@public
def qr(A: Tensor, mode: str = "reduced") -> Qr:
    """Q with orthonormal columns and an upper triangular R of A = Q R.

    `mode` is "reduced", "complete" (a square Q, not differentiable for tall matrices) or "r"
    (Q is empty).
    """
    matrices("qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    m, n = A.shape[-2:]
    complete = mode == "complete"
    k = m if complete else min(m, n)
    q, r = further.parts(further.qr(A, complete=complete), (m, k), (k, n))
    return Qr(table.full(shape=(0,), value=0, dtype=A.dtype) if mode == "r" else q, r)


def factored(a: Tensor, pivot: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """L and U in one matrix, the row exchanges, and the resulting order of the rows."""
    m, n = a.shape[-2:]
    swaps = further.row_exchanges(a.detach())
    if not pivot:
        swaps = wrap(np.zeros(swaps.shape, np.int32) + np.arange(1, min(m, n) + 1, dtype="i"))
    order = further.row_order(swaps, rows=m)
    index = table.broadcast_to(table.reshape(order, shape=(*order.shape, 1)), shape=a.shape)
    return further.lu(table.gather(a, index, axis=a.ndim - 2)), swaps, order


@public
def lu(A: Tensor, *, pivot: bool = True) -> Lu:
    """P, L and U of A = P L U: a permutation, a lower triangle of diagonal 1, an upper triangle."""
    matrices("lu", A)
    both, swaps, _ = factored(A, pivot)
    return unpack(both, swaps)


def unpack(both: Tensor, swaps: Tensor, data: bool = True, pivots: bool = True) -> Lu:
    """P, L and U from L and U in one matrix and the row exchanges; unwanted ones are empty."""
    m, n = both.shape[-2:]
    k = min(m, n)
    p = lower = upper = table.cast(wrap(np.empty(0)), dtype=both.dtype)
    if data:
        lower = further.lower_of(both[..., :, :k], beyond=True) + np.eye(m, k, dtype=both.dtype)
        upper = further.upper_of(both[..., :k, :])
    if pivots:
        p = permutation(swaps, m, both.dtype).mT
    return Lu(p, lower, upper)


def permutation(swaps: Tensor, rows: int, dtype: Any) -> Tensor:
    """The matrix that puts rows in the order after the exchanges."""
    order = further.row_order(swaps, rows=rows)
    columns = table.reshape(order, shape=(*order.shape, 1))
    return table.cast(table.eq(columns, np.arange(rows)), dtype=dtype)


@public
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> LuFactorEx:
    """L below the diagonal of U, the row exchanges from 1, and the first pivot that is 0, or 0."""
    matrices("lu_factor", A)
    both, swaps, _ = factored(A, pivot)
    diagonal = np.diagonal(both._data, axis1=-2, axis2=-1) == 0
    first = np.where(diagonal.any(-1), diagonal.argmax(-1) + 1 if diagonal.size else 0, 0)
    if check_errors and first.any():
        i = int(first[first != 0].flat[0])
        raise LinAlgError(
            f"linalg.lu_factor: U[{i},{i}] is zero and using it on lu_solve would result in a "
            "division by zero. If you still want to perform the factorization, consider calling "
            "linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )
    return LuFactorEx(both, swaps, wrap(np.asarray(first, np.int32)))


@public
def lu_factor(A: Tensor, *, pivot: bool = True) -> LuFactor:
    """L below the diagonal of U, and the row exchanges, for `lu_solve`."""
    return LuFactor(*lu_factor_ex(A, pivot=pivot, check_errors=True)[:2])


@public
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """X of A X = B (of X A = B with `left=False`, A' with `adjoint`) from A's `lu_factor`."""
    square_matrices("lu_solve", LU)
    matrices("lu_solve", LU, B)
    if not left:
        return lu_solve(LU, pivots, B.mT, adjoint=not adjoint).mT
    n = LU.shape[-1]
    if B.shape[-2] != n:
        raise ShapeError(
            "linalg.lu_solve: Incompatible shapes of A and B for the equation AX = B "
            f"({n}x{n} and {B.shape[-2]}x{B.shape[-1]})"
        )
    p = permutation(pivots, n, LU.dtype)
    of_lower: dict[str, Any] = {"upper": False, "unitriangular": True}
    if not adjoint:
        x = further.solve_triangular(LU, table.matmul(p, B), **of_lower)
        return further.solve_triangular(LU, x, upper=True)
    x = further.solve_triangular(LU.mT, B, upper=False)
    return table.matmul(p.mT, further.solve_triangular(LU.mT, x, upper=True, unitriangular=True))


@public
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of the product of I - tau v v', each v a column of A below its diagonal."""
    matrices("householder_product", A)
    m, n = A.shape[-2:]
    k = tau.shape[-1]
    if m < n:
        raise ShapeError(
            "linalg.householder_product: input.shape[-2] must be greater than or equal to "
            "input.shape[-1]"
        )
    if k > n:
        raise ShapeError(
            "linalg.householder_product: input.shape[-1] must be greater than or equal to "
            "tau.shape[-1]"
        )
    return reflect(A, tau, table.broadcast_to(
        table.where(np.True_, np.eye(m, n, dtype=A.dtype), A * 0), shape=A.shape))  # fmt: skip


def reflect(a: Tensor, tau: Tensor, x: Tensor, backwards: bool = True) -> Tensor:
    """The product of the reflections, times x."""
    k = tau.shape[-1]
    v = further.lower_of(a, beyond=True) + np.eye(*a.shape[-2:], dtype=a.dtype)
    for i in reversed(range(k)) if backwards else range(k):
        column = v[..., :, i : i + 1]
        x = x - tau[..., i, None, None] * table.matmul(column, table.matmul(column.mT, x))
    return x
