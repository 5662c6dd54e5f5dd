"""The record of writes: in the order of their moments, whoever stamps, and however often."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import tinygrad_mnist as tg
from tinygrad_mnist import optim
from tinygrad_mnist.autograd import writes


def moments() -> list[int]:
    return [written.moment for written in writes.WRITES.values()]


def test_writes_stay_in_the_order_of_their_moments() -> None:
    """Whoever looks for the writes since a moment stops at the first that is older."""
    a, b = np.zeros(3), np.zeros(4)
    stamps = [
        writes.restamp(a),
        writes.restamp(b),
        lambda: writes.stamp(a),
        lambda: writes.stamp(b),
    ]
    for number in (0, 0, 1, 0, 2, 0, 0, 3, 3, 1, 1, 2, 1):
        stamps[number]()
        written = a if number in (0, 2) else b
        assert moments() == sorted(moments(), reverse=True)
        assert writes.written_since(written, writes.last + 1)


def test_a_write_that_was_dropped_is_recorded_again() -> None:
    a = np.zeros(3)
    stamp = writes.restamp(a)
    stamp()
    writes.drop_old_writes()
    before = writes.tick()
    stamp()
    assert writes.written_since(a, before)


@pytest.mark.parametrize("optimizers", [1, 2])
def test_a_parameter_that_a_step_has_changed_is_stale(optimizers: int) -> None:
    params = [tg.ones(3, requires_grad=True) for _ in range(optimizers)]
    steps = [optim.SGD([p], lr=0.1) for p in params]
    for _ in range(3):
        for p, optimizer in zip(params, steps, strict=True):
            loss = (p * p).sum()
            p.grad = tg.ones(3)
            optimizer.step()
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                loss.backward()


def test_views_of_one_memory_are_told_apart_as_numpy_does() -> None:
    """Whatever their steps: backwards, repeated, of other widths, empty, or side by side."""
    rng, answers = np.random.default_rng(0), set()

    def view(memory: np.ndarray) -> np.ndarray:
        shape = tuple(rng.integers(0 if rng.random() < 0.05 else 1, 4, 2).tolist())
        steps = tuple((2 * rng.integers(-3, 4, 2)).tolist())
        start = 12 + 2 * int(rng.integers(12))
        return as_strided(memory[start:].view(rng.choice(["i2", "u1"])), shape, steps)

    for _ in range(1000):
        memory = np.zeros(60, np.uint8)
        written, saved, before = view(memory), view(memory), writes.tick()
        writes.stamp(written)
        shared = np.shares_memory(written, saved)
        assert writes.written_since(saved, before) == shared
        assert not writes.written_since(saved, writes.last)
        answers.add((shared, np.may_share_memory(written, saved)))
    assert answers == {(True, True), (False, True), (False, False)}


def test_a_write_is_noticed_through_another_owner_of_the_same_memory() -> None:
    a = np.zeros(4, np.float32)
    b, other = np.frombuffer(memoryview(a.data).cast("B"), np.float32), np.zeros(4, np.float32)
    for written, stale in [(b, a), (a, b)]:
        before = writes.tick()
        writes.stamp(written[1:3])
        assert writes.written_since(stale, before) and not writes.written_since(stale[:1], before)
        assert not writes.written_since(other, before)
