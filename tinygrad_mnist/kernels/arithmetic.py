"""Division, powers and products where NumPy's own functions are not what the table needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.kernels import blocks
from tinygrad_mnist.kernels.buffers import ignoring
from tinygrad_mnist.kernels.elementwise import (
    ONE,
    block_by_block,
    like_ufunc,
    like_ufuncs,
    single,
    with_sign_of,
)

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

    Only an integer exponent gives those a value.
    """
    one_exponent = not isinstance(b, np.ndarray) or not b.ndim
    if not one_exponent or not isinstance(a, np.ndarray) or not a.ndim or a.dtype.kind != "f":
        return np.power(a, b)
    is_number = b.__class__ is float
    n = float(b) if is_number else float(a.dtype.type(b))
    # An array is a power also where the root of -inf is none, as a Tensor is in PyTorch
    if (is_number and n in FORMULAS) or (n.is_integer() and abs(n) <= EXACT):
        return number_power(a, n=n)
    return np.power(a, b)


@block_by_block
def number_power(x: Array, *, n: float, out: Array | None = None) -> Array:
    """x to the power n, as in PyTorch by a formula if n has one.

    For other integers it is computed from the size and the sign.
    """
    formula = FORMULAS.get(n)
    if formula is not None:
        return formula(x, out)
    exponent = single(n, x.dtype.char)
    if not float(n).is_integer() or abs(n) > EXACT:
        return np.power(x, exponent, out)
    size = np.absolute(x)
    if not n % 2:
        return np.power(size, exponent, out)
    np.power(size, exponent, size)
    return with_sign_of(x, size, out)


@block_by_block
def power_back(d: Array, x: Array, *, n: float, out: Array | None = None) -> Array:
    """d n x^(n - 1): the derivative of x to the power n, times d."""
    if n == 2:
        slope = np.multiply(x, single(n, x.dtype.char))
    else:
        slope = number_power(x, n=n - 1)
        slope *= single(n, x.dtype.char)
    return np.multiply(slope, d, out)


def _inverse(x: Array, out: Array | None) -> Array:
    return np.true_divide(ONE[x.dtype.char], x, out)


FORMULAS: dict[float, Callable[[Array, Array | None], Array]] = {
    1: np.positive,
    2: np.square,
    3: lambda x, out: np.multiply(np.square(x), x, out),
    0.5: np.sqrt,
    -0.5: lambda x, out: _inverse(np.sqrt(x), out),
    -1: _inverse,
    -2: lambda x, out: _inverse(np.square(x), out),
}


def _is_long(a: Array, b: Array) -> bool:
    """Tell whether a power to a number goes through an array in blocks."""
    return getattr(a, "size", 0) > blocks.BLOCK and not getattr(b, "ndim", 0)


power.called_whole = _is_long
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
