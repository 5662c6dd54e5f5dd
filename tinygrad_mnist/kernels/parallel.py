"""Python threads in the place of the BLAS's own: each goes through its own part of a batch.

NumPy lets other threads run while it computes. Two threads over a BLAS that has two of its own
would fight for the cores, so meanwhile the BLAS gets one thread for each of them.
"""

from __future__ import annotations

import contextvars
import itertools
import os
from _thread import _count, allocate_lock  # without loading threading
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
        context = contextvars.copy_context
        others = [pool(os.getpid()).submit(context().run, task) for task in tasks[1:]]
        try:
            tasks[0]()
        finally:
            errors = [other.exception() for other in others]
    for error in errors:
        if error is not None:
            raise error


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


@cache
def pool(process: int) -> Any:
    """Return the threads, made once per process: a fork has none of its parent's."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="tinygrad-mnist")


def clear_cores() -> None:
    """Stop the BLAS's threads, which spin for 25 ms after a product: the cores are wanted.

    The next product starts them again, in 0.1 ms. No product may be under way: so nothing is done
    where other threads run Python than those of the pool.
    """
    with _lock:
        if not _inside and _count() <= len(pool(os.getpid())._threads):
            blas().stop_threads()
