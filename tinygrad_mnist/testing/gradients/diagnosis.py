"""Guesses at a wrong Jacobian: a factor, a sign, a transposition, a missing sum."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


class Block(NamedTuple):
    """The derivatives of one output by one input: (elements of the output, of the input)."""

    analytic: Array
    numeric: Array
    tolerance: Array
    output: Shape
    input: Shape

    def positions(self, row: Any, column: Any) -> tuple[Shape, Shape]:
        """Return the index into the output and the index into the input."""
        at_output = np.unravel_index(row, self.output)
        return tuple(map(int, at_output)), tuple(map(int, np.unravel_index(column, self.input)))

    def agrees(self, analytic: Array, where: Any = ...) -> bool:
        """Tell whether another Jacobian would have passed."""
        gap = np.abs(analytic - self.numeric)
        return bool(np.all((gap <= 2 * self.tolerance)[where]))


def diagnose(block: Block) -> str:
    """Return a sentence on the likely mistake; empty if no guess fits."""
    guesses = (
        _not_finite, _zero, _factor, _transposed, _mirrored, _first_only, _some_outputs, _shifted,
    )  # fmt: skip
    return next((sentence for guess in guesses if (sentence := guess(block))), "")


def _not_finite(b: Block) -> str:
    """Guess: NaN or infinity where the derivative is finite."""
    bad = ~np.isfinite(b.analytic)
    if not bad.any():
        return ""
    return f"{bad.sum()} analytic values are not finite where the function has a slope"


def _zero(b: Block) -> str:
    """Guess: no gradient at all."""
    if b.analytic.any():
        return ""
    return (
        "the analytic gradient is zero: the graph is cut (detach, .data, numpy, item), or the "
        "backward of this input is not written in differentiable operations"
    )


def _factor(b: Block) -> str:
    """Guess: analytic = c * numeric everywhere."""
    largest = np.unravel_index(np.argmax(np.abs(b.numeric)), b.numeric.shape)
    if not b.numeric[largest]:
        return ""
    c = float(np.sum(b.analytic * b.numeric) / np.sum(b.numeric**2))
    room = (1 + abs(c)) * b.tolerance + 1e-6 * abs(c * b.numeric)
    if c == 0 or np.any(np.abs(b.analytic - c * b.numeric) > room):
        return ""
    if abs(c + 1) < 1e-6:
        return "the sign is wrong: analytic = -numerical everywhere"
    said = f"a wrong factor: analytic = {c:.7g} × numerical everywhere"
    for axis, n in enumerate(b.output):
        if n > 1 and abs(c * n - 1) < 1e-6:
            return f"{said}, 1/{n} is the length of output axis {axis}: a mean for a sum?"
        if n > 1 and abs(c - n) < 1e-6:
            return f"{said}, the length of output axis {axis}: counted once for each element?"
    return said


def _transposed(b: Block) -> str:
    """Guess: the right numbers with the input's (or the output's) axes in another order."""
    for name, shape, rows in (("input", b.input, False), ("output", b.output, True)):
        grid = np.arange(int(np.prod(shape))).reshape(shape)
        for axes in itertools.permutations(range(len(shape))) if len(shape) <= 4 else ():
            order = grid.transpose(axes)
            if order.shape != shape or axes == tuple(range(len(shape))):
                continue
            moved = b.analytic[order.ravel()] if rows else b.analytic[:, order.ravel()]
            if b.agrees(moved):
                return f"transposed: it agrees with the {name}'s axes taken in the order {axes}"
    if b.analytic.shape[0] == b.analytic.shape[1] and b.agrees(b.analytic.T):
        return "transposed: the analytic Jacobian is the transpose of the numerical one"
    return ""


def _mirrored(b: Block) -> str:
    """Guess: the right numbers back to front along one axis."""
    grid = np.arange(int(np.prod(b.input))).reshape(b.input)
    for axis, n in enumerate(b.input):
        if n > 1 and b.agrees(b.analytic[:, np.flip(grid, axis).ravel()]):
            return f"reversed: it agrees back to front along the input's axis {axis}"
    return ""


def _first_only(b: Block) -> str:
    """Guess: of a broadcast dimension one element was picked, instead of all summed."""
    wrong = (np.abs(b.analytic - b.numeric) > b.tolerance).any(axis=1).reshape(b.output)
    for axis, n in enumerate(b.output):
        lines = np.moveaxis(wrong, axis, 0).reshape(n, -1).any(axis=1)
        right = np.flatnonzero(~lines)
        if n > 1 and len(right) == 1:
            dead = np.moveaxis(b.analytic.reshape(*b.output, -1), axis, 0)
            if not np.delete(dead, right, axis=0).any():
                return (
                    f"a missing broadcast sum: only index {right[0]} of output axis {axis} reaches "
                    "this input; sum the incoming gradient over that axis"
                )
    return ""


def _some_outputs(b: Block) -> str:
    """Guess: whole outputs without any gradient."""
    missing = np.any(np.abs(b.numeric) > b.tolerance, axis=1)
    dead = np.asarray(missing & ~b.analytic.any(axis=1))
    if not dead.any() or not b.agrees(b.analytic, ~dead):
        return ""
    return f"{dead.sum()} of {len(dead)} output elements pass no gradient on; the others are right"


def _shifted(b: Block) -> str:
    """Guess: an additive constant."""
    gap = b.analytic - b.numeric
    c = float(np.mean(gap))
    if not b.agrees(b.analytic - c):
        return ""
    return f"a constant is added: analytic = numerical {'+' if c > 0 else '-'} {abs(c):.7g}"
