"""Activations that write into their input."""

import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist.ops import activation_inplace


@pytest.mark.parametrize("name", activation_inplace.__all__)
def test_the_result_is_in_the_input(name: str) -> None:
    args = {"threshold_": (0.5, -1.0)}.get(name, ())
    w = tg.tensor([[-2.0, 0.25, 3.0]], requires_grad=True)
    x = w * 1
    tg.manual_seed(0)
    assert getattr(F, name)(x, *args) is x
    tg.manual_seed(0)
    assert x.equal(getattr(F, name[:-1])(w, *args))
    x.sum().backward()
    assert w.grad is not None
