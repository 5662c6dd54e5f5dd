"""The folder of a run: one run at a time writes into it, and none writes over another's results.

The claim is a lock that the system holds on the file .lock: it ends with the process, however that
ends, so that a crash leaves nothing behind that would have to be removed by hand.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from tinygrad_mnist.cli.main import UsageError

CHECKPOINT, BEST, MODEL, RECORD = "checkpoint.pkl", "best.pkl", "model.pkl", "run.json"
REPORT = "report.html"
RESULTS = (MODEL, RECORD, BEST, "epoch-*.pkl", "curves.png", "confusion.png", "digits.png",
           "mistakes.png", REPORT)  # fmt: skip
LOCK = ".lock"


class Claim:
    """Hold a folder for this process alone, until `release` or exit. Raises UsageError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = _make(folder)
        path = folder / LOCK
        while True:
            self._file = open(path, "a+b")  # noqa: SIM115
            if not _lock(self._file.fileno()):
                self._file.close()
                raise UsageError(f"{folder}: another process is training there at present")
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(self._file.fileno()), path.stat()):
                    return
            self._file.close()  # its last holder has just removed the file: open a new one

    def release(self) -> None:
        """Release the folder; remove it if it was made and is still empty."""
        with contextlib.suppress(OSError):
            (self.folder / LOCK).unlink()
        self._file.close()
        if self.made:
            with contextlib.suppress(OSError):
                self.folder.rmdir()  # only if it is empty


def claim(out: Path) -> Claim:
    """Claim the folder that the user named."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: a file; name a folder")
    return Claim(out)


def claim_new(wanted: Path) -> Claim:
    """Claim the first of `wanted`, wanted-2, wanted-3, ... that does not exist yet."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    folder, number = wanted, 1
    while True:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()  # of two processes, one succeeds
            claimed = Claim(folder)
            claimed.made = True
            return claimed
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")


def is_claimed(folder: Path) -> bool:
    """Tell whether a process is training in the folder at present."""
    try:
        file = open(folder / LOCK, "rb")  # noqa: SIM115
    except OSError:
        return False
    with file:
        return not _lock(file.fileno(), shared=True)


def check_free(folder: Path) -> None:
    """Raise UsageError for a folder that holds an interrupted run, or a run's results."""
    if (folder / CHECKPOINT).exists():
        raise UsageError(
            f"{folder} holds an interrupted run; continue it with --resume {folder}, "
            "or give it up with --overwrite"
        )
    if results := results_in(folder):
        raise UsageError(
            f"{folder} holds {results[0].name} of another run; name another folder, "
            "or replace it with --overwrite"
        )


def results_in(folder: Path) -> list[Path]:
    """Return the names of the files that earlier runs have left in the folder."""
    return [path for pattern in RESULTS for path in sorted(folder.glob(pattern))]


def _make(folder: Path) -> bool:
    """Make the folder unless it exists; return whether it was made."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True


def _lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock a file for as long as it is open; return False when another process holds the lock."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except PermissionError:  # Windows reports it this way
        return False
    except OSError as error:  # a file system without locks
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
    return True
