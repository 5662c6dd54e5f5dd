"""How a job ends when one of its ranks does: within seconds, never by waiting for ever.

A rank that is killed is noticed by `mpiexec`, which ends the others. Python's part is the rest:
an exception that nobody catches prints its traceback and ends the job; a rank that returns early
tells the others, and one that waits in a collective for a rank that has returned ends the job.

Ranks tell rank 0 when they return, and rank 0 tells all: a collective of all ranks cannot be left
without rank 0, so one of the two that matter always knows. Nobody waits by spinning: a rank that
has returned sleeps until the others have, while rank 0 may still draw its plots.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import Any

TAG = 4711  # of the messages of ranks that return
TICK = 0.25  # seconds between two looks of the watcher
PATIENCE = 1.0  # seconds in a collective for which a rank that has returned may be missing
INTERRUPTED = 130


class Watcher:
    """Watches over this rank's collectives, from a thread that sleeps most of the time."""

    def __init__(self, mpi: Any, comm: Any, timeout: float) -> None:
        self.mpi, self.timeout = mpi, timeout
        self.comm = comm.Dup()  # nobody else's messages
        self.rank, self.size = int(comm.rank), int(comm.size)
        self.inside: tuple[str, float] | None = None  # a collective, and when it was entered
        self.returned: dict[int, dict[str, Any]] = {}  # ranks that have returned, and their words
        self.own_words: dict[str, Any] | None = None
        self._sent: list[Any] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ranks", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(TICK):
            inside = self.inside
            if inside is None:
                continue
            name, since = inside
            waited = time.monotonic() - since
            if waited < PATIENCE:
                continue
            self.look()
            if self.inside is not inside:
                continue
            if self.returned:
                self._end_waiting(name)
            if waited > self.timeout:
                self.abort(
                    f"has waited {self.timeout:g} s in {name}() for another rank, the timeout of "
                    "init_process_group"
                )

    def _end_waiting(self, name: str) -> None:
        time.sleep(PATIENCE)  # the other may be about to print a better reason
        ranks = ", ".join(map(str, sorted(self.returned)))
        self.abort(f"waits in {name}() for rank {ranks}, which has ended: the job ends")

    def look(self) -> None:
        """Note the ranks that have said that they return."""
        with self._lock:
            status = self.mpi.Status()
            while self.comm.Iprobe(self.mpi.ANY_SOURCE, TAG, status):
                buffer = bytearray(status.Get_count(self.mpi.BYTE))
                source = status.Get_source()
                self.comm.Recv([buffer, self.mpi.BYTE], source, TAG)
                self.returned[source] = json.loads(buffer)

    def tell(self, code: int, message: str) -> None:
        """Tell rank 0, or as rank 0 everyone, that this rank returns; only the first time."""
        if self.own_words is not None:
            return
        self.own_words = {"code": code, "message": message}
        words = json.dumps(self.own_words).encode()
        targets = [rank for rank in range(self.size) if rank] if self.rank == 0 else [0]
        self._sent = [self.comm.Isend([words, self.mpi.BYTE], rank, TAG) for rank in targets]

    def expected(self) -> set[int]:
        """Return the ranks whose words reach this one: everyone's rank 0, else rank 0's."""
        return set(range(1, self.size)) if self.rank == 0 else {0}

    def await_returns(self, seconds: float | None = None) -> bool:
        """Wait, asleep, until the ranks have said that they return; tell whether they have."""
        end = None if seconds is None else time.monotonic() + seconds
        pause = 0.001
        while True:
            self.look()
            if self.expected() <= self.returned.keys():
                return True
            if end is not None and time.monotonic() > end:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def at_exit(self) -> None:
        """Return in order: tell the others, wait for them, then let MPI end."""
        if self.mpi.Is_finalized():
            return
        self.tell(0, "")
        self.await_returns()
        self._over.set()
        self._thread.join()
        self.mpi.Request.Waitall(self._sent)

    def abort(self, why: str, code: int = 1) -> None:
        """Print on one line why, and end all ranks."""
        print(f"rank {self.rank} {why}", file=sys.stderr)
        self.end_all(code)

    def end_all(self, code: int) -> None:
        """End all ranks at once, this one included."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        with contextlib.suppress(OSError):  # MPI adds a line that says nothing new
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        self.comm.Abort(code)
        os._exit(code)


_watcher: Watcher | None = None


def watch(mpi: Any, comm: Any, timeout: float) -> None:
    """Watch over this rank from here on; a second call changes the timeout alone."""
    global _watcher
    if _watcher is not None:
        _watcher.timeout = timeout
        return
    _watcher = Watcher(mpi, comm, timeout)
    atexit.register(_watcher.at_exit)
    sys.excepthook = _end_job


def _end_job(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback, each line with the rank, and end the whole job."""
    watcher = _watcher
    assert watcher is not None
    if issubclass(kind, KeyboardInterrupt):
        watcher.abort("was interrupted: the job ends", INTERRUPTED)
    lines = "".join(traceback.format_exception(kind, error, trace)).splitlines()
    text = "".join(f"rank {watcher.rank}: {line}\n" for line in lines)
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.write(text)  # at once, so that the lines of two ranks do not mix
    watcher.end_all(1)


class waiting:
    """Note, for the watcher, that this rank is in a collective."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        if _watcher is not None:
            _watcher.inside = self._name, time.monotonic()

    def __exit__(self, *_: object) -> None:
        if _watcher is not None:
            _watcher.inside = None


def fail(message: str, code: int) -> bool:
    """Return after an error that has one line; tell whether this rank is to print the line.

    An error of all ranks, such as a name that there is not, is printed by rank 0 alone, and all
    return in order. Otherwise the job ends here, after the line with the rank.
    """
    watcher = _watcher
    if watcher is None:
        return True
    watcher.tell(code, message)
    everyone = watcher.await_returns(PATIENCE)
    together = everyone and all(words["code"] for words in watcher.returned.values())
    if together:
        return watcher.rank == 0
    print(f"rank {watcher.rank}: {message}" if watcher.rank else message, file=sys.stderr)
    watcher.end_all(code)
    return False
