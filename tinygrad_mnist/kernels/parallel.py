"""Python threads in the place of the BLAS's own: each goes through its own part of a batch.

NumPy lets other threads run while it computes. Two threads over a BLAS that has two of its own
would fight for the cores, so meanwhile the BLAS gets one thread for each of them.
"""

from __future__ import annotations

import contextvars
import itertools
import os
from _thread import allocate_lock, start_new_thread  # without loading threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from tinygrad_mnist.threads import blas

ENOUGH = 1 << 18  # elements for a thread: waking another one takes as long as 10,000 of them
_lock = allocate_lock()
_inside = 0  # how many calls of `together` are under way
_threads_before = 1


def count() -> int:
    """Return how many threads to use: as many as the BLAS would."""
    return blas().get()


def ranges(rows: int, size: int, *arrays: Any) -> list[slice]:
    """Return the parts of some rows to go through at the same time; one part if that is faster.

    `size` is how many elements the rows have together. Arrays that record what is done with them,
    as `jit` passes, are recorded in one thread.
    """
    parts = min(rows, size // ENOUGH)
    if parts < 2 or any(type(a) is not np.ndarray for a in arrays):
        return [slice(0, rows)]
    parts = min(parts, count())
    starts = [rows * number // parts for number in range(parts + 1)]
    return [slice(*ends) for ends in itertools.pairwise(starts)]


def together(tasks: Sequence[Callable[[], object]]) -> None:
    """Run the tasks at the same time, the first one in this thread, and wait for all.

    Each task runs under this thread's `np.errstate`. When all are over, the first error, in the
    order of the tasks, is raised.
    """
    if len(tasks) == 1:
        tasks[0]()
        return
    with one_thread_each():
        others = [_hand_over(task) for task in tasks[1:]]
        try:
            tasks[0]()
        finally:
            errors = [other.wait() for other in others]
    for error in errors:
        if error is not None:
            raise error


class _Job:
    """A task that is handed to another thread, and the error that ended it, if one did."""

    def __init__(self, task: Callable[[], object]) -> None:
        self._task, self._context = task, contextvars.copy_context()
        self._error: BaseException | None = None
        self._over = allocate_lock()
        self._over.acquire()

    def run(self) -> None:
        try:
            self._context.run(self._task)
        except BaseException as error:
            self._error = error

    def end(self) -> None:
        self._over.release()

    def wait(self) -> BaseException | None:
        self._over.acquire()
        return self._error


class _Worker:
    """A thread that runs one job after the other, and sleeps on a lock between them.

    The threads of `concurrent.futures` take three times as long to begin.
    """

    def __init__(self, idle: list[_Worker]) -> None:
        self._idle, self._awake = idle, allocate_lock()
        self._job: Any = None
        self._awake.acquire()
        start_new_thread(self._serve, ())

    def begin(self, job: _Job) -> None:
        self._job = job
        self._awake.release()

    def _serve(self) -> None:
        while True:
            self._awake.acquire()
            job, self._job = self._job, None
            job.run()
            self._idle.append(self)  # before the end is told: the next call finds this thread
            job.end()
            del job  # and with it the arrays of its task


def _hand_over(task: Callable[[], object]) -> _Job:
    """Begin a task in a thread that sleeps, or in a new one."""
    job, idle = _Job(task), _sleeping(os.getpid())
    try:
        worker = idle.pop()
    except IndexError:
        worker = _Worker(idle)
    worker.begin(job)
    return job


@cache
def _sleeping(process: int) -> list[_Worker]:
    """Return the threads that wait for a job, of this process: a fork has none of its parent's."""
    return []


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let the BLAS use one thread inside, and as many as before afterwards."""
    global _inside, _threads_before
    library = blas()
    with _lock:
        if not _inside:
            _threads_before = library.get()
            library.set_threads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                library.set_threads(_threads_before)
