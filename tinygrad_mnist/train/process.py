"""Which process a piece of work belongs to, and whether that process is still there."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any


def this_process() -> dict[str, Any]:
    """Return this machine, this process, and when it began, since numbers are used again.

    >>> is_alive(this_process())
    True
    """
    return {"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid())}


def is_alive(owner: dict[str, Any]) -> bool:
    """Tell whether a process of this machine, as `this_process` described itself, is there."""
    pid = owner["pid"]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        pass
    return owner["began"] is None or owner["began"] == _began(pid)


def _began(pid: int) -> int | None:
    """Return the clock tick at which a process began; None where the system does not show it."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    is_dead = after_name[0] in "ZX"  # it has ended, and its parent has not yet noticed
    return -1 if is_dead else int(after_name[19])
