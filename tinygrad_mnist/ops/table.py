"""The derivative table: every primitive, each with its NumPy kernel and one rule for each input.

Read a row as calculus: `mul = op(np.multiply, a=lambda g, b: g * b, ...)` says d(ab)/da = b, with
`g` the incoming gradient, `y` the op's own output, `shape` the input's shape. Rules are written
with these same ops, so each derivative has a derivative. Un-broadcasting and casting happen in the
engine. Everything else in `ops/` is composed of these rows.
"""

from __future__ import annotations

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
from tinygrad_mnist.kernels import windows as W

OpCall = Callable[..., Tensor]
kept, dropped, count = R.kept, R.dropped, R.count
LN2, LN10, SQRT_PI = math.log(2), math.log(10), math.sqrt(math.pi)

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


# Short words that the rules use


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


name_rows(globals())
supplied.add, supplied.assign, supplied.cat = add, assign, cat
supplied.sum_to, supplied.cast = sum_to, cast
