"""Tensors that require no gradient hold a `.grad` too: given, or from before they were frozen."""

import copy

import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim


@pytest.fixture
def w():
    w = tg.ones(3, requires_grad=True)
    (w * 2).sum().backward()
    return w


def test_freezing_keeps_the_gradient_and_thawing_adds_to_it(w):
    w.requires_grad_(False)
    assert not w.requires_grad
    assert w.grad.tolist() == [2, 2, 2]
    w.requires_grad = True
    (w * 3).sum().backward()
    assert w.grad.tolist() == [5, 5, 5]


def test_backward_skips_what_was_frozen_after_it_was_used(w):
    loss = (w * 5).sum()
    w.requires_grad_(False)
    loss.backward()
    assert w.grad.tolist() == [2, 2, 2]


def test_hooks_outlive_a_freeze():
    w = tg.ones(2, requires_grad=True)
    w.register_hook(lambda g: g * 10)
    w.requires_grad_(False).requires_grad_().sum().backward()
    assert w.grad.tolist() == [10, 10]


def test_detach_in_place_keeps_it(w):
    assert w.detach().grad is None
    assert w.detach_().grad.tolist() == [2, 2, 2]


def test_new_data_of_another_shape_drop_it(w):
    w.requires_grad_(False)
    w.data = tg.zeros(3)
    assert w.grad.tolist() == [2, 2, 2]
    w.data = tg.zeros(2)
    assert w.grad is None
    w.requires_grad_().sum().backward()
    assert w.grad.tolist() == [1, 1]


def test_any_leaf_can_be_given_one():
    x = tg.zeros(2)
    x.grad = tg.ones(2)
    assert copy.deepcopy(x).grad.tolist() == [1, 1]
    (x.requires_grad_() * 3).sum().backward()
    assert x.grad.tolist() == [4, 4]
    n = tg.tensor([1, 2])
    n.grad = tg.tensor([3, 4])
    assert n.grad.tolist() == [3, 4]
    del n.grad
    assert n.grad is None
    with pytest.raises(RuntimeError, match=r"grad has shape \(3,\), its Tensor \(2,\)"):
        n.grad = tg.ones(3)


def test_a_computed_tensor_can_be_given_one(w):
    y = w * 2
    y.grad = tg.ones(3)
    assert y.grad.tolist() == [1, 1, 1]
    y.grad = None
    assert y.grad is None


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adagrad", "RMSprop", "Rprop", "ASGD", "NAdam"])
def test_optimizers_step_whatever_has_one(name):
    x, twin = tg.zeros(2), tg.zeros(2, requires_grad=True)
    optimizers = [getattr(optim, name)([t], lr=0.5) for t in (x, twin)]
    x.grad, twin.grad = tg.ones(2), tg.ones(2)
    for optimizer in optimizers:
        optimizer.step()
    assert x.tolist() == twin.tolist() != [0, 0]
    optimizers[0].zero_grad(set_to_none=False)
    assert x.grad.tolist() == [0, 0]
    optimizers[0].zero_grad()
    assert x.grad is None


def train(compiled, zeroed, name):
    """Return all that eight steps show: layers frozen, thawed, gradients given in between."""
    tg.manual_seed(0)
    model, beside = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), tg.zeros(3)
    optimizer = getattr(optim, name)([*model.parameters(), beside], lr=0.1)
    x, y = tg.rand(8, 4), tg.arange(8) % 2

    def step(x, y):
        if zeroed:
            optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step, seen = compiled(step), []
    for number in range(8):
        if number == 3:
            model[0].requires_grad_(False)
        if number == 5:
            beside.grad, model[0].weight.grad = tg.ones(3), tg.ones(3, 4)
        if number == 6:
            model[0].requires_grad_(True)
        seen.append(step(x, y).item())
        params = [*model.parameters(), beside]
        seen += [(p.tolist(), None if p.grad is None else p.grad.tolist()) for p in params]
    return seen


@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize("zeroed", [True, False])
@pytest.mark.parametrize("pure", [False, True])
def test_jitted_steps_do_as_eager_ones(name, zeroed, pure):
    jitted = train(lambda step: tg.jit(step, pure=pure), zeroed, name)
    assert jitted == train(lambda step: step, zeroed, name)


@pytest.mark.parametrize("pure", [False, True])
def test_a_jitted_function_sees_one_come_and_go(pure):
    x = tg.zeros(3)
    double = tg.jit(lambda y: y * 2 if x.grad is None else y * x.grad, pure=pure)
    for number in range(9):
        x.grad = tg.ones(3) * number if number > 3 and number != 6 else None
        factor = 2 if x.grad is None else number
        assert double(tg.ones(3)).tolist() == [factor] * 3


def test_a_retained_gradient_adds_up_from_what_was_given(w):
    y = w * 2
    y.retain_grad()
    y.grad = tg.ones(3) * 5
    total = y.sum()
    total.backward(retain_graph=True)
    total.backward(retain_graph=True)
    assert y.grad.tolist() == [7] * 3
    total.backward(inputs=[y])
    assert y.grad.tolist() == [8] * 3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda w: setattr(w, "grad", w), "its own grad"),
        (lambda w: setattr(w, "grad", tg.ones(3, dtype=tg.float64)), "grad is float64"),
        (lambda w: setattr(w, "requires_grad", 1), "must be a bool, not 1"),
        (lambda w: w.requires_grad_(None), "must be a bool, not None"),
        (lambda w: setattr(w, "data", tg.arange(3)), "floating point, not int64"),
    ],
)
def test_what_pytorch_refuses_is_refused(wrong, words, w):
    with pytest.raises(RuntimeError, match=words):
        wrong(w)
    assert w.requires_grad and w.dtype == tg.float32
    assert w.grad.tolist() == [2, 2, 2]
