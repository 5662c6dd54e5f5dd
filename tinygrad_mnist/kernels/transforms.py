"""The transforms of Winograd's F(4x4, 3x3) along a line of pixels, as matrices.

`winograd.py` has the formulas. A matrix transforms up to `TOGETHER` tiles of a line at once: it is
mostly zeros, and begins and ends with the line.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

A = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 1 / 2, -2, 0], [0, 1, 1, 1 / 4, 4, 0], [0, 1, -1, 1 / 8, -8, 1]]
)
B = np.array(
    [
        [1, -3 / 2, -2, 3 / 2, 1, 0], [0, -1, 1 / 2, 5 / 2, 1, 0], [0, 1, -5 / 2, 1 / 2, 1, 0],
        [0, -2, -1, 2, 1, 0], [0, 1 / 2, -1, -1 / 2, 1, 0], [0, 1, -3 / 2, -2, 3 / 2, 1],
    ]
)  # fmt: skip
G = np.array(
    [[15, 0, 0], [5, 5, 5], [-5, 5, -5], [-16, -8, -4], [1, -2, 4], [0, 0, 15]]
) / 15  # fmt: skip
SIDE, REACH = A.shape  # outputs of a tile along a line, and the inputs that they read
TOGETHER = 4  # tiles in one product: fewer make it too small, more fill it with zeros


class Cut(NamedTuple):
    """The matrix that takes some lines of the source to some lines of the target."""

    matrix: Array
    source: slice
    target: slice


@lru_cache(256)
def taking(size: int, rim: int, tiles: range, dtype: Any) -> tuple[Cut, ...]:
    """B for a line of `size` pixels, zeros around them, and some of its tiles."""
    cuts = []
    for some in _groups(tiles):
        first, last = some.start * SIDE - rim, (some.stop - 1) * SIDE - rim + REACH
        matrix = np.zeros((len(some) * REACH, last - first), dtype)
        for i in range(len(some)):
            matrix[i * REACH :][:REACH, i * SIDE :][:, :REACH] = B
        start, stop = min(max(first, 0), size), max(0, min(last, size))
        inside = np.ascontiguousarray(matrix[:, start - first : max(start, stop) - first])
        cuts.append(Cut(inside, slice(start, max(start, stop)), _places(tiles, some, REACH)))
    return tuple(cuts)


@lru_cache(256)
def making(size: int, tiles: range, dtype: Any) -> tuple[Cut, ...]:
    """A for some tiles of a line of `size` pixels."""
    cuts = []
    for some in _groups(tiles):
        start, stop = some.start * SIDE, min(some.stop * SIDE, size)
        matrix = np.kron(np.eye(len(some)), A)[: stop - start].astype(dtype)
        cuts.append(Cut(matrix, _places(tiles, some, REACH), slice(start, stop)))
    return tuple(cuts)


@lru_cache(256)
def giving(size: int, rim: int, tiles: range, dtype: Any) -> tuple[Cut, ...]:
    """B', the adjoint of B, for a line of `size` pixels.

    Each product reads all the tiles that reach its pixels, so that none adds to another's.
    """
    cuts = []
    for some in _groups(tiles):
        is_last = some.stop == tiles.stop
        start = max(0, some.start * SIDE - rim) if some.start else 0
        stop = size if is_last else min(size, some.stop * SIDE - rim)
        near = range(max(0, some.start - 1), some.stop)
        matrix = np.zeros((max(0, stop - start), len(near) * REACH), dtype)
        for i, tile in enumerate(near):
            for j in range(REACH):
                at = tile * SIDE - rim + j - start
                if 0 <= at < len(matrix):
                    matrix[at, i * REACH :][:REACH] = B[:, j]
        cuts.append(Cut(matrix, _places(tiles, near, REACH), slice(start, max(start, stop))))
    return tuple(cuts)


@lru_cache(256)
def spreading(size: int, tiles: range, dtype: Any) -> tuple[Cut, ...]:
    """A' for some tiles of a line of `size` pixels."""
    return adjoint_of(making(size, tiles, dtype))


def adjoint_of(cuts: tuple[Cut, ...]) -> tuple[Cut, ...]:
    """Return the adjoint_of matrices, from the targets to the sources."""
    return tuple(Cut(np.ascontiguousarray(c.matrix.T), c.target, c.source) for c in cuts)


def _groups(tiles: range) -> list[range]:
    return [tiles[at : at + TOGETHER] for at in range(0, len(tiles), TOGETHER)]


def _places(tiles: range, some: range, each: int) -> slice:
    return slice((some.start - tiles.start) * each, (some.stop - tiles.start) * each)
