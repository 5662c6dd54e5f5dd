"""Comparisons, logic, and `where`."""

import math

import numpy as np

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError
from tinygrad_mnist.ops import compare

inf, nan = math.inf, math.nan
A, B = [1.0, 2.0, nan, inf], [2.0, 2.0, nan, 1.0]
BITS = [[0, 1, 5, 6], [1, 1, 3, -1]]


def compared(names: str, like: object) -> list[Plain]:
    value = like(np.array(A), np.array(B))
    return [Plain(name, getattr(tg, name), [A, B], value) for name in names.split()]


def logical(name: str) -> Plain:
    return Plain(name, getattr(tg, name), BITS, getattr(np, name)(*map(np.array, BITS)))


CASES = [
    Case("where", tg.where, [[True, False], [1.0, 2.0], [3.0, 4.0]], [1, 4]),
    Case("where", lambda c, a: tg.where(c, a, 0.0), [[True, False], [1.0, 2.0]], [1, 0]),
    Case("where", lambda a, c: a.where(c, 7.0), [[1.0, 2.0], [True, False]], [1, 7]),
]  # fmt: skip
PLAIN = [
    *compared("eq", np.equal),
    *compared("ne not_equal", np.not_equal),
    *compared("lt less", np.less),
    *compared("le less_equal", np.less_equal),
    *compared("gt greater", np.greater),
    *compared("ge greater_equal", np.greater_equal),
    *map(logical, ["logical_and", "logical_or", "logical_xor"]),
    *map(logical, ["bitwise_and", "bitwise_or", "bitwise_xor"]),
    Plain("logical_not", tg.logical_not, [[0, 2]], np.array([True, False])),
    Plain("bitwise_not", tg.bitwise_not, [[0, 2]], np.array([-1, -3])),
    Plain("bitwise_not", tg.bitwise_not, [[True, False]], np.array([False, True])),
    Plain("isnan", tg.isnan, [[1.0, nan, inf]], np.array([False, True, False])),
    Plain("isinf", tg.isinf, [[1.0, nan, -inf]], np.array([False, False, True])),
    Plain("isfinite", tg.isfinite, [[1.0, nan, inf]], np.array([True, False, False])),
    Plain("isposinf", tg.isposinf, [[inf, -inf, 1.0]], np.array([True, False, False])),
    Plain("isneginf", tg.isneginf, [[inf, -inf, 1.0]], np.array([False, True, False])),
    Plain("signbit", tg.signbit, [[-0.0, 1.0, -2.0]], np.array([True, False, True])),
    Plain("signbit", tg.signbit, [[-1, 0]], np.array([True, False])),
    Plain("bitwise_left_shift", tg.bitwise_left_shift, [[1, 3], [2, 1]], np.array([4, 6])),
    Plain("bitwise_left_shift", lambda x: x << 1, [[1, 3]], np.array([2, 6])),
    Plain("bitwise_right_shift", tg.bitwise_right_shift, [[8, -3], [2, 1]], np.array([2, -2])),
    Plain("bitwise_right_shift", lambda x: 16 >> x, [[1, 3]], np.array([8, 2])),
    Plain("gcd", tg.gcd, [[12, -8], [18, 6]], np.array([6, 2])),
    Plain("lcm", tg.lcm, [[4, -3], [6, 5]], np.array([12, 15])),
    Plain("heaviside", tg.heaviside, [[-1.0, 0.0, 2.0], [0.5]], np.array([0, 0.5, 1], np.float32)),
    Plain("heaviside", tg.heaviside, [[-1, 0, 2], [7]], np.array([0, 7, 1])),
    Plain("nextafter", tg.nextafter, [[1.0], [2.0]], np.nextafter(np.ones(1, np.float32), 2)),
    Plain("where", tg.where, [[[0, 1], [2, 0]]], (np.array([0, 1]), np.array([1, 0]))),
    Plain("where", lambda c: tg.where(c, 1, 2.5), [[True, False]], np.array([1, 2.5], np.float32)),
    Plain("where", tg.where, [[True], [1], [0.5]], np.array([1], np.float32)),
    Plain("isclose", tg.isclose, [[1.0, 1.0, nan, inf, inf], [1.000001, 1.1, nan, inf, 1.0]],
          np.array([True, False, False, True, False])),
    Plain("isclose", lambda a: tg.isclose(a, a, equal_nan=True), [[nan]], np.array([True])),
    Plain("isclose", lambda a: tg.isclose(a, 2.0, atol=1.0), [[1.5]], np.array([True])),
    Plain("allclose", tg.allclose, [[1.0, 2.0], [1.0, 2.000001]], True),
    Plain("allclose", tg.allclose, [[1.0, 2.0], [1.0, 2.1]], False),
    Plain("equal", tg.equal, [[1, 2], [1, 2]], True),
    Plain("equal", tg.equal, [[1, 2], [1, 3]], False),
    Plain("equal", tg.equal, [[1, 2], [[1, 2]]], False),
]  # fmt: skip
REFUSALS = [
    Refusal("negative tolerance", lambda: tg.isclose(tg.ones(1), tg.ones(1), rtol=-1), RuntimeError,
            "rtol and atol must not be negative, got -1"),
    Refusal("shift of bools", lambda: tg.bitwise_left_shift(tg.tensor([True]), True), DTypeError,
            "not implemented for bool; integers are needed"),
    Refusal("gcd of floats", lambda: tg.gcd(tg.ones(1), 2), DTypeError, "integers are needed"),
    Refusal("nextafter", lambda: tg.nextafter(tg.tensor([1]), 2), DTypeError, "cast to float"),
    Refusal("bits of floats", lambda: tg.bitwise_and(tg.ones(1), tg.ones(1)), DTypeError,
            "bitwise_and(float32[1], float32[1])"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    compare, CASES, PLAIN, REFUSALS
)


def test_a_comparison_ends_the_graph() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    assert not (x > 0).requires_grad and not x.isnan().requires_grad
