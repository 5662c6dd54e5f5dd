"""Elementwise kernels: one output element for each input element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# np.clip without its Python wrapper
from numpy._core.umath import clip as clip_ufunc  # type: ignore[attr-defined]

from tinygrad_mnist.kernels.sums import in_float32

Array = Any  # an ndarray or a Python number: kernels take both

# By a dtype's letter; a ufunc takes a 0-d array in half the time of a Python number.
ZERO, ONE, INFINITY = ({d: np.array(value, d) for d in "efd"} for value in (0, 1, np.inf))

INTEGER = {d: np.dtype(f"i{np.dtype(d).itemsize}") for d in "efd"}
I8 = np.array(1, np.int8)


def like_ufuncs(kernel: Any) -> Any:
    """Mark a kernel of two arrays as elementwise."""
    kernel.nin = 2
    return kernel


def like_ufunc(kernel: Any) -> Any:
    """Mark a kernel of one array as elementwise: integers are promoted as for NumPy's own."""
    kernel.nin = 1
    return kernel


def where(c: Array, a: Array, b: Array) -> Array:
    """a where c holds, else b."""
    return np.where(c, a, b)


def cast(x: Array, *, dtype: Any) -> Array:
    """The same values in another dtype, always in new memory."""
    return x.astype(dtype)


def relu(x: Array) -> Array:
    """max(x, 0); clipping to two bounds has a fast loop that `maximum` with a number misses."""
    letter = x.dtype.char
    if letter == "?":
        raise TypeError("not implemented for bools")
    return clip_ufunc(x, ZERO[letter], INFINITY[letter]) if letter in ZERO else np.maximum(x, 0)


def gate(d: Array, at: Array) -> Array:
    """d where at > 0 (or NaN), else 0."""
    return masked(d, np.subtract(np.less_equal(at, ZERO[at.dtype.char]).view(np.int8), I8))


def masked(d: Array, mask: Array) -> Array:
    """d where `mask` is -1, 0 where it is 0, both int8.

    By the bits: a product makes NaN of 0 times infinity, and selecting takes many times longer.
    """
    bits = INTEGER[d.dtype.char]
    mask = mask.astype(bits)
    place = mask if mask.ndim and mask.shape == d.shape else None
    return np.bitwise_and(mask, d.view(bits), place).view(d.dtype)


def kept(d: Array, mask: Array) -> Array:
    """d where a mask of bools holds, else 0."""
    return masked(d, np.negative(mask.view(np.int8)))


def nothing(d: Array) -> Array:
    """Zeros in the shape of d, whatever d is."""
    bits = INTEGER[d.dtype.char]
    return np.bitwise_and(d.view(bits), bits.type(0)).view(d.dtype)


@like_ufunc
@in_float32
@np.errstate(over="ignore")
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)); where exp overflows, 0 is right. By tanh the left tail would be lost."""
    y = np.exp(-x if x.dtype.kind != "b" else np.negative(x, dtype=np.int8))
    one = ONE.get(y.dtype.char, 1)
    y += one
    return np.true_divide(one, y)


@like_ufunc
def softplus(x: Array) -> Array:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))."""
    return np.logaddexp(x, np.zeros((), getattr(x, "dtype", None)))


@like_ufuncs
def xlogy(a: Array, b: Array) -> Array:
    """a log(b), and 0 where a is 0 and b is a number."""
    if not isinstance(b, np.ndarray):
        b = np.asarray(b, a.dtype if a.dtype.kind == "f" else None)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.multiply(a, np.log(b))
        return np.where(np.equal(a, 0) & ~np.isnan(b), np.zeros((), y.dtype), y)


@like_ufunc
def sinc(x: Array) -> Array:
    """sin(pi x) / (pi x), 1 at 0."""
    z = np.multiply(x, math.pi)
    return np.where(np.equal(z, 0), np.ones((), z.dtype), np.sin(z) / np.where(z == 0, 1, z))


@like_ufunc
def sinc_slope(x: Array) -> Array:
    """The derivative of sinc: (cos(pi x) - sinc(x)) / x; near 0 by its series."""
    z = np.asarray(x, np.float64) * math.pi
    near = np.abs(z) < 0.05
    far = np.where(near, 1.0, z)
    y = np.where(
        near,
        z * (-1 / 3 + z * z * (1 / 30 - z * z / 840)),
        (np.cos(far) - np.sin(far) / far) / far,
    )
    return (y * math.pi).astype(x.dtype if x.dtype.kind == "f" else np.float64)


@like_ufunc
@in_float32
def logit(x: Array) -> Array:
    """log(x / (1 - x)); NaN outside of [0, 1]."""
    return np.log(np.true_divide(x, np.subtract(1, x)))


@like_ufuncs
def floor_divide(a: Array, b: Array) -> Array:
    """The quotient, rounded down; ZeroDivisionError where integers are divided by 0."""
    nonzero(a, b)
    return np.floor_divide(a, b)


@like_ufuncs
def remainder(a: Array, b: Array) -> Array:
    """What floor_divide leaves; ZeroDivisionError where integers are divided by 0."""
    nonzero(a, b)
    return np.remainder(a, b)


@like_ufuncs
def fmod(a: Array, b: Array) -> Array:
    """What division leaves, with the sign of a; ZeroDivisionError where integers are by 0."""
    nonzero(a, b)
    return np.fmod(a, b)


@like_ufuncs
def power(a: Array, b: Array) -> Array:
    """a to the power b; an integer to a negative one is 0, but for 1 and -1."""
    dtypes = {getattr(x, "dtype", np.dtype(type(x))).kind for x in (a, b)}
    if dtypes == {"b"}:
        raise TypeError("not implemented for bools")
    if not isinstance(b, np.ndarray) or "f" in dtypes:
        return np.power(a, b)
    low = b < 0
    if not low.any():
        return np.power(a, b)
    unit = np.where(np.abs(a) == 1, np.where(b % 2 == 0, 1, a), 0)
    return np.where(low, unit, np.power(a, np.where(low, 0, b)))


def nonzero(a: Array, b: Array) -> None:
    """Refuse to divide integers by 0, for which they have no answer."""
    dtypes = {getattr(x, "dtype", np.dtype(type(x))).kind for x in (a, b)}
    if "f" in dtypes:
        return
    if dtypes == {"b"}:
        raise TypeError("not implemented for bools")
    if not np.all(b):
        raise ZeroDivisionError("integers were divided by 0")


@in_float32
def bce(z: Array, t: Array) -> Array:
    """Binary cross-entropy of a logit z: log(1 + exp(z)) - z t, stable for any z."""
    way = np.subtract(np.greater(z, ZERO.get(z.dtype.char, 0)), t, dtype=z.dtype)
    return z * way + np.log1p(np.exp(-np.abs(z)))


def clip(x: Array, *, low: float | None, high: float | None) -> Array:
    """x, moved into [low, high]."""
    return np.clip(x, low, high)


def within(d: Array, x: Array, *, low: float | None, high: float | None) -> Array:
    """d where low <= x <= high, else 0."""
    if low is None or high is None:
        return kept(d, x >= low if high is None else x <= high)
    return kept(d, (x >= low) & (x <= high))


def beats(d: Array, a: Array, b: Array) -> Array:
    """0 where a < b, half of d where they tie, else d: how PyTorch shares a tie, or a NaN."""
    half = 1 - np.equal(a, b).astype(d.dtype) * d.dtype.type(0.5)
    return masked(d * half, np.subtract(np.less(a, b).view(np.int8), I8))


@like_ufunc
def reciprocal(x: Array) -> Array:
    """1 / x; integers become floats, where NumPy's own would truncate."""
    return np.true_divide(1, x)


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
def erf(x: Array) -> Array:
    """The error function, 2/sqrt(pi) * integral of exp(-t^2) from 0 to x, to double precision."""
    x = np.asarray(x)
    z = np.abs(x.astype(np.float64))
    small = np.minimum(z, 0.5)
    near = small * np.polyval(_ERF_P, small * small) / np.polyval(_ERF_Q, small * small)
    y = np.where(z <= 0.5, near, 1.0 - _erfc_positive(np.maximum(z, 0.46875)))
    return np.copysign(y, x.astype(np.float64)).astype(
        x.dtype if x.dtype.kind == "f" else np.float64
    )


@like_ufunc
def erfc(x: Array) -> Array:
    """1 - erf(x), without cancellation for large x."""
    x = np.asarray(x)
    z = x.astype(np.float64)
    tail = _erfc_positive(np.maximum(np.abs(z), 0.46875))
    y = np.where(np.abs(z) <= 0.46875, 1.0 - erf(z), np.where(z > 0, tail, 2.0 - tail))
    return y.astype(x.dtype if x.dtype.kind == "f" else np.float64)


@like_ufunc
def erfcx(x: Array) -> Array:
    """exp(x^2) erfc(x), which neither over- nor underflows for large x."""
    x = np.asarray(x)
    z = x.astype(np.float64)
    with np.errstate(over="ignore"):
        low = np.minimum(z, 0.46875)
        y = np.where(
            z <= 0.46875, np.exp(low * low) * erfc(low), _erfcx_positive(np.maximum(z, 0.46875))
        )
    return y.astype(x.dtype if x.dtype.kind == "f" else np.float64)


def _erfc_positive(z: Array) -> Array:
    """erfc on [0.46875, inf)."""
    return np.exp(-np.square(np.minimum(z, 30.0))) * _erfcx_positive(z)


def _erfcx_positive(z: Array) -> Array:
    """exp(z^2) erfc(z) on [0.46875, inf)."""
    mid = np.minimum(z, 4.0)
    near = np.polyval(_MID_P, mid) / np.polyval(_MID_Q, mid)
    inverse = 1.0 / np.square(np.maximum(z, 4.0))
    ratio = inverse * np.polyval(_FAR_P, inverse) / np.polyval(_FAR_Q, inverse)
    far = (1.0 / math.sqrt(math.pi) - ratio) / np.maximum(z, 4.0)
    return np.where(z <= 4.0, near, far)
