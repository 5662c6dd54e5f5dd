"""The names outside of `linalg`: older functions, and methods of Tensor."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.ops import further, table
from tinygrad_mnist.ops.arguments import composed, named, public
from tinygrad_mnist.ops.linalg import factor, measure, products, solve
from tinygrad_mnist.ops.linalg.checks import matrices, square_matrices

__all__ = [
    "cholesky", "cholesky_inverse", "cholesky_solve", "det", "geqrf", "inverse", "logdet", "lu",
    "lu_solve", "lu_unpack", "matrix_exp", "matrix_power", "orgqr", "ormqr", "pinverse", "qr",
    "slogdet", "svd", "triangular_solve",
]  # fmt: skip


class SVD(NamedTuple):
    """The results of `svd`: V, not its transpose."""

    U: Tensor
    S: Tensor
    V: Tensor


class TriangularSolve(NamedTuple):
    """The results of `triangular_solve`."""

    solution: Tensor
    cloned_coefficient: Tensor


class Geqrf(NamedTuple):
    """The results of `geqrf`."""

    a: Tensor
    tau: Tensor


inverse = composed(
    "The inverse of square matrices, by `linalg.inv`.", lambda input: solve.inv(input)
)
det = composed(
    "The determinant of square matrices, by `linalg.det`.", lambda input: measure.det(input)
)
slogdet = composed(
    "The sign of a determinant and the logarithm of its size, by `linalg.slogdet`.",
    lambda input: measure.slogdet(input),
)
matrix_exp = composed(
    "The exponential of square matrices, by `linalg.matrix_exp`.",
    lambda input: products.matrix_exp(input),
)
matrix_power = composed(
    "The n-th power of square matrices, by `linalg.matrix_power`.",
    lambda input, n: products.matrix_power(input, n),
)
pinverse = composed(
    "`linalg.pinv`, which counts singular values up to `rcond` times the largest as 0.",
    lambda input, rcond=1e-15: solve.pinv(input, rcond),
)
orgqr = composed(
    "The product of Householder reflections, by `linalg.householder_product`.",
    lambda input, input2: factor.householder_product(input, input2),
)


@public
def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant: -inf where it is 0, NaN where it is negative."""
    sign, size = measure.slogdet(input)
    return table.where(table.eq(sign.detach(), -1.0), math.nan, size)


@public
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """The triangular factor of positive definite matrices, by `linalg.cholesky`."""
    return factor.cholesky(input, upper=upper)


@public
def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X of A X = input, from the Cholesky factor L of A."""
    matrices("cholesky_solve", L, input)
    lower = L.mT if upper else L
    x = further.solve_triangular(lower, input, upper=False)
    return further.solve_triangular(lower.mT, x, upper=True)


@public
def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A, from its Cholesky factor `input`."""
    square_matrices("cholesky_inverse", input)
    whole = further.upper_of(input) if upper else further.lower_of(input)
    return further.inv(table.matmul(whole.mT, whole) if upper else table.matmul(whole, whole.mT))


@public
def qr(input: Tensor, some: bool = True) -> factor.Qr:
    """`linalg.qr`; `some=False` is its mode "complete"."""
    return factor.qr(input, "reduced" if some else "complete")


@public
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> SVD:
    """U, S and V of input = U diag(S) V': `linalg.svd`, but for V and for `some`."""
    u, s, vh = factor.svd(input, full_matrices=not some)
    if compute_uv:
        return SVD(u, s, vh.mT)
    return SVD(table.cast(u.detach() * 0, dtype=u.dtype), s, vh.detach().mT * 0)


@public
def triangular_solve(
    input: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
) -> TriangularSolve:
    """X of A X = input (of A' X = input with `transpose`), and A once more."""
    matrices("triangular_solve", A, input)
    a = A.mT if transpose else A
    x = further.solve_triangular(a, input, upper=upper != transpose, unitriangular=unitriangular)
    return TriangularSolve(x, table.cast(A, dtype=A.dtype))


@public
def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """`linalg.lu_factor_ex`: L and U in one, the exchanges, and with `get_infos` the failures."""
    both, swaps, info = factor.lu_factor_ex(A, pivot=pivot)
    return (both, swaps, info) if get_infos else (both, swaps)


@public
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """X of A X = b, from the results of `linalg.lu_factor` for A, by `linalg.lu_solve`."""
    return factor.lu_solve(LU_data, LU_pivots, b)


@public
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> factor.Lu:
    """P, L and U from the results of `linalg.lu_factor`; empty where they are not unpacked."""
    return factor.unpack(LU_data, LU_pivots, unpack_data, unpack_pivots)


@public
def geqrf(input: Tensor) -> Geqrf:
    """LAPACK's geqrf: R, with the reflections below its diagonal; not differentiable."""
    import numpy as np

    matrices("geqrf", input)
    h, tau = np.linalg.qr(input._data, "raw")
    return Geqrf(wrap(h.mT), wrap(tau))


@public
def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """Q other, or other Q, Q being the product of the reflections in input and tau."""
    matrices("ormqr", input, other)
    if not left:
        return factor.reflect(input, tau, other.mT, backwards=transpose).mT
    return factor.reflect(input, tau, other, backwards=not transpose)


named(globals(), __all__)
