"""Hypothesis strategies for Tensors: shapes, dtypes, ranges, kinks kept away, layouts.

Values are float16 numbers, so that an example is short and the same in float32 and float64.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.testing.libraries.adapter import Adapter
from tinygrad_mnist.testing.libraries.door import library_named

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

SPECIAL = (0.0, -0.0, 1.0, -1.0, float("inf"), float("-inf"), float("nan"), 1e-30, 1e30, 2.0**-133)
"""Values where functions often fail: signed zero, infinities, NaN, huge, tiny, subnormal."""


@cache
def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3) -> Any:
    """Draw small shapes, () and empty ones included."""
    return hnp.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def numbers(
    low: float = -3.0, high: float = 3.0, away_from: Iterable[float] = (), gap: float = 0.125
) -> Any:
    """Draw floats in [low, high], at least `gap` from each kink in `away_from`."""
    return _numbers(low + 0.0, high + 0.0, tuple(away_from), gap)  # to the cache, -0.0 is 0.0


@cache  # hypothesis looks a strategy through once, and that takes longer than a draw
def _numbers(low: float, high: float, away_from: tuple[float, ...], gap: float) -> Any:
    ends = [low]
    for kink in sorted(away_from):
        ends += [kink - gap, kink + gap]
    ends.append(high)
    pieces = [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if a <= b]
    if not pieces:
        raise ValueError(f"nothing is left of [{low}, {high}] {gap} away from {away_from}")
    return st.one_of([_halves(a, b) for a, b in pieces[::-1]])  # shrinks towards the positive


def _halves(low: float, high: float) -> Any:
    """Draw float16 numbers in [low, high]."""
    first, last = np.float16(low), np.float16(high)
    if first < low:
        first = np.nextafter(first, np.float16(np.inf))
    if last > high:
        last = np.nextafter(last, np.float16(-np.inf))
    return st.floats(float(first), float(last), width=16, allow_subnormal=False)


LAYOUTS = ("C", "F", "strided", "reversed")
_ANY_LAYOUT = st.sampled_from(LAYOUTS)


def relayout(array: Array, layout: str) -> Array:
    """Copy an array into another layout: C or F order, every second element, or back to front."""
    if layout == "C" or not array.ndim:
        return np.array(array, order="C")
    if layout == "F":
        return np.array(array, order="F")
    if layout == "strided":
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == "reversed":
        return np.array(array[::-1], order="C")[::-1]
    raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, not {layout!r}")


@st.composite
def arrays(
    draw: st.DrawFn,
    /,
    shape: Shape | Any = None,
    *,
    dtype: Any = np.float64,
    elements: Any = None,
    distinct: bool = False,
    layout: str | Any = None,
    **bounds: Any,
) -> Array:
    """Draw ndarrays, with the options of `tensors`."""
    shape = _drawn(draw, shapes() if shape is None else shape)
    dtype = np.dtype(dtype)
    if distinct:
        count = int(np.prod(shape))
        order = draw(st.permutations(range(-(count // 2), count - count // 2)))
        array = np.array(order, dtype).reshape(shape) * dtype.type(0.25)
    else:
        array = draw(_arrays(dtype, shape, _elements(dtype, elements, bounds)))
    return relayout(array, _drawn(draw, _ANY_LAYOUT if layout is None else layout))


@lru_cache(maxsize=1024)  # as `_numbers`
def _arrays(dtype: np.dtype[Any], shape: Shape, elements: Any) -> Any:
    return hnp.arrays(dtype, shape, elements=elements)


def _elements(dtype: np.dtype[Any], elements: Any, bounds: dict[str, Any]) -> Any:
    if elements is not None:
        return elements
    if dtype.kind == "f":
        return numbers(**bounds)
    if dtype.kind == "b":
        return st.booleans()
    lowest = 0 if dtype.kind == "u" else -3
    return _integers(int(bounds.get("low", lowest)), int(bounds.get("high", 3)))


_integers = cache(st.integers)


@st.composite
def tensors(
    draw: st.DrawFn,
    /,
    shape: Shape | Any = None,
    *,
    dtype: Any = np.float64,
    low: float = -3.0,
    high: float = 3.0,
    away_from: Sequence[float] = (),
    gap: float = 0.125,
    distinct: bool = False,
    special: bool = False,
    layout: str | Any = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """Draw Tensors of a shape (or a strategy for shapes; by default up to 3 dimensions of 0 to 3).

    Values lie in [low, high], at least `gap` from every number in `away_from` (where the function
    has a kink); `distinct` values are multiples of 1/4, no two equal (for max, sort); `special`
    mixes in infinities, NaN, signed zero and extreme magnitudes. `layout` is "C", "F", "strided"
    or "reversed", by default any of them. Float Tensors require grad by default.

    >>> tensors((2, 3), low=0.5).example()  # doctest: +SKIP
    tensor([[0.5, 0.5, 0.5],
            [0.5, 0.5, 0.5]], dtype=float64, requires_grad=True)
    """
    elements = _special(low, high) if special else None
    drawn = arrays(
        shape, dtype=dtype, elements=elements, distinct=distinct, layout=layout,
        **({} if special else {"low": low, "high": high, "away_from": away_from, "gap": gap}),
    )  # fmt: skip
    return tensor_on(draw(drawn), requires_grad)


@cache
def _special(low: float, high: float) -> Any:
    return st.one_of(numbers(low, high), st.sampled_from(SPECIAL))


def tensor_on(array: Array, requires_grad: bool | None = None) -> Tensor:
    """Make a Tensor on this array; a float one requires grad unless `requires_grad` is False."""
    tensor = wrap(array)
    wants = array.dtype.kind == "f" if requires_grad is None else requires_grad
    return tensor.requires_grad_() if wants else tensor


def broadcastable(count: int, *, max_dims: int = 3, max_side: int = 3, **how: Any) -> Any:
    """Draw tuples of `count` Tensors whose shapes broadcast; keywords as for `tensors`.

    >>> broadcastable(2).example()  # doctest: +SKIP
    (tensor([[1.]], dtype=float64, requires_grad=True), tensor(0., ...))
    """
    together = hnp.mutually_broadcastable_shapes(
        num_shapes=count, max_dims=max_dims, max_side=max_side, min_side=0
    )
    return together.flatmap(
        lambda drawn: st.tuples(*(tensors(shape, **how) for shape in drawn.input_shapes))
    )


def as_arrays_of(library: str | Adapter, strategy: Any) -> Any:
    """Make the strategy draw arrays of another library instead of Tensors and ndarrays."""
    adapter = library_named(library) if isinstance(library, str) else library

    def convert(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(convert, value))
        array = value._data if isinstance(value, Tensor) else value
        if not isinstance(array, np.ndarray):
            return value
        wants = value.requires_grad if isinstance(value, Tensor) else array.dtype.kind == "f"
        with adapter.session():
            return (adapter.leaf if wants else adapter.from_numpy)(array, None)

    return strategy.map(convert)


def _drawn(draw: st.DrawFn, value: Any) -> Any:
    return draw(value) if isinstance(value, st.SearchStrategy) else value
