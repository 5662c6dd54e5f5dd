"""L-BFGS: it finds minima that gradient descent does not, within the evaluations it may use."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import optim
from tinygrad_mnist.optim.lbfgs import Point, strong_wolfe


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def problem(**options):
    x = tg.tensor([-1.2, 1.0], dtype=tg.float64, requires_grad=True)
    optimizer = optim.LBFGS([x], **options)
    calls = []

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        calls.append(loss.item())
        return loss

    return x, optimizer, closure, calls


def test_it_finds_the_bottom_of_rosenbrocks_valley():
    x, optimizer, closure, _ = problem(
        line_search_fn="strong_wolfe", max_iter=100, tolerance_change=1e-14
    )
    optimizer.step(closure)
    np.testing.assert_allclose(x.detach().numpy(), [1.0, 1.0], atol=1e-6)


@pytest.mark.parametrize("history_size, evaluations", [(3, 50), (100, 20)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_quadratic_of_any_scale_takes_few_evaluations(scale, history_size, evaluations):
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    matrix = tg.tensor(scale * basis @ np.diag([1, 2, 3, 5, 8, 13]) @ basis.T)
    x, y = (tg.zeros(3, dtype=tg.float64, requires_grad=True) for _ in range(2))
    optimizer = optim.LBFGS(
        [x, y],
        max_iter=100,
        tolerance_grad=1e-7 * scale,
        tolerance_change=1e-14,
        history_size=history_size,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimizer.zero_grad()
        z = tg.cat([x, y]) - 1
        loss = (z @ matrix @ z) / 2
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(tg.cat([x, y]).detach().numpy(), np.ones(6), atol=1e-5)
    assert optimizer.state[x]["func_evals"] <= evaluations


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_it_keeps_to_its_limits(search):
    _, optimizer, closure, calls = problem(max_iter=7, line_search_fn=search, lr=1e-3)
    optimizer.step(closure)
    assert optimizer.state_dict()["state"][0]["n_iter"] <= 7
    assert len(calls) <= 8 + (search is not None)
    assert len(calls) == optimizer.state_dict()["state"][0]["func_evals"]


def test_history_is_limited():
    _, optimizer, closure, _ = problem(history_size=3, max_iter=15, line_search_fn="strong_wolfe")
    optimizer.step(closure)
    (state,) = optimizer.state_dict()["state"].values()
    assert [len(state[key]) for key in ("old_dirs", "old_stps", "ro")] == [3, 3, 3]


def test_a_resumed_run_has_the_bits_of_one_that_never_stopped():
    x, optimizer, closure, _ = problem(max_iter=4, line_search_fn="strong_wolfe")
    y, resumed, again, _ = problem(max_iter=9)
    optimizer.step(closure)
    y.data = x.detach().clone()
    resumed.load_state_dict(optimizer.state_dict())
    optimizer.step(closure), resumed.step(again)
    assert np.array_equal(x.detach().numpy(), y.detach().numpy())


def test_parameters_without_gradient_stay():
    x, y = (tg.tensor([2.0], requires_grad=True) for _ in range(2))
    optimizer = optim.LBFGS([x, y])

    def closure():
        optimizer.zero_grad()
        loss = (x**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert (abs(x.item()) < 1e-3, y.item()) == (True, 2.0)


def test_at_a_minimum_nothing_moves():
    x = tg.zeros(2, requires_grad=True)
    optimizer = optim.LBFGS([x])

    def closure():
        optimizer.zero_grad()
        loss = (x**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 0.0
    assert optimizer.state[x]["func_evals"] == 1


def test_the_line_search_meets_both_wolfe_conditions():
    def at(t):
        return Point(t, (t - 2) ** 4 + 0.3 * np.sin(5 * t), np.zeros(1), slope(t))

    def slope(t):
        return 4 * (t - 2) ** 3 + 1.5 * np.cos(5 * t)

    start = at(0.0)
    for first in (1e-3, 0.5, 1.0, 3.0, 40.0):
        point = strong_wolfe(at, start, first, max_steps=50, narrow=0.0)
        assert point.loss <= start.loss + 1e-4 * point.t * start.slope
        assert abs(point.slope) <= 0.9 * abs(start.slope)


def test_what_it_refuses():
    x, y = (tg.zeros(1, requires_grad=True) for _ in range(2))
    with pytest.raises(ValueError, match="parameter groups"):
        optim.LBFGS([{"params": x}, {"params": y}])
    with pytest.raises(TypeError, match="needs a closure"):
        optim.LBFGS([x]).step()
    optimizer = optim.LBFGS([x])
    with pytest.raises(ValueError, match="parameter groups"):
        optimizer.add_param_group({"params": y})
    assert len(optimizer.param_groups) == 1
