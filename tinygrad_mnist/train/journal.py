"""Open the file of a sweep: Optuna's journal, one JSON object per line."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

from tinygrad_mnist.files import locked


class SweepError(ValueError):
    """A sweep that cannot be begun or continued; the message is one line."""


class JournalLock:
    """Optuna's protocol of a lock on a journal, by a lock that ends with its process.

    Optuna's own locks are files that a killed process leaves behind.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        self._locked = contextlib.ExitStack()

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._locked.enter_context(locked(self._path))
        return True

    def release(self) -> None:
        """Let others have it."""
        self._locked.close()


def open_journal(path: Path) -> Any:
    """Open the storage in a file, or begin one.

    A line that was cut off by a crash is removed: the operation did not happen. Raises SweepError
    for a file that is damaged otherwise, and leaves that as it is; OSError if it cannot be written.
    """
    journal = importlib.import_module("optuna.storages.journal")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab"):  # OSError here, and in one line, rather than in the middle of a sweep
        pass
    lock = JournalLock(path)
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


def _check(path: Path, lock: JournalLock) -> None:
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
