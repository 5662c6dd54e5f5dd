"""The derivative table's second page: linear algebra, special functions, samples that move.

Rows as in `table.py`, loaded when one of their functions is first asked for.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.record import name_rows, op
from tinygrad_mnist.kernels import implicit, linalg, random, special
from tinygrad_mnist.ops.table import (
    SQRT_PI,
    OpCall,
    cat,
    eq,
    exp,
    le,
    log,
    log1p,
    logical_and,
    matmul,
    nothing,
    reshape,
    sign,
    slice,
    sum,
    where,
    xlogy,
)  # fmt: skip

SQRT_2PI = math.sqrt(2 * math.pi)

# Special functions (kernels/special.py)
erfcx = op(special.erfcx, x=lambda g, x, y: g * (x * y * 2 - 2 / SQRT_PI))
erfinv = op(special.erfinv, x=lambda g, y: g * exp(y * y) * (SQRT_PI / 2))
ndtr = op(special.ndtr, x=lambda g, x: g * exp(-x * x / 2) / SQRT_2PI)
ndtri = op(special.ndtri, p=lambda g, y: g * exp(y * y / 2) * SQRT_2PI)
log_ndtr = op(special.log_ndtr, x=lambda g, x: g * mills(x))
mills: OpCall = op(special.mills, x=lambda g, x, y: -g * y * (x + y))
lgamma = op(special.lgamma, x=lambda g, x: g * digamma(x))
digamma: OpCall = op(special.digamma, x=lambda g, x: g * polygamma(x, n=1))
polygamma: OpCall = op(special.polygamma, x=lambda g, x, n: g * polygamma(x, n=n + 1))
zeta: OpCall = op(special.zeta, x=None, q=lambda g, x, q: -g * x * zeta(x + 1, q))
gammainc = op(
    special.gammainc,
    a=lambda g, a, x: -g * gamma_density(a, x) * gamma_slope(a, x),
    x=lambda g, a, x: g * gamma_density(a, x),
)
gammaincc = op(
    special.gammaincc,
    a=lambda g, a, x: g * gamma_density(a, x) * gamma_slope(a, x),
    x=lambda g, a, x: -g * gamma_density(a, x),
)
bessel_i: OpCall = op(
    special.bessel_i,
    x=lambda g, x, n: g * (bessel_i(x, n=abs(n - 1)) + bessel_i(x, n=n + 1)) / 2,
)
bessel_ie: OpCall = op(
    special.bessel_ie,
    x=lambda g, x, y, n: (
        g * ((bessel_ie(x, n=abs(n - 1)) + bessel_ie(x, n=n + 1)) / 2 - sign(x) * y)
    ),
)
entr = op(special.entr, x=lambda g, x: g * (-log(x) - 1))
xlog1py: OpCall = op(
    special.xlog1py,
    a=lambda g, a, b: g * where(eq(a, 0.0) & le(b, -1.0), 0.0, log1p(b)),
    b=lambda g, a, b: g * where(eq(a, 0.0) & eq(b, -1.0), 0.0, a / (b + 1)),
)

# Linear algebra (kernels/linalg.py), of stacks of matrices; factorizations come packed
inv: OpCall = op(linalg.inv, a=lambda g, y: -matmul(matmul(y.mT, g), y.mT))
solve: OpCall = op(
    linalg.solve,
    a=lambda g, y, a: -matmul(solve(a.mT, g), y.mT),
    b=lambda g, a: solve(a.mT, g),
)
triangle: OpCall = op(
    linalg.triangle,
    a=lambda g, upper, unitriangular: triangle(g, upper=upper, unitriangular=unitriangular),
)
solve_triangular: OpCall = op(
    linalg.solve_triangular,
    a=lambda g, y, a, upper, unitriangular: triangle(
        -matmul(solve_triangular(a.mT, g, upper=not upper, unitriangular=unitriangular), y.mT),
        upper=upper,
        unitriangular=unitriangular,
    ),
    b=lambda g, a, upper, unitriangular: solve_triangular(
        a.mT, g, upper=not upper, unitriangular=unitriangular
    ),
)
cholesky = op(linalg.cholesky, a=lambda g, y: cholesky_slope(g, y))
det: OpCall = op(linalg.det, a=lambda g, a: g[..., None, None] * cofactor(a))
cofactor: OpCall = op(linalg.cofactor, a=lambda g, a: cofactor_slope(g, a))
cofactor_slope: OpCall = op(
    linalg.cofactor_slope,
    d=lambda g, a: cofactor_slope(g, a),
    a=lambda g, d, a: cofactor_curve(g, d, a),
)
logabsdet = op(linalg.logabsdet, a=lambda g, a: g[..., None, None] * inv(a).mT)
det_sign = op(linalg.det_sign, a=lambda g, a: nothing(a))
eigh: OpCall = op(linalg.eigh, a=lambda g, y, shape: eigh_slope(g, y, shape[-1]))
svd: OpCall = op(linalg.svd, a=lambda g, y, shape, full: svd_slope(g, y, shape[-2:], full))
qr: OpCall = op(linalg.qr, a=lambda g, y, shape, complete: qr_slope(g, y, shape[-2:], complete))
lu: OpCall = op(linalg.lu, a=lambda g, y, shape: lu_slope(g, y, *shape[-2:]))
pinv = op(linalg.pinv, a=lambda g, y, a: pinv_slope(g, y, a))
matrix_exp: OpCall = op(linalg.matrix_exp, a=lambda g, a: matrix_exp_slope(g, a))
rank = op(linalg.rank)
failures = op(linalg.failures)
row_exchanges = op(linalg.row_exchanges)
row_order = op(linalg.row_order)

# Random draws (kernels/random.py)
gammas = op(random.gammas, draws=True)
poissons = op(random.poissons, draws=True)
binomials = op(random.binomials, draws=True)
categories = op(random.categories, draws=True)

# Samples that move with their parameter (kernels/implicit.py); their slopes have no derivative
gamma_drawn = op(implicit.drawn, a=lambda g, a, x: g * gamma_slope(a, x))
dirichlet_drawn = op(
    implicit.drawn,
    a=lambda g, a, x: (
        beta_slope(x, a, sum(a, axis=(a.ndim - 1,), keepdims=True))
        * (g - sum(x * g, axis=(x.ndim - 1,), keepdims=True))
    ),
)
gamma_slope: OpCall = op(
    implicit.gamma_slope, a=lambda g: refuse_second(), x=lambda g: refuse_second()
)
beta_slope: OpCall = op(
    implicit.beta_slope,
    x=lambda g: refuse_second(),
    a=lambda g: refuse_second(),
    total=lambda g: refuse_second(),
)


# Short words that the rules use


def gamma_density(a: Any, x: Any) -> Any:
    """The density of the gamma distribution of shape a."""
    return exp(xlogy(a - 1, x) - x - lgamma(a))


def refuse_second() -> Any:
    """Raise RuntimeError: in PyTorch too, samples have one derivative only."""
    raise RuntimeError(
        "the gradient of a gamma, beta or Dirichlet sample, or of gammainc by its first argument, "
        "cannot be differentiated once more"
    )


# The rules of linear algebra that take more than a line


def parts(y: Any, *shapes: tuple[int, ...]) -> list[Any]:
    """Split what `packed` put side by side into parts of these shapes."""
    ends = [0, *itertools.accumulate(math.prod(shape) for shape in shapes)]
    ranges = zip(shapes, itertools.pairwise(ends), strict=True)
    return [
        reshape(slice(y, key=(..., np.s_[a:b])), shape=(*y.shape[:-1], *shape))
        for shape, (a, b) in ranges
    ]


def ratio(a: Any, b: Any) -> Any:
    """a / b, but 0 where both are 0."""
    both_zero = logical_and(a == 0, b == 0)
    return where(both_zero, 0.0, a / where(both_zero, 1.0, b))


def skew(x: Any) -> Any:
    """x - x.mT: twice the part of x that changes its sign when transposed."""
    return x - x.mT


def upper_of(x: Any, beyond: bool = False) -> Any:
    """The triangle above the diagonal, and the diagonal unless `beyond`."""
    return triangle(x, upper=True, unitriangular=beyond)


def lower_of(x: Any, beyond: bool = False) -> Any:
    """The triangle below the diagonal, and the diagonal unless `beyond`."""
    return triangle(x, upper=False, unitriangular=beyond)


def right_solved(x: Any, t: Any, **kind: Any) -> Any:
    """x inv(t), for a triangular t."""
    upper = kind.pop("upper")
    return solve_triangular(t.mT, x.mT, upper=not upper, **kind).mT


def left_solved(t: Any, x: Any, **kind: Any) -> Any:
    """inv(t) x, for a triangular t."""
    return solve_triangular(t, x, **kind)


def cofactor_curve(h: Any, d: Any, a: Any) -> Any:
    """The third derivative of the determinant, in directions h and d: NaN where it is singular."""
    c, ch, cd = cofactor(a), cofactor_slope(h, a), cofactor_slope(d, a)
    products = matmul(matmul(ch, d.mT), c) + matmul(matmul(c, d.mT), ch)
    total = inner_product(d, ch) * c + inner_product(d, c) * ch - products
    return (total - inner_product(h, c) * cd) / det(a)[..., None, None]


def inner_product(a: Any, b: Any) -> Any:
    """The sum of the products of two matrices' elements."""
    return sum(a * b, axis=(a.ndim - 2, a.ndim - 1), keepdims=True)


def cholesky_slope(g: Any, y: Any) -> Any:
    """L'^-1 p(L' g) L^-1, where p keeps the lower triangle and halves the diagonal."""
    inner = matmul(y.mT, g)
    p = (lower_of(inner) + lower_of(inner, beyond=True)) / 2
    whole = right_solved(left_solved(y.mT, p, upper=True), y, upper=False)
    return (whole + whole.mT) / 2


def eigh_slope(g: Any, y: Any, n: int) -> Any:
    """V (diag(gw) + skew(V' gV) / 2 (wj - wi)) V'."""
    (gw, gv), (w, v) = (parts(x, (n,), (n, n)) for x in (g, y))
    turned = ratio(skew(matmul(v.mT, gv)) / 2, w[..., None, :] - w[..., :, None])
    return matmul(matmul(v, turned) + v * gw[..., None, :], v.mT)


def svd_slope(g: Any, y: Any, shape: tuple[int, int], full: bool) -> Any:
    """U ((skew(U' gU) / e) S + S (skew(V' gV) / e) + diag(gS)) V', e = sj^2 - si^2, and the rest.

    The gradients of what `full` adds to U and V are not used, as in PyTorch.
    """
    (m, n), k = shape, min(shape)
    sizes = (m, m if full else k), (k,), (n if full else k, n)
    (gu, gs, gvh), (u, s, vh) = (parts(x, *sizes) for x in (g, y))
    if full:
        gu, u = (x[..., :k] for x in (gu, u))
        gvh, vh = (x[..., :k, :] for x in (gvh, vh))
    row, column = s[..., None, :], s[..., :, None]
    e = (row - column) * (row + column)
    ugu, vgv = matmul(u.mT, gu), matmul(gvh, vh.mT)
    inner = ratio(skew(ugu), e) * row - column * ratio(skew(vgv), e)
    whole = matmul(u, matmul(inner, vh)) + matmul(u * gs[..., None, :], vh)
    if m > k:
        whole = whole + matmul(ratio(gu - matmul(u, ugu), row), vh)
    if n > k:
        whole = whole + matmul(u, ratio(gvh - matmul(vgv, vh), column))
    return whole


def qr_slope(g: Any, y: Any, shape: tuple[int, int], complete: bool) -> Any:
    """(gQ + Q p(gR R' - Q' gQ)) R'^-1, where p mirrors the upper triangle."""
    (m, n), k = shape, min(shape)
    if complete and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    (gq, gr), (q, r) = (parts(x, (m, k), (k, n)) for x in (g, y))
    rest = None
    if m < n:  # the columns of R to the right are Q' a
        gr, right, r, side = gr[..., :m], gr[..., m:], r[..., :m], r[..., m:]
        gq, rest = gq + matmul(matmul(q, side), right.mT), matmul(q, right)
    inner = matmul(gr, r.mT) - matmul(q.mT, gq)
    whole = right_solved(
        gq + matmul(q, upper_of(inner) + upper_of(inner, beyond=True).mT), r.mT, upper=False
    )
    return whole if rest is None else cat(whole, rest, axis=whole.ndim - 1, starts=(0, m))


def lu_slope(g: Any, y: Any, m: int, n: int) -> Any:
    """L'^-1 (lower(L' gL) + upper(gU U')) U'^-1, and the terms of a longer side."""
    k = min(m, n)
    square, gs = y[..., :k, :k], g[..., :k, :k]
    of_lower: dict[str, Any] = {"upper": True, "unitriangular": True}  # of the transpose of L
    lower = lower_of(square, beyond=True) + np.eye(k, dtype=square.dtype)
    upper = upper_of(square)
    down = matmul(lower.mT, lower_of(gs, beyond=True))
    across = matmul(upper_of(gs), upper.mT)
    if m > n:
        across = across - matmul(y[..., k:, :].mT, g[..., k:, :])
    if n > m:
        down = down - matmul(g[..., :, k:], y[..., :, k:].mT)
    inner = left_solved(lower.mT, lower_of(down, beyond=True) + upper_of(across), **of_lower)
    whole = right_solved(inner, upper.mT, upper=False)
    if m > n:
        more = right_solved(g[..., k:, :], upper.mT, upper=False)
        return cat(whole, more, axis=whole.ndim - 2, starts=(0, k))
    if n > m:
        more = left_solved(lower.mT, g[..., :, k:], **of_lower)
        return cat(whole, more, axis=whole.ndim - 1, starts=(0, k))
    return whole


def pinv_slope(g: Any, y: Any, a: Any) -> Any:
    """Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973), 413-432."""
    gy, yg = matmul(g.mT, y), matmul(y, g.mT)
    left, right = matmul(gy, y.mT), matmul(y.mT, yg)
    return (
        left - matmul(a, matmul(y, left)) + right - matmul(matmul(right, y), a)
        - matmul(matmul(y.mT, g), y.mT)
    )  # fmt: skip


def matrix_exp_slope(g: Any, a: Any) -> Any:
    """The block above the diagonal in the exponential of [[a', g], [0, a']]."""
    n, axis = a.shape[-1], a.ndim - 2
    above = cat(a.mT, g, axis=axis + 1, starts=(0, n))
    below = cat(nothing(g), a.mT, axis=axis + 1, starts=(0, n))
    return matrix_exp(cat(above, below, axis=axis, starts=(0, n)))[..., :n, n:]


name_rows(globals())
