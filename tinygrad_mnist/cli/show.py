"""Print what a command has to tell: labelled lines, and tables."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from tinygrad_mnist.cli.terminal import on_terminal, width


def say(label: str, text: str) -> None:
    """Print a line that begins with a label; a terminal gets it wrapped between words.

    >>> say("data", "mnist")
    data    mnist
    """
    lines = [text]
    if on_terminal():
        room = max(width() - 8, 12)
        lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    for line in lines:
        print(f"{label:7} {line}".rstrip(), flush=True)
        label = ""


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
    """Print rows under their columns; the first `left` columns are words, the others numbers.

    On a terminal nothing is cut in two: the last column of words is wrapped between words, and
    columns that do not fit beside the others follow in a table of their own.

    >>> show_table(["digit", "recall"], [["5", "97.0"], ["10", "9.1"]])
    digit  recall
    5        97.0
    10        9.1
    """
    room = width() if on_terminal() else 0
    for table in tables_of([columns, *rows], left, room):
        for line in table:
            print(line)


def tables_of(rows: Sequence[Sequence[str]], left: int, room: int) -> list[list[str]]:
    """Return the lines of as many tables as fit the rows into `room` characters (0: no limit).

    >>> rows = [["digit", "a", "b"], ["5", "1,000", "2,000"]]
    >>> tables_of(rows, 1, 12)
    [['digit      a', '5      1,000'], ['', 'digit      b', '5      2,000']]
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words, numbers = range(left), range(left, len(widths))
    if room and left > 1:  # a column of descriptions: it can be wrapped
        others = sum(widths) - widths[left - 1] + 2 * (len(widths) - 1)
        widths[left - 1] = min(widths[left - 1], max(room - others, 16))
    shown = list(words)
    if room and sum(widths[i] + 2 for i in words) > room:  # too narrow: only the row's name
        shown = [0]
    groups: list[list[int]] = [[]]
    used = start = sum(widths[i] + 2 for i in shown) - 2
    for i in numbers:
        if room and used + 2 + widths[i] > room and groups[-1]:
            groups.append([])
            used = start
        groups[-1].append(i)
        used += 2 + widths[i]
    tables = [
        [line for row in rows for line in _lines(row, [*shown, *group], widths, left)]
        for group in groups
    ]
    if len(shown) < left:  # the other words follow, each under its row's name
        listed = (f"{row[0]}: {', '.join(row[i] for i in words[1:])}" for row in rows[1:])
        fill = textwrap.TextWrapper(room, subsequent_indent="  ", break_on_hyphens=False)
        tables.append([line for text in listed for line in fill.wrap(text)])
    return [tables[0], *(["", *table] for table in tables[1:])]


def _lines(row: Sequence[str], shown: Sequence[int], widths: Sequence[int], left: int) -> list[str]:
    """Return one row as text: several lines where a cell of words is wrapped."""
    wrapped = {
        i: (
            textwrap.wrap(row[i], widths[i], break_long_words=False, break_on_hyphens=False) or [""]
        )
        if i < left and len(row[i]) > widths[i]
        else [row[i]]
        for i in shown
    }
    lines = []
    for k in range(max(map(len, wrapped.values()))):
        cells = [(wrapped[i][k] if k < len(wrapped[i]) else "", i) for i in shown]
        text = (c.ljust(widths[i]) if i < left else c.rjust(widths[i]) for c, i in cells)
        lines.append("  ".join(text).rstrip())
    return lines


def percentage(share: float) -> str:
    """Return a share between 0 and 1 as a percentage; "-" for none.

    >>> percentage(0.97849), percentage(float("nan"))
    ('97.85 %', '-')
    """
    return "-" if share != share else f"{share:.2%}".replace("%", " %")
