"""Distances by products are as exact as those by differences, where rows are close or huge too."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.kernels import distance

RNG = np.random.default_rng(0)


def by_differences(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return np.sqrt(np.square(a[..., :, None, :] - b[..., None, :, :]).sum(-1))


@pytest.mark.parametrize("offset", [0, 1000])
def test_far_from_the_origin(offset):
    a, b = ((RNG.standard_normal((2, 30, 5)) + offset).astype(np.float32) for _ in range(2))
    y = distance.distances(a, b, by_product=True)
    np.testing.assert_allclose(y, by_differences(a, b), rtol=3e-5)


def test_close_rows():
    a = RNG.standard_normal((40, 3)).astype(np.float32)
    b = a + np.float32(1e-4) * RNG.standard_normal((40, 3)).astype(np.float32)
    y = distance.distances(a, b, by_product=True)
    np.testing.assert_allclose(y, by_differences(a, b), rtol=3e-5)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e30])
def test_extremes(value):
    a = RNG.standard_normal((2, 30, 3)).astype(np.float32)
    a[1, 3, 1] = a[1, 5, 1] = value
    with np.errstate(all="ignore"):
        y = distance.distances(a, a[:1], by_product=True), distance.distances(a, a[:1])
        np.testing.assert_allclose(*y, rtol=3e-5, atol=1e-6)
        y = distance.distances(a, a, by_product=True), distance.distances(a, a)
        np.testing.assert_allclose(*y, rtol=3e-5, atol=1e-6)


def test_a_distance_of_zero_has_a_gradient_of_zero():
    x = tg.randn(40, 6).requires_grad_()
    y = tg.cdist(x, x.detach())
    assert y.diagonal().tolist() == [0.0] * 40
    y.diagonal().sum().backward()
    assert not x.grad.any()


@pytest.mark.parametrize("shapes", [((0, 5), (3, 5)), ((3, 0), (2, 0)), ((2, 1, 3), (1, 0, 3))])
def test_empty(shapes):
    a, b = (np.zeros(shape) for shape in shapes)
    expected = by_differences(a, b)
    for by_product in (True, False):
        np.testing.assert_array_equal(distance.distances(a, b, by_product=by_product), expected)


def test_pulls_by_products_and_by_differences(monkeypatch):
    r, a, b = (
        RNG.standard_normal((3, 6, 7)),
        RNG.standard_normal((6, 4)),
        RNG.standard_normal((7, 4)),
    )
    expected = np.einsum("...ij,ijc->...ic", r, a[:, None] - b)
    for block in (distance.BLOCK, 8):
        monkeypatch.setattr(distance, "BLOCK", block)
        monkeypatch.setattr(distance, "STACKS", block)
        for by_product in (True, False):
            y = distance.pull(r, a, b, by_product=by_product)
            np.testing.assert_allclose(y, expected, rtol=1e-12)
        y = distance.distances(a, b), by_differences(a, b)
        np.testing.assert_allclose(*y, rtol=1e-12)


def test_the_mode_chooses():
    x = tg.zeros(2, 3)
    for mode in (None, "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"):
        assert tg.cdist(x, x, compute_mode=mode).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(ValueError, match="not a valid value for compute_mode"):
        tg.cdist(x, x, compute_mode="fast")
