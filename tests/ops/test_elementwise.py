"""Elementwise functions, by NumPy's, by hand, and against finite differences."""

import math
from types import ModuleType

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd import REGISTRY
from tinygrad_mnist.autograd.op import DivisionError, DTypeError
from tinygrad_mnist.ops import elementwise, published

inf, nan = math.inf, math.nan
X, SMALL, LARGE, POSITIVE = (
    [-1.5, -0.25, 0.75, 2.0],
    [-0.75, -0.5, 0.25, 0.5],
    [1.5, 3.0],
    [0.25, 4.0],
)


def unary(names: str, x: list[float], like: object) -> list[Case]:
    """A row of the table and its other names, as NumPy's function."""
    value = like(np.array(x, np.float32))
    return [Case(name, getattr(tg, name), [x], value) for name in names.split()]


def binary(names: str, like: object) -> list[Case]:
    a, b = [1.25, 3.0, -2.5], [0.5, 2.0, 1.5]
    value = like(np.array(a, np.float32), np.array(b, np.float32))
    return [Case(name, getattr(tg, name), [a, b], value) for name in names.split()]


def erf(x: np.ndarray) -> np.ndarray:
    return np.array([math.erf(v) for v in x], x.dtype)


CASES = [
    *unary("abs absolute", X, np.abs),
    *unary("acos arccos", SMALL, np.arccos),
    *unary("acosh", LARGE, np.arccosh),
    *unary("asin arcsin", SMALL, np.arcsin),
    *unary("asinh", X, np.arcsinh),
    *unary("atan arctan", X, np.arctan),
    *unary("atanh", SMALL, np.arctanh),
    *unary("ceil", X, np.ceil),
    *unary("cos", X, np.cos),
    *unary("cosh", X, np.cosh),
    *unary("erf", X, erf),
    *unary("erfc", X, lambda x: 1 - erf(x)),
    *unary("exp", X, np.exp),
    *unary("exp2", X, np.exp2),
    *unary("expm1", X, np.expm1),
    *unary("floor", X, np.floor),
    *unary("frac", X, lambda x: x - np.trunc(x)),
    *unary("log", POSITIVE, np.log),
    *unary("log10", POSITIVE, np.log10),
    *unary("log1p", SMALL, np.log1p),
    *unary("log2", POSITIVE, np.log2),
    *unary("neg negative", X, np.negative),
    *unary("positive", X, np.positive),
    *unary("reciprocal", X, lambda x: 1 / x),
    *unary("relu", X, lambda x: np.maximum(x, 0)),
    *unary("round", X, np.rint),
    *unary("rsqrt", POSITIVE, lambda x: 1 / np.sqrt(x)),
    *unary("sigmoid", X, lambda x: 1 / (1 + np.exp(-x))),
    *unary("sign sgn", X, np.sign),
    *unary("sin", X, np.sin),
    *unary("sinc", X, np.sinc),
    *unary("sinh", X, np.sinh),
    *unary("sqrt", POSITIVE, np.sqrt),
    *unary("square", X, np.square),
    *unary("tan", SMALL, np.tan),
    *unary("tanh", X, np.tanh),
    *unary("trunc fix", X, np.trunc),
    *unary("deg2rad", X, np.deg2rad),
    *unary("rad2deg", X, np.rad2deg),
    *unary("logit", [0.25, 0.75], lambda p: np.log(p / (1 - p))),
    *binary("atan2", np.arctan2),
    *binary("add", np.add),
    *binary("sub subtract", np.subtract),
    *binary("mul multiply", np.multiply),
    *binary("div divide true_divide", np.divide),
    *binary("floor_divide", np.floor_divide),
    *binary("remainder", np.remainder),
    *binary("fmod", np.fmod),
    *binary("hypot", np.hypot),
    *binary("logaddexp", np.logaddexp),
    *binary("maximum", np.maximum),
    *binary("minimum", np.minimum),
    *binary("rsub", lambda a, b: b - a),
    Case("xlogy", tg.xlogy, [[0.5, 2.0], [3.0, 0.25]], [0.5 * math.log(3), 2 * math.log(0.25)]),
    Case("pow", tg.pow, [[2.0, 3.0], [3.0, -1.0]], [8, 1 / 3]),
    Case("pow", lambda x: tg.pow(x, 2), [[-3.0, 2.0]], [9, 4]),
    Case("pow", lambda x: tg.pow(x, 0.5), [[9.0, 4.0]], [3, 2]),
    Case("pow", lambda x: tg.pow(x, 1), [[-3.0]], [-3]),
    Case("pow", lambda x: tg.pow(2.0, x), [[3.0, -1.0]], [8, 0.5]),
    Case("float_power", tg.float_power, [[2.0], [3.0]], np.array([8.0])),
    Case("add", lambda a, b: tg.add(a, b, alpha=3), [[1.0], [2.0]], [7]),
    Case("sub", lambda a, b: tg.sub(a, b, alpha=3), [[1.0], [2.0]], [-5]),
    Case("rsub", lambda a: tg.rsub(a, 10, alpha=2), [[1.0]], [8]),
    Case("addcmul", lambda x, a, b: tg.addcmul(x, a, b, value=2), [[1.0], [2.0], [3.0]], [13]),
    Case("addcdiv", lambda x, a, b: tg.addcdiv(x, a, b, value=2), [[1.0], [3.0], [4.0]], [2.5]),
    Case("div", lambda a, b: tg.div(a, b, rounding_mode="floor"), [[-7.5], [2.0]], [-4]),
    Case("div", lambda a, b: tg.div(a, b, rounding_mode="trunc"), [[-7.5], [2.0]], [-3]),
    Case("clamp", lambda x: tg.clamp(x, -1, 1), [X], [-1, -0.25, 0.75, 1]),
    Case("clip", lambda x: tg.clip(x, max=0.5), [X], [-1.5, -0.25, 0.5, 0.5]),
    Case("clamp", tg.clamp, [X, [-1.0] * 4, [1.0] * 4], [-1, -0.25, 0.75, 1]),
    Case("clamp_min", lambda x: tg.clamp_min(x, 0.5), [X], [0.5, 0.5, 0.75, 2]),
    Case("clamp_max", lambda x: tg.clamp_max(x, 0.5), [X], [-1.5, -0.25, 0.5, 0.5]),
    Case("fill", lambda x: tg.fill(x, 2) * x, [X], [2 * x for x in X]),
    Case("round", lambda x: tg.round(x, decimals=1) + x, [[0.26, -1.74]], [0.56, -3.44]),
    Case("lerp", lambda x, e: tg.lerp(x, e, 0.25), [[0.0, 4.0], [8.0, 8.0]], [2, 5]),
    Case("lerp", lambda x, e: tg.lerp(x, e, 0.75), [[0.0, 4.0], [8.0, 8.0]], [6, 7]),
    Case("lerp", tg.lerp, [[0.0, 4.0], [8.0, 8.0], [0.25, 0.75]], [2, 7]),
    Case("arcsinh", tg.arcsinh, [[0.5]], np.arcsinh(np.float32([0.5]))),
    Case("arccosh", tg.arccosh, [[1.5]], np.arccosh(np.float32([1.5]))),
    Case("arctanh", tg.arctanh, [[0.5]], np.arctanh(np.float32([0.5]))),
    Case("arctan2", tg.arctan2, [[0.5], [2.0]], np.arctan2(np.float32([0.5]), np.float32([2]))),
    Case("copysign", tg.copysign, [[1.0, -2.0, 3.0], [-0.5, 0.5, 4.0]], [-1, 2, 3]),
    Case("fmax", tg.fmax, [[1.0, 5.0], [2.0, 3.0]], [2, 5]),
    Case("fmin", tg.fmin, [[1.0, 5.0], [2.0, 3.0]], [1, 3]),
    Case("logaddexp2", tg.logaddexp2, [[1.0, 5.0], [1.0, 3.0]], [2, np.log2(40)]),
    Case("ldexp", tg.ldexp, [[1.0, 3.0], [2.0, -1.0]], [4, 1.5]),
    Case("frexp", lambda x: tg.frexp(x).mantissa, [[3.0, -0.25]], [0.75, -0.5]),
    Case("angle", lambda x: tg.angle(x) + x * 0, [[-1.5, 2.0]], [math.pi, 0]),
    *(Case(name, getattr(tg, name), [X], X)
      for name in ("real", "conj", "conj_physical", "resolve_conj", "resolve_neg")),
]  # fmt: skip
BIG = np.finfo(np.float32).max
PLAIN = [
    Plain("nan_to_num", tg.nan_to_num, [[nan, inf, -inf, 1.0]], [0, BIG, -BIG, 1]),
    Plain("nan_to_num", lambda x: tg.nan_to_num(x, 1, 2, 3), [[nan, inf, -inf]], [1, 2, 3]),
    Plain("nan_to_num", tg.nan_to_num, [[1, 2]], np.array([1, 2])),
    Plain("sign", tg.sign, [[True, False]], np.array([True, False])),
    Plain("square", tg.square, [[True, False]], np.array([1, 0])),
    Plain("pow", lambda x: tg.pow(x, 2.0), [[1, 3]], np.array([1, 9], np.float32)),
    Plain("pow", tg.pow, [[1, -1, 2, -1], [-2, -1, -1, 3]], np.array([1, -1, 0, -1])),
    Plain("float_power", lambda x: tg.float_power(x, 2), [[3]], np.array([9.0])),
    Plain("clamp", lambda x: tg.clamp(x, 1, 2), [[0, 3]], np.array([1, 2])),
    Plain("clamp", lambda x: tg.clamp(x, 0.5), [[0, 3]], np.array([0.5, 3], np.float32)),
    Plain("clamp", tg.clamp, [[0, 3], [1, 1], [2, 2]], np.array([1, 2])),
    Plain("clamp", lambda x: tg.clamp(x, tg.tensor([nan, 1.0])), [[1.0, 2.0]], [nan, 2]),
    Plain("clamp", lambda x: tg.clamp(x, tg.tensor(1.0, dtype=tg.float64)), [[0.0]], [1]),
    Plain("round", tg.round, [[1, 2]], np.array([1, 2])),
    Plain("round", tg.round, [[0.5, 1.5, 2.5]], [0, 2, 2]),
    Plain("div", lambda a, b: tg.div(a, b, rounding_mode="trunc"), [[-7], [2]], np.array([-3])),
    Plain("floor_divide", tg.floor_divide, [[-7], [2]], np.array([-4])),
    Plain("remainder", tg.remainder, [[-7], [2]], np.array([1])),
    Plain("fmod", tg.fmod, [[-7], [2]], np.array([-1])),
    Plain("div", tg.div, [[1], [2]], np.array([0.5], np.float32)),
    Plain("relu", tg.relu, [[-1, 2]], np.array([0, 2])),
    Plain("exp", tg.exp, [[0, 1]], np.array([1, math.e], np.float32)),
    Plain("xlogy", tg.xlogy, [[0.0, 0.0], [0.0, nan]], [0, nan]),
    Plain("xlogy", lambda x: tg.xlogy(x, 2.0), [[0.0, 1.0]], [0, math.log(2)]),
    Plain("logit", lambda x: tg.logit(x, 0.25), [[0.0, 0.5]], [math.log(1 / 3), 0]),
    Plain("logit", tg.logit, [[0, 1]], [-inf, inf]),
    Plain("sinc", tg.sinc, [[0.0]], [1]),
    Plain("erf", tg.erf, [[0.0, 5.0, -5.0]], [0, 1, -1]),
    Plain("erfc", tg.erfc, [[0.0, 10.0]], [1, math.erfc(10)]),
    Plain("fill", lambda x: tg.fill(x, tg.tensor(2.5)), [[1, 2]], np.array([2, 2])),
]
PLAIN += [
    Plain("fmax", tg.fmax, [[nan, 1.0, nan], [2.0, nan, nan]], [2, 1, nan]),
    Plain("fmin", tg.fmin, [[1], [2]], np.array([1])),
    Plain("ldexp", tg.ldexp, [[3], [2]], np.array([12], np.float32)),
    Plain("frexp", tg.frexp, [[8.0, 0.0, 1e-45, inf]],
          (np.frexp(np.float32([8, 0, 1e-45, inf]))[0], np.array([4, 0, -148, 0], np.int32))),
    Plain("angle", tg.angle, [[nan, -1.0]], [nan, math.pi]),
    Plain("angle", tg.angle, [[-2, 3]], np.array([math.pi, 0], np.float32)),
    Plain("copysign", lambda x: tg.copysign(x, -0.0), [[1, 0]], np.array([-1, -0.0], np.float32)),
    Plain("isreal", tg.isreal, [[1.0, nan]], np.array([True, True])),
]  # fmt: skip
REFUSALS = [
    Refusal("frexp of integers", lambda: tg.frexp(tg.tensor([1])), DTypeError, "floating-point"),
    Refusal("floating alpha", lambda: tg.add(tg.tensor([1]), 2, alpha=0.5), DTypeError,
            "argument alpha must not be a floating point number"),
    Refusal("rounding mode", lambda: tg.div(tg.ones(1), 2, rounding_mode="up"), RuntimeError,
            "rounding_mode is None, 'trunc' or 'floor', not 'up'"),
    Refusal("div by 0", lambda: tg.div(tg.tensor([1]), 0, rounding_mode="trunc"), DivisionError,
            "div: integers were divided by 0"),
    Refusal("floor_divide by 0", lambda: tg.floor_divide(tg.tensor([1]), 0), DivisionError,
            "integers were divided by 0"),
    Refusal("remainder of bools", lambda: tg.remainder(tg.tensor([True]), True), DTypeError,
            "not implemented for bools"),
    Refusal("addcmul", lambda: tg.addcmul(*[tg.tensor([True])] * 3), DTypeError,
            "addcmul() is not implemented for bools"),
    Refusal("positive", lambda: +tg.tensor([True]), RuntimeError, "The `+` operator"),
    Refusal("clamp", lambda: tg.clamp(tg.ones(1)), RuntimeError, "at least one of 'min' or 'max'"),
    Refusal("fill", lambda: tg.fill(tg.ones(2), tg.ones(2)), RuntimeError,
            "fill only supports 0-dimension value tensor but got 1"),
    Refusal("round", lambda: tg.round(tg.tensor([1]), decimals=1), DTypeError,
            "round() of int64 is not implemented"),
    Refusal("lerp", lambda: tg.lerp(tg.ones(1), tg.ones(1).double(), 0.5), DTypeError,
            "lerp: input is float32 and end float64"),
    Refusal("abs of bools", lambda: tg.abs(tg.tensor([True])), DTypeError, "abs() is not"),
    Refusal("absolute of bools", lambda: tg.tensor([True]).absolute(), DTypeError, "abs() is not"),
    Refusal("pow of bools", lambda: tg.pow(tg.tensor([True]), True), DTypeError, "for bools"),
    Refusal("hypot of integers", lambda: tg.hypot(tg.tensor([3]), 4), DTypeError, "cast to float"),
]  # fmt: skip


test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    elementwise, CASES, PLAIN, REFUSALS
)


def test_a_name_of_two_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    table = ModuleType("table")
    for name in ("one", "two"):
        setattr(table, name, published.elementwise(np.exp, also="both"))
        monkeypatch.setitem(REGISTRY, name, None)  # taken out again afterwards
    with pytest.raises(TypeError, match="both is the name of two rows"):
        published.publish({"__name__": "page"}, table)


def test_a_row_with_settings_is_no_elementwise_one() -> None:
    with pytest.raises(
        TypeError, match=r"power: .* one array or two and no settings, not \(x, p\)"
    ):
        published.elementwise(power, x=lambda g, x, p: g * x**p)


def power(x: np.ndarray, *, p: float) -> np.ndarray:
    return x**p
