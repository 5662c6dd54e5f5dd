"""Numerical derivatives with estimates of their errors.

A central difference errs by a series in the square of its step, and by rounding over the step. Two
steps show the first term of the series and remove it (Richardson's extrapolation); the difference
of the two is an estimate of the rest. W. H. Press et al., Numerical Recipes, section 5.7.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Curve = Callable[[Any], Array]
"""t -> every output, flat: a function along one direction, at 0 where it is checked."""

TINY = 1e-40


class Slope(NamedTuple):
    """The derivative of each output at t = 0."""

    value: Array
    error: Array
    """How far off `value` may be; inf where nothing could be measured."""
    kink: Array
    """Where the slopes from the left and from the right differ: there is no derivative."""
    left: Array
    right: Array


def two_step_slope(
    curve: Curve,
    middle: Array,
    scale: float,
    precision: float,
    step: float | None = None,
    accepts: Callable[[Slope], bool] | None = None,
) -> Slope:
    """Measure the slope from two step sizes, four calls; `kink` only means "look again".

    `middle` is the function at 0, `precision` the relative error of its values. Where `accepts`
    holds for the slope of the first step, as if that had no error, it is the result.
    """
    h = step or scale * precision**0.2
    up, down = flat(curve(h)), flat(curve(-h))
    wide = (up - down) / (2 * h)
    if accepts is not None:
        none = np.zeros(wide.shape)
        first = Slope(wide, none, none != 0, (middle - down) / h, (up - middle) / h)
        if accepts(first):
            return first
    up2, down2 = flat(curve(h / 2)), flat(curve(-h / 2))
    noise = precision * magnitude(middle)
    narrow = (up2 - down2) / h
    error = np.abs(narrow - wide) / 3 + 2 * noise / h
    bend, bend2 = np.abs(up + down - 2 * middle), np.abs(up2 + down2 - 2 * middle)
    kink = (bend2 > 0.4 * bend) & (bend2 > 8 * noise)  # for a parabola it is a quarter
    error = np.where(np.isfinite(error), error, np.inf)
    left, right = (middle - down2) * 2 / h, (up2 - middle) * 2 / h
    return Slope(narrow + (narrow - wide) / 3, error, kink, left, right)


def thorough(
    curve: Curve, middle: Array, scale: float, precision: float, smallest: float | None = None
) -> Slope:
    """Measure with a ladder of steps, each a quarter of the last; every output takes its best."""
    steps = ladder(scale, smallest)
    ups = np.array([flat(curve(h)) for h in steps])
    downs = np.array([flat(curve(-h)) for h in steps])
    h = steps[:, None]
    noise = precision * magnitude(middle) / h
    central = (ups - downs) / (2 * h)
    value = (16 * central[1:] - central[:-1]) / 15
    apart = np.abs(np.diff(value, axis=0))
    apart = np.maximum(apart[1:], apart[:-1])  # two neighbours: one may agree by chance
    value, error = value[1:-1], apart + noise[2:-1]
    error = np.where(np.isfinite(error), error, np.inf)
    best = np.argmin(np.where(borne_out(value, error), error, np.inf), axis=0)[None]
    left, right = (middle - downs) / h, (ups - middle) / h
    kink, at = kinks(right - left, noise)
    pick = np.take_along_axis
    return Slope(
        pick(value, best, 0)[0], pick(error, best, 0)[0], kink,
        pick(left, at, 0)[0], pick(right, at, 0)[0],
    )  # fmt: skip


def borne_out(value: Array, error: Array) -> Array:
    """Mark the rows that no smaller step contradicts: from afar a staircase has a slope, too."""
    agrees = np.ones(value.shape, bool)
    for k in range(len(value)):
        gap = np.abs(value[k + 1 :] - value[k])
        agrees[k] = ~np.any(gap > 20 * (error[k + 1 :] + error[k]), axis=0)
    return agrees


def kinks(jump: Array, noise: Array) -> tuple[Array, Array]:
    """Mark where right minus left slope does not vanish with the step; return a row that shows it.

    For a smooth function the difference falls to a quarter from row to row. The last three rows
    above the noise decide; their ratios must agree, so that noise itself is no kink. A difference
    that a smaller step would show, and does not, is that of a kink beside the point.
    """
    clear = np.isfinite(jump) & (np.abs(jump) > 32 * noise)
    three = clear[2:] & clear[1:-1] & clear[:-2]
    rows = len(three) - 1 - np.argmax(three[::-1], axis=0)[None]
    j0, j1, j2 = (np.take_along_axis(jump, rows + i, 0)[0] for i in range(3))
    with np.errstate(all="ignore"):
        first, second = j1 / j0, j2 / j1
        same = three.any(axis=0) & (np.abs(second / first - 1) < 0.25) & (second > 0.5)
        after = np.minimum(rows + 3, len(jump) - 1)
        gone, unseen = (
            np.take_along_axis(a, after, 0)[0] for a in (np.isfinite(jump) & ~clear, 32 * noise)
        )
        same &= ~(gone & (unseen < 0.5 * np.abs(j2)))
    edge = ~np.isfinite(jump).any(axis=0)  # the function exists on one side alone, or nowhere
    return same | edge, rows + 2


def ladder(scale: float, smallest: float | None) -> Array:
    """Return steps from a quarter of `scale` down to 2^-28 of the smallest value that matters.

    Around zero that value is unknown: then there are 24 steps.
    """
    top = max(1.0, scale if math.isfinite(scale) else 1.0) / 4
    bottom = max(min(1.0, smallest or 2.0**-32) * 2.0**-28, sys.float_info.min)
    count = min(24, math.ceil((math.log(top) - math.log(bottom)) / math.log(4)) + 1)
    return top * 0.25 ** np.arange(count)


def roughness(curve: Curve, middle: Array) -> float:
    """Measure the relative error of a function's values, by fifth differences over tiny steps.

    Fifth differences leave only the noise of a smooth function; the median ignores a jump.
    J. J. Moré, S. M. Wild, SIAM J. Sci. Comput. 33 (2011), 1292-1314.
    """
    table = np.array([flat(curve(1e-6 * k)) for k in range(1, 25)])
    fifth = np.abs(np.diff(table, 5, axis=0)) / math.sqrt(math.comb(10, 5))
    noise = np.median(np.where(np.isfinite(fifth), fifth, 0.0), axis=0)
    size = magnitude(middle)
    return float(np.max(noise / np.where(size > 0, size, 1.0), initial=0.0))


def flat(y: Array) -> Array:
    """Return the outputs as a float64 row."""
    return np.ravel(y).astype(np.float64)


def magnitude(y: Array) -> Array:
    """Return the size of each output for rounding: small ones may be sums of larger ones."""
    size = np.abs(y)
    return size + 0.1 * np.max(size[np.isfinite(size)], initial=0.0)  # type: ignore[no-any-return]


def complex_step(curve: Curve, middle: Array) -> Array | None:
    """Return Im f(ih) / h with a tiny h: exact to the last bits for an analytic f, or None.

    None means that f cannot be analytic. The caller still has to make sure that no kernel dropped
    the imaginary part. J. N. Lyness, C. B. Moler, SIAM J. Numer. Anal. 4 (1967), 202-210.
    """
    y = curve(TINY * 1j)
    if y.dtype.kind != "c" or not np.allclose(y.real, middle, 1e-12, 0.0, equal_nan=True):
        return None
    return y.imag / TINY


def imaginary_part(curve: Curve) -> Array:
    """Return Im f(ih) / h for a function that is analytic."""
    return curve(TINY * 1j).imag / TINY
