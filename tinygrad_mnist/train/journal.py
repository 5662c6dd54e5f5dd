"""Open the file of a sweep: Optuna's journal, one JSON object per line."""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any


class SweepError(ValueError):
    """A sweep that cannot be begun or continued; the message is one line."""


def open_journal(path: Path) -> Any:
    """Open the storage in a file, or begin one.

    A line that was cut off by a crash is removed: the operation did not happen. Raises SweepError
    for a file that is damaged otherwise, and leaves that as it is; OSError if it cannot be written.
    """
    journal = importlib.import_module("optuna.storages.journal")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab"):  # OSError here, and in one line, rather than in the middle of a sweep
        pass
    # A link is the lock that works on all network file systems; after a kill it is broken in 30 s
    by_link = sys.platform != "win32"
    lock = (journal.JournalFileSymlinkLock if by_link else journal.JournalFileOpenLock)(str(path))
    _check(path, lock)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Optuna: that the storage is new
            storage = importlib.import_module("optuna.storages").JournalStorage
            return storage(journal.JournalFileBackend(str(path), lock_obj=lock))
    except OSError:
        raise
    except Exception as error:  # its replay meets what it does not expect
        reason = f"{type(error).__name__} {error}".strip()
        raise SweepError(f"{path}: damaged: it cannot be replayed: {reason:.80}") from None


def _check(path: Path, lock: Any) -> None:
    """Remove a last line that was cut off; raise SweepError for any other that is damaged."""
    lock.acquire()
    try:
        size = 0
        with open(path, "r+b") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    os.truncate(file.fileno(), size)
                    break
                size += len(line)
                if not _is_operation(line):
                    raise SweepError(
                        f"{path}: damaged, or no journal of a sweep: line {number} is no "
                        "operation; restore a copy, or name another file"
                    )
    finally:
        lock.release()


def _is_operation(line: bytes) -> bool:
    try:
        operation = json.loads(line)
    except ValueError:
        return False
    return isinstance(operation, dict) and "op_code" in operation
