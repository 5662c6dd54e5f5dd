"""Line charts and histograms as numbers for SVG: the positions of lines, ticks and bars.

The templates draw these, with colours from the style sheet that suit dark and light pages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_mnist.report.run import finite

WIDTH, HEIGHT = 460, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 40


@dataclass(frozen=True)
class Line:
    """One curve: its name, the number of its colour, and one value per epoch."""

    name: str
    color: int
    values: Sequence[float | None]
    dashed: bool = False


def line_chart(title: str, lines: Sequence[Line], *, shares: bool = False) -> dict[str, Any]:
    """Lay out curves over the epochs; with `shares`, values are written as percentages.

    Values that are not finite leave a gap.

    >>> chart = line_chart("loss", [Line("training", 0, [2.0, 1.0, None])])
    >>> chart["lines"][0]["path"], chart["x_ticks"][0]
    ('M56.0,22.4L252.0,229.6', {'at': 56.0, 'text': '1'})
    """
    series = [[finite(value) for value in line.values] for line in lines]
    numbers = [value for values in series for value in values if value is not None]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    margin = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
    bottom, top = (
        (low - margin, min(high + margin, 1.0)) if shares else (max(low - margin, 0), high + margin)
    )
    if top <= bottom:
        bottom = top - 0.01
    last = max((len(values) for values in series), default=1)

    def across(epoch: int) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (epoch - 1) / max(last - 1, 1), 1)

    def down(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (top - value) / (top - bottom), 1)

    def text(value: float) -> str:
        return f"{value:.2%}".replace("%", " %") if shares else f"{value:.4g}"

    curves, hover = [], []
    for line, values in zip(lines, series, strict=True):
        points = [
            None if value is None else (across(epoch), down(value), text(value))
            for epoch, value in enumerate(values, 1)
        ]
        hover.append([point and point[2] for point in points])
        curves.append(
            {
                "name": line.name,
                "color": line.color,
                "dashed": line.dashed,
                "path": _path(points),
                "points": points,
                "marked": len(values) <= 30,
            }
        )
    return {
        "title": title,
        "lines": curves,
        "hover": hover,
        "last": last,
        "x_ticks": [{"at": across(e), "text": str(e)} for e in _epochs(last)],
        "y_ticks": [
            {"at": down(value), "text": text(value) if not shares else f"{value * 100:.4g} %"}
            for value in ticks(bottom, top)
        ],
        "box": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT,
                "top": TOP, "bottom": HEIGHT - BOTTOM},
    }  # fmt: skip


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers between two bounds, at most `most`.

    >>> ticks(0.0, 1.03)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = high - low
    unit = 10.0 ** math.floor(math.log10(span / most))
    step = next(unit * k for k in (1, 2, 5, 10, 20) if span / (unit * k) <= most - 0.5)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _epochs(last: int) -> list[int]:
    """Return the epochs that have a tick: every one up to 12, else some."""
    if last <= 12:
        return list(range(1, last + 1))
    step = next(s * 10**k for k in range(9) for s in (1, 2, 5) if last / (s * 10**k) <= 8)
    return [1, *range(step if step > 1 else 2, last + 1, step)]


def _path(points: Sequence[tuple[float, float, str] | None]) -> str:
    """Return an SVG path through the points, with a gap in place of each None."""
    parts, begun = [], False
    for point in points:
        if point is not None:
            parts.append(f"{'L' if begun else 'M'}{point[0]},{point[1]}")
        begun = point is not None
    return "".join(parts)


BAR_WIDTH, BAR_HEIGHT = 240, 56


def bars(counts: Sequence[int]) -> str:
    """Return a histogram's outline as an SVG path, in a box of BAR_WIDTH by BAR_HEIGHT.

    >>> bars([1, 2])
    'M0,56V28.0H120.0V0.0H240.0V56Z'
    """
    most, step = max(1, *counts), BAR_WIDTH / len(counts)
    steps = "".join(
        f"V{round(BAR_HEIGHT * (1 - count / most), 1)}H{round(step * position, 1)}"
        for position, count in enumerate(counts, 1)
    )
    return f"M0,{BAR_HEIGHT}{steps}V{BAR_HEIGHT}Z"
