"""Python threads over parts of a batch: each part once, errors in order, nobody waits in vain."""

import functools
import os
import signal
import sys
import time
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import pytest

from tinygrad_mnist import threads as of_blas
from tinygrad_mnist.kernels import parallel
from tinygrad_mnist.threads import Blas


class Library:
    """A BLAS of two threads; the first time that their number is set, an interrupt comes."""

    def __init__(self, is_interrupted: bool = False) -> None:
        self.count, self.is_interrupted = 2, is_interrupted

    def set_threads(self, count: int) -> None:
        self.count = count
        if self.is_interrupted:
            self.is_interrupted = False
            raise KeyboardInterrupt

    def get(self) -> int:
        return self.count


def use(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (of_blas, parallel):
        monkeypatch.setattr(module, "blas", lambda: Blas(library.get, library.set_threads))


def test_after_an_interrupt_the_blas_has_its_threads_again(monkeypatch: Any) -> None:
    library = Library(is_interrupted=True)
    use(library, monkeypatch)
    with pytest.raises(KeyboardInterrupt), of_blas.one_thread_each():
        raise AssertionError
    assert library.count == 2
    with of_blas.one_thread_each():
        assert library.count == 1
    assert library.count == 2


@pytest.mark.parametrize("at", range(8))
def test_an_interrupt_behind_any_call_leaves_the_blas_as_it_was(
    at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal's handler runs behind a call of C, for which the end of a profiled call stands."""
    library = Library()
    use(library, monkeypatch)
    seen: list[Any] = []

    def interrupt(frame: Any, event: str, called: Any) -> None:
        if event == "c_return" and frame.f_code.co_name == "one_thread_each":
            seen.append(called)
            if len(seen) == at:
                raise KeyboardInterrupt

    def run() -> None:
        with of_blas.one_thread_each():
            pass

    sys.setprofile(interrupt)
    try:
        run()
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(None)
    assert seen and library.count == 2 and not of_blas._inside


def test_a_signals_handler_may_compute_while_the_number_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Signalled(Library):
        def set_threads(self, count: int) -> None:
            super().set_threads(count)
            if not inner:
                inner.append(count)
                with of_blas.one_thread_each():
                    inner.append(self.count)

    def run() -> None:
        with of_blas.one_thread_each():
            inner.append(library.count)

    library, inner = Signalled(), []  # type: ignore[var-annotated]
    use(library, monkeypatch)
    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive() and inner == [1, 1, 1] and library.count == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_several_items_have_one_thread_of_the_blas_each(monkeypatch: Any, threads: int) -> None:
    library = Library()
    use(library, monkeypatch)
    seen: list[int] = []
    parallel.for_each(range(4), lambda _: seen.append(library.count), threads)
    assert seen == [1] * 4 and library.count == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_fork_is_inside_of_nothing() -> None:
    with of_blas.one_thread_each():
        pid = os.fork()
    if not pid:
        os._exit(of_blas._inside)  # left behind the fork
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    with of_blas.one_thread_each(), of_blas._lock:
        pid = os.fork()
        if not pid:
            os._exit(of_blas._inside or not of_blas._lock.acquire(False))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_task_that_no_thread_has_begun_is_done_by_whoever_offered_it() -> None:
    seen: list[Any] = []
    job = parallel._Job(lambda: seen.append(get_ident()))
    job.finish()
    assert seen == [get_ident()]
    job.run(then=lambda: seen.append("idle"))  # the thread wakes at last
    assert seen[1:] == ["idle"]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_item_is_worked_on_once(threads: int) -> None:
    seen: list[int] = []
    parallel.for_each(range(20), seen.append, threads)
    assert sorted(seen) == list(range(20))
    parallel.for_each([], seen.append, threads)
    assert len(seen) == 20


def test_the_first_error_in_the_order_of_the_tasks_is_raised_when_all_are_over() -> None:
    seen: list[int] = []

    def task(number: int) -> None:
        seen.append(number)
        if number:
            raise KeyError(number)

    for _ in range(20):
        seen.clear()
        with pytest.raises(KeyError, match="1"):
            parallel.together([lambda n=n: task(n) for n in range(4)])  # type: ignore[misc]
        assert sorted(seen) == [0, 1, 2, 3]


@pytest.fixture(params=[1, 2])
def threads(request: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(parallel, "count", lambda: request.param)
    return int(request.param)


@pytest.mark.parametrize("repeat", range(10))
def test_the_tasks_of_a_line_run_in_their_order(threads: int, repeat: int) -> None:
    seen: list[Any] = []
    with parallel.second_thread() as line:
        overs = [line.add(lambda n=n: seen.append((n, get_ident()))) for n in range(9)]  # type: ignore[misc]
        line.wait(overs[4])
        assert len(seen) >= 5
    assert [number for number, _ in seen] == list(range(9))
    assert len({thread for _, thread in seen}) == 1
    assert threads > 1 or seen[0][1] == get_ident()


def test_a_line_that_no_thread_has_begun_runs_where_it_is_waited_for(monkeypatch: Any) -> None:
    monkeypatch.setattr(parallel, "count", lambda: 2)
    monkeypatch.setattr(parallel._Team, "give", lambda team, job: None)
    seen: list[int] = []
    with parallel.second_thread() as line:
        overs = [line.add(lambda n=n: seen.append(n)) for n in range(3)]  # type: ignore[misc]
        line.wait(overs[1])
        assert seen == [0, 1]
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("is_waited_for", [False, True])
def test_an_error_leaves_out_the_tasks_behind_it(threads: int, is_waited_for: bool) -> None:
    def task(number: int) -> None:
        seen.append(number)
        if number == 2:
            raise KeyError(number)

    def run_all() -> None:
        with parallel.second_thread() as line:
            overs = [line.add(lambda n=n: task(n)) for n in range(5)]  # type: ignore[misc]
            if is_waited_for:
                line.wait(overs[4])

    seen: list[int] = []
    with pytest.raises(KeyError, match="2"):
        run_all()
    assert seen == [0, 1, 2]


def test_an_interrupt_waits_for_the_task_that_has_begun_and_leaves_out_the_others() -> None:
    begins, goes_on, seen = allocate_lock(), allocate_lock(), []
    begins.acquire()
    goes_on.acquire()

    def task() -> None:
        begins.release()
        goes_on.acquire()
        seen.append("over")

    line = parallel.Line(is_shared=True)
    line.add(task)
    line.add(lambda: seen.append("not begun"))
    begins.acquire()
    goes_on.release()
    line.stop()
    assert seen == ["over"]


def test_a_thread_that_wakes_when_all_is_over_does_nothing(monkeypatch: Any) -> None:
    jobs: list[Any] = []
    monkeypatch.setattr(parallel._Team, "give", lambda team, job: jobs.append(job))
    seen: list[int] = []
    line = parallel.Line(is_shared=True)
    line.add(lambda: seen.append(1))
    line.stop()
    jobs[0].run(then=lambda: seen.append(2))
    assert seen == [2]


def test_what_is_not_worth_a_thread_leaves_the_blas_as_it_is(monkeypatch: Any) -> None:
    library = Library()
    use(library, monkeypatch)
    seen: list[int] = []
    for is_worth_it in (False, True):
        with parallel.second_thread(is_worth_it) as line:
            line.add(lambda: seen.append(library.count))
    assert seen == [2, 1]


@pytest.fixture
def alarm() -> Iterator[Callable[[float], None]]:
    """Return a function that lets a KeyboardInterrupt come in so many seconds."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds) and None
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="a system without timers")
def test_an_interrupt_waits_for_the_tasks_that_other_threads_have_begun(alarm: Any) -> None:
    begun, seen = Event(), []

    def slow() -> None:
        begun.set()
        time.sleep(0.3)
        seen.append(of_blas.blas().get())

    def wait() -> None:
        assert begun.wait(30)
        alarm(0.05)
        Event().wait(30)

    with pytest.raises(KeyboardInterrupt):
        parallel.together([wait, slow])
    assert seen == [1] and of_blas._inside == 0


@pytest.mark.parametrize("at", range(4))
def test_a_task_that_is_interrupted_here_ends_the_others_that_nobody_has_begun(
    at: int, monkeypatch: Any
) -> None:
    seen: list[int] = []

    def task(number: int) -> None:
        seen.append(number)
        if number == at:
            raise KeyboardInterrupt
        raise KeyError(number)

    monkeypatch.setattr(parallel._Team, "give", lambda team, job: None)
    with pytest.raises(KeyboardInterrupt):
        parallel.together([lambda n=n: task(n) for n in range(4)])  # type: ignore[misc]
    assert seen == list(range(at + 1))


def test_what_is_lost_between_two_calls_of_a_job_is_given_up() -> None:
    """As an interrupt would leave it that comes just after the job has been taken."""
    job = parallel._Job(lambda: None)
    assert job.take()
    job.abandon()
    assert job.is_over


def test_interrupts_lose_none_of_the_threads(monkeypatch: Any) -> None:
    """However often one comes while a job is offered, the next job has another thread."""
    monkeypatch.setattr(parallel, "_team", functools.cache(lambda process: parallel._Team()))

    def interrupted_at(number: int) -> None:
        left = [number]

        def trace(frame: Any, event: str, arg: object) -> Any:
            if frame.f_code.co_name == "give":
                left[0] -= event == "line"
                if left[0] == 0:
                    raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            parallel.together([bool, bool])
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)

    def begins_elsewhere() -> bool:
        begun = Event()
        answers: list[bool] = []
        parallel.together([lambda: answers.append(begun.wait(10)), begun.set])
        return answers == [True]

    for number in (1, 2, 3) * (5 * (os.cpu_count() or 1)):  # more than there are threads
        interrupted_at(number)
        assert begins_elsewhere()
