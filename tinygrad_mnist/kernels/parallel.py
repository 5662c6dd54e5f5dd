"""Python threads in the place of the BLAS's own: each goes through its own part of a batch.

NumPy lets other threads run while it computes. Two threads over a BLAS that has two of its own
would fight for the cores, so meanwhile the BLAS gets one thread for each of them.
"""

from __future__ import annotations

import contextvars
import itertools
import os
import sys
from _queue import SimpleQueue  # without loading queue, which loads threading
from _thread import _count, allocate_lock, get_ident, start_new_thread  # likewise
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any, TypeVar

import numpy as np

from tinygrad_mnist.threads import blas, one_thread_each, stop_spinning

Item = TypeVar("Item")
ENOUGH = 1 << 18  # elements for a thread: waking another one takes as long as 10,000 of them


def count() -> int:
    """Return how many threads to use: as many as the BLAS would."""
    return blas().get()


def ranges(rows: int, size: int, *arrays: Any, most: int | None = None) -> list[slice]:
    """Return the parts of some rows to go through at the same time; one part if that is faster.

    `size` is how many elements the rows have together, `most` how many parts to make at most, else
    as many as threads. Arrays that record what is done with them, as `jit` passes, are recorded in
    one thread.
    """
    parts = min(rows, size // ENOUGH)
    if parts < 2 or any(type(a) is not np.ndarray for a in arrays):
        return [slice(0, rows)]
    parts = min(parts, most or count())
    starts = [rows * number // parts for number in range(parts + 1)]
    return [slice(*ends) for ends in itertools.pairwise(starts)]


def together(tasks: Sequence[Callable[[], object]]) -> None:
    """Run the tasks at the same time, the first one in this thread, and wait for all.

    Each task runs under this thread's `np.errstate`. When all are over, the first error, in the
    order of the tasks, is raised; an interrupt before any. What no thread has begun by then is not
    begun, and what others have begun is waited for: they may write what the caller uses again.
    """
    if len(tasks) == 1:
        tasks[0]()
        return
    with one_thread_each():
        jobs = [_Job(task) for task in tasks[1:]]
        errors: list[BaseException] = []
        try:
            team = _team(os.getpid())
            for job in jobs:
                team.give(job)
            try:
                tasks[0]()
            except Exception as error:
                errors.append(error)
            for job in jobs:
                job.finish()
        except BaseException as interrupt:
            errors.append(interrupt)
        while True:
            try:
                for job in jobs:
                    job.abandon()
                break
            except BaseException as interrupt:
                errors.append(interrupt)
    errors += [job.error for job in jobs if job.error is not None]
    if errors:
        raise next((e for e in errors if not isinstance(e, Exception)), errors[0])


def for_each(items: Sequence[Item], work: Callable[[Item], object], threads: int) -> None:
    """Call `work` for each item, on the next of so many threads that is free.

    Who takes which is left to chance: each result must depend on its item alone. Several items are
    worked on with one thread of the BLAS each, also where there is one thread: another call may end
    meanwhile, and the number of the BLAS's threads, which decides last bits, would change midway.
    """
    todo = iter(items)

    def take() -> None:
        for item in todo:
            work(item)

    if threads < 2 and len(items) > 1:
        with one_thread_each():
            take()
        return
    on_threads(take, min(threads, len(items)))


def on_threads(take: Callable[[], object], threads: int) -> None:
    """Call `take` on so many threads, at least on this one, and wait for all."""
    if threads < 2:
        take()
        return
    with one_thread_each():
        clear_cores()
        together([take] * threads)


@contextmanager
def second_thread(is_worth_it: bool = True) -> Iterator[Line]:
    """Let another thread run what this one adds to a line of tasks, and wait for their end.

    Products have one thread of the BLAS each meanwhile, on any number of threads. What is not worth
    a thread of its own runs on this one, and the BLAS stays as it is. An error inside leaves out
    the tasks that have not begun.
    """
    is_shared = is_worth_it and count() > 1
    with one_thread_each() if is_worth_it else nullcontext():
        line = Line(is_shared)
        try:
            yield line
            line.close()
        except BaseException:
            line.stop()
            raise


class Line:
    """Tasks that one thread runs in their order, while another goes on and may wait for one.

    Where the second thread has not woken yet when the end of a task is waited for, it stays away,
    and the thread that waits runs them all. An error leaves out the tasks behind it, and whoever
    waits raises it. Each task runs under the `np.errstate` of the thread that has added the first.
    """

    def __init__(self, is_shared: bool) -> None:
        """Make an empty line; unless `is_shared`, no second thread is called."""
        self._tasks: SimpleQueue[tuple[Callable[[], object], Any] | None] = SimpleQueue()
        self._is_shared, self._is_begun, self._is_stopped = is_shared, False, False
        self._job: _Job | None = None
        self._error: BaseException | None = None

    def add(self, task: Callable[[], object]) -> Any:
        """Add a task to the line; return what `wait` takes."""
        over = _held_lock()
        self._tasks.put((task, over))
        if self._is_shared and self._job is None:
            clear_cores()
            self._job = _Job(self._serve)
            _team(os.getpid()).give(self._job)
        return over

    def wait(self, over: Any) -> None:
        """Wait for the end of the task for which `add` returned `over`; raise the first error."""
        if self._is_alone():
            while over.locked():
                self._run_next()
        else:
            with over:
                pass
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Wait for the end of all tasks; raise the first error."""
        self._tasks.put(None)
        if self._is_alone():
            self._run_all()
        elif self._job is not None:
            self._job.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Leave out the tasks that have not begun, and wait for the end of one that has."""
        self._is_stopped = True
        self._tasks.put(None)
        if self._job is not None and self._is_begun:  # else it will find that it is to stop
            self._job.wait()

    def _is_alone(self) -> bool:
        """Tell whether this thread runs the tasks, as the second one has not woken."""
        if self._is_shared and (self._job is None or self._job.take()):
            self._is_shared = False
        return not self._is_shared

    def _serve(self) -> None:
        self._is_begun = True
        self._run_all()

    def _run_all(self) -> None:
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        """Run the next task, or wait for one; return False at the end of the line."""
        item = self._tasks.get()
        if item is None:
            return False
        task, over = item
        try:
            if not self._is_stopped:
                task()
        except BaseException as error:
            self._error, self._is_stopped = error, True
        over.release()
        return True


def _held_lock() -> Any:
    lock = allocate_lock()
    lock.acquire()
    return lock


class _Job:
    """A task for the thread that first asks for it, and the error that ended it, if one did.

    An interrupt may come behind any call. So nothing is lost if a call is made once more.
    """

    def __init__(self, task: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self.is_over = False
        self._context, self._task = contextvars.copy_context(), task
        self._asked: list[int] = []  # the threads that have asked for it
        self._over = _held_lock()

    def take(self) -> bool:
        """Ask for the task; tell whether this thread is the one to run it."""
        self._asked.append(get_ident())
        return self._asked[0] == get_ident()

    def run(self, then: Callable[[], object]) -> None:
        """Run the task, unless it is another thread's; call `then` before its end is told."""
        if self.is_over or not self.take():
            then()
            return
        try:
            self._context.run(self._task)
        except BaseException as error:
            self.error = error
        then()
        self.is_over = True
        self._over.release()

    def finish(self) -> None:
        """Run the task here if no thread has woken for it yet, else wait; raise an interrupt."""
        self.run(then=bool)
        self.wait()
        if self.error is not None and not isinstance(self.error, Exception):
            raise self.error

    def abandon(self) -> None:
        """Give the task up if no other thread has begun it, else wait."""
        if self.take():
            self.is_over = True
        self.wait()

    def wait(self) -> None:
        """Wait for the end of the task, which another thread has taken."""
        while not self.is_over:
            self._over.acquire()


class _Worker:
    """A thread that runs one job after the other, and sleeps between them.

    The threads of `concurrent.futures` take longer to begin.
    """

    def __init__(self, jobs: SimpleQueue[_Job]) -> None:
        self.is_idle = True
        start_new_thread(self._serve, (jobs,))

    def _serve(self, jobs: SimpleQueue[_Job]) -> None:
        while True:
            job = jobs.get()
            self.is_idle = False
            job.run(then=self._rest)  # the next call finds this thread
            del job  # and with it the arrays of its task

    def _rest(self) -> None:
        self.is_idle = True


class _Team:
    """The threads of a process, and the jobs that wait for one of them."""

    def __init__(self) -> None:
        self._workers: list[_Worker] = []
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._most = 4 * (os.cpu_count() or 1)

    def idle(self) -> int:
        """Return how many threads wait for a job."""
        return sum(worker.is_idle for worker in self._workers)

    def give(self, job: _Job) -> None:
        """Offer a job to a thread that sleeps, or to a new one; whoever offers it may be sooner.

        An interrupt before or after any call here leaves no thread that nobody finds again.
        """
        if self.idle() <= self._jobs.qsize() and len(self._workers) < self._most:
            self._workers.append(_Worker(self._jobs))
        self._jobs.put(job)


@cache
def _team(process: int) -> _Team:
    """Return the threads of this process: a fork has none of its parent's."""
    return _Team()


def clear_cores() -> bool:
    """Stop the BLAS's threads, which spin for a while after a product, and tell whether they were.

    Call it in `one_thread_each`: a product behind its end starts them again. No product may be
    under way, so this does nothing while Python runs in threads that are not from here.
    """
    return stop_spinning(lambda: _other_threads() <= _team(os.getpid()).idle())


def _other_threads() -> int:
    """Return how many threads but this one run Python: those that C has begun have frames only."""
    return max(_count(), len(sys._current_frames()) - 1)
