"""set_num_threads: PyTorch's meaning, errors and all; NumPy's BLAS does as it is told."""

import ctypes
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ahead import ahead, pythons
from tinygrad_mnist import cores, threads


@pytest.fixture(autouse=True)
def as_before():
    before = tg.get_num_threads()
    yield
    tg.set_num_threads(before)


def test_the_number_is_that_of_numpys_blas():
    controllers = pytest.importorskip("threadpoolctl").threadpool_info
    for count in (1, 2):
        tg.set_num_threads(count)
        assert tg.get_num_threads() == count
        assert {c["num_threads"] for c in controllers() if "numpy" in c["filepath"]} <= {count}


@pytest.mark.parametrize(
    ("count", "error", "words"),
    [
        (0, RuntimeError, "positive"),
        (-1, RuntimeError, "positive"),
        (1.0, TypeError, "got float"),
        (True, TypeError, "got bool"),
        ("2", TypeError, "got str"),
    ],
)
def test_a_wrong_number_of_threads_is_refused(count, error, words):
    with pytest.raises(error, match=words):
        tg.set_num_threads(count)


def test_an_unknown_blas_keeps_one_thread(monkeypatch):
    unknown = threads.Blas(lambda: 1, lambda count: None, is_known=False)
    monkeypatch.setattr(threads, "blas", lambda: unknown)
    tg.set_num_threads(1)
    with pytest.raises(RuntimeError, match="install threadpoolctl"):
        tg.set_num_threads(2)


@pytest.mark.parametrize("name", ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"])
def test_a_number_of_threads_in_the_environment_counts_as_set(name, monkeypatch):
    for other in threads.VARIABLES:
        monkeypatch.delenv(other, raising=False)
    assert not threads.is_set_by_user()
    monkeypatch.setenv(name, "1")
    assert threads.is_set_by_user()


@ahead
def without_threadpoolctl(folder):
    """The output of a process of its own, for this one may have loaded it."""
    code = (
        "import sys; sys.modules['threadpoolctl'] = None; import tinygrad_mnist as tg; "
        "tg.set_num_threads(1); print(tg.get_num_threads())"
    )
    (ran,) = pythons(code, env={**os.environ, "OPENBLAS_NUM_THREADS": "2"})
    return ran.stdout, ran.stderr


def test_the_blas_is_found_without_threadpoolctl(without_threadpoolctl):
    if "openblas" not in str(np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]):
        pytest.skip("NumPy was built on another BLAS")
    assert without_threadpoolctl == ("1\n", "")


def test_no_fork_comes_between_a_call_of_the_blas_and_its_end():
    assert all(type(library) is ctypes.PyDLL for library in threads.libraries())


STOPPED = """
import os, numpy as np, tinygrad_mnist as tg
from tinygrad_mnist import threads

def count():
    return len(os.listdir("/proc/self/task")), tg.get_num_threads()

x = np.ones((600, 600), np.float32)
seen = [count()]
for most in (2, 3, 2):
    tg.set_num_threads(most)
    seen.append(count())
    with threads.one_thread_each():
        threads.stop_spinning(lambda: True)
        x @ x
    seen.append(count())
    x @ x
    seen.append(count())
print(seen)
"""


@ahead
def numbers_of_threads(folder):
    (ran,) = pythons(STOPPED, env={**os.environ, "OPENBLAS_NUM_THREADS": "2"})
    return ran.stdout


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux tells")
def test_stopped_threads_of_the_blas_wait_for_the_next_product_that_needs_them(numbers_of_threads):
    if threads.blas().stop_threads is bool:
        pytest.skip("NumPy was built on another BLAS")
    two, three = [(2, 2), (1, 2), (2, 2)], [(3, 3), (1, 3), (3, 3)]
    assert numbers_of_threads == f"{[(2, 2), *two, *three, (3, 2), (1, 2), (3, 2)]}\n"


def test_a_blas_without_those_numbers_is_told_by_its_own_call():
    def own(count):
        raise AssertionError

    assert threads._without_starting(own, *threads._numbers(ctypes.CDLL(None))) is own


@pytest.mark.skipif(threads.blas().used is None, reason="NumPy was built on another BLAS")
def test_an_interrupt_at_any_function_leaves_the_number_as_it_was():
    """A signal's handler runs when a function of Python's is entered."""
    tg.set_num_threads(2)

    def interrupt(frame, event, arg):
        nonlocal calls
        calls -= event == "call"
        if not calls:
            raise KeyboardInterrupt

    for number in range(1, 100):
        calls, before = number, sys.gettrace()
        try:
            with threads.one_thread_each():
                sys.settrace(interrupt)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        assert (tg.get_num_threads(), threads._inside) == (2, 0), number
        if calls > 0:  # it was over before
            return


# The number that a process settles on


SETTLED = """
import tinygrad_mnist as tg
tg.ones(1, requires_grad=True)
print(tg.get_num_threads())
"""


@ahead
def settled_on(folder):
    """The numbers beside as many busy loops as there are cores: without and with the user's."""
    environment = {k: v for k, v in os.environ.items() if k not in threads.VARIABLES}
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(cores.available())
    ]
    try:
        ran = [
            pythons(SETTLED, env=environment | variables)[0].stdout
            for variables in ({}, {"OPENBLAS_NUM_THREADS": "2"})
        ]
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    return [int(number) for number in ran]


@pytest.mark.skipif(not Path(cores.STAT).exists(), reason="only Linux tells")
def test_beside_busy_processes_one_thread_is_used_unless_the_user_says_more(settled_on):
    """Two threads beside a busy loop took 130 times as long: each waits for the other."""
    tg.set_num_threads(2)
    assert settled_on == [1, tg.get_num_threads()]


def unsettled(monkeypatch):
    """Let nobody have settled the number of threads, for one test."""
    monkeypatch.setattr(threads, "settled", False)
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("busy", "expected"),
    [(0.0, 16), (0.4, 16), (0.6, 15), (3.2, 13), (15.9, 1), (40.0, 1)],
)
def test_threads_are_as_many_as_the_cores_that_are_free(busy, expected, monkeypatch):
    numbers = []
    monkeypatch.setattr(threads, "blas", lambda: threads.Blas(lambda: 16, numbers.append))
    monkeypatch.setattr(cores, "available", lambda: 16)
    monkeypatch.setattr(cores, "kept_busy", lambda before: busy)
    unsettled(monkeypatch)
    threads.settle()
    assert numbers == [expected]


def test_a_process_alone_settles_nothing_where_the_user_or_the_blas_has(monkeypatch):
    numbers = []
    monkeypatch.setattr(threads, "blas", lambda: threads.Blas(lambda: 1, numbers.append))
    unsettled(monkeypatch)
    threads.settle()
    assert threads.settled
    monkeypatch.setattr(threads, "settled", False)
    monkeypatch.setattr(threads, "blas", lambda: threads.Blas(lambda: 16, numbers.append))
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    threads.settle()
    assert numbers == []


class TwoThreads:
    """A BLAS of two threads."""

    def __init__(self, monkeypatch):
        self.count = 2
        monkeypatch.setattr(threads, "blas", lambda: threads.Blas(lambda: self.count, self.use))
        unsettled(monkeypatch)

    def use(self, count):
        self.count = count


def test_a_number_that_is_set_while_python_threads_compute_holds_afterwards(monkeypatch):
    library = TwoThreads(monkeypatch)
    with threads.one_thread_each():
        assert (library.count, tg.get_num_threads()) == (1, 2)
        tg.set_num_threads(3)
        assert (library.count, tg.get_num_threads()) == (1, 3)
    assert library.count == 3


def test_a_first_tensor_among_python_threads_settles_the_number_for_afterwards(monkeypatch):
    library = TwoThreads(monkeypatch)
    monkeypatch.setattr(cores, "kept_busy", lambda before: cores.available() - 1)
    with threads.one_thread_each():
        tg.ones(1, requires_grad=True)
        assert library.count == 1
    assert library.count == 1


def test_the_first_tensors_of_several_threads_wait_for_the_number(monkeypatch):
    library, seen = TwoThreads(monkeypatch), []
    monkeypatch.setattr(cores, "kept_busy", lambda b: time.sleep(0.05) or cores.available() - 1)

    def work():
        tg.ones(1, requires_grad=True)
        seen.append(library.count)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == [1, 1, 1]


def test_a_number_that_is_set_while_another_one_is_looked_for_wins(monkeypatch):
    library = TwoThreads(monkeypatch)
    monkeypatch.setattr(cores, "kept_busy", lambda before: tg.set_num_threads(2) or 99.0)
    tg.ones(1, requires_grad=True)
    assert library.count == 2


def test_an_interrupt_of_the_look_leaves_it_to_the_next_tensor(monkeypatch):
    library = TwoThreads(monkeypatch)

    def interrupted(before):
        raise KeyboardInterrupt

    monkeypatch.setattr(cores, "kept_busy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tg.ones(1, requires_grad=True)
    monkeypatch.setattr(cores, "kept_busy", lambda before: 99.0)
    tg.ones(1, requires_grad=True)
    assert library.count == 1


def stat(tmp_path, monkeypatch, text):
    file = tmp_path / "stat"
    file.write_text(text)
    monkeypatch.setattr(cores, "STAT", str(file))


def test_the_work_of_others_is_counted_on_the_cores_of_this_process_alone(tmp_path, monkeypatch):
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("only Linux tells")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 10})
    lines = "cpu 9 9 9 9 9 9 9 9\ncpu0 7 7 7 7 7 7 7 7\ncpu1 100 20 30 {} 900 4 6 50 1 1\n"
    lines += "cpu10 {} 0 0 0 0 0 0 0\nintr 1 2 3\n"
    stat(tmp_path, monkeypatch, lines.format(5000, 40))
    before = cores.work_so_far()
    assert before is not None
    assert before.all * os.sysconf("SC_CLK_TCK") == 100 + 20 + 30 + 4 + 6 + 40
    earlier = before._replace(moment=before.moment - 2, own=before.own - 0.5)
    stat(tmp_path, monkeypatch, lines.format(9000, 40 + 350))
    assert cores.kept_busy(earlier) == pytest.approx(1.5, abs=0.2)  # 3.5 s of work, 0.5 ours, in 2


def test_a_look_of_long_ago_does_not_count(tmp_path, monkeypatch):
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("only Linux tells")
    stat(tmp_path, monkeypatch, "cpu0 1000000 0 0 0 0 0 0 0\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    now = cores.work_so_far()
    assert now is not None
    assert cores.kept_busy(now._replace(moment=now.moment - 1, all=0.0)) > 1
    assert cores.kept_busy(now._replace(moment=now.moment - 2 * cores.OLD, all=0.0)) == 0


@pytest.mark.parametrize("other", [(-1, frozenset({0})), (os.getpid(), frozenset({0, 1}))])
def test_a_look_of_another_process_or_at_other_cores_does_not_count(other, tmp_path, monkeypatch):
    """A fork's own work begins at zero; other cores have worked for years."""
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("only Linux tells")
    stat(tmp_path, monkeypatch, "cpu0 1000000 0 0 0 0 0 0 0\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    now = cores.work_so_far()
    earlier = now._replace(moment=now.moment - 1, all=0.0)
    assert cores.kept_busy(earlier) > 1
    assert cores.kept_busy(earlier._replace(of=other)) == 0


@pytest.mark.parametrize("text", ["", "cpu0 a b c\n", "cpu0 1 2\ncpu1 1\n"])
def test_what_cannot_be_read_counts_as_free(text, tmp_path, monkeypatch):
    before = cores.Work(0.0, 0.0, 0.0, (os.getpid(), frozenset()))
    stat(tmp_path, monkeypatch, text)
    assert cores.kept_busy(before) == 0
    monkeypatch.setattr(cores, "STAT", str(tmp_path / "nothing"))
    assert cores.work_so_far() is None
    assert cores.kept_busy(before) == cores.kept_busy(None) == 0
