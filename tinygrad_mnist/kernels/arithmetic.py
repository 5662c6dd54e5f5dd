"""Division, powers and products where NumPy's own functions are not what the table needs."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.kernels.buffers import ignoring
from tinygrad_mnist.kernels.elementwise import like_ufunc, like_ufuncs

Array = Any  # an ndarray or a Python number; NumPy's own types say too little to help here


@like_ufuncs
def power(a: Array, b: Array) -> Array:
    """a to the power b; an integer to a negative power is 0, except for 1 and -1."""
    if (type(b) is float or type(b) is int) and getattr(a, "dtype", b) in FLOATS:
        return float_power(a, b)
    dtypes = {getattr(x, "dtype", np.dtype(type(x))).kind for x in (a, b)}
    if dtypes == {"b"}:
        raise TypeError("not implemented for bools")
    if "f" in dtypes:
        return float_power(a, b)
    if not isinstance(b, np.ndarray):
        return np.power(a, b)
    low = b < 0
    if not low.any():
        return np.power(a, b)
    unit = np.where(np.abs(a) == 1, np.where(b % 2 == 0, 1, a), 0)
    return np.where(low, unit, np.power(a, np.where(low, 0, b)))


def float_power(a: Array, b: Array) -> Array:
    """np.power of floats, where NumPy takes fifty times as long for a negative base.

    Only an integer exponent gives those a value: it is computed from the size and the sign. The
    cube is a product, as in PyTorch.
    """
    one_exponent = not isinstance(b, np.ndarray) or not b.ndim
    if not one_exponent or not isinstance(a, np.ndarray) or not a.ndim or a.dtype.kind != "f":
        return np.power(a, b)
    n = float(b) if b.__class__ is float else float(a.dtype.type(b))
    if n == 3:
        return np.multiply(np.square(a), a)
    if not n.is_integer() or abs(n) > EXACT:
        return np.power(a, b)
    size = np.power(np.abs(a), b)
    return np.copysign(size, a) if n % 2 else size


FLOATS = frozenset(map(np.dtype, "efd"))
EXACT = 2048.0  # all integers up to this are float16 numbers


def exponent(x: Array) -> Array:
    """The exponent e of x = m 2^e with 1/2 <= |m| < 1, as int32; 0 for 0, NaN and infinities."""
    return np.where(np.isfinite(x), np.frexp(x)[1], 0).astype(np.int32)


@like_ufunc
def reciprocal(x: Array) -> Array:
    """The inverse 1 / x. Integers become floats, where NumPy's own would truncate."""
    return np.true_divide(1, x)


@like_ufuncs
def floor_divide(a: Array, b: Array) -> Array:
    """The quotient, rounded down. Integers stay integers; ZeroDivisionError if 0 divides one."""
    refuse_zero_divisor(a, b)
    return np.floor_divide(a, b)


@like_ufuncs
def remainder(a: Array, b: Array) -> Array:
    """The remainder of `floor_divide`, with the divisor's sign. Integers stay integers."""
    refuse_zero_divisor(a, b)
    return np.remainder(a, b)


@like_ufuncs
def fmod(a: Array, b: Array) -> Array:
    """The remainder of division rounded to 0, with the dividend's sign. Integers stay integers."""
    refuse_zero_divisor(a, b)
    return np.fmod(a, b)


def refuse_zero_divisor(a: Array, b: Array) -> None:
    """Refuse to divide integers by 0: no integer is the quotient."""
    dtypes = {getattr(x, "dtype", np.dtype(type(x))).kind for x in (a, b)}
    if "f" in dtypes:
        return
    if dtypes == {"b"}:
        raise TypeError("not implemented for bools")
    if not np.all(b):
        raise ZeroDivisionError("integers were divided by 0")


@like_ufuncs
def xlogy(a: Array, b: Array) -> Array:
    """a log(b), and 0 where a is 0 and b is not NaN."""
    if not isinstance(b, np.ndarray):
        b = np.asarray(b, a.dtype if a.dtype.kind == "f" else None)
    with ignoring(divide="ignore", invalid="ignore"):
        y = np.multiply(a, np.log(b))
        return np.where(np.equal(a, 0) & ~np.isnan(b), np.zeros((), y.dtype), y)
