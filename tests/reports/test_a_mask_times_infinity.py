"""Gradients through a mask are NaN where they must be 0: sqrt(relu(x)) at x = -1 (inf times 0)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F

INF, NAN = float("inf"), float("nan")
MASKS: dict[str, tuple[Callable[[Any], Any], list[float]]] = {
    "relu": (F.relu, [0, 1, 1, 0, 0, 1]),
    "relu method": (lambda x: x.relu(), [0, 1, 1, 0, 0, 1]),
    "clamp below": (lambda x: x.clamp(min=0), [0, 1, 1, 1, 1, 0]),
    "clamp": (lambda x: x.clamp(0, 2), [0, 1, 0, 1, 1, 0]),
    "clamp by a Tensor": (lambda x: x.clamp(min=tg.tensor(0.5)), [0, 1, 1, 0, 0, 0]),
    "hardtanh": (lambda x: F.hardtanh(x, -0.5, 2), [0, 1, 0, 1, 1, 0]),
    "relu6": (F.relu6, [0, 1, 1, 0, 0, 0]),
    "maximum": (lambda x: tg.maximum(x, tg.tensor(-0.5)), [0, 1, 1, 1, 1, 1]),
    "minimum": (lambda x: tg.minimum(x, tg.tensor(2.0)), [1, 1, 0, 1, 1, 1]),
    "max of two": (lambda x: x.max(tg.tensor(-0.5)), [0, 1, 1, 1, 1, 1]),
    "where": (lambda x: tg.where(x > 0, x, 0.5), [0, 1, 1, 0, 0, 0]),
    "threshold": (lambda x: F.threshold(x, 0.5, 0.1), [0, 1, 1, 0, 0, 1]),
    "hardshrink": (lambda x: F.hardshrink(x, 0.5), [1, 1, 1, 0, 0, 1]),
    "masked_fill": (lambda x: x.masked_fill(x < 0, 0.0), [0, 1, 1, 1, 1, 1]),
    "floor": (lambda x: x.floor(), [0] * 6),
    "round": (lambda x: x.round(), [0] * 6),
    "sign": (lambda x: x.sign(), [0] * 6),
    "trunc": (lambda x: x.trunc(), [0] * 6),
    "ceil": (lambda x: x.ceil(), [0] * 6),
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("g", [INF, -INF, NAN, 3.0])
@pytest.mark.parametrize("name", MASKS)
def test_a_mask_lets_through_the_gradient_or_nothing(name: str, g: float, dtype: str) -> None:
    mask, lets = MASKS[name]
    x = tg.tensor([-1, 1, 3, 0.0, -0.0, NAN], dtype=dtype).requires_grad_()
    mask(x).backward(tg.full((6,), g, dtype=dtype))
    expected = [g if let else 0.0 for let in lets]
    np.testing.assert_array_equal(x.grad.numpy(), expected)


@pytest.mark.parametrize("mask", ["relu", "clamp below", "clamp", "maximum", "hardtanh", "relu6"])
def test_a_root_of_what_was_masked_has_no_gradient_there(mask: str) -> None:
    x = tg.tensor([-1.0, 0.5], requires_grad=True)
    tg.sqrt(MASKS[mask][0](x).abs() * (x > 0)).sum().backward()
    assert x.grad[1].item() == pytest.approx(0.5**0.5, abs=1e-6)
    y = tg.tensor(-1.0, requires_grad=True)
    tg.sqrt(F.relu(y)).backward()
    assert y.grad.item() == 0


@pytest.mark.parametrize("g", [INF, NAN])
def test_only_the_largest_of_a_window_gets_the_gradient(g: float) -> None:
    x = tg.tensor([[[[1.0, 4.0], [2.0, 3.0]]]], requires_grad=True)
    F.max_pool2d(x, 2).backward(tg.full((1, 1, 1, 1), g))
    np.testing.assert_array_equal(x.grad.numpy().ravel(), [0, g, 0, 0])
    x.grad = None
    F.max_pool2d(x, 2, stride=1, padding=1)[..., 1, 1].backward(tg.full((1, 1), g))
    np.testing.assert_array_equal(x.grad.numpy().ravel(), [0, g, 0, 0])


@pytest.mark.parametrize("way", ["max", "amax", "max(0)", "min", "amin", "sort", "topk"])
def test_only_the_extreme_gets_the_gradient(way: str) -> None:
    x = tg.tensor([5.0, 1.0, 3.0], requires_grad=True)
    y = {
        "max": lambda: x.max(),
        "amax": lambda: x.amax(0),
        "max(0)": lambda: x.max(0).values,
        "min": lambda: -(-x).min(),
        "amin": lambda: (-x).amin(),
        "sort": lambda: x.sort(descending=True).values[0],
        "topk": lambda: x.topk(1).values,
    }[way]()
    y.backward(tg.full(y.shape, INF))
    assert abs(x.grad[0].item()) == INF
    assert x.grad[1:].tolist() == [0, 0]


def test_a_mask_can_be_differentiated_twice() -> None:
    x = tg.tensor([-1.0, 2.0], requires_grad=True)
    (g,) = tg.autograd.grad((F.relu(x) ** 3).sum(), x, create_graph=True)
    (h,) = tg.autograd.grad(g.sum(), x)
    assert h.tolist() == [0, 12]
