"""Make standard output safe to print to: closed, full, unread, or of an odd encoding."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any


def open_streams() -> None:
    """Make sure that standard output and standard error exist and can write any text.

    A shell's `>&-` closes them: then the next file to be opened would take their place. What an
    encoding lacks is written as an escape, `\\xf6` for an o with two dots.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            _occupy(number)
            stream = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _occupy(number: int) -> None:
    """Open the null device under a free descriptor."""
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)


@contextlib.contextmanager
def outlive_reader() -> Iterator[Outliving]:
    """Go on without output once nobody reads it, as after `| head -3`, or the disk is full.

    A training run must not be lost because nobody reads its progress. The stream that the block
    gets has the error of a full disk as `error`: of other commands, the output is the result.
    """
    before, outliving = sys.stdout, Outliving(sys.stdout)
    sys.stdout = outliving
    try:
        yield outliving
    finally:
        with contextlib.suppress(OSError, ValueError):
            before.flush()
        sys.stdout = before


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Drop what is printed to standard output."""
    with open(os.devnull, "w", encoding="utf-8") as null, contextlib.redirect_stdout(null):
        yield


class Outliving:
    """A text stream that turns into the null device when it cannot be written any more."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.error: OSError | None = None  # why not all was written; None if nobody wanted it

    def write(self, text: str) -> int:
        """Write the text, or drop it."""
        try:
            self._stream.write(text)
        except OSError as error:
            self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Flush, or drop the text and all that follows."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Point the stream's descriptor at the null device, buffered text included."""
        if not isinstance(error, BrokenPipeError):
            self.error = error
        with contextlib.suppress(OSError, ValueError, AttributeError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
