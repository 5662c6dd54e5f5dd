"""The picture of a sweep, as a PNG file by matplotlib (of the cli extra)."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

from tinygrad_mnist.files import atomic_write
from tinygrad_mnist.train.space import Range, Space, spell_value
from tinygrad_mnist.train.sweep import Row

ACROSS = 3  # panels in a row


def plot_trials(rows: list[Row], space: Space, path: Path) -> None:
    """Draw validation accuracy by the number of the trial, and by each setting.

    Trials that were pruned are hollow.
    """
    from matplotlib.figure import Figure

    names = sorted({name for row in rows for name in row.params})
    down, across = math.ceil((len(names) + 1) / ACROSS), min(ACROSS, len(names) + 1)
    figure: Any = Figure(figsize=(4 * across, 3 * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    drawn = [row for row in rows if row.validation is not None]
    for axes, name in zip(panels, ["trial", *names], strict=False):
        _panel(axes, name, drawn, space)
    for axes in panels[len(names) + 1 :]:
        axes.axis("off")
    atomic_write(path, partial(figure.savefig, format="png", dpi=100))


def _panel(axes: Any, name: str, rows: list[Row], space: Space) -> None:
    axis = space.axes.get(name.partition("-")[0])
    for is_whole in (False, True):
        some = [r for r in rows if (r.state == "complete") == is_whole]
        some = [row for row in some if name == "trial" or name in row.params]
        x: list[Any] = [row.number if name == "trial" else row.params[name] for row in some]
        if name != "trial" and not isinstance(axis, Range):
            x = [spell_value(value) for value in x]
        color = "tab:blue" if is_whole else "none"
        axes.scatter(x, [r.validation for r in some], s=18, c=color, edgecolors="tab:blue")
    if isinstance(axis, Range) and axis.log:
        axes.set_xscale("log")
    axes.set(xlabel=name, ylabel="validation accuracy")
    axes.grid(alpha=0.3)
