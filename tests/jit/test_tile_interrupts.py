"""Interrupts and errors in a tiled step leave gradients and optimizers as eager may leave them."""

import copy
import itertools
import sys

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import labels, mlp, rows
from tinygrad_mnist import nn, optim
from tinygrad_mnist.autograd import modes
from tinygrad_mnist.jit import threads


class Interrupts(np.ndarray):
    """An array that raises KeyboardInterrupt when a ufunc reads it."""

    def __array_ufunc__(self, *args, **kw):
        raise KeyboardInterrupt


class OwnStep(optim.SGD):
    """SGD with a `step` of its own."""

    def step(self, closure=None):
        return super().step(closure)


class Apart(optim.SGD):
    """SGD whose parameters and gradients lie in no common buffer."""

    elementwise = False


class Stops(optim.SGD):
    """SGD that is interrupted at its n-th update of a parameter."""

    elementwise = True
    left = 1 << 30

    def update(self, group, p, g, state):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        super().update(group, p, g, state)


def step_of(model, optimizer, loss_of=F.cross_entropy):
    def step(x, y):
        optimizer.zero_grad()
        loss_of(model(x), y).backward()
        optimizer.step()

    return step


def gradients(model):
    """Return a copy of each gradient; that leaves it in its buffer, as nobody looks at it."""
    return [None if p._node.grad is None else p._node.grad._data.copy() for p in model.parameters()]


def after_a_step(model, x, y):
    """Return the gradients that an eager step of a copy computes."""
    twin = copy.deepcopy(model)
    step_of(twin, optim.SGD(twin.parameters(), lr=0.1))(x, y)
    return gradients(twin)


@pytest.mark.parametrize("make", [optim.SGD, Apart])
def test_an_interrupt_while_gradients_are_added_up_leaves_no_partial_sum(make, monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 3)
    model = mlp()
    step = tg.jit(step_of(model, make(model.parameters(), lr=0.1)), tile_rows=2)
    for k in range(4):
        step(rows(k, (6, 3)), labels(k, 6))
    (tiled,) = step.programs()
    totals = tiled._workers[2].totals
    old, new = gradients(model), after_a_step(model, rows(4, (6, 3)), labels(4, 6))
    weights = [p.detach().numpy().copy() for p in model.parameters()]
    totals[-1] = totals[-1].view(Interrupts)
    with pytest.raises(KeyboardInterrupt):
        step(rows(4, (6, 3)), labels(4, 6))
    for before, after, now in zip(old, new, gradients(model), strict=True):
        assert now is None or np.array_equal(now, before) or np.allclose(now, after, atol=1e-6)
    assert all(map(np.array_equal, weights, (p.detach().numpy() for p in model.parameters())))
    totals[-1] = totals[-1].view(np.ndarray)
    step(rows(4, (6, 3)), labels(4, 6))
    for g, after in zip(gradients(model), new, strict=True):
        np.testing.assert_allclose(g, after, rtol=1e-5, atol=1e-6)


def test_an_interrupt_of_the_optimizer_leaves_the_new_gradients():
    model = mlp()
    optimizer = Stops(model.parameters(), lr=0.1)
    step = tg.jit(step_of(model, optimizer), tile_rows=2)
    for k in range(3):
        step(rows(k), labels(k))
    assert "Stops.update()" in repr(step) and "2 tiles" in repr(step)
    optimizer.zero_grad()
    expected = after_a_step(model, rows(3), labels(3))
    optimizer.left = 1
    with pytest.raises(KeyboardInterrupt):
        step(rows(3), labels(3))
    for p, g in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss_of", [F.cross_entropy, lambda out, y: F.cross_entropy(out, y) ** 2])
def test_an_optimizer_with_a_step_of_its_own_is_not_marked_by_a_trial(loss_of):
    model = nn.Linear(3, 3)
    optimizer = OwnStep(model.parameters(), lr=0.1)
    x, y = tg.ones(9, 3), tg.tensor([0, 1, 2] * 3)
    bad = loss_of is F.cross_entropy
    y[8] = 7 if bad else 0
    with pytest.raises(IndexError if bad else RuntimeError):
        tg.jit(step_of(model, optimizer, loss_of), tile_rows=4)(x, y)
    assert not optimizer.stepped
    y[8] = 0
    tg.jit(step_of(model, optimizer), tile_rows=4)(x, y)
    assert optimizer.stepped


def interrupted_at(number, function, *args):
    """Call a function; raise KeyboardInterrupt at the entry of the n-th call of a mode's function.

    There Python looks for signals. Return whether there were as many.
    """
    left = [number]

    def trace(frame, event, arg):
        if frame.f_code.co_filename == modes.__file__:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt

    sys.settrace(trace)
    try:
        function(*args)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


@pytest.mark.parametrize("form", [{"tile_rows": 2}, {"tile_rows": "auto"}, {"pure": True}, {}])
def test_an_interrupt_of_a_capture_leaves_no_tape_behind(form):
    for number in itertools.count(1):
        model = mlp()
        step = tg.jit(step_of(model, optim.SGD(model.parameters(), lr=0.1)), **form)
        if form in ({}, {"pure": True}):
            step(rows(0), labels(0))
        interrupted = interrupted_at(number, step, rows(0), labels(0))
        assert modes.current() == modes.DEFAULT and not modes.TAPED
        if not interrupted:
            break
    assert number > 5


def test_a_guard_that_an_interrupt_left_half_made_goes_silently():
    guard = modes._Guard.__new__(modes._Guard)
    guard.__del__()
    assert modes.current() == modes.DEFAULT
