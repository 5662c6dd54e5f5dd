"""Draw images, bars and sparklines of characters: blocks, or ASCII if they cannot be encoded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinygrad_mnist.cli.terminal import can_print

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVELS, ASCII_LEVELS = "▁▂▃▄▅▆▇█", "_.-:=+*#"  # of a sparkline, from low to high
EIGHTHS = " ▏▎▍▌▋▊▉█"  # of a cell, from the left
HALVES, ASCII_HALVES = " ▀▄█", " '.#"  # nothing, the upper half, the lower half, both
INK = 100  # of 255: darker pixels are drawn as paper


def image_lines(image: NDArray[np.uint8]) -> list[str]:
    """Return an image as lines of text, each of two rows of pixels.

    >>> import numpy as np
    >>> image_lines(np.array([[0, 255, 255], [0, 0, 255]], np.uint8))
    [' ▀█']
    """
    marks = HALVES if can_print(HALVES) else ASCII_HALVES
    ink = image > INK
    pairs = ink[0::2] + 2 * ink[1::2].astype(int)
    return ["".join(marks[pair] for pair in line) for line in pairs]


def bar(share: float, cells: int) -> str:
    """Return a bar as long as a share of some cells, to an eighth of a cell.

    >>> bar(0.5, 5), bar(0.0, 5), bar(1.0, 3)
    ('██▌', '', '███')
    """
    if not can_print(EIGHTHS):
        return "#" * round(share * cells)
    whole, rest = divmod(round(share * cells * 8), 8)
    return ("█" * whole + EIGHTHS[rest]).rstrip()


def sparkline(values: Sequence[float]) -> str:
    """Return one character per positive value, its height the value's on a logarithmic scale.

    >>> sparkline([2.0, 1.0, 0.5, 0.25])
    '█▆▃▁'
    """
    levels = LEVELS if can_print(LEVELS) else ASCII_LEVELS
    heights = [math.log(max(value, 1e-12)) for value in values]
    low, high = min(heights, default=0.0), max(heights, default=0.0)
    span = high - low
    if not span:
        return levels[0] * len(heights)
    return "".join(levels[round((height - low) / span * (len(levels) - 1))] for height in heights)
