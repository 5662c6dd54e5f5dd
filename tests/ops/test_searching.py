"""Places in sorted rows, sets, runs."""

import numpy as np

import tinygrad_mnist as tg
from tests.ops.cases import Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import searching

EDGES, ROWS = [1, 3, 5], [[1.0, 3.0], [0.0, 4.0]]
PLAIN = [
    Plain("searchsorted", tg.searchsorted, [EDGES, [[0, 3], [6, 5]]], np.array([[0, 1], [3, 2]])),
    Plain("searchsorted", lambda e, x: tg.searchsorted(e, x, right=True), [EDGES, [3, 6]], [2, 3]),
    Plain("searchsorted", lambda e, x: tg.searchsorted(e, x, side="right"), [EDGES, [3]], [2]),
    Plain("searchsorted", tg.searchsorted, [ROWS, [[2.0], [4.0]]], [[1], [1]]),
    Plain("searchsorted", lambda e: tg.searchsorted(e, 4), [EDGES], 2),
    Plain("searchsorted", lambda e, o: tg.searchsorted(e, 4, sorter=o), [[5, 1, 3], [1, 2, 0]], 2),
    Plain("bucketize", tg.bucketize, [[0.0, 3.0, 9.0], [1.0, 3.0]], [0, 1, 2]),
    Plain("bucketize", lambda x, e: tg.bucketize(x, e, right=True, out_int32=True),
          [[3.0], [1.0, 3.0]], np.array([2], np.int32)),
    Plain("isin", tg.isin, [[[1, 2], [3, 4]], [2, 4]], np.array([[False, True], [False, True]])),
    Plain("isin", lambda x: tg.isin(x, 1, invert=True), [[1, 2]], np.array([False, True])),
    Plain("isin", lambda x: tg.isin(1, x), [[1, 2]], np.bool_(True)),
    Plain("unique_consecutive", tg.unique_consecutive, [[1, 1, 2, 1]], np.array([1, 2, 1])),
    Plain("unique_consecutive", lambda x: tg.unique_consecutive(x, True, True), [[4, 4, 5]],
          (np.array([4, 5]), np.array([0, 0, 1]), np.array([2, 1]))),
    Plain("unique_consecutive", lambda x: tg.unique_consecutive(x, dim=1), [[[1, 1, 2], [3, 3, 3]]],
          [[1, 2], [3, 3]]),
    Plain("unique_consecutive", tg.unique_consecutive, [[]], np.zeros(0, np.float32)),
]  # fmt: skip
X = tg.tensor(EDGES)
REFUSALS = [
    Refusal("side", lambda: tg.searchsorted(X, 1, side="up"), RuntimeError, "'left' or 'right'"),
    Refusal("sides", lambda: tg.searchsorted(X, 1, side="left", right=True), RuntimeError, "oppos"),
    Refusal("sorter", lambda: tg.searchsorted(X, 1, sorter=X[:2]), RuntimeError, "the shape of"),
    Refusal("rows", lambda: tg.searchsorted(tg.tensor(ROWS), tg.ones(3, 1)), ShapeError, "N-1"),
    Refusal("edges", lambda: tg.bucketize(1, tg.tensor(ROWS)), ShapeError, "got dim(2)"),
    Refusal("bools", lambda: tg.searchsorted(X > 0, X), DTypeError, "not implemented for bool"),
    Refusal("isin", lambda: tg.isin(1, 2), TypeError, "must be a Tensor"),
]
test_value, _, test_refusal, test_every_name_has_a_case = family_tests(
    searching, [], PLAIN, REFUSALS
)
