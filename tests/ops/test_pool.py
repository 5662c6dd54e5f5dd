"""Pooling, window by window."""

import math
from collections.abc import Callable

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.ops import pool

X = np.random.default_rng(0).permutation(np.arange(60.0)).reshape(1, 2, 5, 6)
LINE = [[[3.0, 1.0, 4.0, 2.0, 5.0]]]


def windows(
    reduce: Callable[[np.ndarray], float], size: int, stride: int, padding: int = 0, rim: float = 0
) -> list[object]:
    """Each window of an image with a rim, reduced to a number."""
    x = np.pad(X, [(0, 0), (0, 0), (padding,) * 2, (padding,) * 2], constant_values=rim)
    rows, columns = ((n - size) // stride + 1 for n in x.shape[2:])
    y = np.zeros((*X.shape[:2], rows, columns))
    for n, c, i, j in np.ndindex(y.shape):
        top, left = i * stride, j * stride
        y[n, c, i, j] = reduce(x[n, c, top : top + size, left : left + size])
    return y.tolist()


CUBE = [[[[[0.0, 1.0], [2.0, 3.0]], [[4.0, 7.0], [6.0, 5.0]]]]]
CASES = [
    Case("max_pool2d", lambda x: F.max_pool2d(x, 2), [X.tolist()], windows(np.max, 2, 2)),
    Case("max_pool2d", lambda x: F.max_pool2d(x, 3, 1, 1), [X.tolist()],
         windows(np.max, 3, 1, 1, -math.inf)),
    Case("max_pool2d", lambda x: F.max_pool2d(x[0], (2, 2), (2, 2)), [X.tolist()],
         windows(np.max, 2, 2)[0]),
    Case("max_pool2d", lambda x: F.max_pool2d(x, 2, 2, ceil_mode=True)[..., -1, :], [X.tolist()],
         X[:, :, -1].reshape(1, 2, 3, 2).max(-1).tolist()),
    Case("max_pool2d", lambda x: F.max_pool2d(x, 2, 1, 0, (4, 5)), [X.tolist()],
         X[:, :, ::4, ::5].max((2, 3), keepdims=True).tolist()),
    Case("max_pool1d", lambda x: F.max_pool1d(x, 2), [LINE], [[[3, 4]]]),
    Case("max_pool1d", lambda x: F.max_pool1d(x, [2], (1,)), [LINE], [[[3, 4, 4, 5]]]),
    Case("avg_pool2d", lambda x: F.avg_pool2d(x, 2), [X.tolist()], windows(np.mean, 2, 2)),
    Case("avg_pool2d", lambda x: F.avg_pool2d(x[0], 3, 2), [X.tolist()], windows(np.mean, 3, 2)[0]),
    Case("avg_pool2d", lambda x: F.avg_pool2d(x, 3, 1, 1), [X.tolist()], windows(np.mean, 3, 1, 1)),
    Case("avg_pool2d", lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), [X.tolist()],
         windows(np.nanmean, 3, 1, 1, math.nan)),
    Case("avg_pool2d", lambda x: F.avg_pool2d(x, 2, divisor_override=1), [X.tolist()],
         windows(np.sum, 2, 2)),
    Case("avg_pool1d", lambda x: F.avg_pool1d(x, 2, 1), [LINE], [[[2, 2.5, 3, 3.5]]]),
    Case("avg_pool1d", lambda x: F.avg_pool1d(x, 2, ceil_mode=True), [LINE], [[[2, 3, 5]]]),
    Case("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, 1), [X.tolist()],
         X.mean((2, 3), keepdims=True).tolist()),
    Case("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (None, 3)), [X.tolist()],
         X.reshape(1, 2, 5, 3, 2).mean(-1).tolist()),
    Case("adaptive_avg_pool1d", lambda x: F.adaptive_avg_pool1d(x, [2]), [LINE],
         [[[8 / 3, 11 / 3]]]),
    Case("adaptive_avg_pool1d", lambda x: F.adaptive_avg_pool1d(x, 5), [LINE], LINE),
    Case("max_pool3d", lambda x: F.max_pool3d(x, 2), [CUBE], [[[[[7]]]]]),
    Case("max_pool3d", lambda x: F.max_pool3d(x, (2, 1, 1)), [CUBE[0]], [[[[4, 7], [6, 5]]]]),
    Case("avg_pool3d", lambda x: F.avg_pool3d(x, 2), [CUBE], [[[[[3.5]]]]]),
    Case("avg_pool3d", lambda x: F.avg_pool3d(x, 2, 2, 1, count_include_pad=False)[..., 0, 0],
         [CUBE], [[[0, 4]]]),
    Case("adaptive_avg_pool3d", lambda x: F.adaptive_avg_pool3d(x, (1, None, 1)), [CUBE],
         [[[[[3.0], [4.0]]]]]),
]  # fmt: skip
PLAIN = [
    *(Plain(f"max_pool{n}d_with_indices", getattr(F, f"max_pool{n}d_with_indices"), [x, 1],
            (x, np.zeros((1,) * (n + 2), np.int64)))
      for n, x in [(1, [[[5.0]]]), (2, [[[[5.0]]]]), (3, [[[[[5.0]]]]])]),
    Plain("max_pool3d", lambda x: F.max_pool3d(x, 2, return_indices=True), [CUBE],
          ([[[[[7]]]]], np.array([[[[[5]]]]]))),
    Plain("max_pool3d", lambda x: F.max_pool3d(x, 1, return_indices=True)[1], [CUBE],
          np.arange(8).reshape(1, 1, 2, 2, 2)),
    Plain("max_pool1d", lambda x: F.max_pool1d(x, 2, return_indices=True), [LINE],
          ([[[3, 4]]], np.array([[[0, 2]]]))),
    Plain("max_pool2d", lambda x: F.max_pool2d(x, 2, return_indices=True),
          [[[[1.0, 5.0, 5.0, 0.0], [2.0, 3.0, 9.0, 9.0]]]], ([[[5, 9]]], np.array([[[1, 6]]]))),
    Plain("max_pool2d", lambda x: F.max_pool2d(x, 2, return_indices=True)[1],
          [[[[[1.0, 5.0], [2.0, 3.0]]]]], np.array([[[[1]]]])),
    Plain("max_pool2d", lambda x: F.max_pool2d(x, 2), [[[[[1, 2], [3, 4]]]]], np.array([[[[4]]]])),
]  # fmt: skip
ONES = tg.ones(1, 1, 4, 4)
REFUSALS = [
    Refusal("ndim", lambda: F.max_pool2d(ONES[0, 0], 2), ShapeError, "not shape [4, 4]"),
    Refusal("stride", lambda: F.max_pool2d(ONES, 2, 0), RuntimeError, "must be positive"),
    Refusal("padding", lambda: F.avg_pool2d(ONES, 2, 2, 2), RuntimeError, "at most half of the"),
    Refusal("size", lambda: F.max_pool2d(ONES, 5), ShapeError, "windows of [5, 5] do not fit"),
    Refusal("divisor", lambda: F.avg_pool2d(ONES, 2, divisor_override=0), RuntimeError, "not zero"),
    Refusal("adaptive", lambda: F.adaptive_avg_pool2d(ONES[0, 0], 1), ShapeError, "3 or 4 dim"),
]
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    pool, CASES, PLAIN, REFUSALS
)


def test_of_equal_elements_the_first_gets_the_gradient() -> None:
    x = tg.ones(1, 1, 2, 4, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.tolist() == [[[[1, 0, 1, 0], [0, 0, 0, 0]]]]
