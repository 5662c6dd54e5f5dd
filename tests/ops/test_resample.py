"""Images resized: by hand, and by what each mode promises."""

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import resample

LINE, IMAGE = [[[1.0, 3.0]]], [[[[1.0, 3.0], [5.0, 7.0]]]]
CASES = [
    Case("interpolate", lambda x: F.interpolate(x, scale_factor=2), [LINE], [[[1, 1, 3, 3]]]),
    Case("interpolate", lambda x: F.interpolate(x, 3, mode="nearest-exact"), [LINE], [[[1, 3, 3]]]),
    Case("interpolate", lambda x: F.interpolate(x, 4, mode="linear"), [LINE], [[[1, 1.5, 2.5, 3]]]),
    Case("interpolate", lambda x: F.interpolate(x, 3, mode="linear", align_corners=True), [LINE],
         [[[1, 2, 3]]]),
    Case("interpolate", lambda x: F.interpolate(x, (1, 1), mode="area"), [IMAGE], [[[[4]]]]),
    Case("interpolate", lambda x: F.interpolate(x, 3, mode="bilinear", align_corners=True), [IMAGE],
         [[[[1, 2, 3], [3, 4, 5], [5, 6, 7]]]]),
    Case("interpolate", lambda x: F.interpolate(x, (2, 1), mode="bilinear", antialias=True),
         [IMAGE], [[[[2], [6]]]]),
    Case("interpolate", lambda x: F.interpolate(x, (2, 3), mode="bicubic", align_corners=True),
         [IMAGE], [[[[1, 2, 3], [5, 6, 7]]]]),
    Case("interpolate", lambda x: F.interpolate(x, (1, 2, 1), mode="trilinear"), [[IMAGE]],
         [[[[[2], [6]]]]]),
    Case("upsample", lambda x: F.upsample(x, (2, 4)), [IMAGE], [[[[1, 1, 3, 3], [5, 5, 7, 7]]]]),
    Case("upsample_nearest", lambda x: F.upsample_nearest(x, scale_factor=(1, 2)), [IMAGE],
         [[[[1, 1, 3, 3], [5, 5, 7, 7]]]]),
    Case("upsample_bilinear", lambda x: F.upsample_bilinear(x, (2, 3)), [IMAGE],
         [[[[1, 2, 3], [5, 6, 7]]]]),
]  # fmt: skip
PLAIN = [
    Plain("interpolate", lambda: F.interpolate(tg.ones(1, 1, 2, dtype=tg.uint8), 3), [],
          np.ones((1, 1, 3), np.uint8)),
]  # fmt: skip
X, V = tg.tensor(IMAGE), tg.tensor(LINE)
REFUSALS = [
    Refusal("mode", lambda: F.interpolate(V, 3, mode="cubic"), NotImplementedError, "not 'cubic'"),
    Refusal("rank", lambda: F.interpolate(V, 3, mode="bilinear"), NotImplementedError, "Got 3D"),
    Refusal("corners", lambda: F.interpolate(V, 3, align_corners=True), ValueError, "align_corne"),
    Refusal("antialias", lambda: F.interpolate(V, 3, mode="linear", antialias=True), ValueError,
            "restricted to bilinear and bicubic"),
    Refusal("both", lambda: F.interpolate(V, 3, 2.0), ValueError, "only one of size or scale_fac"),
    Refusal("neither", lambda: F.interpolate(V), ValueError, "either size or scale_factor"),
    Refusal("lengths", lambda: F.interpolate(V, (2, 3)), ValueError, "size (2, 3) must be"),
    Refusal("nothing", lambda: F.interpolate(V, 0), ShapeError, "should be greater than 0"),
    Refusal("recompute", lambda: F.interpolate(V, 3, recompute_scale_factor=True), ValueError,
            "not meaningful with an explicit size"),
    Refusal("integers", lambda: F.interpolate(V.long(), 3, mode="linear"), DTypeError, "int64"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    resample, CASES, PLAIN, REFUSALS
)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 9), (11, 2)])
def test_a_constant_stays_one_and_a_slope_its_mean(
    mode: str, size: tuple[int, int], antialias: bool
) -> None:
    x = tg.linspace(0, 1, 6, dtype=tg.float64).reshape(1, 1, 1, 6).expand(1, 1, 5, 6)
    y = F.interpolate(x, size, mode=mode, antialias=antialias)
    assert y.shape == (1, 1, *size) and y.mean().item() == pytest.approx(0.5)
    ones = F.interpolate(x * 0 + 1, size, mode=mode, antialias=antialias)
    np.testing.assert_allclose(ones.numpy(), 1)
