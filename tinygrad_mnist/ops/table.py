"""The derivative table: every primitive, each with its NumPy kernel and one rule for each input.

Read a row as calculus: `mul = op(np.multiply, a=lambda g, b: g * b, ...)` says d(ab)/da = b, with
`g` the incoming gradient, `y` the op's own output, `shape` the input's shape. Rules are written
with these same ops, so each derivative has a derivative. Un-broadcasting and casting happen in the
engine. Everything else in `ops/` is composed of these rows.
"""

from __future__ import annotations

import builtins
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import supplied
from tinygrad_mnist.autograd.record import name_rows, op
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels import activation as A
from tinygrad_mnist.kernels import conv as C
from tinygrad_mnist.kernels import elementwise as E
from tinygrad_mnist.kernels import implicit as I
from tinygrad_mnist.kernels import linalg as G
from tinygrad_mnist.kernels import linear as L
from tinygrad_mnist.kernels import loss as O
from tinygrad_mnist.kernels import norm as M
from tinygrad_mnist.kernels import order as Q
from tinygrad_mnist.kernels import pool as P
from tinygrad_mnist.kernels import random as N
from tinygrad_mnist.kernels import reduce as R
from tinygrad_mnist.kernels import resample as Z
from tinygrad_mnist.kernels import scatter as V
from tinygrad_mnist.kernels import shape as S
from tinygrad_mnist.kernels import special as F
from tinygrad_mnist.kernels import windows as W

OpCall = Callable[..., Tensor]
kept, dropped, count = R.kept, R.dropped, R.count
LN2, LN10, SQRT_PI = math.log(2), math.log(10), math.sqrt(math.pi)
SQRT_2PI = math.sqrt(2 * math.pi)

# Arithmetic
add = op(np.add, a=lambda g: g, b=lambda g: g)
sub = op(np.subtract, a=lambda g: g, b=lambda g: -g)
mul = op(np.multiply, a=lambda g, b: g * b, b=lambda g, a: g * a)
div = op(np.true_divide, a=lambda g, b: g / b, b=lambda g, a, b: -g * (a / b) / b)
neg = op(np.negative, x=lambda g: -g)
pow: OpCall = op(
    E.power,
    a=lambda g, a, b: g * b * pow(where(eq(b, 0) & ~isfinite(reciprocal(a)), 1.0, a), b - 1),
    b=lambda g, y, a, b: g * y * log(where((a == 0) & (b >= 0), 1.0, a)),
)
reciprocal: OpCall = op(E.reciprocal, x=lambda g, y: -g * y * y)
remainder = op(E.remainder, a=lambda g: g, b=lambda g, a, b: -g * floor_divide(a, b))
fmod = op(E.fmod, a=lambda g: g, b=lambda g, a, b: -g * trunc(a / b))
maximum = op(np.maximum, a=lambda g, a, b: beats(g, a, b), b=lambda g, a, b: beats(g, b, a))
minimum = op(np.minimum, a=lambda g, a, b: beats(g, b, a), b=lambda g, a, b: beats(g, a, b))
atan2 = op(
    np.arctan2,
    a=lambda g, a, b: g * safely(b, a * a + b * b),
    b=lambda g, a, b: -g * safely(a, a * a + b * b),
)
hypot = op(np.hypot, a=lambda g, y, a: g * safely(a, y), b=lambda g, y, b: g * safely(b, y))
xlogy: OpCall = op(
    E.xlogy,
    a=lambda g, a, b: g * where(eq(a, 0.0) & le(b, 0.0), 0.0, log(b)),
    b=lambda g, a, b: g * where(eq(a, 0.0) & eq(b, 0.0), 0.0, a / b),
)
logaddexp = op(
    np.logaddexp, a=lambda g, a, b: g * sigmoid(a - b), b=lambda g, a, b: g * sigmoid(b - a)
)

# Exponentials and powers
exp = op(np.exp, x=lambda g, y: g * y)
exp2 = op(np.exp2, x=lambda g, y: g * y * LN2)
expm1 = op(np.expm1, x=lambda g, y: g * (y + 1))
log: OpCall = op(np.log, x=lambda g, x: g / x)
log2 = op(np.log2, x=lambda g, x: g / (x * LN2))
log10 = op(np.log10, x=lambda g, x: g / (x * LN10))
log1p = op(np.log1p, x=lambda g, x: g / (x + 1))
logit = op(
    E.logit, x=lambda g, x: g / where(logical_and(ge(x, 0.0), le(x, 1.0)), x * (1 - x), math.nan)
)
sqrt = op(np.sqrt, x=lambda g, y: g / (y * 2))
square = op(np.square, x=lambda g, x: g * x * 2)

# Trigonometry
sin: OpCall = op(np.sin, x=lambda g, x: g * cos(x))
cos: OpCall = op(np.cos, x=lambda g, x: -g * sin(x))
tan = op(np.tan, x=lambda g, y: g * (1 + y * y))
asin = op(np.arcsin, x=lambda g, x: g / sqrt(1 - x * x))
acos = op(np.arccos, x=lambda g, x: -g / sqrt(1 - x * x))
atan = op(np.arctan, x=lambda g, x: g / (1 + x * x))
sinc: OpCall = op(E.sinc, x=lambda g, x: g * sinc_slope(x))
sinc_slope: OpCall = op(
    E.sinc_slope,
    x=lambda g, x: (
        g
        * where(eq(x, 0), math.pi**2 / -3, sinc(x) * -(math.pi**2) - safely(sinc_slope(x) * 2.0, x))
    ),
)
sinh: OpCall = op(np.sinh, x=lambda g, x: g * cosh(x))
cosh: OpCall = op(np.cosh, x=lambda g, x: g * sinh(x))
tanh = op(np.tanh, x=lambda g, y: g * (1 - y * y))
asinh = op(np.arcsinh, x=lambda g, x: g / sqrt(x * x + 1))
acosh = op(np.arccosh, x=lambda g, x: g / sqrt(x * x - 1))
atanh = op(np.arctanh, x=lambda g, x: g / (1 - x * x))

# Activations and special functions
relu: OpCall = op(E.relu, x=lambda g, y: gate(g, y))
gate: OpCall = op(E.gate, d=lambda g, at: gate(g, at))
sigmoid: OpCall = op(E.sigmoid, x=lambda g, y: g * y * (1 - y))
softplus = op(E.softplus, x=lambda g, x: g * sigmoid(x))
hardtanh = op(A.clip, x=lambda g, x, low, high: inside(g, x, low=low, high=high))
slopes = op(A.slopes)  # the derivative of leaky_relu
inside: OpCall = op(A.inside, d=lambda g, x, low, high: inside(g, x, low=low, high=high))
erf = op(E.erf, x=lambda g, x: g * exp(-x * x) * (2 / SQRT_PI))
erfc = op(E.erfc, x=lambda g, x: g * exp(-x * x) * (-2 / SQRT_PI))
erfcx = op(E.erfcx, x=lambda g, x, y: g * (x * y * 2 - 2 / SQRT_PI))
erfinv = op(F.erfinv, x=lambda g, y: g * exp(y * y) * (SQRT_PI / 2))
ndtr = op(F.ndtr, x=lambda g, x: g * exp(-x * x / 2) / SQRT_2PI)
ndtri = op(F.ndtri, p=lambda g, y: g * exp(y * y / 2) * SQRT_2PI)
log_ndtr = op(F.log_ndtr, x=lambda g, x: g * mills(x))
mills: OpCall = op(F.mills, x=lambda g, x, y: -g * y * (x + y))
lgamma = op(F.lgamma, x=lambda g, x: g * digamma(x))
digamma: OpCall = op(F.digamma, x=lambda g, x: g * polygamma(x, n=1))
polygamma: OpCall = op(F.polygamma, x=lambda g, x, n: g * polygamma(x, n=n + 1))
zeta: OpCall = op(F.zeta, x=None, q=lambda g, x, q: -g * x * zeta(x + 1, q))
gammainc = op(
    F.gammainc,
    a=lambda g, a, x: -g * gamma_density(a, x) * gamma_slope(a, x),
    x=lambda g, a, x: g * gamma_density(a, x),
)
gammaincc = op(
    F.gammaincc,
    a=lambda g, a, x: g * gamma_density(a, x) * gamma_slope(a, x),
    x=lambda g, a, x: -g * gamma_density(a, x),
)
bessel_i: OpCall = op(
    F.bessel_i,
    x=lambda g, x, n: g * (bessel_i(x, n=builtins.abs(n - 1)) + bessel_i(x, n=n + 1)) / 2,
)
bessel_ie: OpCall = op(
    F.bessel_ie,
    x=lambda g, x, y, n: (
        g * ((bessel_ie(x, n=builtins.abs(n - 1)) + bessel_ie(x, n=n + 1)) / 2 - sign(x) * y)
    ),
)
entr = op(F.entr, x=lambda g, x: g * (-log(x) - 1))
xlog1py: OpCall = op(
    F.xlog1py,
    a=lambda g, a, b: g * where(eq(a, 0.0) & le(b, -1.0), 0.0, log1p(b)),
    b=lambda g, a, b: g * where(eq(a, 0.0) & eq(b, -1.0), 0.0, a / (b + 1)),
)

# Steps: zero or one almost everywhere
abs = op(np.absolute, x=lambda g, x: g * sign(x))
sign: OpCall = op(np.sign, x=lambda g: nothing(g))
floor: OpCall = op(np.floor, x=lambda g: nothing(g))
ceil = op(np.ceil, x=lambda g: nothing(g))
round = op(np.rint, x=lambda g: nothing(g))
trunc: OpCall = op(np.trunc, x=lambda g: nothing(g))
floor_divide: OpCall = op(E.floor_divide, a=lambda g: nothing(g), b=lambda g: nothing(g))
clip = op(E.clip, x=lambda g, x, low, high: within(g, x, low=low, high=high))
within: OpCall = op(E.within, d=lambda g, x, low, high: within(g, x, low=low, high=high))
beats: OpCall = op(E.beats, d=lambda g, a, b: beats(g, a, b))
nothing: OpCall = op(E.nothing, d=lambda g: nothing(g))

# Choosing and casting
where: OpCall = op(
    E.where, c=None, a=lambda g, c: where(c, g, 0.0), b=lambda g, c: where(c, 0.0, g)
)
cast = op(E.cast, x=lambda g: g)  # the engine casts a gradient to its input's dtype

# Reductions
sum = op(R.sum, x=lambda g, shape, axis: broadcast_to(regrow(g, shape, axis), shape=shape))
mean = op(
    R.mean,
    x=lambda g, shape, axis: broadcast_to(
        regrow(shared(g, count(shape, axis)), shape, axis), shape=shape
    ),
)
amax = op(R.amax, x=lambda g, x, y, axis: ties(spread(g, x, axis), x, y, axis=axis))
amin = op(R.amin, x=lambda g, x, y, axis: ties(spread(g, x, axis), x, y, axis=axis))
highest = op(R.highest, x=lambda g, x, y: ties(spread(g, x, None), x, y, nan=True))
lowest = op(R.lowest, x=lambda g, x, y: ties(spread(g, x, None), x, y, nan=True))
ties: OpCall = op(R.ties, d=lambda g, x, top, axis, nan: ties(g, x, top, axis=axis, nan=nan))
length = op(
    R.length,
    x=lambda g, x, y, shape, axis: regrow(g, shape, axis) * safely(x, regrow(y, shape, axis)),
)
var = op(
    M.var,
    x=lambda g, x, shape, axis, correction: (
        regrow(g * (2 / free(shape, axis, correction)), shape, axis) * (x - average(x, axis))
    ),
)
cumsum: OpCall = op(R.cumsum, x=lambda g, axis: flip(cumsum(flip(g, axis), axis=axis), axis))
logsumexp: OpCall = op(
    R.logsumexp,
    x=lambda g, x, shape, axis: regrow(g, shape, axis) * softmax_over(x, axis),
)
softmax = op(R.softmax, x=lambda g, y, axis: y * (g - sum(g * y, axis=(axis,), keepdims=True)))
log_softmax = op(
    R.log_softmax, x=lambda g, y, axis: g - exp(y) * sum(g, axis=(axis,), keepdims=True)
)

# Moving elements; adjoint pairs stand side by side
reshape: OpCall = op(S.reshape, view=True, x=lambda g, shape: reshape(g, shape=shape))
permute: OpCall = op(S.permute, view=True, x=lambda g, axes: permute(g, axes=inverse(axes)))
broadcast_to: OpCall = op(S.broadcast_to, view=True, x=lambda g: g)  # the engine un-broadcasts
sum_to: OpCall = op(S.sum_to, x=lambda g, shape: broadcast_to(g, shape=shape))
slice: OpCall = op(S.slice, view=True, x=lambda g, shape, key: unslice(g, key=key, shape=shape))
unslice: OpCall = op(S.unslice, x=lambda g, key: slice(g, key=key))
diagonal: OpCall = op(
    S.diagonal,
    view=True,
    x=lambda g, shape, offset, axes: undiagonal(g, offset=offset, axes=axes, shape=shape),
)
undiagonal: OpCall = op(
    S.undiagonal, x=lambda g, offset, axes: diagonal(g, offset=offset, axes=axes)
)
take: OpCall = op(S.take, x=lambda g, shape, index: put(g, index, shape=shape))
put: OpCall = op(S.put, x=lambda g, index: take(g, index))
gather: OpCall = op(
    S.gather, x=lambda g, shape, index, axis: scatter_add(g, index, axis=axis, shape=shape)
)
scatter_add: OpCall = op(S.scatter_add, x=lambda g, index, axis: gather(g, index, axis=axis))
assign: OpCall = op(
    S.assign, x=lambda g, key: assign(g, 0.0, key=key), value=lambda g, key: slice(g, key=key)
)
assign_view: OpCall = op(
    S.assign_view,
    x=lambda g, way, order: assign_view(g, 0.0, way=way, order=order),
    value=lambda g, way, order: view_of(g, way=way, order=order),
)
view_of: OpCall = op(
    S.view_of, x=lambda g, shape, way, order: unview(g, way=way, order=order, shape=shape)
)
unview: OpCall = op(S.unview, x=lambda g, way, order: view_of(g, way=way, order=order))
assign_at: OpCall = op(
    S.assign_at,
    x=lambda g, index: assign_at(g, index, 0.0),
    value=lambda g, index: take(g, index),
)
windows: OpCall = op(
    W.windows,
    x=lambda g, shape, size, step, gap: unwindows(
        g, shape=shape[len(shape) - len(size) :], step=step, gap=gap
    ),
)
unwindows: OpCall = op(
    W.unwindows,
    d=lambda g, shape, step, gap: windows(
        g, size=shape[-2 * len(step) : -len(step)], step=step, gap=gap
    ),
)
mix: OpCall = op(
    Z.mix,
    x=lambda g, index, weight, shape, axis: unmix(g, index, weight, axis=axis, length=shape[axis]),
)
unmix: OpCall = op(Z.unmix, d=lambda g, index, weight, axis: mix(g, index, weight, axis=axis))
cat = op(S.cat, xs=lambda g, i, shape, axis, starts: narrow(g, axis, starts[i], shape[axis]))

# Products
matmul: OpCall = op(L.matmul, a=lambda g, b: matmul(g, b.mT), b=lambda g, a: matmul(a.mT, g))
linear = op(L.linear, x=lambda g, w: matmul(g, w), w=lambda g, x: matmul(g.mT, x), b=lambda g: g)
linear_by_column = op(  # for a weight laid out column by column, as its gradient is then too
    L.linear, x=lambda g, w: matmul(g, w), w=lambda g, x: matmul_by_column(g, x), b=lambda g: g
)
matmul_by_column: OpCall = op(
    L.matmul_by_column, a=lambda g, b: matmul(b, g.mT), b=lambda g, a: matmul(a, g)
)
# Extremes of several values that go to one place
largest_at: OpCall = op(
    V.largest_at,
    x=lambda g, x, index, value, y: shares(g, x, index, value, y)[0],
    value=lambda g, x, index, value, y: shares(g, x, index, value, y)[1],
)
smallest_at: OpCall = op(
    V.smallest_at,
    x=lambda g, x, index, value, y: shares(g, x, index, value, y)[0],
    value=lambda g, x, index, value, y: shares(g, x, index, value, y)[1],
)
embed = op(L.embed, w=lambda g, shape, index: put(g, index, shape=shape))

# Linear algebra, of stacks of matrices; a factorization comes packed, its parts side by side
inv: OpCall = op(G.inv, a=lambda g, y: -matmul(matmul(y.mT, g), y.mT))
solve: OpCall = op(
    G.solve,
    a=lambda g, y, a: -matmul(solve(a.mT, g), y.mT),
    b=lambda g, a: solve(a.mT, g),
)
triangle: OpCall = op(
    G.triangle,
    a=lambda g, upper, unitriangular: triangle(g, upper=upper, unitriangular=unitriangular),
)
solve_triangular: OpCall = op(
    G.solve_triangular,
    a=lambda g, y, a, upper, unitriangular: triangle(
        -matmul(solve_triangular(a.mT, g, upper=not upper, unitriangular=unitriangular), y.mT),
        upper=upper,
        unitriangular=unitriangular,
    ),
    b=lambda g, a, upper, unitriangular: solve_triangular(
        a.mT, g, upper=not upper, unitriangular=unitriangular
    ),
)
cholesky = op(G.cholesky, a=lambda g, y: cholesky_slope(g, y))
det: OpCall = op(G.det, a=lambda g, a: g[..., None, None] * cofactor(a))
cofactor: OpCall = op(G.cofactor, a=lambda g, a: cofactor_slope(g, a))
cofactor_slope: OpCall = op(
    G.cofactor_slope,
    d=lambda g, a: cofactor_slope(g, a),
    a=lambda g, d, a: cofactor_curve(g, d, a),
)
logabsdet = op(G.logabsdet, a=lambda g, a: g[..., None, None] * inv(a).mT)
det_sign = op(G.det_sign, a=lambda g, a: nothing(a))
eigh: OpCall = op(G.eigh, a=lambda g, y, shape: eigh_slope(g, y, shape[-1]))
svd: OpCall = op(G.svd, a=lambda g, y, shape, full: svd_slope(g, y, shape[-2:], full))
qr: OpCall = op(G.qr, a=lambda g, y, shape, complete: qr_slope(g, y, shape[-2:], complete))
lu: OpCall = op(G.lu, a=lambda g, y, shape: lu_slope(g, y, *shape[-2:]))
pinv = op(G.pinv, a=lambda g, y, a: pinv_slope(g, y, a))
matrix_exp: OpCall = op(G.matrix_exp, a=lambda g, a: matrix_exp_slope(g, a))
rank, failures = op(G.rank), op(G.failures)
row_exchanges, row_order = op(G.row_exchanges), op(G.row_order)

# Convolution and its two adjoints: each one's rules are the other two
conv: OpCall = op(
    C.conv,
    x=lambda g, w, shape, geom: conv_input(g, w, size=shape[2:], geom=geom),
    w=lambda g, x, shape, geom: conv_weight(x, g, size=shape[2:], geom=geom),
    b=lambda g, shape: sum_to(by_channel(g), shape=shape),
)
conv_input: OpCall = op(
    C.conv_input,
    d=lambda g, w, shape, geom: head(conv(g, w, geom=geom), shape),
    w=lambda g, d, shape, geom: conv_weight(g, d, size=shape[2:], geom=geom),
)
conv_weight: OpCall = op(
    C.conv_weight,
    x=lambda g, d, shape, geom: conv_input(d, g, size=shape[2:], geom=geom),
    d=lambda g, x, shape, geom: head(conv(x, g, geom=geom), shape),
)

# Pooling; ties go to the first maximum
max_pool = op(P.max_pool, again=True, x=lambda g, x, y, win: pool_put(g, x, y, win=win))
pool_put: OpCall = op(P.pool_put, d=lambda g, x, y0, win: pool_take(g, x, y0, win=win))
pool_take: OpCall = op(P.pool_take, v=lambda g, x, y0, win: pool_put(g, x, y0, win=win))
pool_index = op(P.pool_index)
pool_sum: OpCall = op(P.pool_sum, x=lambda g, shape, win: pool_spread(g, win=win, size=shape[2:]))
pool_spread: OpCall = op(P.pool_spread, d=lambda g, win: pool_sum(g, win=win))

# Normalising
standardize = op(
    M.standardize,
    x=lambda g, y, r, axis: r * (g - average(g, axis) - y * average(g * y, axis)),
    residual={"r": lambda x, axis, eps: rms_inverse(x - average(x, axis), axis, eps)},
)

# Losses
xent = op(
    R.xent,
    z=lambda g, p, at: minus_hot(p, at) * g[:, None],
    residual={"p": lambda z: softmax(z, axis=1), "at": lambda t: hot_index(t)},
)
minus_hot: OpCall = op(R.minus_hot, p=lambda g: g)
hot_index: OpCall = op(R.hot_index)
bce_of_p = op(
    O.bce_of_p,
    p=lambda g, p, t: g * (p - t) / clip(p * (1 - p), low=1e-12, high=1.0),
    t=lambda g, p: g * (clip(log1p(-p), low=-100.0, high=0.0) - clip(log(p), low=-100.0, high=0.0)),
)
bce = op(E.bce, z=lambda g, z, t: g * (sigmoid(z) - t), t=lambda g, z: -g * z)

# Comparisons have no derivative
eq: OpCall = op(np.equal)
ne = op(np.not_equal)
lt, gt = op(np.less), op(np.greater)
le: OpCall = op(np.less_equal)
ge: OpCall = op(np.greater_equal)
logical_and: OpCall = op(np.logical_and)
logical_or = op(np.logical_or)
logical_xor, logical_not = op(np.logical_xor), op(np.logical_not)
bitwise_and, bitwise_or = op(np.bitwise_and), op(np.bitwise_or)
bitwise_xor, bitwise_not = op(np.bitwise_xor), op(np.invert)
isnan, isinf = op(np.isnan), op(np.isinf)
isfinite: OpCall = op(np.isfinite)

# Neither have finding a place, and what is drawn from nothing
any, argmax, argmin, argsort = op(R.any), op(R.argmax), op(R.argmin), op(R.argsort)
flat_index = op(S.flat_index)

# Order
median = op(Q.median, x=lambda g, x, y: ties(spread(g, x, None), x, y, nan=True))
nanmedian = op(Q.nanmedian, x=lambda g, x, y: ties(spread(g, x, None), x, y, nan=True))
cumargmax, cumargmin = op(Q.cumargmax), op(Q.cumargmin)
middle, mode = op(Q.middle), op(Q.mode)
searchsorted, histogram = op(Q.searchsorted), op(Q.histogram)
full, one_hot = op(N.full), op(O.one_hot)
uniform, normal = op(N.uniform, draws=True), op(N.normal, draws=True)
integers, permutation = op(N.integers, draws=True), op(N.permutation, draws=True)
dropout_mask = op(A.dropout_mask, draws=True)
gammas, poissons = op(N.gammas, draws=True), op(N.poissons, draws=True)
binomials, categories = op(N.binomials, draws=True), op(N.categories, draws=True)

# Samples that move with their parameter; how they do has no derivative
gamma_drawn = op(I.drawn, a=lambda g, a, x: g * gamma_slope(a, x))
dirichlet_drawn = op(
    I.drawn,
    a=lambda g, a, x: (
        beta_slope(x, a, sum(a, axis=(a.ndim - 1,), keepdims=True))
        * (g - sum(x * g, axis=(x.ndim - 1,), keepdims=True))
    ),
)
gamma_slope: OpCall = op(I.gamma_slope, a=lambda g: once(), x=lambda g: once())
beta_slope: OpCall = op(
    I.beta_slope, x=lambda g: once(), a=lambda g: once(), total=lambda g: once()
)


# Short words that the rules use


def gamma_density(a: Any, x: Any) -> Any:
    """The density of the gamma distribution of shape a."""
    return exp(xlogy(a - 1, x) - x - lgamma(a))


def once() -> Any:
    """Refuse: PyTorch's samples have one derivative, too."""
    raise RuntimeError(
        "the gradient of a gamma, beta or Dirichlet sample, or of gammainc by its first argument, "
        "cannot be differentiated once more"
    )


def regrow(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """A reduction's gradient with the reduced dimensions back; one number fits as it is."""
    return g if axis is None else reshape(g, shape=kept(shape, axis))


def spread(g: Any, x: Any, axis: Any) -> Any:
    """A reduction's gradient in the shape of what was reduced."""
    return broadcast_to(regrow(g, x.shape, axis), shape=x.shape)


def shared(g: Any, n: int) -> Any:
    """g / n; in float16, where n may be too large a number, in float32."""
    if g.dtype.char != "e":
        return g / n
    return cast(cast(g, dtype="float32") / n, dtype=g.dtype)


def free(shape: tuple[int, ...], axis: Any, correction: float) -> float:
    """The degrees of freedom of a variance; infinity has no part in them."""
    n = count(shape, axis) - correction
    return n if n > 0 else math.nan


def safely(a: Any, b: Any) -> Tensor:
    """a / b, but 0 where b is 0."""
    return where(b == 0, 0.0, a / where(b == 0, 1.0, b))


def softmax_over(x: Any, axis: Any) -> Any:
    """softmax over several axes at once."""
    return exp(x - logsumexp(x, axis=axis, keepdims=True))


def shares(g: Any, x: Any, index: Any, value: Any, top: Any) -> tuple[Tensor, Tensor]:
    """The gradient of an extreme: to x and to the values, each that is one gets the same."""
    pairs = (x, top), (value, take(top, index))
    is_x, is_value = (cast(eq(*pair), dtype=g.dtype) for pair in pairs)
    each = safely(g, is_x + put(is_value, index, shape=x.shape))
    return each * is_x, take(each, index) * is_value


def flip(x: Any, axis: int) -> Tensor:
    """The elements in reverse order along `axis`."""
    return slice(x, key=(np.s_[:],) * axis + (np.s_[::-1],))


def narrow(x: Any, axis: int, start: int, length: int) -> Tensor:
    """x[start : start + length] along `axis`."""
    return slice(x, key=(np.s_[:],) * axis + (np.s_[start : start + length],))


def average(x: Any, axis: tuple[int, ...]) -> Any:
    """The mean along `axis`, which keeps its dimensions."""
    return mean(x, axis=axis, keepdims=True)


def rms_inverse(x: Any, axis: tuple[int, ...], eps: float) -> Any:
    """1 / sqrt(mean of squares + eps) along `axis`."""
    return reciprocal(sqrt(average(x * x, axis) + eps))


def by_channel(x: Any) -> Any:
    """Images (n, c, h, w) as rows (n h w, c)."""
    return reshape(permute(x, axes=(0, 2, 3, 1)), shape=(-1, x.shape[1]))


def head(x: Any, shape: tuple[int, ...]) -> Any:
    """The first elements along each dimension, as many as `shape` says; x if that is all."""
    return x if x.shape == shape else slice(x, key=tuple(np.s_[:n] for n in shape))


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    return tuple(int(i) for i in np.argsort(axes))


# The rules of linear algebra that take more than a line


def parts(y: Any, *shapes: tuple[int, ...]) -> list[Any]:
    """What `packed` put side by side, each part in its shape."""
    ends = [0, *itertools.accumulate(math.prod(shape) for shape in shapes)]
    ranges = zip(shapes, itertools.pairwise(ends), strict=True)
    return [
        reshape(slice(y, key=(..., np.s_[a:b])), shape=(*y.shape[:-1], *shape))
        for shape, (a, b) in ranges
    ]


def ratio(a: Any, b: Any) -> Any:
    """a / b, but 0 where both are 0."""
    free = logical_and(a == 0, b == 0)
    return where(free, 0.0, a / where(free, 1.0, b))


def skew(x: Any) -> Any:
    """What of x changes its sign when transposed, twice."""
    return x - x.mT


def upper_of(x: Any, beyond: bool = False) -> Any:
    """The triangle above the diagonal, and the diagonal unless `beyond`."""
    return triangle(x, upper=True, unitriangular=beyond)


def lower_of(x: Any, beyond: bool = False) -> Any:
    """The triangle below the diagonal, and the diagonal unless `beyond`."""
    return triangle(x, upper=False, unitriangular=beyond)


def over(x: Any, t: Any, **which: Any) -> Any:
    """x inv(t), for a triangular t."""
    upper = which.pop("upper")
    return solve_triangular(t.mT, x.mT, upper=not upper, **which).mT


def under(t: Any, x: Any, **which: Any) -> Any:
    """inv(t) x, for a triangular t."""
    return solve_triangular(t, x, **which)


def cofactor_curve(h: Any, d: Any, a: Any) -> Any:
    """The third derivative of the determinant, in directions h and d: NaN where it is singular."""
    c, ch, cd = cofactor(a), cofactor_slope(h, a), cofactor_slope(d, a)
    products = matmul(matmul(ch, d.mT), c) + matmul(matmul(c, d.mT), ch)
    total = inside_product(d, ch) * c + inside_product(d, c) * ch - products
    return (total - inside_product(h, c) * cd) / det(a)[..., None, None]


def inside_product(a: Any, b: Any) -> Any:
    """The sum of the products of two matrices' elements."""
    return sum(a * b, axis=(a.ndim - 2, a.ndim - 1), keepdims=True)


def cholesky_slope(g: Any, y: Any) -> Any:
    """L'^-1 p(L' g) L^-1, where p keeps the lower triangle and halves the diagonal."""
    inner = matmul(y.mT, g)
    p = (lower_of(inner) + lower_of(inner, beyond=True)) / 2
    whole = over(under(y.mT, p, upper=True), y, upper=False)
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
    if m < n:  # what R has to the right is Q' a there
        gr, right, r, side = gr[..., :m], gr[..., m:], r[..., :m], r[..., m:]
        gq, rest = gq + matmul(matmul(q, side), right.mT), matmul(q, right)
    inner = matmul(gr, r.mT) - matmul(q.mT, gq)
    whole = over(
        gq + matmul(q, upper_of(inner) + upper_of(inner, beyond=True).mT), r.mT, upper=False
    )
    return whole if rest is None else cat(whole, rest, axis=whole.ndim - 1, starts=(0, m))


def lu_slope(g: Any, y: Any, m: int, n: int) -> Any:
    """L'^-1 (lower(L' gL) + upper(gU U')) U'^-1; and what a longer side adds."""
    k = min(m, n)
    square, gs = y[..., :k, :k], g[..., :k, :k]
    low: dict[str, Any] = {"upper": True, "unitriangular": True}  # the transpose of L
    lower = lower_of(square, beyond=True) + np.eye(k, dtype=square.dtype)
    upper = upper_of(square)
    down = matmul(lower.mT, lower_of(gs, beyond=True))
    across = matmul(upper_of(gs), upper.mT)
    if m > n:
        across = across - matmul(y[..., k:, :].mT, g[..., k:, :])
    if n > m:
        down = down - matmul(g[..., :, k:], y[..., :, k:].mT)
    inner = under(lower.mT, lower_of(down, beyond=True) + upper_of(across), **low)
    whole = over(inner, upper.mT, upper=False)
    if m > n:
        more = over(g[..., k:, :], upper.mT, upper=False)
        return cat(whole, more, axis=whole.ndim - 2, starts=(0, k))
    if n > m:
        more = under(lower.mT, g[..., :, k:], **low)
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
supplied.add, supplied.assign, supplied.cat = add, assign, cat
supplied.sum_to, supplied.cast = sum_to, cast
