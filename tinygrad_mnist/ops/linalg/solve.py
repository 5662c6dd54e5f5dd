"""Inverses and solutions of linear equations."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels.linalg import LinAlgError
from tinygrad_mnist.ops import further, table
from tinygrad_mnist.ops.arguments import public, tensor_of
from tinygrad_mnist.ops.create import empty
from tinygrad_mnist.ops.linalg.checks import matrices, square_matrices

__all__ = [
    "LinAlgError", "inv", "inv_ex", "lstsq", "pinv", "solve", "solve_ex", "solve_triangular",
    "tensorinv", "tensorsolve",
]  # fmt: skip


class InvEx(NamedTuple):
    """The results of `inv_ex`."""

    inverse: Tensor
    info: Tensor


class SolveEx(NamedTuple):
    """The results of `solve_ex`."""

    result: Tensor
    info: Tensor


class Lstsq(NamedTuple):
    """The results of `lstsq`."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


@public
def inv(A: Tensor) -> Tensor:
    """The inverses of square matrices; LinAlgError for a singular one.

    >>> import tinygrad_mnist as tg
    >>> tg.linalg.inv(tg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    square_matrices("inv", A)
    return further.inv(A)


@public
def inv_ex(A: Tensor, *, check_errors: bool = False) -> InvEx:
    """The inverses, and for each matrix 0 or the number of the pivot that is 0.

    The inverse of a singular matrix is NaN; `check_errors` raises LinAlgError instead.
    """
    square_matrices("inv_ex", A)
    if check_errors:
        inverse = inv(A)
        return InvEx(inverse, further.failures(A.detach(), kind="inv"))
    info, fails, a = without_singular(A)
    return InvEx(table.where(fails, math.nan, further.inv(a)), info)


def without_singular(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The failures in a stack of matrices, as numbers and as a mask; the stack with I for them."""
    info = further.failures(a.detach(), kind="inv")
    fails = table.reshape(table.ne(info, 0), shape=(*info.shape, 1, 1))
    return info, fails, table.where(fails, np.eye(a.shape[-1], dtype=a.dtype), a)


def is_vector(a: Tensor, b: Tensor) -> bool:
    """Tell whether B is a stack of vectors: it has one dimension, or all of A's but the last."""
    return b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1])


def column(b: Tensor) -> Tensor:
    """Vectors as matrices of one column."""
    return table.reshape(b, shape=(*b.shape, 1))


def solution(name: str, a: Tensor, b: Tensor, left: bool) -> Tensor:
    """X of A X = B, or of X A = B; B may be a stack of vectors."""
    vector = is_vector(a, b)
    if vector and not left:
        raise ShapeError(f"linalg.{name}: Vector broadcasting of the left hand side is not "
                         "supported for left=False. In this case linalg.solve is equivalent to B "
                         "/ A.squeeze(-1)")  # fmt: skip
    rows = column(b) if vector else b
    n = a.shape[-1]
    if (rows.shape[-2] if left else rows.shape[-1]) != n:
        equation = "AX = B" if left else "XA = B"
        raise ShapeError(
            f"linalg.{name}: Incompatible shapes of A and B for the equation {equation} "
            f"({a.shape[-2]}x{n} and {rows.shape[-2]}x{rows.shape[-1]})"
        )
    x = further.solve(a, rows) if left else further.solve(a.mT, rows.mT).mT
    return table.reshape(x, shape=x.shape[:-1]) if vector else x


@public
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X of A X = B, or with `left=False` of X A = B; LinAlgError for a singular matrix.

    B is a stack of matrices, or of vectors where it has one dimension or A's shape but the last.

    >>> import tinygrad_mnist as tg
    >>> tg.linalg.solve(tg.tensor([[2.0, 0.0], [0.0, 4.0]]), tg.tensor([1.0, 2.0]))
    tensor([0.5000, 0.5000])
    """
    square_matrices("solve", A)
    matrices("solve", A) if B.ndim == 1 else matrices("solve", A, B)
    return solution("solve", A, B, left)


@public
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> SolveEx:
    """`solve`, and for each matrix 0 or the number of the pivot that is 0; X is NaN there."""
    square_matrices("solve_ex", A)
    if check_errors:
        return SolveEx(solve(A, B, left=left), further.failures(A.detach(), kind="inv"))
    info, fails, a = without_singular(A)
    x = solution("solve_ex", a, B, left)
    mask = table.reshape(fails, shape=info.shape + (1,) * (x.ndim - info.ndim))
    return SolveEx(table.where(mask, math.nan, x), info)


@public
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X of A X = B (or X A = B), where A is triangular; its other triangle is not read.

    Where the diagonal is 0 the solution is infinite or NaN; `unitriangular` takes it to be 1.
    """
    square_matrices("solve_triangular", A)
    matrices("solve_triangular", A, B)
    if not left:
        x = further.solve_triangular(A.mT, B.mT, upper=not upper, unitriangular=unitriangular)
        return x.mT
    if B.shape[-2] != A.shape[-1]:
        raise ShapeError(
            "linalg.solve_triangular: Incompatible shapes of A and B for the equation AX = B "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )
    return further.solve_triangular(A, B, upper=upper, unitriangular=unitriangular)


def rank_limit(a: Tensor, rcond: Any = None, atol: Any = None, rtol: Any = None) -> Any:
    """The size up to which a singular value counts as 0: max(atol, rtol * the largest)."""
    if rtol is None:
        rtol = rcond
    if rtol is None:
        no_atol = atol is None or (not isinstance(atol, Tensor) and atol == 0)
        eps = float(np.finfo(a.dtype).eps) * max(a.shape[-2:])
        rtol = eps if no_atol else 0.0
        if isinstance(atol, Tensor):
            rtol = table.where(table.gt(atol.detach(), 0), 0.0, eps)
    with_atol = 0.0 if atol is None else atol
    values = np.linalg.svd(a._data, compute_uv=False)
    top = values.max(-1, initial=0) if values.size else np.zeros(a.shape[:-2], a.dtype)
    one, other = (x.detach()._data if isinstance(x, Tensor) else x for x in (with_atol, rtol))
    return np.asarray(np.maximum(one, other * top), a.dtype)


@public
def pinv(
    A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """The pseudoinverse; a singular value counts as 0 up to max(atol, rtol * the largest).

    `rtol` (or `rcond`) is max(m, n) * eps by default. `hermitian` has no effect.
    """
    matrices("pinv", A)
    if not A.shape[-1] or not A.shape[-2]:
        return A.mT * 1.0
    return further.pinv(A, rank_limit(A.detach(), rcond, atol, rtol))


DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


@public
def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: str | None = None) -> Lstsq:
    """X that minimizes the length of A X - B, the smallest X of several.

    Residuals, rank and singular values are empty unless PyTorch's `driver` (gelsy) gives them.
    """
    matrices("lstsq", A)
    driver = driver or "gelsy"
    if driver not in DRIVERS:
        raise RuntimeError(
            "linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])
    b = column(B) if vector else B
    matrices("lstsq", A, b)
    if b.shape[-2] != A.shape[-2]:
        raise ShapeError(
            f"linalg.lstsq: input.size(-2) should match other.size(-2), not {A.shape[-2]} and "
            f"{b.shape[-2]}"
        )
    limit = rank_limit(A.detach(), rcond)
    x = table.matmul(further.pinv(A, limit), b)
    rank = further.rank(A.detach(), limit)
    nothing, none = empty(0, dtype=A.dtype), empty(0, dtype="int64")
    residuals = table.reshape(x, shape=(-1,))[:0] if x.requires_grad else nothing
    m, n = A.shape[-2:]
    if driver != "gelsy" and m > n and bool(np.all(rank._data == n)):
        rest = table.matmul(A, x) - b
        residuals = table.sum(rest * rest, axis=(rest.ndim - 2,))
    singular = driver in ("gelsd", "gelss")
    values = tensor_of(np.linalg.svd(A._data, compute_uv=False)) if singular else nothing
    x = table.reshape(x, shape=x.shape[:-1]) if vector else x
    return Lstsq(x, residuals, none if driver == "gels" else rank, values)


@public
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse for `tensordot` over `ind` dimensions."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    first, last = A.shape[:ind], A.shape[ind:]
    if math.prod(first) != math.prod(last):
        raise ShapeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {math.prod(last)} != {math.prod(first)}"
        )
    flat = inv(table.reshape(A, shape=(math.prod(last), math.prod(first))))
    return table.reshape(flat, shape=(*last, *first))


@public
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X of tensordot(A, X) = B; `dims` of A are moved to its end first."""
    if dims is not None:
        moved = [d % A.ndim for d in dims]
        A = table.permute(A, axes=(*(i for i in range(A.ndim) if i not in moved), *moved))
    shape = A.shape[B.ndim :]
    if math.prod(shape) != math.prod(A.shape[: B.ndim]):
        raise ShapeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {math.prod(shape)} != "
            f"{math.prod(A.shape[: B.ndim])}"
        )
    n = math.prod(shape)
    x = solve(table.reshape(A, shape=(n, n)), table.reshape(B, shape=(n,)))
    return table.reshape(x, shape=shape)
