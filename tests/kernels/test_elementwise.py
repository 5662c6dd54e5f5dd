"""Elementwise kernels: as precise as float64 says, right at the extremes, the same in blocks."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist.jit import jit
from tinygrad_mnist.kernels import activation, arithmetic, blocks, choose, loss
from tinygrad_mnist.kernels import steps as step_kernels

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(0)
L = np.longdouble


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def mish_slope(x: Any) -> Any:
    t = np.tanh(np.logaddexp(x, L(0)))
    return t + x * (1 - t * t) * sigmoid(x)


def tanh_part(x: Any) -> Any:
    return sigmoid(2 * np.sqrt(2 / L(np.pi)) * (x + L(0.044715) * x**3))


def gelu_tanh_slope(x: Any) -> Any:
    s, u = tanh_part(x), 2 * np.sqrt(2 / L(np.pi)) * (1 + 3 * L(0.044715) * x * x)
    return s + x * s * (1 - s) * u


ALPHA, SCALE = L(1.6732632423543772848), L(1.0507009873554804934)
# The function, its value and its derivative
EXACT: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "sigmoid": (tg.sigmoid, sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "silu": (F.silu, lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x))),
    "softplus": (F.softplus, lambda x: np.logaddexp(x, L(0)), sigmoid),
    "softplus of 2.5 x": (
        lambda x: F.softplus(x, 2.5),
        lambda x: np.logaddexp(L(2.5) * x, L(0)) / L(2.5),
        lambda x: sigmoid(L(2.5) * x),
    ),
    "logsigmoid": (F.logsigmoid, lambda x: -np.logaddexp(-x, L(0)), lambda x: sigmoid(-x)),
    "mish": (F.mish, lambda x: x * np.tanh(np.logaddexp(x, L(0))), mish_slope),
    "gelu": (
        lambda x: F.gelu(x, approximate="tanh"),
        lambda x: x * tanh_part(x),
        gelu_tanh_slope,
    ),
    "elu": (
        F.elu,
        lambda x: np.where(x > 0, x, np.expm1(x)),
        lambda x: np.where(x > 0, 1, np.exp(x)),
    ),
    "celu": (
        lambda x: F.celu(x, 3.0),
        lambda x: np.where(x > 0, x, 3 * np.expm1(x / 3)),
        lambda x: np.where(x > 0, 1, np.exp(x / 3)),
    ),
    "selu": (
        F.selu,
        lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(x)),
        lambda x: SCALE * np.where(x > 0, 1, ALPHA * np.exp(x)),
    ),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", EXACT)
def test_activations_are_as_precise_as_their_dtype(name: str, dtype: Any) -> None:
    function, value, slope = EXACT[name]
    # Where the exponent is a product, its rounding counts as many times as the exponent is large
    scaled = name in ("softplus of 2.5 x", "gelu")
    array = np.linspace(-5 if scaled else -19, 7, 4001).astype(dtype)
    x = tg.tensor(array, requires_grad=True)
    y = function(x)
    y.backward(tg.ones_like(y))
    exact = array.astype(L)
    near = (20 if scaled else 4) * float(np.finfo(dtype).eps)
    tiny = float(np.finfo(dtype).smallest_subnormal)
    np.testing.assert_allclose(y.detach().numpy().astype(L), value(exact), near, tiny)
    # A derivative that crosses 0, or is next to 1, is as precise as the largest of its terms
    np.testing.assert_allclose(x.grad.numpy().astype(L), slope(exact), near * 2, near / 2 + tiny)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    "name, at_minus_inf, at_inf, slopes",
    [
        ("sigmoid", 0, 1, [0, 0]),
        ("softplus", 0, INF, [0, 1]),
        ("softplus of 2.5 x", 0, INF, [0, 1]),
        ("logsigmoid", -INF, 0, [1, 0]),
        ("elu", -1, INF, [0, 1]),
        ("celu", -3, INF, [0, 1]),
        ("selu", float(-SCALE * ALPHA), INF, [0, float(SCALE)]),
        ("mish", NAN, INF, [0, 1]),
        ("silu", NAN, INF, [NAN, NAN]),
        ("gelu", NAN, INF, [0, 1]),
    ],
)
def test_activations_at_the_extremes(
    name: str, at_minus_inf: float, at_inf: float, slopes: Any, dtype: Any
) -> None:
    largest = float(np.finfo(dtype).max)
    x = tg.tensor([-INF, INF, NAN, -largest, largest], dtype=dtype, requires_grad=True)
    y = EXACT[name][0](x)
    y.backward(tg.ones_like(y))
    ends = [dtype(at_minus_inf), dtype(at_inf)]
    grad = x.grad.numpy()
    np.testing.assert_array_equal(y.detach().numpy()[:3], [*ends, NAN])
    np.testing.assert_array_equal(grad[:3], [*map(dtype, slopes), NAN])
    assert np.isfinite(grad[3:]).all()  # no power of a large number spoils it


def test_straight_lines_at_the_extremes() -> None:
    def both(function: Any, *values: float) -> Any:
        x = tg.tensor(values, requires_grad=True)
        y = function(x)
        y.backward(tg.ones_like(y))
        return y.tolist(), x.grad.tolist()

    ends = -INF, 0.0, INF
    value, slope = both(lambda x: F.leaky_relu(x, 0.0), *ends)
    assert np.isnan(value[0])  # infinity times 0, as in PyTorch
    assert (value[1:], slope) == ([0, INF], [0, 0, 1])
    assert both(lambda x: F.leaky_relu(x, 0.5), *ends) == ([-INF, 0, INF], [0.5, 0.5, 1])
    assert both(lambda x: F.leaky_relu(x, -2.0), *ends) == ([INF, 0, INF], [-2, -2, 1])
    assert both(lambda x: F.leaky_relu(x, 2.0), *ends) == ([-INF, 0, INF], [2, 2, 1])
    assert both(F.hardswish, -4.0, -3.0, 3.0, INF) == ([0, 0, 3, INF], [0, 0, 1, 1])
    assert both(F.hardsigmoid, *ends) == ([0, 0.5, 1], [0, pytest.approx(1 / 6), 0])
    assert both(F.softshrink, *ends) == ([-INF, 0, INF], [1, 0, 1])
    assert both(F.hardshrink, *ends) == ([-INF, 0, INF], [1, 0, 1])
    assert np.isnan(F.hardshrink(tg.tensor([NAN])).numpy()).all()


@pytest.mark.parametrize("n", [0.5, -0.5, -1, -2, 2, 3, 4, 5, -3, 1.5, 1])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_powers_to_a_number(n: float, dtype: Any) -> None:
    array = (np.abs(RNG.standard_normal(500)) + 0.1).astype(dtype)
    if float(n).is_integer():
        array[::2] *= -1
    x = tg.tensor(array, requires_grad=True)
    y = x**n
    y.backward(tg.ones_like(y))
    exact, near = array.astype(L), 2 * float(np.finfo(dtype).eps)
    tiny = float(np.finfo(dtype).smallest_subnormal)
    np.testing.assert_allclose(y.detach().numpy().astype(L), exact ** L(n), near, tiny)
    np.testing.assert_allclose(x.grad.numpy().astype(L), n * exact ** L(n - 1), near, tiny)


def test_powers_of_zero() -> None:
    for n, slope in ((0, 0.0), (1, 1.0), (2, 0.0), (3, 0.0), (0.5, INF), (1.5, 0.0)):
        x = tg.tensor([0.0], requires_grad=True)
        (dx,) = tg.autograd.grad(x**n, x, tg.ones(1), create_graph=True)
        assert dx.item() == slope, n
    x = tg.tensor([0.0], requires_grad=True)
    y = x**3
    for expected in (0.0, 0.0, 6.0):
        (y,) = tg.autograd.grad(y, x, tg.ones(1), create_graph=True)
        assert y.item() == expected


KERNELS: dict[str, Callable[..., Any]] = {
    "sigmoid": lambda d, x, **kw: activation.sigmoid(x, **kw),
    "sigmoid_back": activation.sigmoid_back,
    "times_sigmoid": activation.times_sigmoid,
    "softplus": lambda d, x, **kw: activation.softplus(x, beta=2.0, **kw),
    "logsigmoid": lambda d, x, **kw: activation.logsigmoid(x, **kw),
    "mish": lambda d, x, **kw: activation.mish(x, **kw),
    "mish_back": activation.mish_back,
    "silu_back": lambda d, x, **kw: activation.silu_back(d, x, x, **kw),
    "elu_back": lambda d, x, **kw: activation.elu_back(d, x, alpha=2.0, scale=3.0, inner=0.5, **kw),
    "leaky_back": lambda d, x, **kw: activation.leaky_back(d, x, slope=0.1, **kw),
    "gelu_tanh_back": activation.gelu_tanh_back,
    "hardswish_back": activation.hardswish_back,
    "huber": lambda d, x, **kw: loss.huber(x, delta=0.5, **kw),
    "softshrink": lambda d, x, **kw: step_kernels.softshrink(x, bound=0.5, **kw),
    "number_power": lambda d, x, **kw: arithmetic.number_power(x, n=5, **kw),
    "power_back": lambda d, x, **kw: arithmetic.power_back(d, x, n=3, **kw),
}
LAYOUTS: dict[str, Callable[..., Any]] = {
    "C": lambda a: a,
    "F": lambda a: a.T,
    "gaps": lambda a: a[:, ::2],
    "one dimension": lambda a: a.reshape(-1),
    "empty": lambda a: a[:0],
    "0-d": lambda a: a[0, 0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", KERNELS)
def test_blocks_and_out_change_no_bit(name: str, layout: str, monkeypatch: Any) -> None:
    kernel = KERNELS[name]
    a = np.linspace(-6, 6, 60 * 70, dtype=np.float32).reshape(60, 70)
    x, d = LAYOUTS[layout](a), LAYOUTS[layout](a[::-1])
    whole = kernel(d, x)
    same_gradient = kernel(np.broadcast_to(np.float32(2), x.shape), x)
    monkeypatch.setattr(blocks, "BLOCK", 1000)
    assert kernel(d, x).tobytes() == whole.tobytes()
    assert kernel(d, x).dtype == whole.dtype == np.float32
    assert kernel(np.broadcast_to(np.float32(2), x.shape), x).tobytes() == same_gradient.tobytes()
    out = np.empty_like(x)
    assert kernel(d, x, out=out) is out or not out.ndim
    assert out.tobytes() == whole.tobytes()
    if x.ndim:  # written last of all: the result may take the memory of an argument
        own = np.array(x)
        assert kernel(d, own, out=own).tobytes() == whole.tobytes()


def test_silu_in_blocks(monkeypatch: Any) -> None:
    x = RNG.standard_normal((60, 70)).astype(np.float32)
    whole = activation.silu(x)
    monkeypatch.setattr(blocks, "BLOCK", 1000)
    outs = np.empty_like(x), np.empty_like(x)
    for made in (activation.silu(x), activation.silu(x, out=outs), outs):
        assert [a.tobytes() for a in made] == [a.tobytes() for a in whole]


SPECIAL = np.array([0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 1e-45], np.float32)


@pytest.mark.parametrize("block", [500, 10**6])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_where_takes_the_bits_as_they_are(dtype: Any, block: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(blocks, "BLOCK", block)
    c = RNG.random((60, 80)) > 0.5
    a, b = (np.resize(RNG.permutation(SPECIAL), (60, 80)).astype(dtype) for _ in range(2))
    row, column, one = a[0], b[:, :1], np.array(-0.0, dtype)
    for x, y in (
        (a, b), (a.T.copy().T, b), (a, 0.0), (a, -0.0), (a, -INF), (2.5, b), (NAN, b), (row, b),
        (a, column), (row, column), (a, one), (one, b), (a, 1), (a, one.astype(np.float64)),
    ):  # fmt: skip
        for mask in (c, c.T.copy().T, c[:1], c.astype(np.int64)):
            ours, numpys = choose.where(mask, x, y), np.where(mask, x, y)
            assert ours.dtype == numpys.dtype and ours.shape == numpys.shape
            assert ours.tobytes() == numpys.tobytes()


@pytest.mark.parametrize("count", [3000, blocks.BLOCK + 5])
def test_jit_has_the_bits_of_eager_for_any_size(count: int) -> None:
    def step(x: Any, t: Any) -> Any:
        y = F.silu(x) + F.elu(x, 0.5) + F.softplus(x, 2.0) + F.mish(x) + F.leaky_relu(x)
        y = y + x**3 + tg.where(x > t, x, t) + F.gelu(x, approximate="tanh") + F.hardswish(x)
        loss_of = F.huber_loss(y, t) + F.softshrink(x).sum() + F.selu(x).sum()
        (grad,) = tg.autograd.grad(loss_of, x)
        return loss_of, grad

    fast = jit(step)
    for _ in range(4):
        x, t = (tg.tensor(RNG.standard_normal(count).astype(np.float32)) for _ in range(2))
        x.requires_grad_()
        for ours, eager in zip(fast(x, t), step(x, t), strict=True):
            assert ours.detach().numpy().tobytes() == eager.detach().numpy().tobytes()


def test_erf_is_right_to_the_last_digits() -> None:
    """In float32 too, on both sides of the bound between its two formulas, and without warnings."""
    some = np.linspace(-5, 5, 20_001), np.geomspace(1e-30, 1, 5000), [0.0, 3e38, -3e38]
    x = np.concatenate(some).astype(np.float32)
    expected = np.array([math.erf(v) for v in x.tolist()])
    with np.errstate(all="raise", under="ignore"):
        y = activation.erf(x)
    assert y.dtype == tg.erf(tg.tensor([1, 2])).dtype == np.float32
    assert (abs(y - expected) <= 2 * np.spacing(abs(expected).astype(np.float32))).all()
    edges = np.array([-0.0, 1e-45, -np.inf, np.inf, np.nan], np.float32)
    assert str(activation.erf(edges).tolist()) == str([-0.0, float(edges[1]), -1.0, 1.0, math.nan])
