"""Where derivatives are lost or invented: zeros, ties, infinities, nothing. PyTorch's answers.

Each row: the input, the function, its value, and the gradient of its sum. tests/conformance checks
the same cases against PyTorch itself where it is installed.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_mnist as tg

inf, nan = math.inf, math.nan
Numbers = list[float]


class Trap(NamedTuple):
    x: Numbers
    f: Callable[[Any, Any], Any]
    value: Numbers
    grad: Numbers


TRAPS = {
    "where picks the branch without NaN": Trap(
        [0.0, 4.0], lambda t, x: t.where(x > 0, x.sqrt(), x), [0, 2], [nan, 0.25]),
    "where of a constant": Trap(
        [-1.0, 4.0], lambda t, x: t.where(x > 0, x, 0.0), [0, 4], [0, 1]),
    "norm at zero": Trap([0.0, 0.0], lambda t, x: x.norm(), [0], [0, 0]),
    "norm 1 at zero": Trap([0.0, -2.0], lambda t, x: t.norm(x, 1), [2], [0, -1]),
    "norm 3 at zero": Trap([0.0, 0.0], lambda t, x: t.norm(x, 3), [0], [0, 0]),
    "norm inf, tied": Trap([2.0, -2.0], lambda t, x: t.norm(x, inf), [2], [0.5, -0.5]),
    "norm of nothing": Trap([], lambda t, x: x.norm(), [0], []),
    "distance of equals": Trap(
        [1.0, 2.0], lambda t, x: t.cdist(x.reshape(1, 2), t.tensor([[1.0, 2.0]])), [0], [0, 0]),
    "sqrt at zero": Trap([0.0, 4.0], lambda t, x: x.sqrt(), [0, 2], [inf, 0.25]),
    "pow 0": Trap([0.0, 2.0], lambda t, x: x**0, [1, 1], [0, 0]),
    "pow 1": Trap([0.0, 2.0], lambda t, x: x**1, [0, 2], [1, 1]),
    "pow 2": Trap([0.0, 2.0], lambda t, x: x**2, [0, 4], [0, 4]),
    "pow 3 of negative": Trap([0.0, -2.0], lambda t, x: x**3, [0, -8], [0, 12]),
    "pow 1/2": Trap([0.0, 4.0], lambda t, x: x**0.5, [0, 2], [inf, 0.25]),
    "pow of Tensors": Trap(
        [0.0, 0.0, 0.0], lambda t, x: x ** t.tensor([0.0, 1.0, 2.0]), [1, 0, 0], [0, 1, 0]),
    "zero to the x": Trap(
        [0.0, 1.0, 2.0], lambda t, x: t.zeros(3) ** x, [1, 0, 0], [0, 0, 0]),
    "max, tied": Trap([3.0, 3.0, 1.0], lambda t, x: x.max(), [3], [0.5, 0.5, 0]),
    "max along, tied": Trap([3.0, 3.0, 1.0], lambda t, x: x.max(0).values, [3], [1, 0, 0]),
    "min along, tied": Trap([3.0, 1.0, 1.0], lambda t, x: x.min(0).values, [1], [0, 1, 0]),
    "amax, tied": Trap([3.0, 3.0, 1.0], lambda t, x: x.amax(0), [3], [0.5, 0.5, 0]),
    "maximum, tied": Trap(
        [3.0, 2.0], lambda t, x: t.maximum(x, t.tensor([3.0, 1.0])), [3, 2], [0.5, 1]),
    "maximum with NaN": Trap(
        [3.0, nan], lambda t, x: t.maximum(x, t.tensor([nan, 1.0])), [nan, nan], [1, 1]),
    "max of NaN": Trap([3.0, nan], lambda t, x: x.max(), [nan], [0, 1]),
    "relu at zero": Trap([0.0, -1.0, 1.0], lambda t, x: x.relu(), [0, 0, 1], [0, 0, 1]),
    "abs at zero": Trap([0.0, -1.0], lambda t, x: x.abs(), [0, 1], [0, -1]),
    "clamp at its bounds": Trap([0.0, 1.0, 2.0], lambda t, x: x.clamp(0, 1), [0, 1, 1], [1, 1, 0]),
    "clamp of NaN": Trap([nan, 5.0], lambda t, x: x.clamp(0, 1), [nan, 1], [0, 0]),
    "softmax with -inf": Trap([-inf, 1.0], lambda t, x: x.softmax(0), [0, 1], [0, 0]),
    "softmax of nothing but -inf": Trap(
        [-inf, -inf], lambda t, x: x.softmax(0), [nan, nan], [nan, nan]),
    "softmax with +inf": Trap([inf, 1.0], lambda t, x: x.softmax(0), [nan, nan], [nan, nan]),
    "softmax, huge": Trap([1e30, -1e30], lambda t, x: x.softmax(0), [1, 0], [0, 0]),
    "softmax of nothing": Trap([], lambda t, x: x.softmax(0), [], []),
    "log_softmax, huge": Trap(
        [1e30, -1e30], lambda t, x: x.log_softmax(0), [0, -2e30], [-1, 1]),
    "log_softmax with -inf": Trap(
        [-inf, 1.0], lambda t, x: x.log_softmax(0), [-inf, 0], [1, -1]),
    "log_softmax of nothing but -inf": Trap(
        [-inf, -inf], lambda t, x: x.log_softmax(0), [nan, nan], [nan, nan]),
    "logsumexp with +inf": Trap([inf, 1.0], lambda t, x: x.logsumexp(0), [inf], [nan, 0]),
    "logsumexp with -inf": Trap([-inf, 1.0], lambda t, x: x.logsumexp(0), [1], [0, 1]),
    "logsumexp of nothing but -inf": Trap(
        [-inf, -inf], lambda t, x: x.logsumexp(0), [-inf], [nan, nan]),
    "logsumexp, huge": Trap([1e30, -1e30], lambda t, x: x.logsumexp(0), [1e30], [1, 0]),
    "logsumexp of nothing": Trap([], lambda t, x: x.logsumexp(0), [-inf], []),
    "logaddexp of -inf": Trap(
        [-inf, 1.0], lambda t, x: t.logaddexp(x, t.tensor([-inf, -inf])), [-inf, 1], [nan, 1]),
    "log1p near zero": Trap([1e-30, -1e-20], lambda t, x: x.log1p(), [1e-30, -1e-20], [1, 1]),
    "expm1 near zero": Trap([1e-30, -1e-20], lambda t, x: x.expm1(), [1e-30, -1e-20], [1, 1]),
    "sigmoid, far left": Trap(
        [-40.0, -1e30], lambda t, x: x.sigmoid(), [4.248354e-18, 0], [4.248354e-18, 0]),
    "std of one": Trap([2.0], lambda t, x: x.std(), [nan], [nan]),
    "std of equals": Trap([2.0, 2.0], lambda t, x: x.std(), [0], [0, 0]),
    "var of nothing": Trap([], lambda t, x: x.var(), [nan], []),
    "prod with one zero": Trap([0.0, 2.0, 3.0], lambda t, x: x.prod(), [0], [6, 0, 0]),
    "prod with two zeros": Trap([0.0, 2.0, 0.0], lambda t, x: x.prod(), [0], [0, 0, 0]),
    "cumprod with a zero": Trap(
        [2.0, 0.0, 3.0], lambda t, x: x.cumprod(0), [2, 0, 0], [1, 8, 0]),
    "sum of nothing": Trap([], lambda t, x: x.sum(), [0], []),
    "prod of nothing": Trap([], lambda t, x: x.prod(), [1], []),
    "mean of nothing": Trap([], lambda t, x: x.mean(), [nan], []),
    "atan2 at the origin": Trap(
        [0.0, 1.0], lambda t, x: t.atan2(x, t.zeros(2)), [0, math.pi / 2], [0, 0]),
    "xlogy at zero": Trap(
        [0.0, 2.0], lambda t, x: t.xlogy(x, t.tensor([0.0, 1.0])), [0, 0], [0, 0]),
    "erfc, far right": Trap([9.0], lambda t, x: t.erfc(x), [4.137032e-37], [-7.492073e-36]),
    "sort with NaN": Trap([nan, 1.0], lambda t, x: x.sort().values, [1, nan], [1, 1]),
    "gather, repeated": Trap(
        [1.0, 2.0], lambda t, x: x.gather(0, t.tensor([1, 1, 0])), [2, 2, 1], [1, 2]),
}  # fmt: skip


def run(lib: Any, trap: Trap) -> tuple[np.ndarray, np.ndarray]:
    x = lib.tensor(trap.x, dtype=lib.float32, requires_grad=True)
    with warnings.catch_warnings():  # the degrees of freedom of one element
        warnings.simplefilter("ignore", UserWarning)
        y = trap.f(lib, x)
    y.sum().backward()
    return y.detach().numpy().reshape(-1), x.grad.detach().numpy()


@pytest.mark.parametrize("name", TRAPS)
def test_trap(name: str) -> None:
    trap = TRAPS[name]
    value, grad = run(tg, trap)
    np.testing.assert_allclose(value, np.array(trap.value, np.float32), rtol=2e-5)
    np.testing.assert_allclose(grad, np.array(trap.grad, np.float32), rtol=2e-5)


@pytest.mark.parametrize("name", TRAPS)
def test_the_answer_is_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    trap = TRAPS[name]
    value, grad = run(torch, trap)
    np.testing.assert_allclose(value, np.array(trap.value, np.float32), rtol=2e-5)
    np.testing.assert_allclose(grad, np.array(trap.grad, np.float32), rtol=2e-5)


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin", "argmax", "argmin", "aminmax"])
def test_extremes_of_nothing_are_an_error(name: str) -> None:
    with pytest.raises((RuntimeError, IndexError), match="zero-size|empty"):
        getattr(tg.zeros(0), name)()
