"""One output element for each input element: arithmetic, powers, functions of calculus."""

from __future__ import annotations

# ruff: noqa: F403
import math
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd.dtypes import result_type
from tinygrad_mnist.autograd.op import DivisionError, DTypeError
from tinygrad_mnist.autograd.tensor import Tensor, unwrap
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import as_element, composed, floating, public, tensor_of
from tinygrad_mnist.ops.published import public_names
from tinygrad_mnist.ops.rows import *

__all__ = [
    "add", "addcdiv", "addcmul", "angle", "clamp", "clamp_max", "clamp_min", "clip", "conj",
    "conj_physical", "deg2rad", "div", "divide", "fill", "float_power", "frac", "frexp", "isreal",
    "ldexp", "lerp", "logit", "nan_to_num", "positive", "pow", "rad2deg", "real", "resolve_conj",
    "resolve_neg", "round", "rsqrt", "rsub", "sgn", "sign", "square", "sub", "subtract",
    "true_divide",
]  # fmt: skip
__all__ += public_names(table, with_rules=True)
NOT_METHODS = {"fill", "real", "rsub"}
METHODS = [name for name in __all__ if name not in NOT_METHODS]

_FLOAT = np.dtype(np.float32)


@public
def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1, by the sign of each element; bools as they are."""
    return table.cast(input, dtype=bool) if input.dtype.kind == "b" else table.sign(input)


sgn = sign


@public
def square(input: Tensor) -> Tensor:
    """input * input; of bools as int64."""
    return table.square(table.cast(input, dtype="int64") if input.dtype.kind == "b" else input)


@public
def add(input: Any, other: Any, last: Any = None, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other; `add(input, alpha, other)` is its form before PyTorch 1.5."""
    if last is not None:
        alpha, other = other, last
    return table.add(input, other if alpha == 1 else _times(alpha, input, other))


@public
def sub(input: Any, other: Any, last: Any = None, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other; `sub(input, alpha, other)` is its form before PyTorch 1.5."""
    if last is not None:
        alpha, other = other, last
    return table.sub(input, other if alpha == 1 else _times(alpha, input, other))


def _times(alpha: Any, input: Any, other: Any) -> Tensor:
    if isinstance(alpha, float) and result_type(input, other).kind != "f":
        raise DTypeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    return table.mul(other, alpha)


@public
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; `rounding_mode` "floor" or "trunc" rounds the quotient."""
    if rounding_mode is None:
        return table.div(input, other)
    if rounding_mode == "floor":
        return table.floor_divide(input, other)
    if rounding_mode == "trunc":
        dtype = result_type(input, other)
        if dtype.kind != "f" and not np.all(unwrap(other)):
            raise DivisionError("div: integers were divided by 0")
        return table.cast(table.trunc(table.div(input, other)), dtype=dtype)
    raise RuntimeError(f"rounding_mode is None, 'trunc' or 'floor', not {rounding_mode!r}")


subtract, divide = sub, div


@public
def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent; the exponents 2 and 1/2 take the cheaper square and sqrt."""
    if exponent.__class__ is int or exponent.__class__ is float:
        if exponent.__class__ is float and getattr(input, "dtype", _FLOAT).kind != "f":
            input = floating(input)
        if exponent == 2:
            return square(input)
        if exponent == 0.5:
            return table.sqrt(input)
        if exponent == 1:
            return table.mul(input, exponent)
    return table.pow(input, exponent)


def double(x: Any) -> Any:
    """A Tensor as float64; a number as it is."""
    return table.cast(x, dtype="float64") if isinstance(x, Tensor) else x


def _no_bools(x: Tensor, *others: Any) -> Tensor:
    if result_type(x, *others).kind == "b":
        raise DTypeError("addcmul() is not implemented for bools; cast them to float first")
    return x


@public
def positive(input: Tensor) -> Tensor:
    """input itself; RuntimeError for bools."""
    if input.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@public
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """input moved into [min, max], each a number, a Tensor or None."""
    bounds = [bound for bound in (min, max) if bound is not None]
    if not bounds:
        raise RuntimeError("clamp(): at least one of 'min' or 'max' must not be None")
    dtype = result_type(input, *bounds)
    x = input if input.dtype == dtype else table.cast(input, dtype=dtype)
    if not any(isinstance(bound, Tensor) for bound in bounds):
        return table.clip(x, low=min, high=max)
    if min is not None:
        x = _bounded(x, min, table.ge)
    return x if max is None else _bounded(x, max, table.le)


def _bounded(x: Tensor, bound: Any, holds: Any) -> Tensor:
    """x where it is within the bound, else the bound; NaN, without a gradient, where either is."""
    if x.dtype.kind != "f":
        return table.where(holds(x, bound), x, bound)
    if isinstance(bound, Tensor) and bound.dtype != x.dtype:
        bound = table.cast(bound, dtype=x.dtype)
    beyond = table.where(table.logical_or(table.isnan(x), table.isnan(bound)), math.nan, bound)
    return table.where(holds(x, bound), x, beyond)


clip = clamp


@public
def fill(input: Tensor, value: Any) -> Tensor:
    """`value`, a number or a Tensor of one, in the shape and dtype of input."""
    if getattr(value, "ndim", 0):
        raise RuntimeError(f"fill only supports 0-dimension value tensor but got {value.ndim}")
    value = table.cast(tensor_of(as_element(value, input.dtype), input), dtype=input.dtype)
    return table.where(np.True_, value, input)


@public
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest integer (or multiple of 10**-decimals), halves to even."""
    if input.dtype.kind != "f":
        if decimals or input.dtype.kind == "b":
            raise DTypeError(f"round() of {input.dtype} is not implemented")
        return table.cast(input, dtype=input.dtype)
    scale = 10.0**decimals
    return table.round(input * scale) / scale if decimals else table.round(input)


@public
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input); from weight 1/2 on computed backwards from `end`."""
    if isinstance(end, Tensor) and end.dtype != input.dtype:
        raise DTypeError(f"lerp: input is {input.dtype} and end {end.dtype}; cast one of them")
    difference = end - input
    near, far = input + weight * difference, end - (1 - weight) * difference
    if not isinstance(weight, Tensor):
        first: Tensor = near if -0.5 < weight < 0.5 else far
        return first
    return table.where(table.abs(weight) < 0.5, near, far)


@public
def nan_to_num(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Tensor:
    """NaN replaced by `nan` (0), infinities by `posinf` and `neginf` (the largest finite)."""
    if input.dtype.kind != "f":
        return table.cast(input, dtype=input.dtype)
    limit = float(np.finfo(input.dtype).max)
    x = table.where(table.isnan(input), 0.0 if nan is None else nan, input)
    x = table.where(table.eq(x, math.inf), limit if posinf is None else posinf, x)
    return table.where(table.eq(x, -math.inf), -limit if neginf is None else neginf, x)


@public
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(input / (1 - input)), of input moved into [eps, 1 - eps]."""
    x = floating(input) if eps is None else clamp(input, eps, 1 - eps)
    return table.logit(x)


class Parts(NamedTuple):
    """The results of `frexp`."""

    mantissa: Tensor
    exponent: Tensor


@public
def frexp(input: Tensor) -> Parts:
    """The mantissa m and the exponent e (int32) of input = m 2^e, with 1/2 <= |m| < 1 or m = 0."""
    if input.dtype.kind != "f":
        raise DTypeError(f"torch.frexp() only supports floating-point dtypes, not {input.dtype}")
    e = table.exponent(input)
    half = table.floor_divide(e, 2)  # in two steps, for 2^-e may overflow
    small = (_power_of_two(input, -half), _power_of_two(input, half - e))
    return Parts(input * small[0] * small[1], e)


def _power_of_two(x: Tensor, e: Tensor) -> Tensor:
    return table.exp2(table.cast(e, dtype=x.dtype))


@public
def ldexp(input: Tensor, other: Any) -> Tensor:
    """input * 2^other."""
    other = tensor_of(other, input)
    if input.dtype == np.float64 and other.dtype.kind != "f":  # a power of two beyond float32's
        other = table.cast(other, dtype=input.dtype)
    return table.mul(input, table.exp2(other))


@public
def angle(input: Tensor) -> Tensor:
    """pi where input is negative, else 0; NaN where it is NaN."""
    x = floating(input)
    return table.where(table.lt(x, 0), math.pi, table.where(table.isnan(x), x, 0.0))


@public
def isreal(input: Tensor) -> Tensor:
    """True everywhere: all elements are real."""
    return table.eq(table.isnan(input), table.isnan(input))


@public
def real(input: Tensor) -> Tensor:
    """input itself: all elements are real."""
    return input


conj = conj_physical = resolve_conj = resolve_neg = real


@public
def addcmul(
    input: Tensor, tensor1: Any, tensor2: Any, last: Any = None, *, value: Any = 1
) -> Tensor:
    """input + value * tensor1 * tensor2; once `addcmul(input, value, tensor1, tensor2)`."""
    if last is not None:
        value, tensor1, tensor2 = tensor1, tensor2, last
    return add(_no_bools(input, tensor1, tensor2), tensor1 * tensor2, alpha=value)


@public
def addcdiv(
    input: Tensor, tensor1: Any, tensor2: Any, last: Any = None, *, value: Any = 1
) -> Tensor:
    """input + value * tensor1 / tensor2; once `addcdiv(input, value, tensor1, tensor2)`."""
    if last is not None:
        value, tensor1, tensor2 = tensor1, tensor2, last
    return add(input, tensor1 / tensor2, alpha=value)


# One-line compositions of other ops
rsub = composed("other - input.", lambda input, other, alpha=1: sub(other, input, alpha=alpha))
true_divide = composed(
    "input / other, a float whatever the dtypes.", lambda input, other: table.div(input, other)
)
rsqrt = composed("1 / sqrt(input).", lambda input: table.reciprocal(table.sqrt(input)))
float_power = composed(
    "input ** exponent, in float64.", lambda input, exponent: pow(double(input), double(exponent))
)
frac = composed("The part after the decimal point.", lambda input: input - table.trunc(input))
clamp_min = composed("input, but at least `min`.", lambda input, min: clamp(input, min))
clamp_max = composed("input, but at most `max`.", lambda input, max: clamp(input, None, max))
deg2rad = composed("Degrees to radians.", lambda input: input * (math.pi / 180))
rad2deg = composed("Radians to degrees.", lambda input: input * (180 / math.pi))
