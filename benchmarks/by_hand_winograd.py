"""3x3 convolution with 16 products instead of 36: Winograd's F(2x2, 3x3), and its gradients.

Two outputs y of a line, from four inputs x and three weights g, take four products, not six:

    y = A' (G g * B' x),   hence   dg = G' (A dy * B' x)   and   dx = B (G g * A dy).

In an image the same is done along both axes. The elements of a tile lie in arrays of their own
("phases": even and odd rows, even and odd columns), so that each sum runs over long memory.
Arrays are (row phase, column phase, image, row, column, channel).
Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015.

A function here yields NumPy calls, (function, argument, ...), for the caller to make.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.by_hand_parts import ZERO, Calls
from benchmarks.problem import Array

G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
GG = np.kron(G, G)  # (16, 9): along both axes


def transformed_input(x: Array, half: Array, v: Array) -> Calls:
    """v = B' x: tiles of 4x4 elements, two apart."""
    yield from _take(*x.swapaxes(0, 1), *half.swapaxes(0, 1), along=_columns)
    yield from _take(*half, *v, along=_rows)


def transformed_output(m: Array, half: Array, y: Array) -> Calls:
    """y = A' m: the 2x2 outputs of each tile."""
    yield from _make(*m, *half)
    yield from _make(*half.swapaxes(0, 1), *y.swapaxes(0, 1))


def transformed_back(z: Array, half: Array, dx: Array) -> Calls:
    """dx = B z: the sums of the tiles' parts of each element."""
    yield from _give_back(*z, *half, along=_rows)
    yield from _give_back(*half.swapaxes(0, 1), *dx.swapaxes(0, 1), along=_columns)


def _rows(x: Array, start: int | None, stop: int | None) -> Array:
    return x[..., start:stop, :, :]


def _columns(x: Array, start: int | None, stop: int | None) -> Array:
    return x[..., start:stop, :]


Along = Callable[[Array, int | None, int | None], Array]


def _take(even: Array, odd: Array, *v: Array, along: Along) -> Calls:
    x0, x2 = along(even, 0, -1), along(even, 1, None)
    x1, x3 = along(odd, 0, -1), along(odd, 1, None)
    yield np.subtract, x0, x2, v[0]
    yield np.add, x1, x2, v[1]
    yield np.subtract, x2, x1, v[2]
    yield np.subtract, x3, x1, v[3]


def _give_back(*z: Array, along: Along) -> Calls:
    z0, z1, z2, z3, even, odd = z
    d0, d2 = along(even, 0, -1), along(even, 1, None)
    d1, d3 = along(odd, 0, -1), along(odd, 1, None)
    yield np.copyto, along(even, 0, 1), ZERO
    yield np.add, z1, z2, d2
    yield np.subtract, d2, z0, d2
    yield np.add, d0, z0, d0
    yield np.copyto, along(odd, -1, None), ZERO
    yield np.subtract, z1, z2, d1
    yield np.subtract, d1, z3, d1
    yield np.add, d3, z3, d3


def _make(*m: Array) -> Calls:
    m0, m1, m2, m3, y0, y1 = m
    yield np.add, m1, m2, y0
    yield np.add, y0, m0, y0
    yield np.subtract, m1, m2, y1
    yield np.add, y1, m3, y1
