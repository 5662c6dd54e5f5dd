"""A terminal for tests: a pseudo-terminal, and pyte's model of what a person sees on it."""

import contextlib
import os
import time
from collections.abc import Callable
from typing import IO

import pytest

pyte = pytest.importorskip("pyte")
fcntl = pytest.importorskip("fcntl")
pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")
tty = pytest.importorskip("tty")

LINES = 24


class Reflowing(pyte.HistoryScreen):
    """A screen that wraps lines anew when its width changes, as most terminals do."""

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        columns = columns or self.columns
        rows: list[str] = []
        y = 0
        for k, row in enumerate(self.display[: self.cursor.y + 1]):
            text = row.rstrip()
            pieces = [text[i : i + columns] for i in range(0, len(text), columns)] or [""]
            if k == self.cursor.y:
                y = len(rows) + self.cursor.x // columns
            rows += pieces
        super().resize(lines, columns)
        self.reset()
        for row in rows[max(0, len(rows) - self.lines + 1) :]:
            self.draw(row)
            self.carriage_return()
            self.linefeed()
        self.cursor.y = y - max(0, len(rows) - self.lines + 1)
        self.cursor.x = 0


class Terminal:
    """The two ends of a pseudo-terminal; `update` brings the screen up to date."""

    def __init__(self, columns: int = 80, *, reflows: bool = False) -> None:
        self.ours, self.theirs = pty.openpty()
        self.screen = (Reflowing if reflows else pyte.HistoryScreen)(columns, LINES, history=1000)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._set_size(columns)

    def _set_size(self, columns: int) -> None:
        termios.tcsetwinsize(self.theirs, (LINES, columns))

    def resize(self, columns: int) -> None:
        """Change the width, after what is there has been drawn."""
        self.update()
        self._set_size(columns)
        self.screen.resize(LINES, columns)

    def stream(self, encoding: str = "utf-8") -> IO[str]:
        """A program's standard output."""
        return open(os.dup(self.theirs), "w", encoding=encoding, errors="backslashreplace")

    def update(self, seconds: float = 0.0) -> bool:
        """Read what has been written, or wait so long for it; tell whether the end is open."""
        import select

        with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
            while select.select([self.ours], [], [], seconds)[0]:
                piece = os.read(self.ours, 1 << 16)
                if not piece:
                    return False
                self.raw += piece
                self._stream.feed(piece)
                seconds = 0.0
            return True
        return False

    def wait(self, is_there: Callable[[str], bool]) -> str:
        """Read until the text on the screen satisfies `is_there`; return the text."""
        end = time.monotonic() + 30
        while not is_there(self.text):
            is_open = self.update(0.2)
            assert time.monotonic() < end and (is_open or is_there(self.text)), self.text
        return self.text

    @property
    def text(self) -> str:
        """The lines on the screen, those scrolled off first."""
        above = ["".join(row[x].data for x in range(self.screen.columns)).rstrip()
                 for row in self.screen.history.top]  # fmt: skip
        return "\n".join([*above, *map(str.rstrip, self.screen.display)]).rstrip()

    def close(self) -> None:
        os.close(self.ours)
        with contextlib.suppress(OSError):
            os.close(self.theirs)
