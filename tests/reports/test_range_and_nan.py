"""Values out of range on the way to a result in range, and NaN that becomes a number."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F

INF, NAN = float("inf"), float("nan")
TINY = 1e-42


def value(x: Any) -> Any:
    return x.detach().numpy().astype(np.float64)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (lambda: tg.hypot(tg.tensor(3e20), tg.tensor(4e20)), 5e20),
        (lambda: tg.hypot(tg.tensor(3e-25), tg.tensor(4e-25)), 5e-25),
        (lambda: tg.tensor([3e20, 4e20]).norm(), 5e20),
        (lambda: tg.tensor([3e-25, 4e-25]).norm(), 5e-25),
        (lambda: tg.tensor([1e30, 2e30]).std(), 7.0710678e29),
        (lambda: tg.lerp(tg.tensor(1e8), tg.tensor(1.0), 1.0), 1.0),
        (lambda: tg.lerp(tg.tensor(1e8), tg.tensor(1.0), tg.tensor(1.0)), 1.0),
        (lambda: tg.lerp(tg.tensor(1.0), tg.tensor(1e8), 0.0), 1.0),
        (lambda: F.pairwise_distance(tg.tensor([[1e20]]), tg.tensor([[0.0]])), 1e20),
        (lambda: F.normalize(tg.tensor([3e20, 4e20]), dim=0)[0], 0.6),
    ],
)
def test_what_is_in_range_is_computed(what: Callable[[], Any], expected: float) -> None:
    np.testing.assert_allclose(value(what()), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("what", "at", "slope"),
    [
        (lambda x: tg.hypot(x, tg.tensor(4e20)), 3e20, 0.6),
        (lambda x: tg.stack([x, x * 0 + 4e20]).norm(), 3e20, 0.6),
        (tg.sinc, TINY, 0.0),
        (tg.sinc, 0.0, 0.0),
        (lambda x: tg.xlogy(x, tg.tensor(2.0)), 0.0, np.log(2)),
        (lambda x: tg.xlogy(tg.tensor(0.0), x), 1.0, 0.0),
        (lambda x: x ** tg.tensor(0.0), TINY, 0.0),
        (lambda x: x ** tg.tensor(0.0), 0.0, 0.0),
        (lambda x: x ** tg.tensor(0.0), INF, 0.0),
        (lambda x: F.smooth_l1_loss(x, tg.tensor(0.0)), INF, 1.0),
        (lambda x: F.huber_loss(x, tg.tensor(0.0), delta=2.0), -INF, -2.0),
        (lambda x: F.smooth_l1_loss(x, tg.tensor(0.0), beta=2.0), 1.0, 0.5),
        (lambda x: F.binary_cross_entropy_with_logits(x, tg.tensor(0.0)), 1000.0, 1.0),
        (lambda x: tg.remainder(tg.tensor(-1.0), x), INF, 1.0),
    ],
)
def test_slopes(what: Callable[[Any], Any], at: float, slope: float) -> None:
    x = tg.tensor(at, requires_grad=True)
    what(x).backward()
    np.testing.assert_allclose(value(x.grad), slope, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (lambda n: F.hardshrink(n), NAN),
        (lambda n: F.softshrink(n), NAN),
        (lambda n: F.threshold(n, 0.1, 5.0), NAN),
        (lambda n: tg.clamp(n, tg.tensor(0.0), None), NAN),
        (lambda n: tg.clamp(tg.tensor(0.5), n, None), NAN),
        (lambda n: tg.clamp(tg.tensor(0.5), None, n), NAN),
        (lambda n: tg.clamp(tg.tensor(0.5), n, tg.tensor(1.0)), NAN),
        (lambda n: F.relu(n), NAN),
        (lambda n: F.elu(n), NAN),
        (lambda n: F.hardtanh(n), NAN),
        (lambda n: tg.maximum(n, tg.tensor(1.0)), NAN),
        (lambda n: tg.xlogy(tg.tensor(0.0), n), NAN),
    ],
)
def test_nan_stays_nan(what: Callable[[Any], Any], expected: float) -> None:
    np.testing.assert_array_equal(value(what(tg.tensor(NAN))), expected)


def test_losses_at_infinity() -> None:
    bce = F.binary_cross_entropy_with_logits
    assert bce(tg.tensor(INF), tg.tensor(0.0)).item() == INF
    assert bce(tg.tensor(-INF), tg.tensor(1.0)).item() == INF
    far = tg.tensor([[1e20, 0.0]], requires_grad=True)
    loss = F.triplet_margin_loss(far, tg.zeros(1, 2), tg.zeros(1, 2) + 1e20)
    loss.backward()
    assert np.isfinite(loss.item()) and np.isfinite(far.grad.numpy()).all()


@pytest.mark.parametrize("name", ["amax", "amin"])
def test_a_row_with_nan_has_no_gradient_that_looks_right(name: str) -> None:
    x = tg.tensor([[1.0, NAN], [1.0, 2.0]], requires_grad=True)
    getattr(x, name)(1).sum().backward()
    assert np.isnan(value(x.grad)[0]).all() and np.isfinite(value(x.grad)[1]).all()
