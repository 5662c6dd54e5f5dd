"""How long the BLAS's threads spin while they wait for the next product: not long beside others.

OpenBLAS's threads spin for some 25 ms after a product, which saves waking them for the next one.
Beside a busy process they spend their share of a core on that, and the next product waits until
the scheduler gives them another one. So while other processes keep cores busy, the threads sleep
after 0.1 ms. No bit of a result depends on it, as it would on their number.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from math import inf
from time import monotonic

from tinygrad_mnist import cores, threads
from tinygrad_mnist.kernels.parallel import clear_cores

VARIABLE = "OPENBLAS_THREAD_TIMEOUT"  # an exponent: threads spin for 2**n cycles of the clock
LONG, SHORT = 26, 18
EVERY = 0.5  # seconds from one look to the next
MANY, FEW = 0.5, 0.2  # cores that others keep busy: from so many on, and back from so few

due = 0.0  # the moment from which on `adapt` is worth its time
_before: cores.Work | None = None
_is_short = False


def adapt() -> None:
    """See how busy others have been since the last look, and let threads spin accordingly.

    Call it between steps, whenever `monotonic()` is beyond `due`; a look takes 0.1 ms.
    """
    global due, _before
    can_be_told = VARIABLE not in os.environ and _read_variables() is not None
    now = cores.work_so_far() if can_be_told else None
    if now is None:  # the user has told the BLAS, nobody can, or Linux does not tell
        due = inf
        return
    due, before, _before = monotonic() + EVERY, _before, now
    if before is None or threads.blas().get() == 1:
        return
    others = cores.busy_with_others(before, now)
    if not _is_short and others > MANY:
        _spin(SHORT)
    elif _is_short and others < FEW:
        _spin(LONG)


def _spin(exponent: int) -> None:
    """Start the BLAS's threads anew, to spin for 2**exponent cycles; not while products may run."""
    global _is_short
    read_variables = _read_variables()
    assert read_variables is not None
    os.environ[VARIABLE] = str(exponent)
    try:
        read_variables()
    finally:
        del os.environ[VARIABLE]
    with threads.one_thread_each():
        if clear_cores():
            _is_short = exponent == SHORT


@cache
def _read_variables() -> Callable[[], object] | None:
    """Return OpenBLAS's function that reads its variables; None for another BLAS."""
    if threads.blas().stop_threads is bool:
        return None
    names = (getattr(library, "openblas_read_env", None) for library in threads.libraries())
    return next(filter(None, names), None)
