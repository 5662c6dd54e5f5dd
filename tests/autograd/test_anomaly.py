"""detect_anomaly: the op, the line, the shapes and the index behind a NaN."""

import threading
from typing import Any

import numpy as np
import pytest

from tinygrad_mnist import Tensor, tensor
from tinygrad_mnist.autograd import (
    Function,
    detect_anomaly,
    grad,
    is_anomaly_enabled,
    set_detect_anomaly,
)


def leaf(*values: Any) -> Tensor:
    return tensor(np.array(values), requires_grad=True)


def test_it_names_the_op_the_line_the_shapes_and_the_first_bad_index() -> None:
    x = leaf([1.0, 4.0], [0.0, 0.0])
    with detect_anomaly():
        y = x.sqrt() * 0  # the guilty line
        with pytest.raises(RuntimeError) as error:
            y.sum().backward()
    message = str(error.value)
    assert "SqrtBackward0 returned nan at index (1, 0) of a gradient of shape [2, 2]" in message
    assert "incoming gradient has shape [2, 2] and is finite" in message
    assert "its output: shape [2, 2], from 0 to 2" in message
    assert "test_anomaly.py" in message and "y = x.sqrt() * 0  # the guilty line" in message
    assert "tinygrad_mnist/ops" not in message


def test_it_says_that_the_incoming_gradient_was_odd_already() -> None:
    x = leaf(0.0, 1.0)
    with (
        detect_anomaly(),
        pytest.raises(RuntimeError, match=r"MulBackward0.*\n.*inf at index \(0,"),
    ):
        (x * 0.0).sqrt().sum().backward()


def test_infinity_is_no_anomaly() -> None:
    x = leaf(0.0, 1.0)
    with detect_anomaly():
        x.sqrt().sum().backward()
    assert x.grad.numpy()[0] == np.inf


def test_without_check_nan_nothing_is_checked() -> None:
    x = leaf(0.0)
    with detect_anomaly(check_nan=False):
        (x.sqrt() * 0).sum().backward()
    assert np.isnan(x.grad.numpy()).all()


def test_a_forward_outside_says_so() -> None:
    y = (leaf(0.0).sqrt() * 0).sum()
    with detect_anomaly(), pytest.raises(RuntimeError, match="before detect_anomaly was entered"):
        y.backward()


def test_on_and_off() -> None:
    assert not is_anomaly_enabled()
    with detect_anomaly():
        assert is_anomaly_enabled()
        with set_detect_anomaly(False):
            assert not is_anomaly_enabled()
        assert is_anomaly_enabled()
    set_detect_anomaly(True)
    try:
        assert is_anomaly_enabled()
    finally:
        set_detect_anomaly(False)
    assert not is_anomaly_enabled()


def test_it_holds_for_its_thread() -> None:
    seen = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: seen.append(is_anomaly_enabled()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_gradients_are_the_same_with_it() -> None:
    x = leaf(0.5, 2.0)
    with detect_anomaly():
        (g,) = grad((x.log() * x).sum(), x, create_graph=True)
        (gg,) = grad(g.sum(), x)
    np.testing.assert_allclose(g.detach().numpy(), np.log([0.5, 2.0]) + 1)
    np.testing.assert_allclose(gg.numpy(), [2.0, 0.5])


class Bad(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2, x * 3

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        return g * np.nan


def test_a_function_of_ones_own_is_named() -> None:
    x = leaf(1.0)
    with detect_anomaly():
        a, b = Bad.apply(x)
        with pytest.raises(RuntimeError, match=r"BadBackward0 returned nan(.|\n)*a, b = Bad"):
            (a + b).sum().backward()
