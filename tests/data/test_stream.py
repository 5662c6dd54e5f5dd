"""Orders that come in windows, and a thread that reads ahead of them."""

import gc
import itertools
import os
import threading
import traceback
from collections.abc import Iterator

import numpy as np
import pytest

from tinygrad_mnist.data.read_ahead import ReadAhead
from tinygrad_mnist.data.stream import stream_batches
from tinygrad_mnist.data.windows import Windows, permuted


@pytest.mark.parametrize(
    ("n", "window", "block"), [(1000, 100, 10), (1003, 64, 8), (5, 100, 1), (100, 7, None)]
)
def test_windows_give_each_row_once_and_go_on_anywhere(
    n: int, window: int, block: int | None
) -> None:
    order = Windows(n, window, block, seed=[3])
    rows = np.concatenate(list(order))
    assert sorted(rows.tolist()) == list(range(n)) and len(order) == n
    assert rows.tolist() != list(range(n))
    assert all(len(part) <= window for part in order)
    for done in (0, 1, window - 1, window, window + 1, n - 1, n):
        left = [*order.after(done), np.empty(0, np.intp)]
        assert np.array_equal(np.concatenate(left), rows[done:])
    other = np.concatenate(list(Windows(n, window, block, seed=[4])))
    assert rows.tolist() != other.tolist()


def test_the_rows_of_a_window_come_in_long_runs() -> None:
    for rows in Windows(10_000, 1000, 100, seed=[0]):
        starts = np.count_nonzero(np.diff(np.sort(rows)) != 1) + 1
        assert starts <= 10
        assert np.abs(np.diff(rows)).mean() > 100  # and are mixed


def test_a_permutation_goes_on_anywhere() -> None:
    def order(done: int) -> list[int]:
        parts = permuted(100, np.random.default_rng(0), done, at_once=7)
        return [row for part in parts for row in part.tolist()]

    assert sorted(order(0)) == list(range(100))
    assert order(33) == order(0)[33:]


@pytest.mark.parametrize("read_ahead", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_do_not_depend_on_how_rows_are_grouped(read_ahead: bool, drop_last: bool) -> None:
    squares = np.arange(10_000) ** 2
    groups = [np.arange(0, 5000), np.arange(5000, 5003), np.arange(5003, 10_000)]
    batches = stream_batches(
        lambda rows: (squares[rows], rows),
        groups,
        64,
        convert=lambda x, rows: (x + 1, rows),
        drop_last=drop_last,
        read_ahead=read_ahead,
    )
    columns = list(batches)
    count = 10_000 // 64 * 64 if drop_last else 10_000
    assert [len(x) for x, _ in columns[:-1]] == [64] * (len(columns) - 1)
    assert np.array_equal(np.concatenate([x for x, _ in columns]), squares[:count] + 1)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "read-ahead"]


def count_and(event: threading.Event, items: int = 10**9) -> Iterator[int]:
    try:
        yield from range(items)
    finally:
        event.set()


def test_the_thread_ends_with_the_items() -> None:
    ended = threading.Event()
    assert list(ReadAhead(count_and(ended, 50))) == list(range(50))
    assert threads() == [] and ended.is_set()


def test_the_thread_ends_with_an_iterator_that_is_left() -> None:
    ended = threading.Event()
    ahead = ReadAhead(count_and(ended))
    assert [next(ahead), next(ahead)] == [0, 1]
    assert threads()
    del ahead
    gc.collect()
    assert threads() == [] and ended.is_set()


def test_the_thread_ends_with_an_error_of_the_loop() -> None:
    ended = threading.Event()
    with pytest.raises(KeyError), ReadAhead(count_and(ended)) as ahead:
        raise KeyError(next(ahead))
    assert threads() == [] and ended.is_set()
    with pytest.raises(StopIteration):
        next(ahead)
    ahead.close()


def test_batches_that_are_left_end_the_thread() -> None:
    batches = stream_batches(lambda rows: (rows,), itertools.repeat(np.arange(64)), 8)
    next(batches)
    assert threads()
    batches.close()
    assert threads() == []


def test_at_most_depth_items_are_made_ahead() -> None:
    made, asked = [], threading.Event()

    def source() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if len(made) == 4:
                asked.set()
            yield number

    with ReadAhead(source(), depth=2) as ahead:
        next(ahead)
        assert asked.wait(10)
        assert len(made) <= 4  # one is out, two wait, one more has been made


def fail() -> Iterator[int]:
    yield 1
    raise OSError("the disk is gone")


def test_an_error_arrives_after_the_items_with_its_traceback() -> None:
    ahead = ReadAhead(fail())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="the disk is gone") as error:
        next(ahead)
    lines = "".join(traceback.format_exception(error.value))
    assert 'raise OSError("the disk is gone")' in lines
    assert list(ahead) == [] and threads() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")  # of JAX, where a test has loaded it
@pytest.mark.filterwarnings("ignore:.*_at_fork:pytest.PytestUnraisableExceptionWarning")
def test_a_forked_child_gets_an_error_and_does_not_wait() -> None:
    with ReadAhead(count_and(threading.Event())) as ahead:
        next(ahead)
        pid = os.fork()
        if not pid:
            code = 1
            try:
                next(ahead)
            except RuntimeError:
                ahead.close()
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        assert next(ahead) == 1
