"""Python threads in the place of the BLAS's own: each goes through its own part of a batch.

NumPy lets other threads run while it computes. Two threads over a BLAS that has two of its own
would fight for the cores, so meanwhile the BLAS gets one thread for each of them.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from tinygrad_mnist.threads import blas

_lock = threading.Lock()
_inside = 0  # how many calls of `together` are under way
_threads_before = 1


def count() -> int:
    """Return how many threads to use: as many as the BLAS would."""
    return blas().get()


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
