"""Sums are as exact as few steps of float32 in each lane allow, at all sizes and along all axes."""

import numpy as np
import pytest

from tinygrad_mnist.kernels import sums

RNG = np.random.default_rng(0)
SHAPES = [((2, 4, 8), 2), ((700, 10), 1), ((300, 300), 1), ((3, 70_000), 1), ((100_003,), 0),
          ((32, 64, 40), 0), ((250, 300), 0), ((40, 1000), 0), ((8, 30, 40), 1)]  # fmt: skip


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("offset", [0, 255])
def test_sums(shape, axis, offset):
    x = (RNG.random(shape) - 0.5 + offset).astype(np.float32)
    for at in ((axis,), None):
        size = np.abs(x.astype(np.float64)).sum(at)
        error = np.abs(sums.total(x, at) - x.astype(np.float64).sum(at)) / size
        assert error.max() < 5e-7
        assert sums.total(x, at, keepdims=True).shape == x.sum(at, keepdims=True).shape


def test_rows_are_the_same_on_any_number_of_threads():
    x = RNG.random((1003, 100)).astype(np.float32)
    parts = [sums.row_sums(x[start : start + 90]) for start in range(0, 1003, 90)]
    np.testing.assert_array_equal(sums.row_sums(x), np.concatenate(parts))
