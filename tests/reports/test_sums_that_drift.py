"""Sums of many numbers are off: in float16 beyond 2048, in float32 where they go across memory.

The mean of a large float32 array along its first axis was wrong by far more than a rounding, and
float16 means overflowed.
"""

from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F

HALF = tg.float16


def half(value: float, *shape: int) -> tg.Tensor:
    """A float16 Tensor of one value."""
    return tg.full(shape, value, dtype=HALF)


def pair(*values: float) -> tg.Tensor:
    """A float16 row."""
    return tg.tensor([values], dtype=HALF)


def constant(shape: tuple[int, ...], value: float, layout: str) -> Any:
    """A float32 array, its axes in another order in memory."""
    orders = {"rows": range(len(shape)), "columns": range(len(shape))[::-1]}
    order = list(orders.get(layout, [0, *range(2, len(shape)), 1][: len(shape)]))
    packed = np.full([shape[i] for i in order], value, np.float32)
    return packed.transpose(np.argsort(order))


SHAPES = [
    ((60_000, 10), (0,)),
    ((3, 100_000), (1,)),
    ((1960, 980, 2), (0, 1)),
    ((500, 7, 40, 11), (0, 2, 3)),
    ((5000, 3, 17), (0, 2)),
    ((2, 50_001), (0, 1)),
    ((70, 70, 70), (1,)),
]


@pytest.mark.parametrize("layout", ["rows", "columns", "channels last"])
@pytest.mark.parametrize(("shape", "dim"), SHAPES, ids=str)
def test_means_of_a_constant_are_that_constant(
    shape: tuple[int, ...], dim: tuple[int, ...], layout: str
) -> None:
    x = tg.from_numpy(constant(shape, 255.1, layout))
    np.testing.assert_allclose(x.mean(dim).numpy(), np.float32(255.1), rtol=4e-7)
    np.testing.assert_allclose(x[:, ::2].mean(dim).numpy(), np.float32(255.1), rtol=4e-7)
    assert not x.std(dim).numpy().any()
    np.testing.assert_allclose(x.var(dim).numpy(), 0, atol=1e-9)


@pytest.mark.parametrize("value", [0.1, 0.3, 255.1, 1 / 3])
def test_running_sums_do_not_drift(value: float) -> None:
    running = tg.full((1_000_000, 1), value).cumsum(0)
    np.testing.assert_allclose(running.numpy()[-1], np.float64(np.float32(value)) * 1e6, rtol=1e-7)


def test_the_gradient_of_what_was_broadcast_does_not_drift() -> None:
    bias = tg.zeros(3, requires_grad=True)
    g = tg.full((60_000, 3), 255.1)
    (tg.zeros(60_000, 3) + bias).backward(g)
    np.testing.assert_allclose(bias.grad.numpy(), np.float64(np.float32(255.1)) * 60_000, rtol=2e-7)


def test_deviations_are_of_the_data_and_not_of_a_rounded_mean() -> None:
    x = np.tile(np.float32([[1e4 + 1, 1e4], [1e4 - 1, 1e4]]), (100_000, 1))
    deviation = tg.from_numpy(x).std(0, correction=0).numpy()
    np.testing.assert_allclose(deviation, [1.0, 0.0], atol=1e-6)


def test_a_large_spread_has_a_deviation() -> None:
    np.testing.assert_allclose(tg.tensor([1e30, 2e30]).std().item(), 7.0710678e29, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "what", "value"),
    [
        ("mean", lambda: tg.full((5000,), 20.0, dtype=HALF).mean(), 20),
        ("mean of rows", lambda: tg.full((5000, 2), 20.0, dtype=HALF).mean(0), 20),
        ("sum", lambda: tg.ones(5000, 2, dtype=HALF).sum(0), 5000),
        ("sum of all", lambda: tg.ones(50, 50, 2, dtype=HALF).transpose(0, 2).sum(), 5000),
        ("cumsum", lambda: tg.ones(5000, dtype=HALF).cumsum(0)[-1], 5000),
        ("nansum", lambda: tg.nansum(tg.ones(5000, dtype=HALF)), 5000),
        ("nanmean", lambda: tg.nanmean(tg.full((5000,), 20.0, dtype=HALF)), 20),
        ("norm", lambda: tg.tensor([300.0, 400.0], dtype=HALF).norm(), 500),
        ("norm of order 3", lambda: tg.tensor([300.0], dtype=HALF).norm(3), 300),
        ("var", lambda: tg.full((5000,), 300.0, dtype=HALF).var(), 0),
        ("std", lambda: tg.tensor([300.0, -300.0], dtype=HALF).std(correction=0), 300),
        ("logsumexp", lambda: tg.zeros(4096, dtype=HALF).logsumexp(0), 8.3178),
        ("softmax", lambda: tg.zeros(4096, dtype=HALF).softmax(0)[0] * 4096, 1),
        ("log_softmax", lambda: tg.zeros(4096, dtype=HALF).log_softmax(0)[0], -8.3178),
        ("mse_loss", lambda: F.mse_loss(half(20, 5000), half(0, 5000)), 400),
        ("cross_entropy", lambda: F.cross_entropy(half(0, 1, 4096), tg.tensor([3])), 8.3178),
        ("avg_pool2d", lambda: F.avg_pool2d(half(20, 1, 1, 64, 64), 64), 20),
        ("layer_norm", lambda: F.layer_norm(pair(300, -300), (2,)).abs(), 1),
        ("batch_norm", lambda: F.batch_norm(pair(300, -300).T, None, None, training=True)[0], 1),
        ("rms_norm", lambda: F.rms_norm(pair(300, -300), (2,)).abs(), 1),
    ],
)  # fmt: skip
def test_float16_adds_in_float32(name: str, what: Any, value: float) -> None:
    y = what()
    assert y.dtype == HALF
    np.testing.assert_allclose(y.numpy().astype(np.float64), value, rtol=1e-3)


def test_a_float16_gradient_is_clipped_and_not_lost() -> None:
    w = tg.zeros(1, dtype=HALF).requires_grad_()
    w.grad = tg.tensor([300.0], dtype=HALF)
    assert tg.nn.utils.clip_grad_norm_([w], 1.0).item() == 300
    assert w.grad.item() == 1


def test_float16_gradients_of_norms_and_means_are_finite() -> None:
    x = (tg.arange(70_000) % 7 * 10).to(HALF).reshape(1, -1).requires_grad_()
    F.layer_norm(x, (70_000,)).backward(tg.ones(1, 70_000, dtype=HALF))
    assert np.isfinite(x.grad.numpy()).all()
    y = tg.ones(70_000, dtype=HALF).requires_grad_()
    y.mean().backward()
    np.testing.assert_allclose(y.grad.numpy(), np.float16(1 / 70_000), rtol=0.01)
