"""Ruler: measure the slopes of a problem with as much care as the comparison needs.

First a complex step, where the function is analytic; then two step sizes; where that disagrees
with the gradient, is vague, or may be a kink, a whole ladder of steps. Before a gradient counts
as wrong, the function's own noise is measured.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.testing.gradients.numeric import (
    Curve,
    Slope,
    complex_step,
    flat,
    imaginary_part,
    magnitude,
    roughness,
    thorough,
    two_step_slope,
)
from tinygrad_mnist.testing.gradients.problem import Problem, Trace

Array = np.ndarray[Any, Any]

_WARNINGS = threading.RLock()  # the filters belong to all threads
_GROUPS = 8  # sets of outputs that are measured again with directions of their own
_ALIKE = 4  # powers of two between tolerances of leaves that are moved together
_DOUBLE = float(np.finfo(np.float64).eps)
_NOISY = 2.0  # so much rounding stays below the 32 precisions that show a kink; 10 times does not


class How(NamedTuple):
    """The settings of a check, as `gradcheck` explains them."""

    eps: float | None = None
    atol: float = 0.0
    rtol: float = 0.0
    nondet_tol: float = 0.0
    dtypes: bool = False
    fast: bool = False
    brief: bool = False
    """One step is enough where it agrees: for a verdict, without the measured errors."""
    locate: bool = True
    """After a random direction has failed, look for the elements that are wrong."""


class Ruler:
    """The slopes of one problem's outputs by its leaves."""

    def __init__(self, problem: Problem, how: How, trace: Trace) -> None:
        self.problem, self.how = problem, how
        self.middle = flat(problem.row())
        self.precision = problem.library.precision(trace.outputs)

    def jacobian(self, index: int, expected: Array) -> Slope:
        """Measure the slope of each output (rows) by each element of a leaf (columns)."""
        leaf = self.problem.leaves[index]
        towards = self.problem.moving(index, len(self.middle))
        curves = [towards(one) for one in units(leaf.shape)]
        sizes = np.abs(np.ravel(leaf)).tolist()
        if self.is_analytic(towards, leaf.shape):
            slope = without_error(np.stack([imaginary_part(curve) for curve in curves], axis=1))
            again = np.any(self.doubts(slope, expected), axis=0)
        else:
            slope, again = Slope(*np.zeros((5, *expected.shape))), np.ones(len(curves), bool)
        for j in np.flatnonzero(again):
            measured = self.slope(curves[j], self.middle, sizes[j], expected[:, j])
            for field, part in zip(slope, measured, strict=True):
                field[:, j] = part
        return slope._replace(kink=slope.kink.astype(bool))

    def along(self, index: int, u: Array, v: Array, expected: Array) -> Slope:
        """Measure the slope of v·outputs along u, as one row and one column."""
        curve = self.problem.moving(index, len(self.middle))(u)
        slope = self.slope(
            lambda t: np.array([np.ravel(curve(t)) @ v]),
            np.array([self.middle @ v]),
            0.0,
            expected[0],
        )
        return Slope(*(part[:, None] for part in slope))

    def agreeing(
        self, directions: dict[int, Array], v: Array, expected: dict[int, float]
    ) -> set[int]:
        """Return the leaves whose slopes of v·outputs are as expected, found by few calls.

        Leaves with about the same tolerance move together, each so that it adds to the sum. The
        sum has to agree as well as each of them: no leaf is right by what the others hide.
        """
        relative = self.relative()
        room = {
            i: self.how.atol + 1e3 * self.precision + relative * abs(y) for i, y in expected.items()
        }
        groups: dict[int, list[int]] = {}
        for i, space in room.items():
            if math.isfinite(space):
                groups.setdefault(math.frexp(space)[1] // _ALIKE, []).append(i)
        agreeing: set[int] = set()
        for group in groups.values():
            signs = {i: math.copysign(1.0, expected[i]) for i in group}
            curve = self.problem.moving_all(len(self.middle))(
                {i: signs[i] * directions[i] for i in group}
            )
            least = min(abs(expected[i]) for i in group)
            # A slope of zero is seen best far away, where rounding is smallest.
            step = self.precision ** (1 / 3) if least > 1e3 * self.precision else 0.25
            middle, up, down = (
                float(y @ v) for y in (self.middle, flat(curve(step)), flat(curve(-step)))
            )
            gap = abs((up - down) / (2 * step) - sum(abs(expected[i]) for i in group))
            bend = abs(up + down - 2 * middle) / step
            if gap <= min(room[i] for i in group) and bend <= 1e-2 * least + 1e3 * self.precision:
                agreeing.update(group)
        return agreeing

    def slope(self, curve: Curve, middle: Array, size: float, expected: Array) -> Slope:
        """Measure the slope along one curve; `size` is that of the element that is moved."""
        scale = max(1.0, size)
        agrees = (lambda first: self.agrees(first, expected)) if self.how.brief else None
        slope = two_step_slope(curve, middle, scale, self.precision, self.how.eps, agrees)
        smooth = np.zeros(slope.kink.shape, bool)  # a bend within the tolerance is no kink
        if not np.any(self.doubts(slope, expected)):
            return slope._replace(kink=smooth)
        if self.how.eps is None and not np.any(self.objections(slope, expected)):
            step = self.better_step(slope, middle, scale, expected)
            slope = two_step_slope(curve, middle, scale, self.precision, step)
            if not np.any(self.doubts(slope, expected)):
                return slope._replace(kink=smooth)
        exact = self.complex_step(curve, middle)
        if exact is not None and confirmed(exact, slope):  # wrong for both, or right
            certain = without_error(exact)
            off = self.objections(slope, expected)
            if np.all(off >= self.objections(certain, expected)):
                return certain
        return thorough(curve, middle, size, self.precision, size or None)

    def agrees(self, slope: Slope, expected: Array) -> bool:
        """Tell whether a slope is the derivative without doubt, and not the mean of two sides."""
        size = np.abs(slope.value)  # alone: the largest may be that of another output
        least = self.how.atol + 1e3 * self.precision + self.relative() * size
        if not np.all(np.abs(expected - slope.value) <= least):
            return False
        room = 1e-2 * np.abs(slope.value) + 1e3 * self.precision
        return bool(np.all(np.abs(slope.right - slope.left) <= room))

    def better_step(self, slope: Slope, middle: Array, scale: float, expected: Array) -> float:
        """Return a step for a vague slope: a long one against rounding, else a short one.

        Rounding is all that is wrong with a slope that does not change, most often one of zero.
        """
        step = scale * self.precision**0.2
        rounding = 2 * self.precision * magnitude(middle) / step
        vague = self.doubts(slope, expected)
        return scale / 4 if np.all(slope.error[vague] <= 2 * rounding[vague]) else step / 16

    def is_analytic(self, towards: Any, shape: tuple[int, ...]) -> bool:
        """Tell whether a complex step agrees with differences, along a random direction."""
        if math.prod(shape) < 3:
            return False
        curve = towards(np.random.default_rng(1).uniform(0.5, 1.5, shape))
        exact = self.complex_step(curve, self.middle)
        return exact is not None and confirmed(
            exact, two_step_slope(curve, self.middle, 1.0, self.precision)
        )

    def complex_step(self, curve: Curve, middle: Array) -> Array | None:
        """Return the slopes by a complex step, or None where the function takes none."""
        if self.precision > _DOUBLE:
            return None
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return complex_step(curve, middle)

    def may_be_noise(self, slope: Slope, expected: Array) -> bool:
        """Tell whether a slope that disagrees was measured by differences, which show noise."""
        return bool(np.any(self.objections(slope, expected) & (slope.error > 0)))

    def is_rougher(self, index: int) -> bool:
        """Measure the noise; if it is above `precision`, set that, and return True."""
        leaf = self.problem.leaves[index]
        size = np.where(leaf == 0, 1.0, np.abs(leaf))
        curve = self.problem.moving(index, len(self.middle))(
            np.random.default_rng(2).uniform(0.5, 1.5, leaf.shape) * size
        )
        noise = roughness(curve, self.middle)
        if noise < _NOISY * self.precision:
            return False
        self.precision = noise
        return True

    def bends(self, slopes: list[Slope], rows: Array) -> Array:
        """Mark the outputs without a derivative, though they may have a slope by each element.

        For equal singular values, or a median of equal numbers, the slopes along a random direction
        differ on both sides, or are not the sum of those by the elements. Elements at a kink are
        left out of the direction, so that a kink excuses no other element. Only `rows` are
        measured.
        """
        bent = np.zeros(len(self.middle), bool)
        rng = np.random.default_rng(3)
        values, errors, kinks = (
            np.concatenate([getattr(slope, field) for slope in slopes], axis=1)
            for field in ("value", "error", "kink")
        )
        masks = kinks.astype(bool) | ~np.isfinite(errors)
        for mask in np.unique(masks[rows], axis=0)[:_GROUPS]:
            same = rows & np.all(masks == mask, axis=1)
            finite, error = np.where(mask, 0.0, values), np.where(mask, 0.0, errors)
            for _ in range(4):
                u = ~mask * rng.uniform(0.5, 1.5, mask.shape) * rng.choice([-1.0, 1.0], mask.shape)
                curve = self._all_along(u)
                sums = finite @ u, error @ np.abs(u), np.abs(finite) @ np.abs(u)
                along = two_step_slope(curve, self.middle, 1.0, self.precision)
                coarse = 20 * along.error > 1e-3 * sums[-1] + 1e3 * self.precision
                if np.any((coarse | departs(along, *sums))[same]):
                    along = thorough(curve, self.middle, 0.0, self.precision)
                    bent |= same & departs(along, *sums)
        return bent

    def _all_along(self, u: Array) -> Curve:
        """Make the curve t -> outputs with all leaves moved by t * u, a row of all elements."""
        leaves = self.problem.leaves
        parts = np.split(u, np.cumsum([leaf.size for leaf in leaves])[:-1])
        directions = {
            i: part.reshape(leaf.shape)
            for i, (part, leaf) in enumerate(zip(parts, leaves, strict=True))
        }
        return self.problem.moving_all(len(self.middle))(directions)

    def tolerance(self, slope: Slope) -> Array:
        """Return how far a right derivative may be off: ten estimated errors, and rounding."""
        size = np.abs(slope.value)
        largest = np.max(size[np.isfinite(size)], initial=0.0)
        relative = self.relative()
        floor = self.how.atol + 1e3 * self.precision + 1e-4 * relative * largest
        return np.asarray(floor + relative * size + 10 * slope.error)

    def relative(self) -> float:
        """Return the part of a derivative by which it may always be off."""
        return max(self.how.rtol, 1e-6, 1e3 * self.precision)

    def doubts(self, slope: Slope, expected: Array) -> Array:
        """Mark the slopes to measure again: those that are vague, disagree, or may be at a kink."""
        size = np.abs(slope.value)
        clear = 1e-4 * size + 1e-7 * np.max(size, initial=0.0) + 1e3 * self.precision
        return np.asarray((10 * slope.error > clear) | self.objections(slope, expected))

    def objections(self, slope: Slope, expected: Array) -> Array:
        """Mark the slopes that disagree, or may be at a kink that makes a difference."""
        tolerance = self.tolerance(slope)
        off = ~(np.abs(expected - slope.value) <= tolerance)
        bent = ~(np.abs(slope.right - slope.left) <= tolerance)  # NaN where one side is missing
        return np.asarray(slope.kink.astype(bool) & bent | off)


def vague(slope: Slope) -> Array:
    """Mark the slopes with errors of their own size: those at jumps, at vertical tangents."""
    size = np.abs(slope.value)
    largest = np.max(size[np.isfinite(size)], initial=1.0)
    return np.asarray(~(slope.error <= 0.1 * size + 1e-6 * largest))


def without_error(value: Array) -> Slope:
    """Return slopes without an error."""
    none = np.zeros(value.shape)
    return Slope(value, none, none != 0, value.copy(), value.copy())


def confirmed(exact: Array, slope: Slope) -> bool:
    """Tell whether differences agree with a complex step, and show no kink."""
    agree = np.all(np.abs(exact - slope.value) <= 10 * slope.error)
    return bool(agree) and not slope.kink.any()


def departs(along: Slope, added: Array, error: Array, size: Array) -> Array:
    """Mark the slopes along a direction that are not the sums of those by the elements."""
    room = 20 * (error + along.error) + 1e-3 * (size + np.abs(along.value))
    return np.asarray(along.kink | (np.abs(along.value - added) > room) | vague(along))


def units(shape: tuple[int, ...]) -> Iterator[Array]:
    """Yield the directions of the elements, one after the other."""
    for index in np.ndindex(shape):
        one = np.zeros(shape)
        one[index] = 1.0
        yield one
