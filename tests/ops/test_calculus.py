"""Differences, integrals, running extremes, products of vectors."""

import math

import numpy as np

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import calculus

V, A = [1.0, 4.0, 2.0, 8.0], [[3.0, 1.0, 2.0], [5.0, 9.0, 4.0]]
CASES = [
    Case("cummax", lambda x: tg.cummax(x, 0)[0], [V], [1, 4, 4, 8]),
    Case("cummin", lambda x: tg.cummin(x, -1)[0], [A], [[3, 1, 1], [5, 5, 4]]),
    Case("cummax", lambda x: tg.cummax(x.sum(), 0)[0], [[2.0]], 2),
    Case("diff", tg.diff, [V], [3, -2, 6]),
    Case("diff", lambda x: tg.diff(x, 2), [V], [-5, 8]),
    Case("diff", lambda x: tg.diff(x, dim=0), [A], [[2, 8, 2]]),
    Case("diff", lambda x, a, b: tg.diff(x, prepend=a, append=b), [V, [0.0], [9.0]],
         [1, 3, -2, 6, 1]),
    Case("diff", lambda x: tg.diff(x, 9), [V], []),
    Case("gradient", lambda x: tg.gradient(x)[0], [V], [3, 0.5, 2, 6]),
    Case("gradient", lambda x: tg.gradient(x, spacing=2.0, edge_order=2)[0], [V],
         np.gradient(V, 2.0, edge_order=2).astype(np.float32)),
    Case("gradient", lambda x, at: tg.gradient(x, spacing=(at,))[0], [V, [0.0, 1.0, 3.0, 4.0]],
         np.gradient(V, [0.0, 1.0, 3.0, 4.0]).astype(np.float32)),
    Case("gradient", tg.gradient, [A], ([[2, 8, 2], [2, 8, 2]], [[-2, -0.5, 1], [4, -0.5, -5]])),
    Case("trapezoid", tg.trapezoid, [V], 10.5),
    Case("trapz", lambda y, x: tg.trapz(y, x), [V, [0.0, 1.0, 3.0, 4.0]], 13.5),
    Case("trapezoid", lambda y: tg.trapezoid(y, dx=2, dim=0), [A], [8, 10, 6]),
    Case("cumulative_trapezoid", tg.cumulative_trapezoid, [V], [2.5, 5.5, 10.5]),
    Case("cross", tg.cross, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]], [-2, 5.5, -3]),
    Case("cross", lambda a, b: tg.cross(a, b, dim=0),
         [[[1.0], [0.0], [0.0]], [[0.0], [1.0], [0.0]]], [[0], [0], [1]]),
    Case("renorm", lambda x: tg.renorm(x, 2, 0, 5.0), [[[3.0, 0.0], [6.0, 8.0]]], [[3, 0], [3, 4]]),
]  # fmt: skip
PLAIN = [
    Plain("cummax", lambda x: tg.cummax(x, 0), [[1, 3, 3, 2]], ([1, 3, 3, 3], [0, 1, 2, 2])),
    Plain("cummin", lambda x: tg.cummin(x, 0)[1], [[2.0, math.nan, 1.0]], [0, 1, 1]),
    Plain("diff", tg.diff, [[True, True, False]], np.array([False, True])),
    Plain("cross", tg.cross, [[1, 0, 0], [0, 1, 0]], np.array([0, 0, 1])),
    Plain("trapezoid", tg.trapezoid, [[1, 2]], np.float32(1.5)),
    Plain("trapezoid", tg.trapezoid, [[]], np.float32(0)),
]
X = tg.ones(2, 3)
REFUSALS = [
    Refusal("cummax", lambda: tg.cummax(X, 2), IndexError, "Dimension out of range"),
    Refusal("diff of a number", lambda: tg.diff(X.sum()), RuntimeError, "at least one-dimensional"),
    Refusal("diff", lambda: tg.diff(X, -1), RuntimeError, "order must be non-negative but got -1"),
    Refusal("gradient", lambda: tg.gradient(X, edge_order=3), RuntimeError, "edge_order=1 and"),
    Refusal("short", lambda: tg.gradient(X, edge_order=2), RuntimeError, "at least edge_order+1"),
    Refusal("spacing", lambda: tg.gradient(X, spacing=[1.0]), RuntimeError, "a list of length 2"),
    Refusal("twice", lambda: tg.gradient(X, dim=(1, 1)), RuntimeError, "same dimension twice"),
    Refusal("trapezoid", lambda: tg.trapezoid(X, X[0], dx=1), TypeError, "not both"),
    Refusal("samples", lambda: tg.trapezoid(X, X[0, :2]), ShapeError, "one `x` value for each"),
    Refusal("bools", lambda: tg.trapezoid(X > 0), DTypeError, "bool is not supported"),
    Refusal("cross", lambda: tg.cross(X, X, dim=0), RuntimeError, "must have length 3. Got 2"),
    Refusal("no dim", lambda: tg.cross(X[:, :2], X[:, :2]), RuntimeError, "no dimension of size 3"),
    Refusal("ranks", lambda: tg.cross(X, X[0]), RuntimeError, "same number of dimensions"),
    Refusal("renorm", lambda: tg.renorm(X[0], 2, 0, 1), RuntimeError, "at least 2 dimensions"),
    Refusal("maxnorm", lambda: tg.renorm(X, 2, 0, -1), RuntimeError, "maxnorm not negative"),
]
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    calculus, CASES, PLAIN, REFUSALS
)
