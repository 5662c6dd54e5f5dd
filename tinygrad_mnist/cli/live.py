"""A line at the bottom of a terminal that is drawn over in place, with as few bytes as possible.

The cursor rests in the line's first column, and is never hidden: nothing has to be put right after
a crash. When a terminal is made narrower and wraps the line, the cursor stays before all of it, so
that the next drawing erases all of it. Nothing is erased that is not drawn over in the same write,
so that nothing flickers, however slow the connection.
"""

from __future__ import annotations

import sys
import time
from itertools import groupby, zip_longest

from tinygrad_mnist.cli.terminal import in_colour, in_foreground, width

Segment = tuple[str, str]  # text, and the parameters of its style; "" for none
Cell = tuple[str, str]  # one character and its style
WHOLE = 1.0  # seconds: this often all is drawn, since others may have written over the line
APART = 5  # unchanged cells in a row that cost more bytes than a movement of the cursor
ERASE_BELOW, ERASE_RIGHT = "\x1b[J", "\x1b[K"


class Live:
    """The last line of the output while a command runs; erase it with `clear` before the end."""

    def __init__(self) -> None:
        self._cells: list[Cell] = []
        self._room = 0  # where it was drawn last; 0 for nowhere
        self._drawn_whole = -WHOLE  # seconds of the clock

    @property
    def room(self) -> int:
        """Return how many characters a line may have: the last column would wrap."""
        return max(width() - 1, 1)

    def draw(self, segments: list[Segment], above: str = "") -> None:
        """Show the segments, cut to the room, in place of the line; print `above` over it, to stay.

        A process in the background shows no segments: the terminal is another's.
        """
        if not in_foreground():
            self._room = 0
            if above:
                _write(f"{above}\n")
            return
        room, now = self.room, time.monotonic()
        colours = in_colour()
        cells = [(mark, style * colours) for text, style in segments for mark in text][:room]
        if above or room != self._room or now - self._drawn_whole > WHOLE:
            self._drawn_whole = now
            start = f"{above}{ERASE_BELOW}\n" if above else ""
            _write(f"{start}{_text(cells)}{ERASE_BELOW}\r")
        elif cells != self._cells:
            _write(f"{_changes(self._cells, cells)}\r")
        self._cells, self._room = cells, room

    def clear(self) -> None:
        """Erase the line."""
        if self._room:
            _write(f"\r{ERASE_BELOW}")
        self._cells, self._room = [], 0


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _text(cells: list[Cell]) -> str:
    """Return cells as text; each run of one style in its codes.

    >>> _text([("a", ""), ("b", "36"), ("c", "36")])
    'a\\x1b[36mbc\\x1b[0m'
    """
    runs = ((style, "".join(mark for mark, _ in run)) for style, run in groupby(cells, _style))
    return "".join(f"\x1b[{style}m{text}\x1b[0m" if style else text for style, text in runs)


def _style(cell: Cell) -> str:
    return cell[1]


def _changes(old: list[Cell], new: list[Cell]) -> str:
    """Return what turns one line into another, with the cursor in the first column before.

    >>> plain = lambda text: [(mark, "") for mark in text]
    >>> _changes(plain("loss 0.25, 9 s"), plain("loss 0.24, 8 s"))
    '\\x1b[9G4, 8'
    >>> _changes(plain("10 s"), plain("9 s"))
    '9 s\\x1b[K'
    """
    different = [i for i, (a, b) in enumerate(zip_longest(old, new)) if a != b and i < len(new)]
    parts, position = [], 0
    for start, end in _spans(different):
        if start != position:
            parts.append(f"\x1b[{start + 1}G")
        parts.append(_text(new[start:end]))
        position = end
    if len(new) < len(old):
        if position != len(new):
            parts.append(f"\x1b[{len(new) + 1}G")
        parts.append(ERASE_RIGHT)
    return "".join(parts)


def _spans(indices: list[int]) -> list[tuple[int, int]]:
    """Return the ranges (start, end) that cover all indices, those that are near merged.

    >>> _spans([1, 2, 4, 20])
    [(1, 5), (20, 21)]
    """
    spans: list[tuple[int, int]] = []
    for i in indices:
        if spans and i - spans[-1][1] < APART:
            spans[-1] = spans[-1][0], i + 1
        else:
            spans.append((i, i + 1))
    return spans
