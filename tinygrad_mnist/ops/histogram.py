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
    """The number of times that each of 0, 1, ... is in input, or the sum of its `weights`.

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
    """The number of elements in each of `bins` equal parts of [min, max], or of their own range.

    Elements outside do not count; min = max = 0 takes the elements' own range.
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
    """The number of elements (or their `weight`) in each bin, and the edges of the bins.

    `bins` is the number of bins, in `range`, or their edges. The last bin includes both its edges.
    """
    weights = None if weight is None else table.reshape(weight, shape=(-1,))
    limits = range if range is None else tuple(range)
    points = table.reshape(input, shape=(-1, 1))
    edges = bins if isinstance(bins, Tensor) else [bins]
    counted = histogramdd(
        points, [edges] if isinstance(bins, Tensor) else edges, range=limits, weight=weights,
        density=density,
    )  # fmt: skip
    return Histogram(counted.hist, counted.bin_edges[0])


@public
def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """`histogram` of points (..., dimensions), with `bins` and edges for each dimension.

    `range` lists the lower and the upper end of each dimension.
    """
    refuse_read("histogram()")
    if input.dtype.char not in "fd":
        raise DTypeError(f"histogram() is not implemented for {input.dtype}; cast to float first")
    points = input._data.reshape(-1, input.shape[-1])
    count = points.shape[1]
    all_bins = list(bins) if isinstance(bins, (tuple, list)) else [bins] * count
    if len(all_bins) != count:
        raise RuntimeError(f"histogramdd: {len(all_bins)} bins for {count} dimensions")
    edges = []
    for i, bins_or_edges in enumerate(all_bins):
        if isinstance(bins_or_edges, Tensor):
            edges.append(bins_or_edges._data.astype(points.dtype))
            continue
        empty = (0.0, 0.0) if len(points) else (0.0, 1.0)
        low, high = empty if range is None else (range[2 * i], range[2 * i + 1])
        low, high = _range(wrap(points[:, i]), float(low), float(high), 0.5)
        edges.append(np.linspace(low, high, int(bins_or_edges) + 1).astype(points.dtype))
    weights = None if weight is None else weight._data.reshape(-1)
    hist = _binned(points, edges, weights).astype(points.dtype)
    if density:
        sizes = [np.diff(e).reshape(-1, *(1,) * (count - i - 1)) for i, e in enumerate(edges)]
        hist = hist / (hist.sum() * functools.reduce(np.multiply, sizes))
    return Histogram(wrap(hist), tuple(wrap(e) for e in edges))


def _binned(points: Any, edges: list[Any], weights: Any) -> Any:
    """The number of points, or the sum of their weights, between the edges of each dimension."""
    sizes = tuple(len(e) - 1 for e in edges)
    index, inside = np.zeros(len(points), np.int64), np.ones(len(points), bool)
    for i, e in enumerate(edges):
        x = points[:, i]
        inside &= (x >= e[0]) & (x <= e[-1])
        at = np.searchsorted(e, x, "right") - 1
        index = index * sizes[i] + np.clip(np.where(x == e[-1], sizes[i] - 1, at), 0, sizes[i] - 1)
    weights = weights if weights is None else weights[inside]
    return np.bincount(index[inside], weights, math.prod(sizes)).reshape(sizes)


named(globals(), __all__)
