"""The table of a summary, as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import html
import shutil
from typing import Any

from tinygrad_mnist.autograd.memory import size_text

HEAD = ("Layer (type)", "Output shape", "Parameters", "Bytes", "Mult-adds")
SHORTEST = (16, 12)  # of the first two columns, which give way where the terminal is narrow


def as_text(summary: Any) -> str:
    """Return the table in ASCII, no wider than the terminal where the numbers leave room."""
    lines = [HEAD, *(_cells(row, "  " * row.depth) for row in summary.rows)]
    table = [tuple(terminal_text(cell) for cell in line) for line in lines]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEAD))]
    room = shutil.get_terminal_size().columns - sum(widths[2:]) - 2 * (len(HEAD) - 1)
    while widths[0] + widths[1] > room and (widths[0] > SHORTEST[0] or widths[1] > SHORTEST[1]):
        widths[widths[1] - SHORTEST[1] > widths[0] - SHORTEST[0]] -= 1
    rule = "=" * (sum(widths) + 2 * (len(HEAD) - 1))
    shown = [_line(line, widths) for line in table]
    notes = [terminal_text(note) for note in _totals(summary)]
    return "\n".join([rule, shown[0], rule, *shown[1:], rule, *notes])


def as_html(summary: Any) -> str:
    """Return the table in HTML, with every name escaped."""
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    body = []
    for row in summary.rows:
        first, *others = (html.escape(cell) for cell in _cells(row, ""))
        cells = "".join(f'<td style="text-align:right">{cell}</td>' for cell in others)
        indent = f"text-align:left;padding-left:{0.5 + 1.2 * row.depth:.1f}em"
        body.append(f'<tr><td style="{indent}">{first}</td>{cells}</tr>')
    totals = "<br>".join(html.escape(line) for line in _totals(summary))
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
        f"<p>{totals}</p>"
    )


def _cells(row: Any, indent: str) -> tuple[str, ...]:
    """Return a row's cells; a dash for nothing."""
    name = row.path.rpartition(".")[2]
    first = f"{indent}{name} ({row.kind})" if row.path else f"{indent}{row.kind}"
    first += f" x{row.calls}" if (row.calls or 0) > 1 else ""
    shape = "-" if row.output_shape is None else shape_text(row.output_shape)
    if row.same_as is not None:
        shape = f"same as {row.same_as}"
    elif row.calls == 0:
        shape = "not called"
    frozen = row.params - row.trainable_params
    params = f"{row.params:,}" + (f" ({frozen:,} frozen)" if frozen else "")
    return (
        first,
        shape,
        params if row.params else "-",
        size_text(row.bytes) if row.bytes else "-",
        f"{row.mult_adds:,}" if row.mult_adds else "-",
    )


def shape_text(shape: Any) -> str:
    """Return nested shapes as text.

    >>> shape_text(((5, 2), {"state": (1, 2)}, None))
    '(5, 2), {state: (1, 2)}, -'
    """
    if shape is None:
        return "-"
    if isinstance(shape, dict):
        return "{" + ", ".join(f"{k}: {shape_text(v)}" for k, v in shape.items()) + "}"
    if all(isinstance(n, int) for n in shape):
        return str(shape)
    parts = (
        f"({shape_text(part)})" if part and isinstance(part, tuple) and not isinstance(part[0], int)
        else shape_text(part)
        for part in shape
    )  # fmt: skip
    return ", ".join(parts)


def _totals(summary: Any) -> list[str]:
    """Return the lines below the table."""
    total, trainable = summary.total_params, summary.trainable_params
    frozen = f"{trainable:,} trainable, {total - trainable:,} frozen"
    lines = [f"{row.path}: {note}" for row in summary.rows for note in row.notes]
    lines.append(f"Parameters: {total:,} ({frozen}); with buffers {size_text(summary.total_bytes)}")
    if summary.total_mult_adds is None:
        return [*lines, "No input was given: shapes and multiply-adds are unknown"]
    return [
        *lines,
        f"Multiply-adds: {summary.total_mult_adds:,}",
        f"Input: {size_text(summary.input_bytes)}; outputs of the layers: "
        f"{size_text(summary.output_bytes)}",
    ]


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Return one line: names to the left, numbers to the right."""
    short = [_cut(cell, width) for cell, width in zip(cells, widths, strict=True)]
    aligned = [cell.ljust(w) for cell, w in zip(short[:2], widths[:2], strict=True)]
    aligned += [cell.rjust(w) for cell, w in zip(short[2:], widths[2:], strict=True)]
    return "  ".join(aligned).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 3)] + "..."


def terminal_text(text: str) -> str:
    r"""Return text with escapes for what is not ASCII, or moves the cursor.

    >>> terminal_text("layer"), terminal_text("a\x1b[2J")
    ('layer', 'a\\x1b[2J')
    """
    return ascii(text)[1:-1] if not (text.isascii() and text.isprintable()) else text
