"""The polynomials of the error function, and clipping: NumPy's own functions, to the bit."""

import numpy as np
import pytest

from tinygrad_mnist.kernels import activation
from tinygrad_mnist.kernels.steps import clip

EDGES = [0.0, -0.0, 1.0, -3.5, np.inf, -np.inf, np.nan, 1e300, 5e-324]


@pytest.mark.parametrize("name", ["_ERF_P", "_ERF_Q", "_MID_P", "_MID_Q", "_FAR_P", "_FAR_Q"])
def test_a_polynomial_is_numpys(name: str) -> None:
    coefficients = getattr(activation, name)
    with np.errstate(all="ignore"):
        for x in (np.array(EDGES), np.random.default_rng(0).normal(0, 5, (20, 30)), np.array(0.3)):
            ours = np.asarray(activation._polynomial(coefficients, x))
            assert ours.tobytes() == np.asarray(np.polyval(coefficients, x)).tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.uint8])
@pytest.mark.parametrize(("low", "high"), [(0.5, 2.5), (None, 1.0), (-1.0, None), (2.0, 1.0)])
def test_clip_is_numpys(dtype: type, low: float | None, high: float | None) -> None:
    x = np.array([0, 1, 2, 3, 250]).astype(dtype)
    if x.dtype.kind == "f":
        x = np.concatenate([x, np.array([-0.0, np.nan, np.inf, -np.inf], dtype)])
    whole = x.dtype.kind != "f"
    bounds = [b if b is None or not whole else int(b) for b in (low, high)]
    if x.dtype.kind == "u" and bounds[0] == -1:
        return
    ours, numpys = clip(x, low=low, high=high), np.clip(x, *bounds)
    assert ours.dtype == numpys.dtype and ours.tobytes() == numpys.tobytes()
