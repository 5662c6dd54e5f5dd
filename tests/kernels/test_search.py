"""Sorts that are stable, and the largest of each line, at all sizes and with all values."""

import itertools

import numpy as np
import pytest

from tinygrad_mnist.kernels import search

RNG = np.random.default_rng(0)
SHAPES = [((5, 7), 1), ((3, 50), 1), ((50, 3), 0), ((2, 700), 1), ((4, 40, 3), 1)]


def special(shape):
    x = RNG.standard_normal(shape).astype(np.float32)
    for value in (np.inf, -np.inf, np.nan, -0.0, 0.0):
        x[RNG.random(shape) < 0.1] = value
    return x


VALUES = {
    "distinct": lambda shape: RNG.standard_normal(shape).astype(np.float32),
    "equal": lambda shape: RNG.integers(0, 4, shape).astype(np.float32),
    "integers": lambda shape: RNG.integers(-3, 9, shape),
    "mostly -inf": lambda shape: np.where(RNG.random(shape) < 0.95, -np.inf, 1.0),
    "special": special,
}


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("kind", VALUES)
def test_sorts_are_stable(shape, axis, kind):
    x = VALUES[kind](shape)
    expected = np.argsort(x, axis=axis, stable=True)
    np.testing.assert_array_equal(search.argsort(x, axis=axis), expected)


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("kind", VALUES)
def test_topmost(shape, axis, kind):
    x = VALUES[kind](shape)
    n = shape[axis]
    for count, largest in itertools.product({0, 1, 2, 3, 5, n // 2 + 1, n}, (True, False)):
        at = search.topmost(x, axis=axis, count=count, largest=largest)
        ranked = np.sort(x, axis)
        expected = np.take(np.flip(ranked, axis) if largest else ranked, range(count), axis)
        np.testing.assert_array_equal(np.take_along_axis(x, at, axis), expected)
        ordered = np.sort(at, axis)
        assert (np.diff(ordered, axis=axis) > 0).all(), "an index comes twice"
