"""NumPy pairs, HIPS autograd and MyGrad: derivatives by hand, right and wrong."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from tinygrad_mnist.testing import (
    GradcheckError,
    arrays,
    broadcastable,
    examine,
    given_gradients,
    gradcheck,
    tensors,
)

X = np.array([0.5, -1.0, 2.0])
W = np.arange(6.0).reshape(2, 3) / 5


def needs(name: str) -> Any:
    return pytest.mark.skipif(
        importlib.util.find_spec(name) is None, reason=f"{name} not installed"
    )


def test_vjp_takes_the_incoming_gradient_first() -> None:
    assert gradcheck((np.matmul, lambda g, w, x: (np.outer(g, x), w.T @ g)), (W, X))
    with pytest.raises(GradcheckError, match="by input 0 .*is wrong"):
        gradcheck((np.matmul, lambda g, w, x: (np.outer(g, x) * 1.001, w.T @ g)), (W, X))


def test_grad_is_for_functions_that_return_one_number() -> None:
    def rosenbrock(x: Any) -> Any:
        return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))

    def slope(x: Any) -> Any:
        g = np.zeros_like(x)
        g[:-1] = -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
        g[1:] += 200 * (x[1:] - x[:-1] ** 2)
        return g

    assert gradcheck((rosenbrock, slope), X)
    assert not gradcheck((rosenbrock, lambda x: slope(x) * 1.001), X, raise_exception=False)
    with pytest.raises(ValueError, match=r"must return one number.* shape \[3\].*vjp\(g, \*inputs"):
        gradcheck((np.exp, lambda x: np.exp(x)), X)


def test_scipys_own_gradient_of_rosenbrock() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    assert gradcheck((optimize.rosen, optimize.rosen_der), X)


def test_a_python_float_is_an_input_where_there_is_no_array() -> None:
    import math

    assert gradcheck((math.sin, lambda g, x: g * math.cos(x)), 0.3)
    assert gradcheck((lambda x, k: x * k, lambda g, x, k: (g * k, None)), (X, 3.0))


def test_a_dictionary_of_arrays() -> None:
    def vjp(g: Any, p: Any, x: Any) -> Any:
        return {"w": np.outer(g, x), "b": g}, p["w"].T @ g

    inputs = ({"w": W, "b": np.zeros(2)}, X)
    assert gradcheck((lambda p, x: p["w"] @ x + p["b"], vjp), inputs)
    spoilt = lambda g, p, x: ({"w": np.outer(g, x), "b": 2 * g}, p["w"].T @ g)  # noqa: E731
    with pytest.raises(GradcheckError, match=r"by input 0\['b'\]"):
        gradcheck((lambda p, x: p["w"] @ x + p["b"], spoilt), inputs)


@pytest.mark.parametrize(
    ("derivative", "says"),
    [
        (lambda g, w, x: np.outer(g, x), "returns 1 arrays, and 2 inputs are differentiated by"),
        (lambda g, w, x: (np.outer(g, x),) * 3, "returns 3 arrays, and 2 inputs"),
        (
            lambda g, w, x: (np.outer(x, g), w.T @ g),
            r"shape \[3, 2\], and input 0 has shape \[2, 3",
        ),
        (lambda g, w, x: (np.outer(g, x), w @ x), r"gradient of input 1 has shape \[2\]"),
        (lambda g, w, x: (np.outer(g, x) * 1j, w.T @ g), "gradient of input 0 is complex"),
        (lambda g, w, x: (None, w.T @ g), "the analytic gradient is zero"),
    ],
)
def test_a_derivative_of_a_wrong_number_or_shape(derivative: Any, says: str) -> None:
    with pytest.raises(GradcheckError, match=says):
        gradcheck((np.matmul, derivative), (W, X))
    assert not gradcheck((np.matmul, derivative), (W, X), raise_exception=False)


@pytest.mark.parametrize(
    ("function", "inputs", "error", "says"),
    [
        ((np.sin, lambda x, y, z: x), X, TypeError, "needs 3 arguments and there are 1 inputs"),
        ((np.sin, lambda *args: args[0]), X, TypeError, "name its arguments"),
        ((np.sin, np.cos, np.sin), X, TypeError, "is a pair of NumPy functions"),
        ((np.sin, lambda g, x: g), ("x",), ValueError, "none of them is an array of floats"),
        ((np.sin, lambda g, x: g), np.arange(3), ValueError, "they are int64; pass floats"),
        (np.sin, X, TypeError, r"pass \(f, vjp\) or \(f, grad\)"),
        ((np.argmax, lambda g, x: g), X, ValueError, "at least one ndarray of floats.*int64"),
        ((lambda x: None, lambda g, x: g), X, ValueError, "and it returns NoneType"),
    ],
)
def test_bad_input_is_one_clear_error(
    function: Any, inputs: Any, error: Any, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(__import__("sys").modules, "autograd", raising=False)
    with pytest.raises(error, match=says):
        gradcheck(function, inputs)


def test_state_and_writes_are_named() -> None:
    def add_in_place(x: Any) -> Any:
        y = x * 2
        x += 1
        return y

    def overwrite(g: Any, x: Any) -> Any:
        x *= 2
        return g * 2

    with pytest.raises(GradcheckError, match="input 0 is mutated"):
        gradcheck((add_in_place, lambda g, x: g * 2), X)
    with pytest.raises(GradcheckError, match="backward overwrites input 0"):
        gradcheck((lambda x: x * 2, overwrite), X)
    counts = iter(range(1000))
    with pytest.raises(GradcheckError, match="two backward passes differ"):
        gradcheck((lambda x: x * 2, lambda g, x: g * (2 + 1e-8 * next(counts))), X, rtol=1e-3)
    assert np.array_equal(X, [0.5, -1.0, 2.0])


def test_an_upcast_is_named_where_it_is_asked_for() -> None:
    def wide(g: Any, x: Any) -> Any:
        return g * np.float64(2) * np.ones(3)

    pair = (lambda x: x * 2, wide)
    assert gradcheck(pair, X)
    with pytest.raises(GradcheckError, match="the gradient of input 0 is float64 for float32"):
        gradcheck(pair, X, check_grad_dtypes=True)


@given_gradients(
    arrays(low=0.5), vjp=lambda g, x: g / x, value=lambda x: np.log2(x) * np.log(2), max_examples=10
)
def test_a_property_of_a_pair(x: Any) -> Any:
    return np.log(x)


def test_a_forgotten_sum_is_found_by_the_property() -> None:
    @given_gradients(broadcastable(2), vjp=lambda g, x, y: (g * y, g * x), max_examples=50)
    def test(x: Any, y: Any) -> Any:
        return x * y

    with pytest.raises(GradcheckError, match="has shape"):
        test()


@needs("autograd")
def test_autograd_is_found_by_what_is_imported() -> None:
    import autograd.numpy as anp

    assert gradcheck(lambda x: anp.sin(x) * x, X)
    report = examine(anp.prod, np.array([0.0, 2.0, 3.0]))
    assert "not finite where the function has a slope" in report.failures[0]
    report = examine(lambda x: anp.diag(x), W)
    assert "the gradient of input 0 has shape [2, 2], and input 0 has shape [2, 3]" in str(report)


@needs("autograd")
@given_gradients(tensors(), value=np.tanh, library="autograd", max_examples=6)
def test_a_property_of_autograd(x: Any) -> Any:
    import autograd.numpy as anp

    return anp.tanh(x)


@needs("mygrad")
@given_gradients(tensors((2, 3)), tensors((3,)), value=np.matmul, library="mygrad", max_examples=6)
def test_a_property_of_mygrad(w: Any, x: Any) -> Any:
    import mygrad

    assert isinstance(w, mygrad.Tensor)
    return mygrad.matmul(w, x)
