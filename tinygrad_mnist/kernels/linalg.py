"""Factorizations and solvers of stacks of matrices, by LAPACK through NumPy.

A factorization has several results and an op has one: the parts come `packed`, side by side in the
last dimension, and `ops/` takes them apart. A system without a solution raises LinAlgError.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any  # an ndarray; NumPy's own types say too little to help here


class LinAlgError(RuntimeError, np.linalg.LinAlgError):
    """A matrix is singular, not positive-definite, or a factorization did not converge."""


def packed(lead: tuple[int, ...], *parts: Array) -> Array:
    """Join the parts, each flattened except for the dimensions of the stack."""
    flat = [part.reshape((*lead, math.prod(part.shape[len(lead) :]))) for part in parts]
    return np.concatenate(flat, axis=-1)


def which(a: Array, fails: Any) -> str:
    """Return PyTorch's words for the first matrix of a stack that fails; "" for one matrix."""
    if a.ndim == 2:
        return ""
    bad = [i for i, matrix in enumerate(a.reshape(-1, *a.shape[-2:])) if fails(matrix)]
    return f"(Batch element {bad[0] if bad else 0}): "


def is_singular(matrix: Array) -> bool:
    """Tell whether LAPACK meets a pivot that is exactly 0."""
    try:
        np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return True
    return False


def zero_pivot(a: Array) -> int:
    """Return the number, from 1, of the first pivot that is 0 in the first singular matrix."""
    for matrix in a.reshape(-1, *a.shape[-2:]):
        pivots = np.flatnonzero(np.diagonal(eliminated(matrix)[0]) == 0)
        if len(pivots):
            return int(pivots[0]) + 1
    return int(a.shape[-1])


def inv(a: Array) -> Array:
    """The inverse; LinAlgError for a singular matrix."""
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            f"linalg.inv: {which(a, is_singular)}The diagonal element {zero_pivot(a)} is zero, the "
            "inversion could not be completed because the input matrix is singular."
        ) from None


def solve(a: Array, b: Array) -> Array:
    """X of a X = b; LinAlgError for a singular matrix."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            f"linalg.solve: {which(a, is_singular)}The solver failed because the input matrix is "
            "singular."
        ) from None


def triangle(a: Array, *, upper: bool, unitriangular: bool = False) -> Array:
    """One triangle of a, 0 elsewhere; `unitriangular` leaves the diagonal out too."""
    n, m = a.shape[-2:]
    if upper:
        mask = ~np.tri(n, m, 0 if unitriangular else -1, dtype=np.bool_)
    else:
        mask = np.tri(n, m, -1 if unitriangular else 0, dtype=np.bool_)
    return np.where(mask, a, np.zeros((), a.dtype))


def solve_triangular(a: Array, b: Array, *, upper: bool, unitriangular: bool = False) -> Array:
    """X of a X = b, by one triangle of a alone; infinite where its diagonal is 0."""
    t = triangle(a, upper=upper, unitriangular=unitriangular)
    if unitriangular:
        t = t + np.eye(a.shape[-1], dtype=a.dtype)
    try:
        return np.linalg.solve(t, b)
    except np.linalg.LinAlgError:
        return substituted(t, b, upper)


def substituted(t: Array, b: Array, upper: bool) -> Array:
    """X of t X = b, row by row, which divides by a diagonal that has zeros."""
    n = t.shape[-1]
    x = np.array(np.broadcast_to(b, np.broadcast_shapes(t.shape[:-2], b.shape[:-2]) + b.shape[-2:]))
    for i in range(n - 1, -1, -1) if upper else range(n):
        x[..., i, :] /= t[..., i, i, None]
        rest = np.s_[:i] if upper else np.s_[i + 1 :]
        x[..., rest, :] -= t[..., rest, i, None] * x[..., i, None, :]
    return x


def cholesky(a: Array) -> Array:
    """The lower factor, by the lower triangle of a alone."""
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            f"linalg.cholesky: {which(a, minor)}The factorization could not be completed because "
            "the input is not positive-definite (the leading minor of order "
            f"{next(filter(None, map(minor, a.reshape(-1, *a.shape[-2:]))), 0)} is not "
            "positive-definite)."
        ) from None


def minor(matrix: Array) -> int:
    """The order of the first leading minor that is not positive-definite; 0 if all are."""
    for k in range(1, len(matrix) + 1):
        try:
            np.linalg.cholesky(matrix[:k, :k])
        except np.linalg.LinAlgError:
            return k
    return 0


def failures(a: Array, *, kind: str) -> Array:
    """For each matrix 0, or where `inv` (a pivot) or `cholesky` (a leading minor) fails."""
    try:
        (np.linalg.cholesky if kind == "cholesky" else np.linalg.inv)(a)
        return np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        pass
    one = minor if kind == "cholesky" else lambda m: zero_pivot(m) if is_singular(m) else 0
    flat = [one(matrix) for matrix in a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:])]
    return np.array(flat, np.int32).reshape(a.shape[:-2])


# Determinants


def det(a: Array) -> Array:
    """The determinant."""
    return np.asarray(np.linalg.det(a))


def det_sign(a: Array) -> Array:
    """The determinant's sign."""
    return np.asarray(np.linalg.slogdet(a)[0])


def logabsdet(a: Array) -> Array:
    """The logarithm of the determinant's absolute value; -inf for a singular matrix."""
    return np.asarray(np.linalg.slogdet(a)[1])


def cofactor(a: Array) -> Array:
    """The derivative of the determinant, det(a) inv(a)', which singular matrices have too."""
    try:
        b = np.linalg.inv(a)
        with np.errstate(all="ignore"):
            if np.all(np.abs(a).sum((-2, -1)) * np.abs(b).sum((-2, -1)) < 1e6):
                return np.linalg.det(a)[..., None, None] * b.mT
    except np.linalg.LinAlgError:
        pass
    u, s, vh, sign = turned(a)
    return sign * (u * others(s)[..., None, :]) @ vh


def cofactor_slope(d: Array, a: Array) -> Array:
    """The gradient by a, for a gradient d of the cofactors.

    With a = U S V' the cofactors are, but for a sign, U cof(S) V'; and those of S depend on each
    entry linearly, with the product of the other two singular values' others as factor.
    """
    u, s, vh, sign = turned(a)
    inner = u.mT @ d @ vh.mT
    n = s.shape[-1]
    eye = np.eye(n, dtype=np.bool_)
    pairs = np.zeros(a.shape, a.dtype)
    for i in range(n):
        pairs[..., i, :] = others(np.where(eye[i], 1, s))
    pairs[..., eye] = 0
    diagonal = np.diagonal(inner, axis1=-2, axis2=-1)
    turned_g = -pairs * inner.mT
    turned_g[..., eye] = (pairs @ diagonal[..., None])[..., 0]
    return sign * (u @ turned_g @ vh)


def turned(a: Array) -> tuple[Array, Array, Array, Array]:
    """U, S and V' of a, and the sign that the two rotations give the determinant."""
    u, s, vh = np.linalg.svd(a)
    sign = np.rint(np.linalg.det(u) * np.linalg.det(vh)).astype(a.dtype)
    return u, s, vh, sign[..., None, None]


def others(s: Array) -> Array:
    """Return for each element of the last dimension the product of the others."""
    one = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([one, s[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([one, s[..., :0:-1]], -1), -1)[..., ::-1]
    return before * after if s.shape[-1] else s


# Factorizations


def eigh(a: Array, *, lower: bool = True) -> Array:
    """Eigenvalues, ascending, and eigenvectors of the symmetric matrix in one triangle of a."""
    try:
        w, v = np.linalg.eigh(a, UPLO="L" if lower else "U")
    except np.linalg.LinAlgError:
        raise unsteady("eigh") from None
    return packed(a.shape[:-2], w, v)


def svd(a: Array, *, full: bool = False) -> Array:
    """U, the singular values, descending, and V'."""
    try:
        u, s, vh = np.linalg.svd(a, full_matrices=full)
    except np.linalg.LinAlgError:
        raise unsteady("svd") from None
    return packed(a.shape[:-2], u, s, vh)


def unsteady(name: str) -> LinAlgError:
    """Make PyTorch's error for a matrix with NaN, or with nearly repeated values."""
    return LinAlgError(
        f"linalg.{name}: The algorithm failed to converge because the input matrix is "
        "ill-conditioned, has too many repeated values, or contains NaN or infinity."
    )


def qr(a: Array, *, complete: bool = False) -> Array:
    """Q and R."""
    q, r = np.linalg.qr(a, "complete" if complete else "reduced")
    return packed(a.shape[:-2], q, r)


def lu(a: Array) -> Array:
    """Gauss's elimination without row exchanges: L below the diagonal, U on it and above."""
    x = np.array(a)
    for k in range(min(a.shape[-2:])):
        pivot = x[..., k, k, None]
        x[..., k + 1 :, k] /= np.where(pivot == 0, 1, pivot)
        x[..., k + 1 :, k + 1 :] -= x[..., k + 1 :, k, None] * x[..., k, None, k + 1 :]
    return x


def row_exchanges(a: Array) -> Array:
    """For each step of the elimination the row, from 1, that is exchanged with the step's own."""
    return eliminated(a)[1]


def eliminated(a: Array) -> tuple[Array, Array]:
    """`lu` of the rows in the order that the exchanges give, and those: the largest pivots."""
    m, n = a.shape[-2:]
    x = np.array(a).reshape(math.prod(a.shape[:-2]), m, n)
    each, steps = np.arange(len(x)), min(m, n)
    swaps = np.zeros((len(x), steps), np.int32)
    for k in range(steps):
        best = k + np.argmax(np.abs(x[:, k:, k]), -1)
        swaps[:, k] = best + 1
        x[each, k], x[each, best] = x[each, best], x[each, k].copy()
        pivot = x[:, k, k, None]
        x[:, k + 1 :, k] /= np.where(pivot == 0, 1, pivot)
        x[:, k + 1 :, k + 1 :] -= x[:, k + 1 :, k, None] * x[:, k, None, k + 1 :]
    return x.reshape(a.shape), swaps.reshape(*a.shape[:-2], steps)


def row_order(swaps: Array, *, rows: int) -> Array:
    """The order that the exchanges put the rows in."""
    flat = swaps.reshape(math.prod(swaps.shape[:-1]), swaps.shape[-1]) - 1
    order = np.tile(np.arange(rows), (len(flat), 1))
    each = np.arange(len(flat))
    for k in range(flat.shape[-1]):
        j = flat[:, k]
        order[each, k], order[each, j] = order[each, j], order[each, k].copy()
    return order.reshape(*swaps.shape[:-1], rows)


def pinv(a: Array, limit: Array) -> Array:
    """The pseudoinverse, for which singular values up to `limit` are 0."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    values = np.linalg.svd(a, compute_uv=False)  # as the limit was: their last bits differ from s
    with np.errstate(divide="ignore"):
        inverse = np.where(values > limit[..., None], 1 / s, np.zeros((), a.dtype))
    return vh.mT @ (inverse[..., None] * u.mT)


def rank(a: Array, limit: Array, *, symmetric: bool = False) -> Array:
    """The number of singular values larger than `limit`."""
    values = np.abs(np.linalg.eigvalsh(a)) if symmetric else np.linalg.svd(a, compute_uv=False)
    return np.sum(values > limit[..., None], -1, dtype=np.int64)


# Padé's approximation of exp of degree 13: N. J. Higham, SIAM J. Matrix Anal. Appl. 26 (2005).
PADE = [
    math.factorial(26 - k) * math.factorial(13)
    / (math.factorial(26) * math.factorial(k) * math.factorial(13 - k)) for k in range(14)
]  # fmt: skip


def matrix_exp(a: Array) -> Array:
    """The exponential series of a, by scaling and squaring."""
    x = a.astype(np.float64)
    if not x.size:
        return x.astype(a.dtype)
    norm = np.abs(x).sum(-2).max(-1)
    with np.errstate(divide="ignore"):
        scale = np.where(np.isfinite(norm), np.ceil(np.log2(np.maximum(norm, 1e-300) / 5.0)), 0)
    halvings = np.maximum(scale, 0).astype(int)
    x = x * np.exp2(-halvings)[..., None, None]
    square, eye = x @ x, np.eye(a.shape[-1])
    even, odd, power = np.zeros_like(x), np.zeros_like(x), np.broadcast_to(eye, x.shape)
    for k in range(0, 14, 2):
        even, odd, power = even + PADE[k] * power, odd + PADE[k + 1] * power, power @ square
    odd = x @ odd
    y = np.linalg.solve(even - odd, even + odd)
    for k in range(int(halvings.max(initial=0))):
        y = np.where((k < halvings)[..., None, None], y @ y, y)
    return y.astype(a.dtype)
