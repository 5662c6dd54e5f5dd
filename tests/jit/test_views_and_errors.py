"""Writes through views, and errors of floating point: both forms of jit do what eager does."""

import contextlib
import functools
import warnings

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim

FORMS = {"default": tg.jit, "pure": functools.partial(tg.jit, pure=True)}
START = np.arange(6, dtype=np.float32).reshape(2, 3) + 1


def rows(w, x):
    b = tg.zeros(2, 3)
    for i in range(2):
        b[i] = w[i] * x[i]
    return b * b


def a_row(w, x):
    y = w * x
    y[0].mul_(2)
    return y * y


def behind_a_view(w, x):
    y = w * x
    v = y.t()
    y.add_(1)
    return v * v.sum()


def a_view_made_before(w, x):
    base = tg.zeros(2, 3)
    v = base[:1]
    base.add_(w)
    return v * x[:1]


def a_transposed_view(w, x):
    y = (w * x).reshape(3, 2)
    y.t().add_(1)
    z = y.reshape(-1)
    z[2:].mul_(3)
    return y * y


def what_it_is_written_over_with(w, x):
    y = w * x
    v = y.reshape(-1)
    v.sub_(y.sum())
    return v * y.sum()


def parts_of_it(w, x):
    y = w * x
    first, second = y.unbind(0)
    second.add_(first)
    return y**2


def a_constant(w, x):
    y = w * x
    y[0].fill_(0)
    return y + 0


def a_pool(w, x):
    return F.max_pool2d((w * x).reshape(1, 1, 2, 3), (1, 3)).relu_()


def under_no_grad(w, x):
    y = x * 2
    with tg.no_grad():
        y.view(-1)[1] = 5
        y[0].add_(1)
    return w * y


def refused(w, x):
    y = w * x
    z = y * y
    y[0].add_(1)
    return z


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", [
    rows, a_row, behind_a_view, a_view_made_before, a_transposed_view, parts_of_it, a_pool,
    what_it_is_written_over_with, a_constant, under_no_grad, refused,
])  # fmt: skip
def test_a_write_through_a_view(body, form):
    w = tg.tensor(START, requires_grad=True)

    def step(x):
        w.grad = None
        result = body(w, x)
        result.sum().backward()
        return result.detach(), w.grad

    def seen(function, x):
        try:
            return [t.tolist() for t in function(tg.tensor(x))]
        except RuntimeError as error:
            return str(error)

    jitted = FORMS[form](step)
    for number in range(6):
        x = np.random.default_rng(number).standard_normal((2, 3)).astype(np.float32)
        if number == 4:
            x = np.asfortranarray(x)
        assert seen(jitted, x) == seen(step, x), f"call {number}"


@pytest.mark.parametrize("form", FORMS)
def test_a_reshape_that_copied_when_it_was_learnt(form):
    """An array of another layout gives a view, and a write to the view is a write to the base."""

    def step(x):
        y = x.reshape(-1)
        y.add_(1)
        return x * 1

    jitted = FORMS[form](step)
    for number in range(8):
        array = START.copy() if number in (4, 6) else np.asfortranarray(START)
        pair = tg.from_numpy(array), tg.from_numpy(array.copy("K"))
        assert jitted(pair[0]).tolist() == step(pair[1]).tolist(), f"call {number}"


ERRORS = {
    "log": lambda a: a.log(),
    "division": lambda a: 1 / a,
    "overflow": lambda a: (a * 3e38).sum(),
    "exp": lambda a: (a * 1e3).exp(),
    "linear": lambda a: F.linear(a.reshape(1, -1), tg.full((2, 3), 3e38), tg.full((2,), 3e38)),
    "cast": lambda a: (a * 1e30).to(np.float16),
    "root": lambda a: (-a).sqrt(),
    "power": lambda a: a**-1.0,
    "variance": lambda a: (a * 1e30).var(),
    "nothing": lambda a: F.relu(a),
    "integers": lambda a: tg.tensor([5, 4]) // tg.tensor([0, 1]),
    "bools": lambda a: (a > 0) - (a < 0),
    "float64": lambda a: a.double().reshape(1, -1) @ tg.ones(3, 1),
    "shapes": lambda a: a + tg.ones(7),
}


def outcome(function, x, errors):
    """Return the bits or the error, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with np.errstate(**errors) if errors else contextlib.nullcontext():
                actual = function(x).detach().numpy().tobytes()
        except Exception as error:
            actual = type(error), str(error)
    return actual, [(one.category, str(one.message)) for one in caught]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ERRORS)
def test_errors_of_floating_point_and_of_dtypes(name, form):
    function = ERRORS[name]
    jitted = FORMS[form](function)
    before = np.geterr()
    for _ in range(3):
        for errors in ({}, {"all": "raise"}, {"all": "warn"}, {"over": "raise"}):
            for data in ([1.0, 2.0, 3.0], [0.0, -1.0, 2.0]):
                x = tg.tensor(data)
                assert outcome(jitted, x, errors) == outcome(function, x, errors), (errors, data)
    assert np.geterr() == before


@pytest.mark.parametrize("how", [{}, {"tile_rows": 4}])
def test_a_training_step_is_silent_until_asked(how):
    """That goes for its ops, its backward and its optimizer, in tiles too."""
    model = nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=1e38)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    jitted = tg.jit(step, **how)
    x, y = tg.full((8, 3), 1e15), tg.zeros(8, 2)
    with np.testing.assert_no_warnings():
        for _ in range(5):
            jitted(x, y)
            model.reset_parameters()
    with pytest.raises(FloatingPointError), np.errstate(over="raise"):
        jitted(x * 1e20, y)
