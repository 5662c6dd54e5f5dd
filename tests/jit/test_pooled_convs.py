"""A convolution, its rectifier and its pooling in one form: numbers and errors as in eager."""

import functools

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim
from tinygrad_mnist.jit import threads
from tinygrad_mnist.kernels.pooled_conv import Block
from tinygrad_mnist.kernels.winograd import Problem

RNG = np.random.default_rng(0)
X = RNG.standard_normal((14, 3, 22, 22), dtype=np.float32)
Y = RNG.integers(0, 5, 14)


class Net(nn.Module):
    """Two convolutions; the second has the form, as far as the options leave it."""

    def __init__(self, padding=0, bias=True, rectified=True, twice=False, frozen=False):
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3)
        self.second = nn.Conv2d(16, 64, 3, padding=padding, bias=bias)
        self.last = nn.LazyLinear(5)
        self.rectified, self.twice = rectified, twice
        self.second.weight.requires_grad_(not frozen)
        self(tg.from_numpy(X[:1]))

    def forward(self, x):
        x = self.first(x)
        x = F.relu(x) if self.rectified else x * 2
        whole = F.relu(self.second(x))
        pooled = F.max_pool2d(whole, 2)
        if self.twice:  # what lies between is used elsewhere as well
            pooled = pooled + F.avg_pool2d(whole, 2)
        return self.last(pooled.flatten(1))


FORMS = {
    "plain": ({}, True),
    "rim": ({"padding": 1}, True),
    "wide rim": ({"padding": 2}, True),
    "no bias": ({"bias": False}, True),
    "input not rectified": ({"rectified": False}, True),
    "used twice": ({"twice": True}, False),
    "frozen": ({"frozen": True}, False),
}


def run(options, tile_rows, x=X, calls=3):
    tg.manual_seed(0)
    model = Net(**options)
    optimizer = optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = tg.jit(step, tile_rows=tile_rows) if tile_rows else step
    x, y = tg.from_numpy(x), tg.from_numpy(Y)
    losses = np.array([step(x, y).item() for _ in range(calls)])
    grads = [p.grad.numpy() for p in model.parameters() if p.grad is not None]
    weights = [p.detach().numpy() for p in model.parameters()]
    return [losses, *grads, *weights], step


@functools.cache
def eager_run(form):
    return run(FORMS[form][0], None)[0]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("form", FORMS)
def test_training_is_that_of_eager_within_rounding(form, workers, monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: workers)
    options, is_joined = FORMS[form]
    eager = eager_run(form)
    tiled, step = run(options, 7)
    assert ("PooledConv.forward()" in repr(step)) == is_joined
    for a, b in zip(eager, tiled, strict=True):  # rounding may move a maximum, or what ReLU stops
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_equal_pixels_send_the_gradient_to_the_first_of_them():
    blank = np.full_like(X, -0.4)
    blank[:, :, 8:14, 8:14] = X[:, :, 8:14, 8:14]
    eager, tiled = run({}, None, blank)[0], run({}, 7, blank)[0]
    for a, b in zip(eager, tiled, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e25])
def test_what_is_not_finite_comes_out_as_in_eager(value):
    """The step is captured on finite numbers, then sees others, then finite ones again."""
    results = []
    for tile_rows in (None, 7):
        tg.manual_seed(0)
        model = Net()

        def step(x, y, model=model):
            model.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss.detach()

        step = tg.jit(step, tile_rows=tile_rows) if tile_rows else step
        odd = X.copy()
        odd[3, 1, 5, 5] = value
        for x in (X, X, odd, X):
            loss = step(tg.from_numpy(x), tg.from_numpy(Y))
            results.append([loss.numpy(), *(p.grad.numpy() for p in model.parameters())])
    for eager, tiled in zip(results[:4], results[4:], strict=True):
        for a, b in zip(eager, tiled, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_images_lie_where_products_are_that_are_over():
    block = Block(Problem(4, (26, 26), (24, 24), 32, 64, (0, 0), np.dtype(np.float32)), 4)
    assert all(np.shares_memory(block.m, a) for a in (block._y, block._pairs, block._d))
    assert not np.shares_memory(block._y, block._pairs)
    assert not np.shares_memory(block._d, block._pairs)
