"""Max pooling's gradient: where it is asked for, whatever stood there before."""

from typing import Any

import numpy as np
import pytest

from tinygrad_mnist.kernels import pool
from tinygrad_mnist.kernels.pool import Windows, max_pool, pool_put

WINDOWS = {
    "side by side": Windows((2, 2), (2, 2), (1, 1), (0, 0), (3, 4)),
    "a rest": Windows((2, 3), (2, 3), (1, 1), (0, 0), (3, 2)),
    "overlapping": Windows((3, 3), (2, 2), (1, 1), (0, 0), (2, 3)),
    "padded": Windows((2, 2), (2, 2), (1, 1), (1, 1), (4, 5)),
    "gaps": Windows((2, 2), (1, 1), (3, 3), (0, 0), (3, 5)),
    "far apart": Windows((3, 2), (3, 3), (1, 1), (0, 0), (2, 3)),
}


def by_loops(d: Any, x: Any, win: Windows) -> Any:
    out = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*d.shape):
        best, at = -np.inf, None
        for p, q in np.ndindex(*win.size):
            row = i * win.stride[0] + p * win.dilation[0] - win.padding[0]
            column = j * win.stride[1] + q * win.dilation[1] - win.padding[1]
            inside = 0 <= row < x.shape[2] and 0 <= column < x.shape[3]
            if inside and x[n, c, row, column] > best:
                best, at = x[n, c, row, column], (n, c, row, column)
        out[at] += d[n, c, i, j]
    return out


@pytest.mark.parametrize("win", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("channels", [3, 16])
def test_the_gradient_goes_to_the_first_maximum(
    win: Windows, last: bool, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (5, 6, 8, channels)).astype("f").transpose(0, 3, 1, 2)  # many ties
    monkeypatch.setattr(pool, "BLOCK", 2 * x[0].nbytes)
    monkeypatch.setattr(pool, "LARGE", 1)
    y = max_pool(x, win=win)
    d = rng.standard_normal(y.shape, np.float32)
    d = d if not last else np.ascontiguousarray(d.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    expected, out = by_loops(d, x, win), np.full_like(x, 7)
    np.testing.assert_allclose(pool_put(d, x, y, win=win), expected, 1e-6, 1e-6)
    assert pool_put(d, x, y, win=win, out=out) is out
    np.testing.assert_allclose(out, expected, 1e-6, 1e-6)
