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
BUSY = (1, 2, 3, 6, 7)  # user, nice, system, irq, softirq: the columns of STAT that are work


class Work(NamedTuple):
    """A moment, and the seconds of work until then: of this process, and of its cores."""

    moment: float
    own: float
    all: float


def available() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work_so_far() -> Work | None:
    """Read what the cores of this process have done so far; None where Linux does not tell."""
    try:
        with open(STAT, encoding="ascii") as file:
            mine = {f"cpu{number}" for number in os.sched_getaffinity(0)}
            ticks = 0
            for line in file:
                name, *columns = line.split()
                if not name.startswith("cpu"):
                    break
                if name in mine:
                    ticks += sum(int(columns[number - 1]) for number in BUSY)
        per_second = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    return Work(time.monotonic(), time.process_time(), ticks / per_second)


def kept_busy(before: Work | None) -> float:
    """Return how many of this process's cores others have kept busy since `before`; 0 if unknown.

    Waits until that is long enough ago. If it is too long ago, looks once more and waits.
    """
    if before is not None and time.monotonic() - before.moment > OLD:
        before = work_so_far()
    if before is None:
        return 0.0
    time.sleep(max(0.0, before.moment + WINDOW - time.monotonic()))
    now = work_so_far()
    if now is None:
        return 0.0
    others = (now.all - before.all) - (now.own - before.own)
    return max(0.0, others / (now.moment - before.moment))


FIRST = work_so_far()
