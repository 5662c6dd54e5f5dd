"""Activations and special functions: rectifiers, the logistic function, the error function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# np.clip without its Python wrapper
from numpy._core.umath import clip as clip_ufunc  # type: ignore[attr-defined]

from tinygrad_mnist.kernels.blocks import cut, flat_alike, in_blocks
from tinygrad_mnist.kernels.buffers import ignoring
from tinygrad_mnist.kernels.elementwise import (
    I8,
    INFINITY,
    ONE,
    ZERO,
    block_by_block,
    by_bits,
    like_ufunc,
    masked,
    masked_by_bools,
    minus_size,
    multiply_by_sign,
    negative_part,
    positive_part,
    single,
    two_results,
    two_steps,
    with_sign_of,
)
from tinygrad_mnist.kernels.scratch import called_whole, scratch
from tinygrad_mnist.kernels.sums import in_float32

Array = Any  # an ndarray or a Python number; NumPy's own types say too little to help here


def relu(x: Array) -> Array:
    """x where it is positive, else 0: max(x, 0). Integers stay integers."""
    # Clipping to two bounds has a fast loop that `maximum` with a number misses.
    letter = x.dtype.char
    if letter == "?":
        raise TypeError("not implemented for bools")
    return clip_ufunc(x, ZERO[letter], INFINITY[letter]) if letter in ZERO else np.maximum(x, 0)


def gate(d: Array, at: Array) -> Array:
    """d where at > 0 (or NaN), else 0."""
    mask = np.less_equal(at, ZERO[at.dtype.char]).view(np.int8)
    return masked(d, np.subtract(mask, I8, mask if mask.ndim else None))


@like_ufunc
@block_by_block
def sigmoid(x: Array, *, out: Array | None = None) -> Array:
    """The logistic function 1 / (1 + exp(-x)). Integers become floats.

    Where exp overflows, 0 is right. A formula with tanh would lose the left tail.
    """
    return np.true_divide(ONE[x.dtype.char], one_and_exp_minus(x), out)


def one_and_exp_minus(x: Array) -> Array:
    """1 + exp(-x), of floats: infinite where exp overflows."""
    with ignoring(over="ignore"):
        y = np.negative(x)
        np.exp(y, y)
        y += ONE[x.dtype.char]
        return y


@block_by_block
def sigmoid_back(d: Array, s: Array, *, out: Array | None = None) -> Array:
    """d s (1 - s): the derivative of a sigmoid s, times d."""
    t = np.subtract(ONE[s.dtype.char], s)
    t *= s
    return np.multiply(t, d, out)


@block_by_block
def times_sigmoid(a: Array, b: Array, *, out: Array | None = None) -> Array:
    """a sigmoid(b)."""
    return np.true_divide(a, one_and_exp_minus(b), out)


@block_by_block
@two_results
def silu(x: Array, *, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
    """x sigmoid(x); and the sigmoid, which backward would need another exponential for."""
    y, s = (None, None) if out is None else out
    q = one_and_exp_minus(x)
    s = np.true_divide(ONE[x.dtype.char], q, q if s is None else s)
    return np.multiply(x, s, y), s


@block_by_block
def silu_back(d: Array, x: Array, s: Array, *, out: Array | None = None) -> Array:
    """d s (1 + x (1 - s)), with s = sigmoid(x): the derivative of silu, times d."""
    one = ONE[s.dtype.char]
    t = np.subtract(one, s)
    t *= x
    t += one
    t *= s
    return np.multiply(t, d, out)


FAR_LEFT = 1000.0  # exp of minus this is 0


@block_by_block
def softplus(x: Array, *, beta: float = 1.0, out: Array | None = None) -> Array:
    """log(1 + exp(beta x)) / beta = max(x, 0) + log1p(exp(-|beta x|)) / beta, for beta > 0."""
    if beta == 1:
        return np.add(positive_part(x), _log1p_exp_minus(x), out)
    factor = single(beta, x.dtype.char)
    y = _log1p_exp_minus(np.multiply(x, factor))
    y /= factor
    return np.add(positive_part(x), y, out)


@block_by_block
def logsigmoid(x: Array, *, out: Array | None = None) -> Array:
    """log(sigmoid(x)) = min(x, 0) - log1p(exp(-|x|))."""
    return np.subtract(negative_part(x), _log1p_exp_minus(x), out)


def _log1p_exp_minus(x: Array) -> Array:
    """log1p(exp(-|x|))."""
    y = minus_size(x)
    np.exp(y, y)
    return np.log1p(y, y)


@block_by_block
def mish(x: Array, *, out: Array | None = None) -> Array:
    """x tanh(log(1 + exp(x))).

    With e = exp(x) and n = e (e + 2), the tanh is n / (n + 2), to full precision on the left too.
    """
    two = single(2.0, x.dtype.char)
    _, e = _exp_within(x)
    n = np.add(e, two)
    n *= e
    np.add(n, two, e)
    n /= e
    return np.multiply(n, x, out)


@block_by_block
def mish_back(d: Array, x: Array, *, out: Array | None = None) -> Array:
    """The derivative of mish, times d.

    With the names of `mish` and w = 1 / (n + 2), it is n / (n + 2) + 4 x (e w) ((e + 1) w).
    """
    letter = x.dtype.char
    one, two = ONE[letter], single(2.0, letter)
    t, e = _exp_within(x)
    n = np.add(e, two)
    n *= e
    w = np.add(n, two)
    n /= w
    np.true_divide(one, w, w)
    t *= e
    t *= w
    e += one
    e *= w
    e *= single(4.0, letter)
    t *= e
    t += n
    return np.multiply(t, d, out)


def _exp_within(x: Array) -> tuple[Array, Array]:
    """x, at most 40 and not below -1000, and exp of it: the square is a float32 number too.

    Beyond these, tanh(softplus(x)) is 1, or 0, in every dtype.
    """
    letter = x.dtype.char
    t = clip_ufunc(x, single(-FAR_LEFT, letter), single(FAR_64, letter))
    return t, np.exp(t)


@block_by_block
def elu(x: Array, *, alpha: float, scale: float, inner: float, out: Array | None = None) -> Array:
    """scale (x where x > 0, else alpha (exp(inner x) - 1))."""
    letter = x.dtype.char
    low = negative_part(x)
    if inner != 1:
        low *= single(inner, letter)
    np.expm1(low, low)
    if alpha * scale != 1:
        low *= single(alpha * scale, letter)
    if scale == 1 and inner > 0 and alpha * inner <= 1:  # the line lies below the exponential
        return np.maximum(x, low, out=out)
    high = positive_part(x)
    if scale != 1:
        high *= single(scale, letter)
    return np.add(high, low, out)


@block_by_block
def elu_back(
    d: Array, x: Array, *, alpha: float, scale: float, inner: float, out: Array | None = None
) -> Array:
    """scale d where x > 0, else scale alpha inner exp(inner x) d."""
    letter, factor = x.dtype.char, scale * alpha * inner
    slope = negative_part(x)
    if inner != 1:
        slope *= single(inner, letter)
    np.exp(slope, slope)  # 1 where x > 0
    if factor != scale:
        slope *= two_steps(np.greater(x, ZERO[letter]), scale, factor, letter)
    elif scale != 1:
        slope *= single(scale, letter)
    return np.multiply(slope, d, out)


@block_by_block
def leaky_relu(x: Array, *, slope: float, out: Array | None = None) -> Array:
    """x where x > 0, else slope x."""
    letter = x.dtype.char
    low = np.minimum(x, ZERO[letter]) if slope == 0 else x  # infinity times 0 is NaN
    low = np.multiply(low, single(slope, letter))
    return np.maximum(x, low, out=out) if slope <= 1 else np.minimum(x, low, out=out)


@block_by_block
def leaky_back(d: Array, x: Array, *, slope: float, out: Array | None = None) -> Array:
    """d where x > 0, else slope d."""
    letter = x.dtype.char
    steps = two_steps(np.greater(x, ZERO[letter]), 1.0, slope, letter)
    return np.multiply(steps, d, out)


@like_ufunc
@in_float32
def logit(x: Array) -> Array:
    """log(x / (1 - x)); NaN outside of [0, 1]."""
    return np.log(np.true_divide(x, np.subtract(1, x)))


@block_by_block
def tanhshrink(x: Array, *, out: Array | None = None) -> Array:
    """x - tanh(x)."""
    return np.subtract(x, np.tanh(x), out)


@block_by_block
def hardsigmoid(x: Array, *, out: Array | None = None) -> Array:
    """x + 3, moved into [0, 6], divided by 6."""
    return np.true_divide(_line(x), single(6.0, x.dtype.char), out)


@block_by_block
def hardswish(x: Array, *, out: Array | None = None) -> Array:
    """x hardsigmoid(x)."""
    y = _line(x)
    y /= single(6.0, x.dtype.char)
    return np.multiply(y, x, out)


@block_by_block
def hardswish_back(d: Array, x: Array, *, out: Array | None = None) -> Array:
    """The derivative of hardswish, times d: hardsigmoid(x), and x / 6 more between -3 and 3."""
    letter = x.dtype.char
    slope = _line(x)
    inside = np.greater(slope, ZERO[letter])
    inside &= np.less(slope, single(6.0, letter))
    slope += masked_by_bools(x, inside)
    slope /= single(6.0, letter)
    return np.multiply(slope, d, out)


def _line(x: Array) -> Array:
    """x + 3, moved into [0, 6], in memory of its own."""
    y = np.add(x, single(3.0, x.dtype.char))
    return clip_ufunc(y, ZERO[x.dtype.char], single(6.0, x.dtype.char), y)


@block_by_block
def gelu_tanh(x: Array, *, out: Array | None = None) -> Array:
    """x (1 + tanh(u)) / 2, with u = sqrt(2 / pi) (x + 0.044715 x^3); that is x sigmoid(2 u)."""
    q = np.square(x)
    q *= single(2 * TANH_SCALE * TANH_CUBE, x.dtype.char)
    q += single(2 * TANH_SCALE, x.dtype.char)
    q *= x
    return np.true_divide(x, one_and_exp_minus(q), out)


@block_by_block
def gelu_tanh_back(d: Array, x: Array, *, out: Array | None = None) -> Array:
    """d (s + x s (1 - s) 2 u'), with s = sigmoid(2 u): the derivative of `gelu_tanh`, times d.

    1 - s is s exp(-2 u), to full precision where s is nearly 1.
    """
    letter = x.dtype.char
    one, outer = ONE[letter], single(2 * TANH_SCALE, letter)
    x = clip_ufunc(x, single(-TANH_FAR, letter), single(TANH_FAR, letter))
    square = np.square(x)
    q = np.multiply(square, single(2 * TANH_SCALE * TANH_CUBE, letter))
    q += outer
    q *= x
    np.negative(q, q)
    with ignoring(over="ignore"):
        np.exp(q, q)
    s = np.add(q, one)
    np.true_divide(one, s, s)
    np.minimum(q, single(TANH_MOST[letter], letter), out=q)  # infinity times 0 would be NaN
    square *= single(6 * TANH_SCALE * TANH_CUBE, letter)
    square += outer
    square *= x
    q *= s
    q *= square
    q += one
    q *= s
    return np.multiply(q, d, out)


TANH_SCALE, TANH_CUBE = math.sqrt(2 / math.pi), 0.044715
TANH_FAR = 30.0  # exp(-2 u) of this is 0 in float64; powers of far larger numbers overflow
TANH_MOST = {"f": 1e30, "d": 1e290}


@called_whole
@in_float32
def gelu(x: Array, *, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
    """x Phi(x), with Phi the normal distribution function; and its derivative, `gelu_slope`.

    Both need the same exponential and the same quotient of polynomials.
    """
    y, slope = (np.empty_like(x), np.empty_like(x)) if out is None else out
    if x.dtype != np.float32:
        t = np.minimum(np.abs(x), FAR_64)
        np.subtract(np.maximum(x, 0), t * (0.5 * erfc(t * math.sqrt(0.5))), out=y)
        slope[...] = gelu_slope(x)
        return y, slope
    flat = flat_alike(x, y, slope) or [x, y, slope]
    parts = cut(len(flat[0]), flat[0].size // max(1, len(flat[0])), calls=GELU_CALLS)
    in_blocks(lambda _, at: _gelu(*(a[at] for a in flat)), parts)
    return y, slope


def _gelu(x: Array, y: Array, slope: Array) -> None:
    """Write x Phi(x) into y, and its derivative into slope.

    With t = |x|, the tail Q(t) beyond it and a = Q(t) - t phi(t), they are max(x, 0) - t Q(t), and
    a or, where x is positive, 1 - a.
    """
    t, density, tail, work = _tail(x)
    np.multiply(t, tail, out=work)
    clip_ufunc(x, ZERO["f"], INFINITY["f"], y)
    y -= work
    density *= DENSITY
    density *= t
    tail -= density
    np.subtract(HALF, tail, out=slope)
    multiply_by_sign(slope, x, work)
    slope += HALF


def gelu_slope(x: Array) -> Array:
    """Phi(x) + x phi(x), with phi the density of the normal distribution."""
    if x.dtype == np.float32:
        return gelu(x)[1]
    x = np.clip(x, -FAR_64, FAR_64)
    density = np.exp(-0.5 * x * x) * DENSITY_64
    y: Array = 0.5 * erfc(x * -math.sqrt(0.5)) + x * density
    return y.astype(x.dtype, copy=False)


# exp(t^2 / 2) times the normal distribution's tail beyond t, as a quotient of polynomials, fitted
# to 3e-8 of it by iterated least squares; at 0 it is 1/2
_TAIL_P = 1.283449565e-2, 1.008337917e-1, 3.277430134e-1, 0.5
_TAIL_Q = 3.219692142e-2, 2.520936527e-1, 8.613062013e-1, 1.453368903, 1.0
_ABOVE, _BELOW = (
    [np.array(k / _TAIL_Q[0], np.float32) for k in polynomial] for polynomial in (_TAIL_P, _TAIL_Q)
)
DENSITY_64 = 1 / math.sqrt(2 * math.pi)
DENSITY, HALF, MINUS_HALF = (np.array(k, np.float32) for k in (DENSITY_64, 0.5, -0.5))
FAR, FAR_64 = 15.0, 40.0  # exp(-t^2 / 2) of these is 0; powers of far larger numbers overflow
GELU_CALLS = 27
# erf(x) / x - 1 as a polynomial in x^2, fitted to 1.1e-8 up to |x| = 0.89
_ERF = [np.array(k, np.float32) for k in (
    -6.115600691e-04, 5.016583013e-03, -2.678184042e-02, 1.128221585e-01,
    -3.761252990e-01, 1.283791550e-01
)]  # fmt: skip
ROOT_2, MINUS_ONE, MINUS_TWO, NEAR = (np.array(k, "f") for k in (math.sqrt(2), -1, -2, 1.25))


def _tail(x: Array, factor: Array | None = None) -> list[Array]:
    """t = |x|, exp(-t^2 / 2), the normal distribution's tail beyond t, and memory for work.

    t is FAR at most, and is then multiplied by the factor.
    """
    t, density, tail, work = parts = scratch(*[(x.shape, np.float32)] * 4)
    np.absolute(x, out=t)
    work.fill(FAR)  # NumPy takes twice as long for the minimum of an array and a number
    np.minimum(t, work, out=t)
    if factor is not None:
        t *= factor
    np.multiply(t, t, out=density)
    density *= MINUS_HALF
    np.exp(density, out=density)
    np.multiply(t, _ABOVE[0], out=tail)
    _go_on(tail, t, _ABOVE[1:])
    np.add(t, _BELOW[1], out=work)  # as the first one is 1
    work *= t
    _go_on(work, t, _BELOW[2:])
    tail /= work
    tail *= density
    return parts


def _go_on(y: Array, t: Array, coefficients: list[Array]) -> None:
    """Do the next steps of Horner's scheme, in place."""
    for coefficient in coefficients[:-1]:
        y += coefficient
        y *= t
    y += coefficients[-1]


# Rational approximations by W. J. Cody, Math. Comp. 23 (1969), 631-637; relative error below 1e-16.
_ERF_P = (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2,
          3.77485237685302021e2, 3.20937758913846947e3)  # fmt: skip
_ERF_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2,
          1.28261652607737228e3, 2.84423683343917062e3)  # fmt: skip
_MID_P = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594,
          6.61191906371416295e1, 2.98635138197400131e2, 8.81952221241769090e2,
          1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3)  # fmt: skip
_MID_Q = (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
          1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3,
          3.43936767414372164e3, 1.23033935480374942e3)  # fmt: skip
_FAR_P = (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
          1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4)  # fmt: skip
_FAR_Q = (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1,
          6.05183413124413191e-2, 2.33520497626869185e-3)  # fmt: skip


@like_ufunc
@block_by_block
def erf(x: Array, *, out: Array | None = None) -> Array:
    """2/sqrt(pi) * integral of exp(-t^2) from 0 to x, the error function; of integers as floats."""
    return (_erf_32 if x.dtype == np.float32 else _erf_64)(x, out)


def _erf_32(x: Array, out: Array | None) -> Array:
    """1 - 2 Q(sqrt(2) |x|) with the sign of x, Q being the normal tail; near 0 a polynomial."""
    t, square, far, near = _tail(x, ROOT_2)
    far *= MINUS_TWO
    far += ONE["f"]
    multiply_by_sign(far, x, near)
    is_near = np.less(t, NEAR)
    x = clip_ufunc(x, MINUS_ONE, ONE["f"], t)  # powers of larger numbers could overflow
    np.multiply(x, x, out=square)
    np.multiply(square, _ERF[0], out=near)
    _go_on(near, square, _ERF[1:])
    near *= x
    near += x
    into = None if out is None else out.view("i")
    return by_bits(is_near, near.view("i"), far.view("i"), into).view("f")


def _erf_64(x: Array, out: Array | None) -> Array:
    z = np.abs(x)
    small = np.minimum(z, 0.5)
    near = small * _polynomial(_ERF_P, small * small) / _polynomial(_ERF_Q, small * small)
    y = np.where(z <= 0.5, near, 1.0 - _erfc_positive(np.maximum(z, 0.46875)))
    return with_sign_of(x, y, out)


@like_ufunc
def erfc(x: Array) -> Array:
    """1 - erf(x), without cancellation for large x. Integers become floats."""
    x = np.asarray(x)
    z = x.astype(np.float64)
    tail = _erfc_positive(np.maximum(np.abs(z), 0.46875))
    y = np.where(np.abs(z) <= 0.46875, 1.0 - erf(z), np.where(z > 0, tail, 2.0 - tail))
    return y.astype(x.dtype if x.dtype.kind == "f" else np.float64)


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """`np.polyval` for float64, to the bit, in one array."""
    y = np.multiply(x, 0.0)
    for coefficient in coefficients:
        y *= x
        y += coefficient
    return y


def _erfc_positive(z: Array) -> Array:
    """erfc on [0.46875, inf)."""
    return np.exp(-np.square(np.minimum(z, 30.0))) * erfcx_positive(z)


def erfcx_positive(z: Array) -> Array:
    """exp(z^2) erfc(z) on [0.46875, inf)."""
    mid = np.minimum(z, 4.0)
    near = _polynomial(_MID_P, mid) / _polynomial(_MID_Q, mid)
    inverse = 1.0 / np.square(np.maximum(z, 4.0))
    ratio = inverse * _polynomial(_FAR_P, inverse) / _polynomial(_FAR_Q, inverse)
    far = (1.0 / math.sqrt(math.pi) - ratio) / np.maximum(z, 4.0)
    return np.where(z <= 4.0, near, far)
