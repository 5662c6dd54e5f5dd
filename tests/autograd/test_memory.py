"""graph_memory: how much the live graphs keep, and which variables hold them."""

from typing import Any

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.autograd import graph_memory


def leaf(size: int) -> Tensor:
    return tg.tensor(np.ones(size), requires_grad=True)


def test_nothing_alive_keeps_nothing() -> None:
    before = graph_memory()
    x = leaf(1000)
    (x * x).sum().backward()
    assert graph_memory()[:2] == before[:2]


def test_a_live_graph_is_counted_once_and_named() -> None:
    before = graph_memory()
    x = leaf(1000)
    my_loss = (x * x).exp().sum()  # mul keeps x, exp its output
    graphs = graph_memory(most=1000)
    assert graphs.bytes - before.bytes == 16_000
    assert graphs.calls - before.calls == 3
    (mine,) = [h for h in graphs.holders if "`my_loss` in test_a_live" in h.what]
    assert mine[:2] == (16_000, 3)
    assert "test_memory.py" in mine.what and "SumBackward0" in mine.what
    assert "16.0 kB in 3 calls" in str(graphs)
    del my_loss
    assert graph_memory().calls == before.calls


def test_a_running_sum_of_losses_is_named_and_explained() -> None:
    x = leaf(1000)
    loss_sum: Any = 0.0
    for _ in range(20):
        loss_sum = loss_sum + (x * x).mean()
    (mine,) = [h for h in graph_memory(1000).holders if "`loss_sum`" in h.what]
    assert mine.calls >= 60
    assert "a running sum of 20" in mine.hint or "a running sum of 21" in mine.hint
    assert "loss.item()" in mine.hint


def test_an_in_place_running_sum_too() -> None:
    x = leaf(1000)
    loss_sum = tg.zeros((), dtype=tg.float64)
    for _ in range(20):
        loss_sum += (x * x).mean()
    (mine,) = [h for h in graph_memory(1000).holders if "`loss_sum`" in h.what]
    assert "a running sum" in mine.hint


def test_lists_dicts_and_attributes_are_found() -> None:
    class Log:
        last: Any = None

    x = leaf(10)
    history = [(x * i).sum() for i in range(3)]
    named = {"train": (x * x).sum()}
    log = Log()
    log.last = x.exp()
    text = str(graph_memory(1000))
    assert "one of 3 elements of `history`" in text
    assert "entry 'train' of `named`" in text
    assert "`.last` of `log`" in text
    assert history and named
