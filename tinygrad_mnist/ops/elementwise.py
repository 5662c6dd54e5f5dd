"""One output element for each input element: arithmetic, powers, functions of calculus."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.dtypes import result_type
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import floating, public, tensor_of

__all__ = [
    "abs", "absolute", "acos", "acosh", "add", "addcdiv", "addcmul", "arccos", "arcsin", "arctan",
    "asin", "asinh", "atan", "atan2", "atanh", "ceil", "clamp", "clamp_max", "clamp_min", "clip",
    "cos", "cosh", "deg2rad", "div", "divide", "erf", "erfc", "exp", "exp2", "expm1", "fill", "fix",
    "float_power", "floor", "floor_divide", "fmod", "frac", "hypot", "lerp", "log", "log10",
    "log1p", "log2", "logaddexp", "logit", "maximum", "minimum", "mul", "multiply", "nan_to_num",
    "neg", "negative", "positive", "pow", "rad2deg", "reciprocal", "relu", "remainder", "round",
    "rsqrt", "rsub", "sgn", "sigmoid", "sign", "sin", "sinc", "sinh", "sqrt", "square", "sub",
    "subtract", "tan", "tanh", "true_divide", "trunc", "xlogy",
]  # fmt: skip
NOT_METHODS = {"fill", "rsub"}
METHODS = [name for name in __all__ if name not in NOT_METHODS]

abs = absolute = public(table.abs)
acos = arccos = public(table.acos)
acosh = public(table.acosh)
asin = arcsin = public(table.asin)
asinh = public(table.asinh)
atan = arctan = public(table.atan)
atan2 = public(table.atan2)
atanh = public(table.atanh)
ceil = public(table.ceil)
cos = public(table.cos)
cosh = public(table.cosh)
erf = public(table.erf)
erfc = public(table.erfc)
exp = public(table.exp)
exp2 = public(table.exp2)
expm1 = public(table.expm1)
floor = public(table.floor)
floor_divide = public(table.floor_divide)
fmod = public(table.fmod)
log = public(table.log)
log10 = public(table.log10)
log1p = public(table.log1p)
log2 = public(table.log2)
logaddexp = public(table.logaddexp)
maximum = public(table.maximum)
minimum = public(table.minimum)
mul = multiply = public(table.mul)
neg = negative = public(table.neg)
reciprocal = public(table.reciprocal)
relu = public(table.relu)
remainder = public(table.remainder)
sigmoid = public(table.sigmoid)
sign = sgn = public(table.sign)
sin = public(table.sin)
sinh = public(table.sinh)
sqrt = public(table.sqrt)
square = public(table.square)
tan = public(table.tan)
tanh = public(table.tanh)
trunc = fix = public(table.trunc)


@public
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other."""
    return table.add(input, other if alpha == 1 else table.mul(other, alpha))


@public
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other."""
    return table.sub(input, other if alpha == 1 else table.mul(other, alpha))


subtract = sub


@public
def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input."""
    return table.sub(other, input if alpha == 1 else input * alpha)


@public
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; `rounding_mode` "floor" or "trunc" rounds the quotient."""
    if rounding_mode is None:
        return table.div(input, other)
    if rounding_mode == "floor":
        return table.floor_divide(input, other)
    if rounding_mode == "trunc":
        dtype = result_type(input, other)
        return table.cast(table.trunc(table.div(input, other)), dtype=dtype)
    raise RuntimeError(f"rounding_mode is None, 'trunc' or 'floor', not {rounding_mode!r}")


divide = div


@public
def true_divide(input: Any, other: Any) -> Tensor:
    """input / other, a float whatever the dtypes."""
    return table.div(input, other)


@public
def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent. The usual exponents take cheaper ways: square, sqrt."""
    if exponent.__class__ is int or exponent.__class__ is float:
        if exponent == 2:
            return table.square(input)
        if exponent == 0.5:
            return table.sqrt(input)
        if exponent == 1:
            return table.mul(input, exponent)
    return table.pow(input, exponent)


@public
def float_power(input: Any, exponent: Any) -> Tensor:
    """input ** exponent, in float64."""
    base = table.cast(input, dtype="float64") if isinstance(input, Tensor) else input
    power = table.cast(exponent, dtype="float64") if isinstance(exponent, Tensor) else exponent
    return pow(base, power)


@public
def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(input)."""
    return table.reciprocal(table.sqrt(input))


@public
def positive(input: Tensor) -> Tensor:
    """input itself; TypeError for bools."""
    if input.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@public
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """input moved into [min, max], each a number, a Tensor or None."""
    if min is None and max is None:
        raise RuntimeError("clamp(): at least one of 'min' or 'max' must not be None")
    dtype = result_type(*(v for v in (input, min, max) if v is not None))
    x = input if input.dtype == dtype else table.cast(input, dtype=dtype)
    if not isinstance(min, Tensor) and not isinstance(max, Tensor):
        return table.clip(x, low=min, high=max)
    if min is not None:
        x = table.where(table.lt(x, min), min, x)
    if max is not None:
        x = table.where(table.gt(x, max), max, x)
    return x


clip = clamp


@public
def fill(input: Tensor, value: Any) -> Tensor:
    """`value`, a number or a Tensor of one, in the shape and dtype of input."""
    if getattr(value, "ndim", 0):
        raise RuntimeError(f"fill only supports 0-dimension value tensor but got {value.ndim}")
    value = tensor_of(value, input)
    if value.dtype != input.dtype:
        value = table.cast(value, dtype=input.dtype)
    return table.where(np.True_, value, input)


@public
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """input, but at least `min`."""
    return clamp(input, min)


@public
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """input, but at most `max`."""
    return clamp(input, None, max)


@public
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    product = tensor1 * tensor2
    return input + (product if value == 1 else product * value)


@public
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""
    quotient = tensor1 / tensor2
    return input + (quotient if value == 1 else quotient * value)


@public
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input)."""
    return table.add(input, table.mul(weight, end - input))


@public
def hypot(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input² + other²)."""
    return table.sqrt(table.square(input) + table.square(other))


@public
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest integer (or multiple of 10**-decimals), halves to even."""
    if not decimals:
        return table.round(input)
    scale = 10.0**decimals
    return table.round(input * scale) / scale


@public
def frac(input: Tensor) -> Tensor:
    """What follows the decimal point, with the sign of input."""
    return input - table.trunc(input)


@public
def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN replaced by `nan` (0), infinities by `posinf` and `neginf` (the largest finite)."""
    if input.dtype.kind != "f":
        return clone_of(input)
    limit = float(np.finfo(input.dtype).max)
    x = table.where(table.isnan(input), 0.0 if nan is None else nan, input)
    x = table.where(table.eq(x, math.inf), limit if posinf is None else posinf, x)
    return table.where(table.eq(x, -math.inf), -limit if neginf is None else neginf, x)


def clone_of(x: Tensor) -> Tensor:
    """x in new memory, with x's gradient."""
    return table.cast(x, dtype=x.dtype)


@public
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(input / (1 - input)), of input moved into [eps, 1 - eps]."""
    x = floating(input) if eps is None else clamp(input, eps, 1 - eps)
    return table.log(x / (1 - x))


@public
def xlogy(input: Any, other: Any) -> Tensor:
    """input * log(other), 0 where input is 0."""
    zero = table.logical_and(table.eq(input, 0), table.logical_not(table.isnan(other)))
    return table.where(zero, 0.0, input * table.log(table.where(zero, 1.0, other)))


@public
def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0."""
    zero = table.eq(input, 0)
    x = table.where(zero, 1.0, input) * math.pi
    return table.where(zero, 1.0, table.sin(x) / x)


@public
def deg2rad(input: Tensor) -> Tensor:
    """Degrees to radians."""
    return input * (math.pi / 180)


@public
def rad2deg(input: Tensor) -> Tensor:
    """Radians to degrees."""
    return input * (180 / math.pi)
