"""Counts of whole numbers, and of elements between edges."""

import numpy as np

import tinygrad_mnist as tg
from tests.ops.cases import Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import histogram

PLAIN = [
    Plain("bincount", tg.bincount, [[1, 3, 1]], np.array([0, 2, 0, 1])),
    Plain("bincount", tg.bincount, [[1, 1], [0.5, 1.0]], np.array([0, 1.5], np.float32)),
    Plain("bincount", lambda: tg.bincount(tg.zeros(0, dtype=tg.int64), minlength=2), [], [0, 0]),
    Plain("histc", lambda x: tg.histc(x, 2, 0, 4), [[0.0, 1.0, 2.0, 4.0, 5.0]],
          np.array([2, 2], np.float32)),
    Plain("histc", lambda x: tg.histc(x, 2), [[1.0, 2.0]], [1, 1]),
    Plain("histogram", lambda x: tg.histogram(x, 2, range=(0.0, 2.0)), [[0.5, 1.0, 2.0]],
          ([1, 2], [0, 1, 2])),
    Plain("histogram", lambda x, e: tg.histogram(x, e, density=True), [[0.5, 1.0], [0.0, 1.0, 3.0]],
          ([0.5, 0.25], [0, 1, 3])),
    Plain("histogram", lambda x, w: tg.histogram(x, 1, weight=w)[0], [[0.5, 1.0], [2.0, 5.0]], [7]),
    Plain("histogramdd", lambda x: tg.histogramdd(x, [1, 2])[0], [[[0.0, 1.0], [1.0, 3.0]]],
          [[1, 1]]),
    Plain("histogram", lambda: tg.histogram(tg.zeros(0), 2), [], ([0, 0], [0, 0.5, 1])),
]  # fmt: skip
X = tg.ones(2, 3)
REFUSALS = [
    Refusal("bincount", lambda: tg.bincount(tg.tensor([-1])), RuntimeError, "1-d non-negative"),
    Refusal("floats", lambda: tg.bincount(X[0]), DTypeError, "integers are needed"),
    Refusal("bincount's weights", lambda: tg.bincount(tg.tensor([1]), X[0]), ShapeError, "same"),
    Refusal("minlength", lambda: tg.bincount(tg.tensor([1]), minlength=-1), RuntimeError, ">= 0"),
    Refusal("histc", lambda: tg.histc(tg.tensor([1])), DTypeError, "histc() is not implemented"),
    Refusal("bins", lambda: tg.histc(X, 0), RuntimeError, "bins must be > 0"),
    Refusal("range", lambda: tg.histc(X, 2, 3, 1), RuntimeError, "max must be larger than min"),
    Refusal("infinite", lambda: tg.histc(X / 0), RuntimeError, "is not finite"),
    Refusal("histogram", lambda: tg.histogram(tg.tensor([1]), 2), DTypeError, "cast to float"),
    Refusal("dimensions", lambda: tg.histogramdd(X, [1, 1]), RuntimeError, "2 bins for 3 dim"),
    Refusal("float16", lambda: tg.histogram(X.half(), 2), DTypeError, "float16"),
]  # fmt: skip
test_value, _, test_refusal, test_every_name_has_a_case = family_tests(
    histogram, [], PLAIN, REFUSALS
)
