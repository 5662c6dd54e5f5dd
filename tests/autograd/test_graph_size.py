"""Long, deep and wide graphs: no recursion, no leak, and work in proportion to the nodes."""

import gc
import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.autograd import engine


@pytest.fixture(autouse=True)
def without_the_garbage_collector() -> Iterator[None]:
    """Reference counting alone must free everything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.array(data, np.float64), requires_grad=True)


def chain(x: Tensor, length: int) -> Tensor:
    for _ in range(length):
        x = x * 1.0
    return x


def test_a_chain_of_100_000_calls_neither_recurses_nor_leaks() -> None:
    x = leaf(1.0)
    y = chain(x, 100_000)
    oldest = weakref.ref(y.grad_fn)
    y.backward()
    assert x.grad.item() == 1.0
    del y
    assert oldest() is None


def test_a_long_chain_that_is_never_walked_is_freed_as_well() -> None:
    y = chain(leaf(1.0), 100_000)
    node = weakref.ref(y.grad_fn)
    del y
    assert node() is None


def test_a_long_chain_with_create_graph() -> None:
    x = leaf(2.0)
    (g,) = tg.autograd.grad(chain(x * x, 3000), x, create_graph=True)
    assert tg.autograd.grad(g, x)[0].item() == 2.0


def test_a_diamond_60_deep_is_not_exponential() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


def test_a_diamond_60_deep_at_second_order() -> None:
    x = leaf(1.0)
    y = x * x
    for _ in range(60):
        y = y + y
    (g,) = tg.autograd.grad(y, x, create_graph=True)
    assert tg.autograd.grad(g, x)[0].item() == 2.0**61


@pytest.mark.parametrize("create_graph", [False, True])
def test_work_grows_with_the_nodes_and_no_faster(
    monkeypatch: pytest.MonkeyPatch, create_graph: bool
) -> None:
    """Counted in pushes of a cotangent, one for each edge of the graph; not in seconds."""
    pushes = [0]
    push = engine.push

    def counted(*args: Any) -> None:
        pushes[0] += 1
        push(*args)

    monkeypatch.setattr(engine, "push", counted)
    counts = []
    for depth in (50, 100, 200):
        x = leaf(1.0)
        y = x
        for _ in range(depth):
            y = y * y.sin() + y  # each node is used three times
        pushes[0] = 0
        tg.autograd.grad(y, x, create_graph=create_graph)
        counts.append(pushes[0])
    assert counts == [1 + 5 * depth for depth in (50, 100, 200)]


def test_a_module_of_10_000_parameters() -> None:
    parameters = [leaf(float(i)) for i in range(10_000)]
    total = tg.stack([p * p for p in parameters]).sum()
    total.backward()
    assert all(p.grad.item() == 2.0 * i for i, p in enumerate(parameters))


def live_after(work: Any) -> int:
    """Bytes that a second and later runs of `work` leave behind."""
    work()
    tracemalloc.start()
    work()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(5):
        work()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return after - before


def big() -> Tensor:
    return leaf(np.ones((100, 100)))


def test_memory_comes_back_after_backward() -> None:
    def work() -> None:
        x = big()
        h = x
        for _ in range(10):
            h = (h @ x * 0.01).tanh() + h
        h.sum().backward()

    assert live_after(work) < 10_000


def test_memory_comes_back_without_backward_and_after_an_error() -> None:
    def work() -> None:
        x = big()
        h = (x @ x).exp()
        h.register_hook(lambda g: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            h.sum().backward()

    assert live_after(work) < 20_000


def test_memory_comes_back_after_second_order_hooks_and_retained_grads() -> None:
    def work() -> None:
        x = big()
        h = (x @ x * 0.01).tanh()
        h.retain_grad()
        h.register_hook(lambda g: g * 2)
        (g,) = tg.autograd.grad(h.sum(), x, create_graph=True)
        (g * g).sum().backward()

    assert live_after(work) < 20_000


def test_saved_arrays_go_as_the_walk_passes() -> None:
    """Not only at its end: the peak of backward stays below one more copy of the graph."""
    x = big()
    h = x
    for _ in range(50):
        h = h.exp() * 1e-3
    tracemalloc.start()
    h.sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * x.detach().numpy().nbytes


def test_dropping_the_output_frees_the_graph_though_the_leaf_lives() -> None:
    x = big()
    y = (x @ x).exp()
    node = weakref.ref(y.grad_fn)
    array = weakref.ref(y.detach().numpy())
    del y
    assert node() is None and array() is None
