"""Initial values by their distributions, and what is done to all parameters at once."""

import math

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.autograd import writes
from tinygrad_mnist.nn import init


def filled(
    name: str, *args: object, shape: tuple[int, ...] = (200, 100), **kw: object
) -> np.ndarray:
    tg.manual_seed(0)
    weight = nn.Parameter(tg.zeros(*shape))
    assert getattr(init, name)(weight, *args, **kw) is weight and weight.requires_grad
    return weight.detach().numpy()


@pytest.mark.parametrize(
    ("name", "kw", "deviation", "bound"),
    [
        ("uniform_", {"a": -2.0, "b": 2.0}, 2 / math.sqrt(3), 2.0),
        ("normal_", {"std": 0.5}, 0.5, math.inf),
        ("trunc_normal_", {"std": 1.0, "a": -1.0, "b": 1.0}, 0.54, 1.0),
        ("xavier_uniform_", {}, math.sqrt(2 / 300), math.sqrt(6 / 300)),
        ("xavier_normal_", {"gain": 2.0}, 2 * math.sqrt(2 / 300), math.inf),
        ("kaiming_uniform_", {"nonlinearity": "relu"}, math.sqrt(2 / 100), math.sqrt(6 / 100)),
        ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}, 0.1, math.inf),
    ],
)
def test_values_have_their_distribution(
    name: str, kw: dict, deviation: float, bound: float
) -> None:
    values = filled(name, **kw)
    assert values.std() == pytest.approx(deviation, rel=0.02)
    assert abs(values.mean()) < deviation / 50
    assert np.abs(values).max() <= bound


@pytest.mark.parametrize("mean", [8.0, -8.0, 100.0])
@pytest.mark.parametrize("std", [1.0, -1.0])
def test_truncated_numbers_far_from_their_mean_are_found(mean: float, std: float) -> None:
    values = filled("trunc_normal_", mean, std, -1.0, 1.0, shape=(40, 50))
    assert np.abs(values).max() <= 1
    if abs(mean) < 10:  # the tail falls about as exp(-7 x) from the bound that is near
        assert 1 - abs(values.mean()) == pytest.approx(1 / 7, rel=0.1)


def test_truncated_numbers_of_one_value() -> None:
    assert (filled("trunc_normal_", 5.0, 0.0, -1.0, 1.0, shape=(3,)) == 1).all()
    assert (filled("trunc_normal_", 0.0, 1.0, 0.5, 0.5, shape=(3,)) == 0.5).all()
    with pytest.raises(ValueError, match="a=1.0 and b=-1.0"):
        filled("trunc_normal_", 0.0, 1.0, 1.0, -1.0)


def test_initial_values_without_chance_are_their_formulas() -> None:
    assert (filled("constant_", 3.0) == 3).all()
    assert (filled("eye_", shape=(2, 3)) == np.eye(2, 3)).all()
    q = filled("orthogonal_", shape=(4, 3, 2))
    np.testing.assert_allclose(q.reshape(4, 6) @ q.reshape(4, 6).T, np.eye(4), atol=1e-6)
    assert ((filled("sparse_", 0.25) == 0).sum(0) == 50).all()
    x = tg.randn(1, 2, 5, 5)
    through = tg.tensor(filled("dirac_", shape=(2, 2, 3, 3)))
    assert (nn.functional.conv2d(x, through, padding=1) == x).all()


def test_initial_values_follow_the_generator() -> None:
    a, b = (init.normal_(tg.zeros(3), generator=tg.Generator().manual_seed(7)) for _ in range(2))
    assert (a == b).all() and not (init.normal_(tg.zeros(3)) == a).all()


@pytest.mark.parametrize("number", [float, np.float64])
def test_random_values_are_the_same_in_every_layout_and_dtype(number: type) -> None:
    """Drawn into the Tensor's own memory or copied there: the same numbers, in C order."""
    for fill in (init.normal_, init.uniform_):
        whole = fill(tg.zeros(3, 4), number(-0.5), number(1.5), tg.Generator().manual_seed(1))
        for other in (tg.zeros(4, 3).t(), tg.zeros(3, 8)[:, ::2], tg.zeros(5, 4)[1:4]):
            moment = writes.last
            drawn = fill(other, number(-0.5), number(1.5), tg.Generator().manual_seed(1))
            assert drawn is other and drawn.tolist() == whole.tolist()
            assert writes.last < moment, "a write that backward would not notice"
        double = fill(
            tg.zeros(3, 4).double(), number(-0.5), number(1.5), tg.Generator().manual_seed(1)
        )
        np.testing.assert_allclose(double.numpy(), whole.numpy(), rtol=1e-6)


def test_gains_are_pytorchs_and_wrong_arguments_are_refused() -> None:
    assert init.calculate_gain("leaky_relu", 1.0) == 1.0
    assert init.calculate_gain("tanh") == 5 / 3
    for call, message in [
        (lambda: init.calculate_gain("swish"), "swish"),
        (lambda: init.kaiming_normal_(tg.zeros(2, 2), mode="fan"), "fan_in, fan_out"),
        (lambda: init.xavier_normal_(tg.zeros(2)), "fewer than 2"),
        (lambda: init.eye_(tg.zeros(2)), "2 dimensions"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def with_gradients(*values: list[float]) -> list[nn.Parameter]:
    params = [nn.Parameter(tg.zeros(len(v))) for v in values]
    for param, value in zip(params, values, strict=True):
        param.grad = tg.tensor(value)
    return [*params, nn.Parameter(tg.zeros(1))]  # and one without a gradient


def test_clipping_by_norm_scales_all_gradients_alike() -> None:
    params = with_gradients([3.0, 0.0], [4.0])
    assert nn.utils.clip_grad_norm_(params, 1.0).item() == 5.0
    np.testing.assert_allclose(params[0].grad.numpy(), [0.6, 0.0], rtol=1e-5)
    np.testing.assert_allclose(params[1].grad.numpy(), [0.8], rtol=1e-5)
    before = [p.grad.tolist() for p in params[:2]]
    assert nn.utils.clip_grad_norm_(iter(params), 2.0).item() == pytest.approx(1.0, rel=1e-5)
    assert [p.grad.tolist() for p in params[:2]] == before
    assert nn.utils.clip_grad_norm_(params, 1.0, norm_type=math.inf).item() == pytest.approx(0.8)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0.0


def test_gradients_that_are_not_finite_are_an_error_if_asked_for() -> None:
    params = with_gradients([math.inf])
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert params[0].grad.tolist() == [math.inf]


def test_clipping_by_value_bounds_each_element() -> None:
    params = with_gradients([-3.0, 0.5, 3.0])
    nn.utils.clip_grad_value_(params, 1.0)
    assert params[0].grad.tolist() == [-1.0, 0.5, 1.0]


def test_parameters_as_one_vector_and_back() -> None:
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    vector = nn.utils.parameters_to_vector(net.parameters())
    assert vector.shape == (8,) and vector.requires_grad
    nn.utils.vector_to_parameters(vector, other.parameters())
    assert (net.weight == other.weight).all() and (net.bias == other.bias).all()
    with pytest.raises(ValueError, match=r"\[7\].*8"):
        nn.utils.vector_to_parameters(vector[1:], other.parameters())
