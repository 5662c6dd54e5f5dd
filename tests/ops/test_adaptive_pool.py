"""Adaptive and fractional maxima, the way back from a maximum, and powers' means."""

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import adaptive_pool

LINE = [[[1.0, 5.0, 2.0, 4.0, 3.0]]]
IMAGE = [[[[1.0, 5.0, 2.0], [7.0, 4.0, 3.0], [6.0, 8.0, 9.0]]]]
HALVES = tg.tensor([[[0.5, 0.5]]])
CASES = [
    Case("adaptive_max_pool1d", lambda x: F.adaptive_max_pool1d(x, 2), [LINE], [[[5, 4]]]),
    Case("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, 2), [IMAGE],
         [[[[7, 5], [8, 9]]]]),
    Case("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, (None, 1)), [IMAGE[0]],
         [[[5], [7], [9]]]),
    Case("adaptive_max_pool3d", lambda x: F.adaptive_max_pool3d(x, 1), [IMAGE], [[[[9]]]]),
    Case("fractional_max_pool2d", lambda x: F.fractional_max_pool2d(
             x, 2, 2, _random_samples=HALVES), [IMAGE], [[[[7, 5], [8, 9]]]]),
    Case("fractional_max_pool3d", lambda x: F.fractional_max_pool3d(x, (1, 2, 2), (1, 2, 2)),
         [IMAGE], [[[[7, 5], [8, 9]]]]),
    Case("max_unpool1d", lambda x: F.max_unpool1d(x, tg.tensor([[[1, 3]]]), 2), [[[[5.0, 4.0]]]],
         [[[0, 5, 0, 4]]]),
    Case("max_unpool2d", lambda x: F.max_unpool2d(x, tg.tensor([[[[3]]]]), 2, output_size=(2, 3)),
         [[[[[5.0]]]]], [[[[0, 0, 0], [5, 0, 0]]]]),
    Case("max_unpool3d", lambda x: F.max_unpool3d(x, tg.tensor([[[[1]]]]), (1, 1, 2)),
         [[[[[5.0]]]]], [[[[0, 5]]]]),
    Case("lp_pool1d", lambda x: F.lp_pool1d(x, 2, 2), [[[[3.0, 4.0, 1.0]]]], [[[5]]]),
    Case("lp_pool2d", lambda x: F.lp_pool2d(x, 1, 3), [IMAGE], [[[[45]]]]),
    Case("lp_pool3d", lambda x: F.lp_pool3d(x, 2, 1), [IMAGE], IMAGE),
]  # fmt: skip
PLAIN = [
    Plain("adaptive_max_pool1d_with_indices", lambda x: F.adaptive_max_pool1d_with_indices(x, 2),
          [LINE], ([[[5, 4]]], np.array([[[1, 3]]]))),
    Plain("adaptive_max_pool2d_with_indices", lambda x: F.adaptive_max_pool2d_with_indices(x, 2),
          [IMAGE], ([[[[7, 5], [8, 9]]]], np.array([[[[3, 1], [7, 8]]]]))),
    Plain("adaptive_max_pool3d_with_indices", lambda x: F.adaptive_max_pool3d_with_indices(x, 1),
          [IMAGE], ([[[[9]]]], np.array([[[[8]]]]))),
    Plain("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, 1, return_indices=True),
          [[[[[2.0, 2.0]]]]], ([[[[2]]]], np.array([[[[0]]]]))),
    Plain("fractional_max_pool2d_with_indices", lambda x: F.fractional_max_pool2d_with_indices(
              x, 2, 2, _random_samples=HALVES), [IMAGE],
          ([[[[7, 5], [8, 9]]]], np.array([[[[3, 1], [7, 8]]]]))),
    Plain("fractional_max_pool3d_with_indices", lambda x: F.fractional_max_pool3d_with_indices(
              x, 1, output_ratio=1.0)[1], [[[[[2.0, 2.0]]]]], np.array([[[[0, 1]]]])),
]  # fmt: skip
X = tg.ones(1, 1, 3, 3)
AT = tg.tensor([[[[9]]]])
REFUSALS = [
    Refusal("ndim", lambda: F.adaptive_max_pool2d(X[0, 0], 1), ShapeError, "not shape [3, 3]"),
    Refusal("sizes", lambda: F.adaptive_max_pool2d(X, (1, 1, 1)), RuntimeError, "one number or 2"),
    Refusal("empty", lambda: F.adaptive_max_pool2d(X[..., :0], 1), ShapeError, "non-zero size"),
    Refusal("integers", lambda: F.adaptive_max_pool2d(X.long(), 1), DTypeError, "int64"),
    Refusal("ratio", lambda: F.fractional_max_pool2d(X, 2), ValueError, "either an output_size or"),
    Refusal("fraction", lambda: F.fractional_max_pool2d(X, 2, 3), ShapeError, "[3, 3] windows of"),
    Refusal("place", lambda: F.max_unpool2d(X[..., :1, :1], AT, 1), RuntimeError, "max index 9"),
    Refusal("shapes", lambda: F.max_unpool2d(X, AT, 1), ShapeError, "must have one shape"),
    Refusal("floats", lambda: F.max_unpool2d(X, X, 1), TypeError, "indices must be integers"),
    Refusal("output", lambda: F.max_unpool2d(X[..., :1, :1], AT, 2, output_size=(9, 9)), ValueError,
            "within a stride of [2, 2]"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    adaptive_pool, CASES, PLAIN, REFUSALS
)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_unpooling_undoes_pooling_where_the_maxima_are(dims: int) -> None:
    x = tg.randperm(2 * 4**dims).reshape(1, 2, *(4,) * dims).double()
    y, at = getattr(F, f"max_pool{dims}d")(x, 2, return_indices=True)
    back = getattr(F, f"max_unpool{dims}d")(y, at, 2)
    assert back.shape == x.shape and ((back == x) | (back == 0)).all()
    again, _ = getattr(F, f"max_pool{dims}d")(back, 2, return_indices=True)
    assert again.equal(y)
