"""Sampling at the places of a grid; grids of affine maps."""

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import grid

IMAGE = [[[[1.0, 2.0], [3.0, 5.0]]]]
AT = [[[[-0.9, -0.5], [0.25, 0.75]]]]  # as (x, y)
IDENTITY = [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]


def sampled(**kw: object) -> object:
    return lambda x, at: F.grid_sample(x, at, **kw)


CASES = [
    Case("grid_sample", sampled(align_corners=True), [IMAGE, AT], [[[[1.5625, 3.921875]]]]),
    Case("grid_sample", lambda x: F.grid_sample(x, tg.tensor(AT, dtype=x.dtype), mode="nearest"),
         [IMAGE], [[[[1, 5]]]]),
    Case("grid_sample", sampled(), [IMAGE, [[[[-1.5, -0.5]]]]], [[[[0]]]]),
    Case("grid_sample", sampled(padding_mode="border"), [IMAGE, [[[[-1.7, -0.5]]]]], [[[[1]]]]),
    Case("grid_sample", sampled(padding_mode="reflection", align_corners=True),
         [IMAGE, [[[[-1.5, -1.0]]]]], [[[[1.25]]]]),
    Case("grid_sample", sampled(mode="bicubic", align_corners=True, padding_mode="border"),
         [IMAGE, [[[[0.0, -1.0]]]]], [[[[1.5]]]]),
    Case("grid_sample", sampled(align_corners=True),
         [[[[[[1.0]], [[3.0]]]]], [[[[[0.0, 0.0, 0.5]]]]]], [[[[[2.5]]]]]),
    Case("affine_grid", lambda t: F.affine_grid(t, (1, 1, 2, 2), align_corners=True), [IDENTITY],
         [[[[-1, -1], [1, -1]], [[-1, 1], [1, 1]]]]),
    Case("affine_grid", lambda t: F.affine_grid(t, (1, 1, 2, 1)), [IDENTITY],
         [[[[0, -0.5]], [[0, 0.5]]]]),
    Case("affine_grid", lambda t: F.affine_grid(t, (1, 1, 1, 1, 2)), [np.eye(3, 4)[None].tolist()],
         [[[[[-0.5, 0, 0], [0.5, 0, 0]]]]]),
]  # fmt: skip
X, G = tg.ones(1, 1, 2, 2), tg.zeros(1, 2, 2, 2)
REFUSALS = [
    Refusal("mode", lambda: F.grid_sample(X, G, "linear"), ValueError, "not 'linear' and 'zeros'"),
    Refusal("shapes", lambda: F.grid_sample(X, G[0]), ShapeError, "not [2, 2, 2] with [1, 1, 2"),
    Refusal("dtypes", lambda: F.grid_sample(X, G.double()), DTypeError, "grid float64"),
    Refusal("bicubic", lambda: F.grid_sample(X[None], tg.zeros(1, 1, 1, 1, 3), "bicubic"),
            NotImplementedError, "only supports 4D"),
    Refusal("theta", lambda: F.affine_grid(G[0], (1, 1, 2, 2)), ShapeError, "of shape 1x2x3"),
    Refusal("size", lambda: F.affine_grid(tg.tensor(IDENTITY), (1, 1, 0, 2)), ShapeError, "posit"),
    Refusal("integers", lambda: F.affine_grid(tg.tensor(IDENTITY).long(), (1, 1, 2, 2)), DTypeError,
            "floating point type"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    grid, CASES, [], REFUSALS
)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_the_identity_gives_the_image(mode: str, align_corners: bool) -> None:
    x = tg.randn(2, 3, 4, 5, dtype=tg.float64)
    theta = tg.tensor(IDENTITY * 2, dtype=tg.float64)
    at = F.affine_grid(theta, x.shape, align_corners)
    y = F.grid_sample(x, at, mode, "border", align_corners)
    np.testing.assert_allclose(y.numpy(), x.numpy(), atol=1e-12)
