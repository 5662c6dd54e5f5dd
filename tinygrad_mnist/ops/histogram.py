"""Counts: of whole numbers, and of elements between the edges of bins."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, refuse_read, wrap
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import named, public

__all__ = ["bincount", "histc", "histogram", "histogramdd"]
METHODS = [name for name in __all__ if name != "histogramdd"]


class Histogram(NamedTuple):
    """The results of `histogram`."""

    hist: Tensor
    bin_edges: Any


@public
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, ... is in input, or the sum of its `weights`.

    >>> import tinygrad_mnist as tg
    >>> tg.bincount(tg.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    refuse_read("bincount()")
    if input.dtype.kind not in "iu":
        raise DTypeError(f"bincount() is not implemented for {input.dtype}; integers are needed")
    if input.ndim != 1 or (input._data < 0).any():
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if weights is None:
        return wrap(np.bincount(input._data, minlength=minlength))
    if weights.shape != input.shape:
        raise ShapeError("weights should be 1-d and have the same length as input")
    counts = np.bincount(input._data, weights._data, minlength)
    return wrap(counts.astype(weights.dtype if weights.dtype == np.float32 else np.float64))


@public
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements are in each of `bins` equal parts of [min, max]; of their own range if 0.

    What is outside does not count.
    """
    if input.dtype.kind != "f":
        raise DTypeError(f"histc() is not implemented for {input.dtype}; cast to float first")
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    low, high = _range(input, float(min), float(max), 1.0)
    return table.histogram(input, bins=int(bins), low=low, high=high)


def _range(input: Tensor, low: float, high: float, wider: float) -> tuple[float, float]:
    """The range of a histogram: the one asked for, or the elements' own, made `wider` if empty."""
    if low == high and input._data.size:
        refuse_read("a histogram of an unknown range")
        low, high = float(input._data.min()), float(input._data.max())
    if low == high:
        low, high = low - wider, high + wider
    if not math.isfinite(low) or not math.isfinite(high):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    return low, high


@public
def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """How many elements (or what `weight`) each bin has, and the bins' edges.

    `bins` is their number, in `range`, or their edges. The last bin has both its edges.
    """
    flat = None if weight is None else table.reshape(weight, shape=(-1,))
    one = range if range is None else tuple(range)
    points = table.reshape(input, shape=(-1, 1))
    edges = bins if isinstance(bins, Tensor) else [bins]
    found = histogramdd(
        points, [edges] if isinstance(bins, Tensor) else edges, range=one, weight=flat,
        density=density,
    )  # fmt: skip
    return Histogram(found.hist, found.bin_edges[0])


@public
def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """`histogram` of points (..., dimensions); `bins` and `edges` are one for each dimension.

    `range` lists the lower and the upper end of each dimension.
    """
    refuse_read("histogram()")
    if input.dtype.char not in "fd":
        raise DTypeError(f"histogram() is not implemented for {input.dtype}; cast to float first")
    points = input._data.reshape(-1, input.shape[-1])
    count = points.shape[1]
    several = list(bins) if isinstance(bins, (tuple, list)) else [bins] * count
    if len(several) != count:
        raise RuntimeError(f"histogramdd: {len(several)} bins for {count} dimensions")
    edges = []
    for i, given in enumerate(several):
        if isinstance(given, Tensor):
            edges.append(given._data.astype(points.dtype))
            continue
        empty = (0.0, 0.0) if len(points) else (0.0, 1.0)
        low, high = empty if range is None else (range[2 * i], range[2 * i + 1])
        low, high = _range(wrap(points[:, i]), float(low), float(high), 0.5)
        edges.append(np.linspace(low, high, int(given) + 1).astype(points.dtype))
    weights = None if weight is None else weight._data.reshape(-1)
    hist = _binned(points, edges, weights).astype(points.dtype)
    if density:
        sizes = [np.diff(e).reshape(-1, *(1,) * (count - i - 1)) for i, e in enumerate(edges)]
        hist = hist / (hist.sum() * functools.reduce(np.multiply, sizes))
    return Histogram(wrap(hist), tuple(wrap(e) for e in edges))


def _binned(points: Any, edges: list[Any], weights: Any) -> Any:
    """How many points, or which of their weights, lie between the edges of each dimension."""
    sizes = tuple(len(e) - 1 for e in edges)
    place, inside = np.zeros(len(points), np.int64), np.ones(len(points), bool)
    for i, e in enumerate(edges):
        x = points[:, i]
        inside &= (x >= e[0]) & (x <= e[-1])
        at = np.searchsorted(e, x, "right") - 1
        place = place * sizes[i] + np.clip(np.where(x == e[-1], sizes[i] - 1, at), 0, sizes[i] - 1)
    weights = weights if weights is None else weights[inside]
    return np.bincount(place[inside], weights, math.prod(sizes)).reshape(sizes)


named(globals(), __all__)
