"""functional: products with derivatives and whole derivatives, against their definitions."""

from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.autograd import gradcheck
from tinygrad_mnist.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 4))


def tensor(*shape: int) -> Tensor:
    return tg.tensor(RNG.normal(size=shape))


def linear(x: Any) -> Any:
    return tg.tensor(A) @ x


def two(x: Any, w: Any) -> Any:
    return x * w, (x * x).sum()


def test_jacobian_of_a_linear_map_is_its_matrix() -> None:
    np.testing.assert_allclose(jacobian(linear, tensor(4)).numpy(), A)


def test_jacobian_nests_as_outputs_and_inputs_do() -> None:
    x, w = tensor(2), tensor(2)
    ((xx, xw), (sx, sw)) = jacobian(two, (x, w))
    np.testing.assert_allclose(xx.numpy(), np.diag(w.numpy()))
    np.testing.assert_allclose(xw.numpy(), np.diag(x.numpy()))
    np.testing.assert_allclose(sx.numpy(), 2 * x.numpy())
    np.testing.assert_array_equal(sw.numpy(), np.zeros(2))
    assert isinstance(jacobian(linear, (tensor(4),)), tuple)
    assert jacobian(lambda x: x.reshape(2, 2) * 2, tensor(4)).shape == (2, 2, 4)
    assert jacobian(lambda x: x * 2, tensor(0, 3)).shape == (0, 3, 0, 3)


def test_vjp_and_jvp_are_products_with_the_jacobian() -> None:
    x, v, u = tensor(4), tensor(3), tensor(4)

    def f(x: Any) -> Any:
        return linear(x).tanh()

    j = jacobian(f, x).numpy()
    y, back = vjp(f, x, v)
    np.testing.assert_allclose(y.numpy(), np.tanh(A @ x.numpy()))
    np.testing.assert_allclose(back.numpy(), v.numpy() @ j)
    y, ahead = jvp(f, x, u)
    np.testing.assert_allclose(ahead.numpy(), j @ u.numpy())
    assert not y.requires_grad and not ahead.requires_grad


def test_hessian_and_its_products() -> None:
    x, v = tensor(4), tensor(4)

    def f(x: Any) -> Any:
        return (linear(x).exp()).sum() + x.prod()

    h = hessian(f, x).numpy()
    np.testing.assert_allclose(h, h.T, atol=1e-12)
    expected = A.T @ np.diag(np.exp(A @ x.numpy())) @ A
    others = np.array(
        [[np.delete(x.numpy(), [i, j]).prod() * (i != j) for j in range(4)] for i in range(4)]
    )
    np.testing.assert_allclose(h, expected + others)
    for product in (vhp, hvp):
        y, hv = product(f, x, v)
        assert y.item() == pytest.approx(f(x).item())
        np.testing.assert_allclose(hv.numpy(), h @ v.numpy())


def test_hessian_of_two_inputs() -> None:
    x, w = tensor(2), tensor(2)
    ((_, xw), (wx, ww)) = hessian(lambda x, w: (x * x * w).sum(), (x, w))
    np.testing.assert_allclose(xw.numpy(), np.diag(2 * x.numpy()))
    np.testing.assert_allclose(wx.numpy(), xw.numpy().T)
    np.testing.assert_array_equal(ww.numpy(), np.zeros((2, 2)))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: vjp(lambda x: x**3, x, tg.ones(3, dtype=tg.float64), create_graph=True)[1],
        lambda x: jvp(lambda x: x**3, x, tg.ones(3, dtype=tg.float64), create_graph=True)[1],
        lambda x: jacobian(lambda x: x**3, x, create_graph=True),
        lambda x: hessian(lambda x: (x**4).sum(), x, create_graph=True),
        lambda x: vhp(lambda x: (x**4).sum(), x, tg.ones(3, dtype=tg.float64), True)[1],
        lambda x: hvp(lambda x: (x**4).sum(), x, tg.ones(3, dtype=tg.float64), True)[1],
    ],
)
def test_create_graph_makes_results_differentiable(function: Any) -> None:
    x = tg.tensor(np.array([0.5, -1.0, 2.0]), requires_grad=True)
    assert gradcheck(function, x)
    assert x.grad is None


def test_inputs_are_left_alone() -> None:
    x = tg.tensor(np.ones(3), requires_grad=True)
    jacobian(lambda x: x * 2, x)
    assert x.grad is None and x.is_leaf
    y = tg.ones(3)
    jacobian(lambda x: x * 2, y)
    assert not y.requires_grad


def test_they_work_under_no_grad() -> None:
    with tg.no_grad():
        np.testing.assert_allclose(jacobian(linear, tensor(4)).numpy(), A)


def test_strict_refuses_what_is_independent() -> None:
    x, w = tensor(2), tensor(2)
    with pytest.raises(RuntimeError, match="do not depend on one of the inputs"):
        vjp(lambda x, w: x * 2, (x, w), tensor(2), strict=True)
    with pytest.raises(RuntimeError, match="does not depend on the inputs"):
        jacobian(lambda x: tg.ones(2), x, strict=True)
    np.testing.assert_array_equal(jacobian(lambda x: tg.ones(2), x).numpy(), np.zeros((2, 2)))


def test_errors_say_what_is_needed() -> None:
    x = tensor(2)
    with pytest.raises(RuntimeError, match=r"v has shapes \[\[3\]\], needed are \[\[2\]\]"):
        vjp(lambda x: x * 2, x, tensor(3))
    with pytest.raises(RuntimeError, match="v may be left out only"):
        vjp(lambda x: x * 2, x)
    with pytest.raises(RuntimeError, match="one Tensor with one element"):
        hessian(lambda x: x * 2, x)
    with pytest.raises(TypeError, match="inputs must be Tensors, not float"):
        jacobian(lambda x: x * 2, 1.0)
    with pytest.raises(TypeError, match="must return Tensors, not float"):
        jacobian(lambda x: 2.0, x)
    with pytest.raises(NotImplementedError, match="reverse-mode"):
        jacobian(lambda x: x * 2, x, strategy="forward-mode")
