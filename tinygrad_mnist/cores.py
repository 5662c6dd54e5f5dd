"""How many cores other processes keep busy, by what Linux counts; elsewhere nothing is known.

The first look is taken when the package is imported, before NumPy, so that by the time of the
second one, Linux has counted for as long as NumPy takes to load.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

STAT = "/proc/stat"
WINDOW = 0.05  # seconds between two looks: Linux counts in hundredths
OLD = 5.0  # seconds after which a look says little about now
BUSY = (0, 1, 2, 5, 6)  # user, nice, system, irq, softirq: the columns of STAT that are work


class Work(NamedTuple):
    """A moment, and the seconds of work until then: of this process, and of its cores."""

    moment: float
    own: float
    all: float
    of: tuple[int, frozenset[int]]  # the process, and its cores


def available() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work_so_far() -> Work | None:
    """Read what the cores of this process have done so far; None where Linux does not tell."""
    try:
        with open(STAT, encoding="ascii") as file:
            numbers = frozenset(os.sched_getaffinity(0))
            mine = {f"cpu{number}" for number in numbers}
            ticks = 0
            for line in file:
                name, *columns = line.split()
                if not name.startswith("cpu"):
                    break
                if name in mine:
                    ticks += sum(int(columns[number]) for number in BUSY)
        per_second = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    now, own = time.monotonic(), time.process_time()
    return Work(now, own, ticks / per_second, (os.getpid(), numbers))


def kept_busy(before: Work | None) -> float:
    """Return how many of this process's cores others have kept busy since `before`; 0 if unknown.

    Waits until that is long enough ago. If it is too long ago, looks once more and waits; and so it
    does in a fork, whose own work begins at zero, and where the process has got other cores since.
    """
    now = work_so_far()
    if before is None or now is None:
        return 0.0
    if now.of != before.of or now.moment - before.moment > OLD:
        before = now
    wait = before.moment + WINDOW - now.moment
    if wait > 0:
        time.sleep(wait)
        now = work_so_far()
    return 0.0 if now is None else busy_with_others(before, now)


def busy_with_others(before: Work, now: Work) -> float:
    """Return how many cores others have kept busy between two looks of one process; else 0."""
    if now.of != before.of:
        return 0.0
    work = (now.all - before.all) - (now.own - before.own)
    return max(0.0, work / (now.moment - before.moment))


FIRST = work_so_far()
