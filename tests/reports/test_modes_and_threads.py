"""no_grad on a generator function does nothing, and a dead thread leaves its mode to another."""

import threading
from collections.abc import Generator
from pathlib import Path

import pytest

import tinygrad_mnist as tg
from tests.ahead import ahead, pythons


def test_no_grad_holds_in_the_body_of_a_generator_and_not_outside() -> None:
    w = tg.ones(1, requires_grad=True)

    @tg.no_grad()
    def values() -> Generator[bool, float, str]:
        try:
            got = yield (w * 2).requires_grad
            yield (w * got).requires_grad
        except KeyError:
            yield (w * 3).requires_grad
        finally:
            seen.append((w * 4).requires_grad)
        return "end"

    seen: list[bool] = []
    inner = values()
    assert next(inner) is False
    assert (w * 2).requires_grad
    assert inner.send(3.0) is False
    assert (w * 2).requires_grad
    assert inner.throw(KeyError()) is False
    with pytest.raises(StopIteration, match="end"):
        next(inner)
    closed = values()
    next(closed)
    closed.close()
    assert seen == [False, False] and (w * 2).requires_grad


@pytest.mark.parametrize(
    "mode", [tg.no_grad, tg.inference_mode, lambda: tg.set_grad_enabled(False)]
)
def test_every_mode_takes_a_generator(mode: object) -> None:
    w = tg.ones(1, requires_grad=True)

    def values() -> Generator[bool, None, None]:
        yield (w * 2).requires_grad

    assert list(mode()(values)()) == [False]  # type: ignore[operator]


def test_a_thread_that_ends_inside_no_grad_takes_it_along() -> None:
    w = tg.ones(1, requires_grad=True)
    recorded: list[bool] = []
    for _ in range(20):
        first = threading.Thread(target=lambda: tg.no_grad().__enter__())
        first.start()
        first.join()
        second = threading.Thread(target=lambda: recorded.append((w * 2).requires_grad))
        second.start()
        second.join()
    assert recorded == [True] * 20


def test_writes_from_threads_are_all_noticed() -> None:
    missed = []

    def corrupt() -> None:
        for _ in range(300):
            w = tg.ones(4, requires_grad=True)
            y = w * 1.0
            z = (y * y).sum()
            with tg.no_grad():
                y.add_(1)
            try:
                z.backward()
                missed.append(1)
            except RuntimeError:
                pass

    threads = [threading.Thread(target=corrupt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not missed


@ahead
def writes_kept(folder: Path) -> int:
    """How many writes are remembered of 20,000 that no graph needs.

    In a process of its own: a graph that another test keeps alive may have kept all of them.
    """
    code = """
import tinygrad_mnist as tg
from tinygrad_mnist.autograd import writes
table = tg.zeros(20_000, 2)
for i in range(20_000):
    table[i].add_(1)
print(len(writes.WRITES))
"""
    return int(pythons(code)[0].stdout)


def test_the_clock_of_writes_forgets_what_nothing_can_have_kept(writes_kept: int) -> None:
    assert writes_kept < 5000


def test_the_clock_of_writes_remembers_what_a_graph_needs() -> None:
    w = tg.ones(20_000, 2, requires_grad=True)
    y = w * 1.0
    z = (y * y).sum()
    with tg.no_grad():
        for i in range(9000):
            y[i].add_(1)
    with pytest.raises(RuntimeError, match="inplace"):
        z.backward()
