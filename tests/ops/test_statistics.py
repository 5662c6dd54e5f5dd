"""Medians, quantiles, modes, moments, histograms."""

import math

import numpy as np

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import statistics

nan = math.nan
V, A = [5.0, 1.0, 4.0, 2.0], [[3.0, 1.0, 2.0], [5.0, 9.0, 4.0]]
Q = [0.0, 0.25, 0.5, 1.0]
CASES = [
    Case("median", tg.median, [V], 2),
    Case("median", lambda x: tg.median(x, 1)[0], [A], [2, 5]),
    Case("median", lambda x: tg.median(x, 0, keepdim=True)[0], [A], [[3, 1, 2]]),
    Case("nanmedian", tg.nanmedian, [V], 2),
    Case("nanmedian", lambda x: tg.nanmedian(x, -1)[0], [A], [2, 5]),
    Case("mode", lambda x: tg.mode(x)[0], [[2.0, 1.0, 3.0]], 1),
    Case("kthvalue", lambda x: tg.kthvalue(x, 3)[0], [V], 4),
    Case("kthvalue", lambda x: tg.kthvalue(x, 1, 0, keepdim=True)[0], [A], [[3, 1, 2]]),
    Case("msort", tg.msort, [A], np.sort(np.array(A, np.float32), 0)),
    Case("quantile", lambda x: tg.quantile(x, 0.25), [V], 1.75),
    Case("quantile", lambda x: tg.quantile(x, tg.tensor(Q, dtype=x.dtype), dim=1), [A],
         np.quantile(A, Q, axis=1).astype(np.float32)),
    *(Case("quantile", lambda x, how=how: tg.quantile(x, 0.4, interpolation=how), [V],
           np.float32(np.quantile(V, 0.4, method=how)))
      for how in ("linear", "lower", "higher", "midpoint", "nearest")),
    Case("quantile", lambda x: tg.quantile(x, 0.5, 0, keepdim=True), [A], [[4, 5, 3]]),
    Case("nanquantile", lambda x: tg.nanquantile(x, 0.5, 1), [A], [2, 5]),
    Case("std_mean", lambda x: tg.std_mean(x, 1), [A],
         (np.std(A, 1, ddof=1).tolist(), np.mean(A, 1).tolist())),
    Case("var_mean", lambda x: tg.var_mean(x, correction=0), [V], (2.5, 3)),
    Case("cov", tg.cov, [A], np.cov(A).astype(np.float32)),
    Case("cov", tg.cov, [V], np.float32(np.cov(V))),
    Case("cov", lambda x: tg.cov(x, fweights=tg.tensor([1, 2, 3]), correction=0), [A],
         np.cov(A, fweights=[1, 2, 3], ddof=0).astype(np.float32)),
    Case("cov", lambda x, w: tg.cov(x, aweights=w), [A, [0.5, 1.0, 2.0]],
         np.cov(A, aweights=[0.5, 1.0, 2.0]).astype(np.float32)),
    Case("corrcoef", tg.corrcoef, [[[3.0, 1.0, 2.0], [5.0, 9.0, 8.5]]],
         np.corrcoef([[3.0, 1.0, 2.0], [5.0, 9.0, 8.5]]).astype(np.float32)),
]  # fmt: skip
PLAIN = [
    Plain("median", lambda x: tg.median(x, 0), [[4, 1, 3]], (3, 2)),
    Plain("median", tg.median, [[1.0, nan]], nan),
    Plain("median", lambda x: tg.median(x, 0), [[1.0, nan, 0.5, nan]], (nan, 1)),
    Plain("nanmedian", lambda x: tg.nanmedian(x, 0), [[1.0, nan, 0.5, 3.0]], (1, 0)),
    Plain("nanmedian", tg.nanmedian, [[nan, nan]], nan),
    Plain("mode", tg.mode, [[[3, 1, 3, 1], [2, 0, 0, 4]]], ([1, 0], [3, 2])),
    Plain("kthvalue", lambda x: tg.kthvalue(x, 2), [[4, 1, 3]], (3, 2)),
    Plain("quantile", lambda x: tg.quantile(x, 0.5), [[1.0, nan]], nan),
    Plain("nanquantile", lambda x: tg.nanquantile(x, 0.5, 0), [[[1.0, nan], [nan, nan]]], [1, nan]),
    Plain("corrcoef", tg.corrcoef, [[2.0, 3.0]], 1),
]  # fmt: skip
X, EMPTY = tg.ones(2, 3), tg.zeros(0)
REFUSALS = [
    Refusal("bools", lambda: tg.median(X > 0), DTypeError, "median() is not implemented for bools"),
    Refusal("empty", lambda: tg.mode(EMPTY), IndexError, "mode(): Expected reduction dim 0"),
    Refusal("kthvalue", lambda: tg.kthvalue(X, 4), RuntimeError, "selected number k out of range"),
    Refusal("q", lambda: tg.quantile(X, 1.5), RuntimeError, "must be in the range [0, 1] but got"),
    Refusal("dtype", lambda: tg.quantile(X.half(), 0.5), DTypeError, "either float32 or float64"),
    Refusal("q's dtype", lambda: tg.quantile(X, tg.tensor(0.5, dtype=tg.float64)), DTypeError,
            "q is float64 and input float32"),
    Refusal("q's shape", lambda: tg.quantile(X, X), ShapeError, "a number or one dimension"),
    Refusal("how", lambda: tg.quantile(X, 0.5, interpolation="cubic"), RuntimeError, "cubic"),
    Refusal("nothing", lambda: tg.quantile(EMPTY, 0.5), RuntimeError, "must be non-empty"),
    Refusal("cov", lambda: tg.cov(tg.ones(2, 2, 2)), ShapeError, "two or fewer dimensions, not 3"),
    Refusal("weights", lambda: tg.cov(X, fweights=X[0]), DTypeError, "fweights cannot be float32"),
    Refusal("weights' size", lambda: tg.cov(X, aweights=X[0, :2]), ShapeError, "expected 3 aweig"),
    Refusal("negative", lambda: tg.cov(X, aweights=-X[0]), RuntimeError, "cannot be negative"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    statistics, CASES, PLAIN, REFUSALS
)


def test_medians_that_tie_share_the_gradient() -> None:
    x = tg.tensor([1.0, 2.0, 2.0, 5.0], requires_grad=True)
    x.median().backward()
    assert x.grad.tolist() == [0, 0.5, 0.5, 0]
