"""The derivative table: every primitive, each with its NumPy kernel and one rule for each input.

Read a row as calculus: `div = op(np.true_divide, a=lambda g, b: g / b, ...)` reads d(a/b)/da = 1/b,
with `g` the incoming gradient, `y` the op's own output, `shape` the input's shape. Rules are
written with these same ops, so each derivative has a derivative. Un-broadcasting and casting happen
in the engine. An `elementwise` row is public as it stands, a function and a method of Tensor of its
name; other files in `ops/` compose public functions of an `op`, and `called` is the name of that
function in messages.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import supplied
from tinygrad_mnist.autograd.record import op
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels import (
    activation,
    arithmetic,
    choose,
    create,
    distance,
    index,
    loss,
    norm,
    order,
    pool,
    random,
    reduce,
    resample,
    scatter,
    search,
    shape,
    steps,
    trigonometry,
)
from tinygrad_mnist.kernels import conv as convolution
from tinygrad_mnist.kernels import linear as products
from tinygrad_mnist.kernels import softmax as exponentials
from tinygrad_mnist.kernels import windows as sliding
from tinygrad_mnist.ops.published import elementwise

OpCall = Callable[..., Tensor]
LN2, LN10, SQRT_PI = math.log(2), math.log(10), math.sqrt(math.pi)

# Arithmetic (kernels/arithmetic.py)
add = op(np.add, a=lambda g: g, b=lambda g: g)
sub = op(np.subtract, a=lambda g: g, b=lambda g: -g)
mul = elementwise(np.multiply, also="multiply", a=lambda g, b: g * b, b=lambda g, a: g * a)
div = op(np.true_divide, a=lambda g, b: g / b, b=lambda g, a, b: -g * (a / b) / b)
neg = elementwise(np.negative, also="negative", x=lambda g: -g)
pow: OpCall = op(
    arithmetic.power,
    a=lambda g, a, b: power_rule(g, a, b),
    b=lambda g, y, a, b: g * y * log(where((a == 0) & (b >= 0), 1.0, a)),
)
power_back: OpCall = op(
    arithmetic.power_back,
    d=lambda g, x, n: power_back(g, x, n=n),
    x=lambda g, d, x, n: power_rule(g * d * n, x, n - 1),
)
reciprocal: OpCall = elementwise(arithmetic.reciprocal, x=lambda g, y: -g * y * y)
remainder = elementwise(
    arithmetic.remainder, a=lambda g: g, b=lambda g, a, b: -g * floor_divide(a, b)
)
fmod = elementwise(arithmetic.fmod, a=lambda g: g, b=lambda g, a, b: -g * trunc(a / b))
floor_divide: OpCall = elementwise(
    arithmetic.floor_divide, a=lambda g: nothing(g), b=lambda g: nothing(g)
)
maximum = elementwise(
    np.maximum, a=lambda g, a, b: share_of_max(g, a, b), b=lambda g, a, b: share_of_max(g, b, a)
)
minimum = elementwise(
    np.minimum, a=lambda g, a, b: share_of_max(g, b, a), b=lambda g, a, b: share_of_max(g, a, b)
)
atan2 = elementwise(
    np.arctan2,
    also="arctan2",
    a=lambda g, a, b: g * safely(b, a * a + b * b),
    b=lambda g, a, b: -g * safely(a, a * a + b * b),
)
hypot = elementwise(
    np.hypot, a=lambda g, y, a: g * safely(a, y), b=lambda g, y, b: g * safely(b, y)
)
xlogy: OpCall = elementwise(
    arithmetic.xlogy,
    doc="input * log(other), and 0 where input is 0 and other is not NaN. Integers become floats.",
    a=lambda g, a, b: g * where(eq(a, 0.0) & le(b, 0.0), 0.0, log(b)),
    b=lambda g, a, b: g * where(eq(a, 0.0) & eq(b, 0.0), 0.0, a / b),
)
copysign = elementwise(np.copysign, a=lambda g, y, a: g * sign(y) * sign(a), b=lambda g: nothing(g))
fmax = elementwise(
    np.fmax,
    doc="The larger of two elements, and the one that is not NaN.",
    a=lambda g, a, b: where(ge(a, b) | isnan(b), g, 0.0),
    b=lambda g, a, b: where(ge(a, b) | isnan(b), 0.0, g),
)
fmin = elementwise(
    np.fmin,
    doc="The smaller of two elements, and the one that is not NaN.",
    a=lambda g, a, b: where(le(a, b) | isnan(b), g, 0.0),
    b=lambda g, a, b: where(le(a, b) | isnan(b), 0.0, g),
)
logaddexp2 = elementwise(
    np.logaddexp2,
    a=lambda g, a, b: g * sigmoid((a - b) * LN2),
    b=lambda g, a, b: g * sigmoid((b - a) * LN2),
)
exponent = op(arithmetic.exponent)
logaddexp = elementwise(
    np.logaddexp, a=lambda g, a, b: g * sigmoid(a - b), b=lambda g, a, b: g * sigmoid(b - a)
)

# Exponentials and powers
exp = elementwise(np.exp, x=lambda g, y: g * y)
exp2 = elementwise(np.exp2, x=lambda g, y: g * y * LN2)
expm1 = elementwise(np.expm1, x=lambda g, y: g * (y + 1))
log: OpCall = elementwise(np.log, x=lambda g, x: g / x)
log2 = elementwise(np.log2, x=lambda g, x: g / (x * LN2))
log10 = elementwise(np.log10, x=lambda g, x: g / (x * LN10))
log1p = elementwise(np.log1p, x=lambda g, x: g / (x + 1))
sqrt = elementwise(np.sqrt, x=lambda g, y: g / (y * 2))
square = op(np.square, x=lambda g, x: g * x * 2)

# Trigonometry (kernels/trigonometry.py)
sin: OpCall = elementwise(np.sin, x=lambda g, x: g * cos(x))
cos: OpCall = elementwise(
    np.cos, doc="Trigonometric cosine, element-wise.", x=lambda g, x: -g * sin(x)
)
tan = elementwise(np.tan, x=lambda g, y: g * (1 + y * y))
asin = elementwise(np.arcsin, also="arcsin", x=lambda g, x: g / sqrt(1 - x * x))
acos = elementwise(np.arccos, also="arccos", x=lambda g, x: -g / sqrt(1 - x * x))
atan = elementwise(np.arctan, also="arctan", x=lambda g, x: g / (1 + x * x))
sinc: OpCall = elementwise(trigonometry.sinc, x=lambda g, x: g * sinc_slope(x))
sinc_slope: OpCall = op(
    trigonometry.sinc_slope,
    x=lambda g, x: (
        g
        * where(eq(x, 0), math.pi**2 / -3, sinc(x) * -(math.pi**2) - safely(sinc_slope(x) * 2.0, x))
    ),
)
sinh: OpCall = elementwise(np.sinh, x=lambda g, x: g * cosh(x))
cosh: OpCall = elementwise(np.cosh, x=lambda g, x: g * sinh(x))
tanh = elementwise(np.tanh, x=lambda g, y: g * (1 - y * y))
asinh = elementwise(np.arcsinh, also="arcsinh", x=lambda g, x: g / sqrt(x * x + 1))
acosh = elementwise(np.arccosh, also="arccosh", x=lambda g, x: g / sqrt(x * x - 1))
atanh = elementwise(np.arctanh, also="arctanh", x=lambda g, x: g / (1 - x * x))

# Activations and special functions (kernels/activation.py)
relu: OpCall = elementwise(activation.relu, x=lambda g, y: gate(g, y))
gate: OpCall = op(activation.gate, d=lambda g, at: gate(g, at), at=lambda g: nothing(g))
sigmoid: OpCall = elementwise(activation.sigmoid, x=lambda g, y: sigmoid_back(g, y))
sigmoid_back: OpCall = op(
    activation.sigmoid_back,
    d=lambda g, s: sigmoid_back(g, s),
    s=lambda g, d, s: g * d * (1 - 2 * s),
)
times_sigmoid: OpCall = op(
    activation.times_sigmoid,
    a=lambda g, b: times_sigmoid(g, b),
    b=lambda g, a, b: sigmoid_back(g * a, sigmoid(b)),
)
logit = op(
    activation.logit,
    x=lambda g, x: g / where(logical_and(ge(x, 0.0), le(x, 1.0)), x * (1 - x), math.nan),
)
softplus = op(
    activation.softplus,
    x=lambda g, x, beta: times_sigmoid(g, x if beta == 1 else x * beta),
)
logsigmoid = op(activation.logsigmoid, x=lambda g, x: times_sigmoid(g, -x))
silu = op(
    activation.silu,
    x=lambda g, x, s: silu_back(g, x, s),
    residual={"s": lambda x: sigmoid(x)},
)
silu_back: OpCall = op(
    activation.silu_back,
    d=lambda g, x, s: silu_back(g, x, s),
    x=lambda g, d, s: g * d * s * (1 - s),
    s=lambda g, d, x, s: g * d * (1 + x * (1 - 2 * s)),
)
mish = op(activation.mish, x=lambda g, x: mish_back(g, x))
mish_back: OpCall = op(
    activation.mish_back, d=lambda g, x: mish_back(g, x), x=lambda g, d, x: g * d * mish_curve(x)
)
elu = op(
    activation.elu,
    x=lambda g, x, alpha, scale, inner: elu_back(g, x, alpha=alpha, scale=scale, inner=inner),
)
elu_back: OpCall = op(
    activation.elu_back,
    d=lambda g, x, alpha, scale, inner: elu_back(g, x, alpha=alpha, scale=scale, inner=inner),
    x=lambda g, d, x, alpha, scale, inner: (
        g * d * where(gt(x, 0.0), 0.0, exp(lower_part(x) * inner) * (scale * alpha * inner * inner))
    ),
)
leaky_relu = op(activation.leaky_relu, x=lambda g, x, slope: leaky_back(g, x, slope=slope))
tanhshrink = op(activation.tanhshrink, x=lambda g, x: g * square(tanh(x)))
hardsigmoid = op(
    activation.hardsigmoid, x=lambda g, x: strictly_between(g, x, low=-3.0, high=3.0) / 6.0
)
hardswish = op(activation.hardswish, x=lambda g, x: hardswish_back(g, x))
hardswish_back: OpCall = op(
    activation.hardswish_back,
    d=lambda g, x: hardswish_back(g, x),
    x=lambda g, d, x: strictly_between(g * d, x, low=-3.0, high=3.0) / 3.0,
)
leaky_back: OpCall = op(
    activation.leaky_back,
    d=lambda g, x, slope: leaky_back(g, x, slope=slope),
    x=lambda g: nothing(g),
)
gelu_tanh = op(activation.gelu_tanh, x=lambda g, x: gelu_tanh_back(g, x))
gelu_tanh_back: OpCall = op(
    activation.gelu_tanh_back,
    d=lambda g, x: gelu_tanh_back(g, x),
    x=lambda g, d, x: g * d * gelu_tanh_curve(x),
)
gelu = op(
    activation.gelu,
    x=lambda g, slope: g * slope,
    residual={"slope": lambda x: gelu_slope(x)},
)
gelu_slope: OpCall = op(
    activation.gelu_slope,
    x=lambda g, x: g * (2 - x * x) * exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi)),
)
erf = elementwise(activation.erf, x=lambda g, x: g * exp(-x * x) * (2 / SQRT_PI))
erfc = elementwise(activation.erfc, x=lambda g, x: g * exp(-x * x) * (-2 / SQRT_PI))

# Steps (kernels/steps.py): zero or one almost everywhere
abs = elementwise(np.absolute, also="absolute", x=lambda g, x: g * sign(x))
sign: OpCall = op(np.sign, x=lambda g: nothing(g))
floor: OpCall = elementwise(np.floor, x=lambda g: nothing(g))
ceil = elementwise(np.ceil, x=lambda g: nothing(g))
round = op(np.rint, x=lambda g: nothing(g))
trunc: OpCall = elementwise(np.trunc, also="fix", x=lambda g: nothing(g))
clip = op(steps.clip, x=lambda g, x, low, high: between(g, x, low=low, high=high))
between: OpCall = op(steps.between, d=lambda g, x, low, high: between(g, x, low=low, high=high))
hardtanh = op(steps.clip, x=lambda g, x, low, high: strictly_between(g, x, low=low, high=high))
strictly_between: OpCall = op(
    steps.strictly_between, d=lambda g, x, low, high: strictly_between(g, x, low=low, high=high)
)
softshrink = op(steps.softshrink, x=lambda g, x, bound: beyond(g, x, bound=bound))
beyond: OpCall = op(steps.beyond, d=lambda g, x, bound: beyond(g, x, bound=bound))
share_of_max: OpCall = op(steps.share_of_max, d=lambda g, a, b: share_of_max(g, a, b))
heaviside = elementwise(steps.heaviside)
nothing: OpCall = op(steps.nothing, d=lambda g: nothing(g))

# Choosing and casting (kernels/choose.py)
where: OpCall = op(
    choose.where, c=None, a=lambda g, c: where(c, g, 0.0), b=lambda g, c: where(c, 0.0, g)
)
cast = op(choose.cast, x=lambda g: g)  # the engine casts a gradient to its input's dtype

# Reductions (kernels/reduce.py)
sum = op(reduce.sum, x=lambda g, shape, axis: broadcast_to(unreduce(g, shape, axis), shape=shape))
mean = op(
    reduce.mean,
    x=lambda g, shape, axis: broadcast_to(
        unreduce(shared(g, reduce.reduced_count(shape, axis)), shape, axis), shape=shape
    ),
)
amax = op(reduce.amax, x=lambda g, x, y, axis: ties(spread(g, x, axis), x, y, axis=axis))
amin = op(reduce.amin, x=lambda g, x, y, axis: ties(spread(g, x, axis), x, y, axis=axis))
farthest = op(  # as amax, but each of several equal ones gets the whole gradient
    reduce.amax,
    x=lambda g, x, y, shape, axis: where(eq(x, unreduce(y, shape, axis)), spread(g, x, axis), 0.0),
)
highest = op(
    reduce.highest, called="max", x=lambda g, x, y: ties(spread(g, x, None), x, y, nan=True)
)
lowest = op(reduce.lowest, called="min", x=lambda g, x, y: ties(spread(g, x, None), x, y, nan=True))
ties: OpCall = op(reduce.ties, d=lambda g, x, top, axis, nan: ties(g, x, top, axis=axis, nan=nan))
length = op(
    reduce.length,
    x=lambda g, x, y, shape, axis: unreduce(g, shape, axis) * (x / unreduce(none(y), shape, axis)),
)
std = op(
    reduce.std,
    x=lambda g, x, y, shape, axis, correction: (
        unreduce(g, shape, axis)
        * ((x - average(x, axis)) / unreduce(none(y) * free(shape, axis, correction), shape, axis))
    ),
)
var = op(
    reduce.var,
    x=lambda g, x, shape, axis, correction: (
        unreduce(g * (2 / free(shape, axis, correction)), shape, axis) * (x - average(x, axis))
    ),
)
cumsum: OpCall = op(reduce.cumsum, x=lambda g, axis: flip(cumsum(flip(g, axis), axis=axis), axis))

# Softmax (kernels/softmax.py)
logsumexp: OpCall = op(
    exponentials.logsumexp,
    x=lambda g, x, y, shape, axis: unreduce(g, shape, axis) * exp(x - unreduce(y, shape, axis)),
)
softmax: OpCall = op(exponentials.softmax, x=lambda g, y, axis: softmax_back(y, g, axis=axis))
softmax_back: OpCall = op(
    exponentials.softmax_back,
    p=lambda g, p, d, axis: (
        g * (d - sum(d * p, axis=(axis,), keepdims=True))
        - d * sum(g * p, axis=(axis,), keepdims=True)
    ),
    d=lambda g, p, axis: softmax_back(p, g, axis=axis),
)
log_softmax = op(exponentials.log_softmax, x=lambda g, y, axis: log_softmax_back(y, g, axis=axis))
log_softmax_back: OpCall = op(
    exponentials.log_softmax_back,
    z=lambda g, z, d, axis: -g * exp(z) * sum(d, axis=(axis,), keepdims=True),
    d=lambda g, z, axis: g - sum(g * exp(z), axis=(axis,), keepdims=True),
)

# Moving elements (kernels/shape.py); adjoint pairs stand side by side
reshape: OpCall = op(shape.reshape, view=True, x=lambda g, shape: reshape(g, shape=shape))
permute: OpCall = op(shape.permute, view=True, x=lambda g, axes: permute(g, axes=inverse(axes)))
broadcast_to: OpCall = op(shape.broadcast_to, view=True, x=lambda g: g)  # the engine un-broadcasts
sum_to: OpCall = op(shape.sum_to, x=lambda g, shape: broadcast_to(g, shape=shape))
unslice: OpCall = op(shape.unslice, x=lambda g, key: slice(g, key=key))
add_at: OpCall = op(shape.add_at, x=lambda g: g, part=lambda g, key: slice(g, key=key))
slice: OpCall = op(
    shape.slice,
    view=True,
    x=lambda g, shape, key: unslice(g, key=key, shape=shape),
    onto=add_at,
)
undiagonal: OpCall = op(
    shape.undiagonal, x=lambda g, offset, axes: diagonal(g, offset=offset, axes=axes)
)
add_diagonal: OpCall = op(
    shape.add_diagonal,
    x=lambda g: g,
    part=lambda g, offset, axes: diagonal(g, offset=offset, axes=axes),
)
diagonal: OpCall = op(
    shape.diagonal,
    view=True,
    x=lambda g, shape, offset, axes: undiagonal(g, offset=offset, axes=axes, shape=shape),
    onto=add_diagonal,
)
cat = op(shape.cat, xs=lambda g, i, shape, axis, starts: narrow(g, axis, starts[i], shape[axis]))
stack = op(shape.stack, xs=lambda g, i, axis: slice(g, key=(np.s_[:],) * axis + (i,)))

# Windows (kernels/windows.py): an adjoint pair
windows: OpCall = op(
    sliding.windows,
    x=lambda g, shape, size, step, gap: unwindows(
        g, shape=shape[len(shape) - len(size) :], step=step, gap=gap
    ),
)
unwindows: OpCall = op(
    sliding.unwindows,
    d=lambda g, shape, step, gap: windows(
        g, size=shape[-2 * len(step) : -len(step)], step=step, gap=gap
    ),
)

# Mixtures of elements (kernels/resample.py): an adjoint pair
mix: OpCall = op(
    resample.mix,
    x=lambda g, index, weight, shape, axis: unmix(g, index, weight, axis=axis, length=shape[axis]),
)
unmix: OpCall = op(
    resample.unmix, d=lambda g, index, weight, axis: mix(g, index, weight, axis=axis)
)

# Picking and writing elements by index (kernels/index.py)
add_rows: OpCall = op(index.add_rows, x=lambda g: g, rows=lambda g, index: take(g, index))
add_gathered: OpCall = op(
    index.add_gathered, x=lambda g: g, part=lambda g, index, axis: gather(g, index, axis=axis)
)
take: OpCall = op(index.take, x=lambda g, shape, index: put(g, index, shape=shape), onto=add_rows)
put: OpCall = op(index.put, x=lambda g, index: take(g, index))
gather: OpCall = op(
    index.gather,
    x=lambda g, shape, index, axis: scatter_add(g, index, axis=axis, shape=shape),
    onto=add_gathered,
)
scatter_add: OpCall = op(index.scatter_add, x=lambda g, index, axis: gather(g, index, axis=axis))
assign: OpCall = op(
    index.assign,
    x=lambda g, key: assign(g, 0.0, key=key),
    value=lambda g, key: slice(g, key=key),
    erases=True,
)
assign_view: OpCall = op(
    index.assign_view,
    x=lambda g, way, order: assign_view(g, 0.0, way=way, order=order),
    value=lambda g, way, order: view_of(g, way=way, order=order),
    erases=True,
)
view_of: OpCall = op(
    index.view_of,
    view=True,
    x=lambda g, shape, way, order: unview(g, way=way, order=order, shape=shape),
)
unview: OpCall = op(index.unview, x=lambda g, way, order: view_of(g, way=way, order=order))
assign_at: OpCall = op(
    index.assign_at,
    x=lambda g, index: assign_at(g, index, 0.0),
    value=lambda g, index: take(g, index),
)
embed = op(
    index.embed,
    called="embedding",
    w=lambda g, shape, index: put(g, index, shape=shape),
    onto=add_rows,
)
pick: OpCall = op(
    index.embed,
    called="index_select",
    w=lambda g, shape, index: put(g, index, shape=shape),
    onto=add_rows,
)
flat_index = op(index.flat_index)
within = op(index.within)

# Extremes of values that go to one index (kernels/scatter.py): ties share the gradient
largest_at: OpCall = op(
    scatter.largest_at,
    x=lambda g, x, index, value, y: shares(g, x, index, value, y)[0],
    value=lambda g, x, index, value, y: shares(g, x, index, value, y)[1],
)
smallest_at: OpCall = op(
    scatter.smallest_at,
    x=lambda g, x, index, value, y: shares(g, x, index, value, y)[0],
    value=lambda g, x, index, value, y: shares(g, x, index, value, y)[1],
)

# Products (kernels/linear.py)
matmul: OpCall = op(
    products.matmul,
    a=lambda g, b: matmul(g, b.mT),
    b=lambda g, a, shape: matmul(rows_for(a, shape).mT, rows_for(g, shape)),
)
linear = op(
    products.linear, x=lambda g, w: matmul(g, w), w=lambda g, x: matmul(g.mT, x), b=lambda g: g
)
linear_columns = op(  # for a weight laid out by columns, whose gradient then is too
    products.linear,
    called="linear",
    x=lambda g, w: matmul(g, w),
    w=lambda g, x: matmul_columns(g, x),
    b=lambda g: g,
)
matmul_columns: OpCall = op(
    products.matmul_columns, a=lambda g, b: matmul(b, g.mT), b=lambda g, a: matmul(a, g)
)

# Distances (kernels/distance.py)
distances = op(
    distance.distances,
    called="cdist",
    common={"r": lambda g, y: safely(g, y)},
    a=lambda g, r, a, b, by_product: pull(r, a, b, by_product=by_product),
    b=lambda g, r, a, b, by_product: pull(r.mT, b, a, by_product=by_product),
)
pull: OpCall = op(
    distance.pull,
    r=lambda g, a, b: sum(g * a, axis=(g.ndim - 1,), keepdims=True) - matmul(g, b.mT),
    a=lambda g, r: g * sum(r, axis=(r.ndim - 1,), keepdims=True),
    b=lambda g, r: -matmul(r.mT, g),
)

# Convolution and its two adjoints (kernels/conv.py): each one's rules are the other two
conv: OpCall = op(
    convolution.conv,
    x=lambda g, w, shape, geom: conv_input(g, w, size=shape[2:], geom=geom),
    w=lambda g, x, shape, geom: conv_weight(x, g, size=shape[2:], geom=geom),
    b=lambda g, shape: sum_to(by_channel(g), shape=shape),
)
conv_input: OpCall = op(
    convolution.conv_input,
    d=lambda g, w, shape, geom: cropped_to(conv(g, w, geom=geom), shape),
    w=lambda g, d, shape, geom: conv_weight(g, d, size=shape[2:], geom=geom),
)
conv_weight: OpCall = op(
    convolution.conv_weight,
    x=lambda g, d, shape, geom: conv_input(d, g, size=shape[2:], geom=geom),
    d=lambda g, x, shape, geom: cropped_to(conv(x, g, geom=geom), shape),
)

# Pooling (kernels/pool.py); ties go to the first maximum
max_pool = op(pool.max_pool, again=True, x=lambda g, x, y, win: pool_put(g, x, y, win=win))
pool_put: OpCall = op(pool.pool_put, d=lambda g, x, y0, win: pool_take(g, x, y0, win=win))
pool_take: OpCall = op(pool.pool_take, v=lambda g, x, y0, win: pool_put(g, x, y0, win=win))
pool_index = op(pool.pool_index)
pool_sum: OpCall = op(
    pool.pool_sum, x=lambda g, shape, win: pool_spread(g, win=win, size=shape[2:])
)
pool_spread: OpCall = op(pool.pool_spread, d=lambda g, win: pool_sum(g, win=win))

# Normalising (kernels/norm.py)
standardize = op(
    norm.standardize,
    x=lambda g, y, r, axis: r * (g - average(g, axis) - y * average(g * y, axis)),
    residual={"r": lambda x, axis, eps: rms_inverse(x - average(x, axis), axis, eps)},
)

# Losses (kernels/loss.py)
cross_entropy_rows = op(
    loss.cross_entropy_rows,
    called="cross_entropy",
    z=lambda g, p, at: logit_slope(p, at, g),
    residual={"p": lambda z: softmax(z, axis=1), "at": lambda t: one_hot_index(t)},
)
logit_slope: OpCall = op(
    loss.logit_slope,
    p=lambda g, d: g * d[:, None],
    d=lambda g, p, at: sum(g * p, axis=(1,)) - take(reshape(g.mT, shape=(-1,)), at),
)
one_hot_index: OpCall = op(loss.one_hot_index)
bce_of_probability = op(
    loss.bce_of_probability,
    called="binary_cross_entropy",
    p=lambda g, p, t: g * (p - t) / clip(p * (1 - p), low=1e-12, high=1.0),
    t=lambda g, p: g * (clip(log1p(-p), low=-100.0, high=0.0) - clip(log(p), low=-100.0, high=0.0)),
)
bce_with_logits = op(
    loss.bce_with_logits,
    called="binary_cross_entropy_with_logits",
    z=lambda g, z, t: g * (sigmoid(z) - t),
    t=lambda g, z: -g * z,
)
huber = op(loss.huber, x=lambda g, x, delta: g * clip(x, low=-delta, high=delta))

# Comparisons have no derivative
eq: OpCall = elementwise(np.equal)
ne = elementwise(np.not_equal, also="not_equal")
lt = elementwise(np.less, also="less")
gt: OpCall = elementwise(np.greater, also="greater")
le: OpCall = elementwise(np.less_equal, also="less_equal")
ge: OpCall = elementwise(np.greater_equal, also="greater_equal")
logical_and: OpCall = elementwise(np.logical_and)
logical_or = elementwise(np.logical_or)
logical_xor = elementwise(np.logical_xor)
logical_not = elementwise(np.logical_not)
bitwise_and = elementwise(np.bitwise_and)
bitwise_or = elementwise(np.bitwise_or)
bitwise_xor = elementwise(np.bitwise_xor)
bitwise_not = elementwise(np.invert)
isnan: OpCall = elementwise(np.isnan)
isinf = elementwise(np.isinf)
isfinite: OpCall = elementwise(np.isfinite)
signbit = elementwise(np.signbit)
bitwise_left_shift = elementwise(np.left_shift)
bitwise_right_shift = elementwise(np.right_shift)
gcd = elementwise(np.gcd, doc="The greatest common divisor of |input| and |other|.")
lcm = elementwise(np.lcm, doc="The least common multiple of |input| and |other|.")
nextafter = elementwise(np.nextafter)

# Order (kernels/order.py): medians have a derivative, indices and counts have none
median = op(order.median, x=lambda g, x, y: ties(spread(g, x, None), x, y, nan=True))
nanmedian = op(order.nanmedian, x=lambda g, x, y: ties(spread(g, x, None), x, y, nan=True))
cumargmax = op(order.cumargmax, called="cummax")
cumargmin = op(order.cumargmin, called="cummin")
middle = op(order.middle)
mode = op(order.mode)
searchsorted = op(order.searchsorted)
histogram = op(order.histogram)

# Searches (kernels/search.py) have no derivative either
any = op(search.any)
all = op(search.all)
argmax = op(search.argmax)
argmin = op(search.argmin)
argsort = op(search.argsort)
topmost = op(search.topmost, called="topk")

# Creation (kernels/create.py)
full = op(create.full)
one_hot = op(create.one_hot)

# Random numbers (kernels/random.py)
uniform = op(random.uniform, draws=True)
normal = op(random.normal, draws=True)
integers = op(random.integers, called="randint", draws=True)
permutation = op(random.permutation, called="randperm", draws=True)
dropout_mask = op(random.dropout_mask, called="dropout", draws=True)


# Short words that the rules use


def power_rule(g: Any, a: Any, b: Any) -> Any:
    """The derivative of a to the power b, by a, times g; 0 where b is."""
    if b.__class__ is float or b.__class__ is int:
        return power_back(g, a, n=b) if b else nothing(g)
    return g * b * pow(where(eq(b, 0) & ~isfinite(reciprocal(a)), 1.0, a), b - 1)


def mish_curve(x: Any) -> Any:
    """The second derivative of mish."""
    s, t = sigmoid(x), tanh(softplus(x))
    return (1 - t * t) * s * (2 + x * (1 - s - 2 * t * s))


def gelu_tanh_curve(x: Any) -> Any:
    """The second derivative of `gelu_tanh`; that is 0 far from 0, where powers would overflow."""
    scale, cube, far = 2 * activation.TANH_SCALE, activation.TANH_CUBE, activation.TANH_FAR
    x = clip(x, low=-far, high=far)
    square = x * x
    slope = (square * (3 * cube) + 1) * scale
    twice = (square * cube + 1) * x * scale
    s, rest = sigmoid(twice), sigmoid(-twice)
    return s * rest * (2 * slope + x * (slope * slope * (rest - s) + x * (6 * cube * scale)))


def lower_part(x: Any) -> Any:
    """min(x, 0)."""
    return clip(x, low=-math.inf, high=0.0)


def unreduce(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """A reduction's gradient with the reduced dimensions back; one number fits as it is."""
    return g if axis is None else reshape(g, shape=reduce.kept_shape(shape, axis))


def spread(g: Any, x: Any, axis: Any) -> Any:
    """A reduction's gradient in the shape of its input."""
    return broadcast_to(unreduce(g, x.shape, axis), shape=x.shape)


def rows_for(x: Any, shape: tuple[int, ...]) -> Any:
    """The rows of a stack as one matrix, where the other factor is one: their products add up."""
    if len(shape) != 2 or x.ndim < 3:
        return x
    return reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


def shared(g: Any, n: int) -> Any:
    """g / n; of float16, in which n may overflow, by way of float32."""
    if g.dtype.char != "e":
        return g / n
    return cast(cast(g, dtype="float32") / n, dtype=g.dtype)


def free(shape: tuple[int, ...], axis: Any, correction: float) -> float:
    """The degrees of freedom of a variance; NaN if there are none."""
    n = reduce.reduced_count(shape, axis) - correction
    return n if n > 0 else math.nan


def safely(a: Any, b: Any) -> Tensor:
    """a / b, but 0 where b is 0."""
    return where(b == 0, 0.0, a / where(b == 0, 1.0, b))


def none(y: Any) -> Any:
    """y to divide by, but infinity where y is 0: what is divided by it, and its slope, are 0."""
    return where(y == 0, math.inf, y)


def shares(g: Any, x: Any, index: Any, value: Any, top: Any) -> tuple[Tensor, Tensor]:
    """The gradients of x and of the values: elements that equal the extreme share its gradient."""
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
    """The mean along `axis`, with the reduced dimensions kept."""
    return mean(x, axis=axis, keepdims=True)


def rms_inverse(x: Any, axis: tuple[int, ...], eps: float) -> Any:
    """1 / sqrt(mean of squares + eps) along `axis`."""
    return reciprocal(sqrt(average(x * x, axis) + eps))


def by_channel(x: Any) -> Any:
    """Images (n, c, h, w) as rows (n h w, c)."""
    return reshape(permute(x, axes=(0, 2, 3, 1)), shape=(-1, x.shape[1]))


def cropped_to(x: Any, shape: tuple[int, ...]) -> Any:
    """The first elements along each dimension, as many as `shape` has; x if that is all."""
    return x if x.shape == shape else slice(x, key=tuple(np.s_[:n] for n in shape))


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    return tuple(int(i) for i in np.argsort(axes))


supplied.add, supplied.assign, supplied.cat = add, assign, cat
supplied.sum_to, supplied.cast = sum_to, cast
