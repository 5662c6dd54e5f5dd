"""The memory of a jitted function is freed with it, and does not grow from call to call."""

import gc
import os
import tracemalloc
import weakref

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import labels, mlp, rows, t
from tinygrad_mnist import nn, optim

JIT = {"eager": lambda f: f, "jit": tg.jit}[os.environ.get("JIT_CATALOGUE", "jit")]
SMALL = 30_000  # bytes that caches of Python and NumPy may take


def grown(work, first, then):
    """Return by how many bytes memory grows in `then` more rounds of work after `first`."""
    for k in range(first):
        work(k)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for k in range(first, first + then):
            work(k)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_a_number_that_changes_from_call_to_call():
    f, x, w = JIT(lambda x, k: (w * x * k).sum().backward()), t(1, 2), nn.Parameter(np.ones(2))

    def work(k):
        w.grad = None
        f(x, k / 7)

    assert grown(work, 100, 300) < SMALL


def test_a_number_around_it_that_changes():
    holder, x = [0.0], t(1, 2)
    f = JIT(lambda x: x * holder[0] + holder[0])

    def work(k):
        holder[0] = k / 7
        f(x)

    assert grown(work, 100, 300) < SMALL


def test_a_string_and_an_object_that_change():
    f, x = JIT(lambda x, word, thing: x * len(word) + thing.k), t(1, 2)

    class Thing:
        k = 1

    assert grown(lambda k: f(x, str(k), Thing()), 100, 300) < SMALL


def test_sizes_that_change():
    f = JIT(lambda x: (x * 2 + 1).sum())
    assert grown(lambda k: [f(tg.ones(1 + k % 80)) for _ in range(2)], 100, 200) < SMALL


def test_branches_that_change():
    f = JIT(lambda x, n: [x := x * 2 for _ in range(n)])
    assert grown(lambda k: f(t(1, 2), k % 40), 60, 200) < SMALL


def test_tensors_made_anew():
    def work(k):
        holder["x"], holder["y"] = rows(k, (20, 20)), np.ones((20, 20), np.float32)
        f()

    holder = {}
    f = JIT(lambda: (holder["x"] * tg.from_numpy(holder["y"])).sum())
    assert grown(work, 100, 300) < 100 * 20 * 20 * 4  # of 600 arrays


def test_functions_made_anew():
    w = nn.Parameter(np.ones((50, 50), np.float32))

    def work(k):
        f = JIT(lambda x: (w * x).sum().backward())
        for _ in range(4):
            f(tg.ones(50, 50))

    assert grown(work, 10, 20) < SMALL


def training(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.detach()


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_models_and_optimizers_made_anew_for_one_function(kind):
    step = JIT(training)

    def work(k):
        model = mlp()
        optimizer = kind(model.parameters(), lr=0.01)
        for i in range(4):
            step(model, optimizer, rows(i), labels(i))

    assert grown(work, 4, 12) < SMALL


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_models_and_optimizers_made_anew_with_their_functions(kind):
    def work(k):
        model = mlp()
        optimizer = kind(model.parameters(), lr=0.01)
        step = JIT(lambda x, y: training(model, optimizer, x, y))
        for i in range(4):
            step(rows(i), labels(i))

    assert grown(work, 4, 12) < 2 * SMALL


def test_a_large_model_is_freed_when_its_last_holder_goes():
    """The last one to be dropped may be the function, the model or the optimizer."""
    for order in ("step model optimizer", "model optimizer step", "optimizer step model"):
        holder = {"model": nn.Sequential(nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 3))}
        holder["optimizer"] = optim.Adam(holder["model"].parameters(), lr=0.01)
        holder["step"] = JIT(training)
        for k in range(5):
            holder["step"](holder["model"], holder["optimizer"], rows(k, (8, 100)), labels(k, 8))
        refs = [weakref.ref(holder["model"]), weakref.ref(holder["model"][0].weight)]
        refs += [weakref.ref(holder["optimizer"])]
        for name in order.split():
            del holder[name]
        gc.collect()
        assert [ref() is None for ref in refs] == [True] * 3, order


def test_a_batch_is_not_held_after_the_call():
    model, refs = mlp(), []
    f = JIT(lambda x: model(x).sum().backward())
    for k in range(6):
        x = rows(k, (1000, 3))
        refs.append(weakref.ref(x.numpy()))
        f(x)
        del x
    gc.collect()
    assert [ref() is None for ref in refs] == [True] * 6


def test_an_idle_function_holds_little_beside_its_buffers():
    """The graph of its results is gone as well."""
    model, nodes = mlp(), []

    def f(x):
        loss = model(x).square().sum()
        nodes.append(weakref.ref(loss.grad_fn))
        loss.backward()

    f = JIT(f)
    for k in range(6):
        f(rows(k))
    assert [ref() is None for ref in nodes] == [True] * 6


@pytest.mark.parametrize("pure, most", [(False, 10.4), (True, 8.7)], ids=["followed", "pure"])
def test_the_arrays_of_a_capture_go_while_those_of_its_program_come(pure, most):
    """The most memory of a call, in arrays for each layer of a deep network."""
    count, each = 12, 200 * 200 * 4
    layers = [module for _ in range(count) for module in (nn.Linear(200, 200), nn.Tanh())]
    model = nn.Sequential(*layers)
    step, x = tg.jit(lambda x: model(x).sum().backward(), pure=pure), rows(0, (200, 200))
    tracemalloc.start()
    try:
        for _ in range(3):
            model.zero_grad()
            step(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most * count * each
