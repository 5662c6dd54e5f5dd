"""Many elements to one: sums, means, extremes, norms, softmax and its relatives."""

import math

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError
from tinygrad_mnist.ops import reduce

inf, nan = math.inf, math.nan
M = [[1.0, 4.0, 2.0], [6.0, 3.0, 5.0]]
V = [1.0, 2.0, 4.0]
ARRAY = np.array(M)
LOG = math.log(math.e + math.e**2 + math.e**4)
SOFT = (np.exp(ARRAY) / np.exp(ARRAY).sum(1, keepdims=True)).tolist()
CASES = [
    Case("sum", tg.sum, [M], 21),
    Case("sum", lambda x: tg.sum(x, 1), [M], [7, 14]),
    Case("sum", lambda x: tg.sum(x, (0, -1), keepdim=True), [M], [[21]]),
    Case("mean", tg.mean, [M], 3.5),
    Case("mean", lambda x: x.mean(0, keepdim=True), [M], [[3.5, 3.5, 3.5]]),
    Case("nansum", tg.nansum, [V], 7),
    Case("nanmean", lambda x: tg.nanmean(x, 1), [M], [7 / 3, 14 / 3]),
    Case("amax", lambda x: tg.amax(x, 1), [M], [4, 6]),
    Case("amin", lambda x: tg.amin(x, (0, 1)), [M], 1),
    Case("aminmax", lambda x: tuple(tg.aminmax(x, dim=1)), [M], ([1, 3], [4, 6])),
    Case("max", tg.max, [M], 6),
    Case("max", lambda x: tg.max(x, 1).values, [M], [4, 6]),
    Case("max", lambda x, y: tg.max(x, y), [V, [2.0, 1.0, 5.0]], [2, 2, 5]),
    Case("min", tg.min, [M], 1),
    Case("min", lambda x: tg.min(x, 0, keepdim=True).values, [M], [[1, 3, 2]]),
    Case("min", lambda x, y: tg.min(x, y), [V, [2.0, 1.0, 5.0]], [1, 1, 4]),
    Case("prod", tg.prod, [V], 8),
    Case("prod", lambda x: tg.prod(x, 1), [M], [8, 90]),
    Case("prod", lambda x: tg.prod(x, 1, keepdim=True), [[[3.0], [2.0]]], [[3], [2]]),
    Case("prod", tg.prod, [[0.0, 2.0, 3.0]], 0),
    Case("cumsum", lambda x: tg.cumsum(x, 1), [M], np.cumsum(M, 1).tolist()),
    Case("cumsum", lambda x: tg.cumsum(x.sum(), 0), [V], 7),
    Case("cumprod", lambda x: tg.cumprod(x, 0), [V], [1, 2, 8]),
    Case("cumprod", lambda x: tg.cumprod(x, 0), [[2.0]], [2]),
    Case("logcumsumexp", lambda x: tg.logcumsumexp(x, 0), [V],
         np.log(np.cumsum(np.exp(V))).tolist()),
    Case("logsumexp", tg.logsumexp, [V], LOG),
    Case("logsumexp", lambda x: tg.logsumexp(x, 0, keepdim=True), [V], [LOG]),
    Case("softmax", lambda x: tg.softmax(x, 1), [M], SOFT),
    Case("softmax", lambda x: tg.softmax(x.sum(), 0) * x, [V], V),
    Case("log_softmax", lambda x: tg.log_softmax(x, 1), [M], np.log(SOFT).tolist()),
    Case("var", tg.var, [V], float(np.var(V, ddof=1))),
    Case("var", lambda x: tg.var(x, 1, keepdim=True, correction=0), [M],
         np.var(M, 1, keepdims=True).tolist()),
    Case("var", lambda x: tg.var(x, False), [V], float(np.var(V))),
    Case("std", tg.std, [V], float(np.std(V, ddof=1))),
    Case("std", lambda x: tg.std(x, 1, unbiased=False), [M], np.std(M, 1).tolist()),
    Case("norm", tg.norm, [[3.0, 4.0]], 5),
    Case("norm", lambda x: tg.norm(x, 1, 1), [M], [7, 14]),
    Case("norm", lambda x: tg.norm(x, inf, 1), [M], [4, 6]),
    Case("norm", lambda x: tg.norm(x, -inf), [M], 1),
    Case("norm", lambda x: tg.norm(x, 3, 0, keepdim=True), [V], [73 ** (1 / 3)]),
    Case("norm", lambda x: tg.norm(x, "nuc"), [[[3.0, 0.0], [1.0, 2.0]]],
         float(np.linalg.norm([[3, 0], [1, 2]], "nuc"))),
    Case("norm", lambda x: tg.norm(x, "nuc", (0, 1), keepdim=True), [[[2.0, 0.0], [0.0, 1.0]]],
         [[3]]),
    Case("dist", tg.dist, [V, [1.0, 5.0, 0.0]], 5),
    Case("dist", lambda a, b: tg.dist(a, b, 1), [V, [1.0, 5.0, 0.0]], 7),
]  # fmt: skip
PLAIN = [
    Plain("sum", tg.sum, [[1, 2]], np.int64(3)),
    Plain("sum", lambda x: tg.sum(x, dtype=tg.float64), [[True, True]], np.float64(2)),
    Plain("sum", lambda x: tg.sum(x, dtype=tg.int64), [[1.7, 2.7]], np.int64(3)),
    Plain("mean", lambda x: tg.mean(x, dtype=tg.float32), [[1, 2]], np.float32(1.5)),
    Plain("mean", lambda: tg.mean(tg.zeros(0)), [], nan),
    Plain("nansum", tg.nansum, [[nan, 1.0]], 1),
    Plain("nansum", tg.nansum, [[1, 2]], np.int64(3)),
    Plain("nanmean", tg.nanmean, [[nan, 1.0, 3.0]], 2),
    Plain("all", tg.all, [[1, 0]], np.False_),
    Plain("all", lambda x: tg.all(x, 1), [[[1, 1], [0, 1]]], np.array([True, False])),
    Plain("any", tg.any, [[0, 2]], np.True_),
    Plain("any", lambda x: tg.any(x, 0, keepdim=True), [[0, 0]], np.array([False])),
    Plain("argmax", tg.argmax, [M], np.int64(3)),
    Plain("argmax", lambda x: tg.argmax(x, 1, keepdim=True), [M], np.array([[1], [0]])),
    Plain("argmin", lambda x: tg.argmin(x, -1), [M], np.array([0, 1])),
    Plain("argmin", lambda x: tg.argmin(x.sum(), 0), [V], np.int64(0)),
    Plain("max", lambda x: tg.max(x, 1), [M], ([4, 6], np.array([1, 0]))),
    Plain("max", lambda x: tg.max(x.sum(), 0), [[1, 2]], (np.int64(3), np.int64(0))),
    Plain("min", lambda x: tg.min(x, 1), [[[2, 1]]], (np.array([1]), np.array([1]))),
    Plain("aminmax", tg.aminmax, [[3, 1]], (np.int64(1), np.int64(3))),
    Plain("prod", tg.prod, [[2, 3]], np.int64(6)),
    Plain("prod", lambda: tg.prod(tg.zeros(2, 0), 1), [], [1, 1]),
    Plain("prod", tg.prod, [[2.0]], 2),
    Plain("cumsum", lambda x: tg.cumsum(x, 0), [[True, True]], np.array([1, 2])),
    Plain("cumprod", lambda x: tg.cumprod(x, 0, dtype=tg.float32), [[2, 3]],
          np.array([2, 6], np.float32)),
    Plain("count_nonzero", tg.count_nonzero, [[0, 2, 3]], np.int64(2)),
    Plain("count_nonzero", lambda x: tg.count_nonzero(x, 1), [[[0, 1]]], np.array([1])),
    Plain("logsumexp", tg.logsumexp, [[1000.0, 1000.0]], 1000 + math.log(2)),
    Plain("logsumexp", tg.logsumexp, [[0, 0]], np.float32(math.log(2))),
    Plain("softmax", lambda x: tg.softmax(x, 0, dtype=tg.float64), [[0.0]], np.array([1.0])),
    Plain("norm", lambda x: tg.norm(x, 0), [[0.0, 2.0, 3.0]], 2),
    Plain("norm", lambda x: tg.norm(x, 3), [[0.0, 0.0]], 0),
    Plain("norm", lambda x: tg.norm(x, -1), [[0.0, 2.0]], 0),
    Plain("norm", lambda x: tg.norm(x, 2, dtype=tg.float64), [[3.0, 4.0]], np.float64(5)),
    Plain("norm", tg.norm, [[3e30, 4e30]], 5e30),
]  # fmt: skip
X = tg.ones(2, 3)
REFUSALS = [
    Refusal("mean of integers", lambda: tg.mean(tg.tensor([1])), RuntimeError, "mean() of int64"),
    Refusal("var of integers", lambda: tg.var(tg.tensor([1])), RuntimeError, "not int64"),
    Refusal("std of integers", lambda: tg.std(tg.tensor([1])), DTypeError, "std() is not"),
    Refusal("argmax of bools", lambda: tg.argmax(X > 0), DTypeError, "argmax() is not"),
    Refusal("dim", lambda: tg.sum(X, 2), IndexError, "in range of [-2, 1], but got 2"),
    Refusal("dim twice", lambda: tg.sum(X, (0, -2)), RuntimeError, "the same dimension twice"),
    Refusal("nuclear norm", lambda: tg.norm(X, "nuc", 0), RuntimeError, "is one of matrices"),
    Refusal("max of nothing", lambda: tg.max(tg.zeros(0)), RuntimeError, "max(float32[0])"),
]
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    reduce, CASES, PLAIN, REFUSALS
)


def test_var_warns_where_nothing_is_left_to_divide_by() -> None:
    with pytest.warns(UserWarning, match="degrees of freedom"):
        assert math.isnan(tg.tensor([1.0]).var().item())


def test_float16_is_reduced_in_float32() -> None:
    x = tg.full((4096,), 1.0, dtype=tg.float16)
    assert x.sum().item() == 4096 and x.mean().item() == 1 and x.sum().dtype == tg.float16
    assert tg.prod(tg.tensor([300.0, 300.0, 0.001], dtype=tg.float16)).item() == pytest.approx(
        90, 0.01
    )
    assert tg.norm(tg.tensor([300.0, 400.0], dtype=tg.float16)).item() == 500


@pytest.mark.parametrize("count", [2, 100, 255, 256, 257])
def test_few_numbers_with_gaps_are_added_as_exactly_as_numpy_adds_them(count: int) -> None:
    worst = 0.0
    for seed in range(100):
        x = np.random.default_rng(seed).uniform(size=2 * count)
        for view in (x[::2], x[::-2], np.broadcast_to(x[:1], count)):
            right = math.fsum(view)
            worst = max(worst, abs(tg.sum(tg.from_numpy(view)).item() - right) / right)
    assert worst < 4 * np.finfo(np.float64).eps
