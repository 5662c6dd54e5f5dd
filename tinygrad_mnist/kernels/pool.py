"""Windows over images (n, channels, height, width), taken apart by their positions.

Position (p, q) of all windows together is one strided view of the image, so a pool is a loop over
a few views, in any order of memory. Windows that reach over the rim cover padding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.kernels.elementwise import INTEGER
from tinygrad_mnist.kernels.scratch import copied_into, pixels, scratch_like
from tinygrad_mnist.kernels.sums import in_float32

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
Sizes = tuple[int, ...]  # the kernels below take two; `ops/pool.py` splits three in two pools
BLOCK = 1 << 19  # bytes of images at a time: they stay in the cache
LARGE = 1 << 16  # elements from which on a pool is one call of its own in `jit`, in blocks


class Windows(NamedTuple):
    """Size, step, distance of elements, rim before, and the number of windows."""

    size: Sizes
    stride: Sizes
    dilation: Sizes
    padding: Sizes
    number: Sizes

    def reach(self) -> Pair:
        """Return the height and width of the area that the windows cover."""
        covered = zip(self.size, self.stride, self.dilation, self.number, strict=True)
        height, width = ((n - 1) * s + d * (k - 1) + 1 for k, s, d, n in covered)
        return height, width

    def rows(self) -> list[Any]:
        """Return a key into the covered area for each row in a window."""
        return [(..., rows, slice(None)) for rows in self._along(0)]

    def columns(self) -> list[Any]:
        """Return a key for each column in a window."""
        return [(..., columns) for columns in self._along(1)]

    def _along(self, axis: int) -> list[slice]:
        step, gap = self.stride[axis], self.dilation[axis]
        reach = (self.number[axis] - 1) * step + 1
        return [slice(k * gap, k * gap + reach, step) for k in range(self.size[axis])]

    def are_side_by_side(self, x: Array) -> bool:
        """Tell whether each element of x, which has its rim, is in one window."""
        return self.stride == self.size and self.dilation == (1, 1) and self.reach() == x.shape[2:]

    def positions(self) -> Iterator[Any]:
        """Yield a key into the covered area for each position in a window."""
        for rows in self._along(0):
            for columns in self._along(1):
                yield (..., rows, columns)


def is_large(x: Array, *, win: Windows) -> bool:
    """Tell whether a pool of these images goes through them in blocks."""
    return x.size >= LARGE


def max_pool(x: Array, *, win: Windows, out: Array | None = None) -> Array:
    """The largest element of each window; NaN wins, as in PyTorch."""
    return _combined(np.maximum, _covered(x, win, _lowest(x)), win, out)


def _combined(ufunc: np.ufunc, x: Array, win: Windows, out: Array | None = None) -> Array:
    """The elements of each window in one: first those of a column, which takes whole rows."""
    rows, columns = win.rows(), win.columns()
    if not is_large(x, win=win):
        return copied_into(out, _chained(ufunc, _chained(ufunc, x, rows), columns))
    y = np.empty_like(x[rows[0]][columns[0]]) if out is None else out
    (tall,) = scratch_like((x[: _at_a_time(x)][rows[0]], x.dtype))
    for some in _blocks(x):
        part = x[some]
        _chained(ufunc, _chained(ufunc, part, rows, tall[: len(part)]), columns, y[some])
    return y


def _chained(ufunc: np.ufunc, x: Array, keys: Sequence[Any], out: Array | None = None) -> Array:
    """Join the parts of x at some keys."""
    first, *others = (x[key] for key in keys)
    if not others:
        return first.copy(order="K") if out is None else copied_into(out, first)
    y: Array = ufunc(first, others[0], out=out)
    for other in others[1:]:
        ufunc(y, other, out=y)
    return y


def _at_a_time(x: Array) -> int:
    return max(1, BLOCK // max(1, x[:1].nbytes))


def _blocks(x: Array) -> Iterator[slice]:
    """Yield so many images at a time as stay in the cache."""
    step = _at_a_time(x)
    for start in range(0, len(x), step):
        yield slice(start, start + step)


def pool_put(d: Array, x: Array, y0: Array, *, win: Windows, out: Array | None = None) -> Array:
    """The adjoint of pool_take: d where x has the first maximum y0 of its window, else zero."""
    padded = _covered(x, win, _lowest(x))
    whole = out if out is not None and padded is x else np.empty_like(padded, dtype=d.dtype)
    if not win.are_side_by_side(padded):  # which write every element below
        whole.fill(0)
    like = y0[: _at_a_time(padded)]
    work = scratch_like((like, bool), (like, bool), (like, d.dtype))
    for some in _blocks(padded):
        part = padded[some]
        _put(d[some], part, y0[some], whole[some], win, [a[: len(part)] for a in work])
    return copied_into(out, _uncovered(whole, x.shape[2:], win))


def _put(d: Array, x: Array, y0: Array, whole: Array, win: Windows, work: Sequence[Array]) -> None:
    """Do pool_put into `whole`, without a rim; where windows share elements, add."""
    first, taken, same = work
    if d.strides != y0.strides:  # mixed layouts would make each pass below several times slower
        np.copyto(same, d)
        d = same
    apart = all(s > g * (k - 1) for s, g, k in zip(win.stride, win.dilation, win.size, strict=True))
    positions = list(win.positions())
    parts = (x[position] for position in positions)
    for position, _ in zip(positions, _firsts(parts, y0, first, taken), strict=True):
        if apart:
            _choose(d, first, whole[position])
        else:
            whole[position] += _choose(d, first)


max_pool.called_whole = is_large  # type: ignore[attr-defined]


def pool_take(v: Array, x: Array, y0: Array, *, win: Windows) -> Array:
    """The element of v where x has the first maximum y0 of its window."""
    v = _covered(v, win, 0)
    out = np.zeros_like(y0, dtype=v.dtype)
    first, taken = scratch_like((y0, bool), (y0, bool))
    x = _covered(x, win, _lowest(x))
    parts = (x[position] for position in win.positions())
    for position, _ in zip(win.positions(), _firsts(parts, y0, first, taken), strict=True):
        out += _choose(v[position], first)
    return out


def _choose(d: Array, first: Array, out: Array | None = None) -> Array:
    """d where `first` holds, else 0: a product of the bits, for infinity times 0 would be NaN."""
    bits: Any = INTEGER.get(d.dtype.char, d.dtype)
    into = None if out is None else out.view(bits)
    chosen: Array = np.multiply(d.view(bits), first, out=into)
    return chosen.view(d.dtype)


def pool_index(x: Array, y: Array, *, win: Windows) -> Array:
    """The index, in its flattened image, of the first maximum of each window."""
    h, w = x.shape[2:]
    where = _covered(np.broadcast_to(np.arange(h * w).reshape(h, w), x.shape), win, 0)
    out = np.zeros(y.shape, np.int64)
    first, taken = scratch_like((y, bool), (y, bool))
    x = _covered(x, win, _lowest(x))
    parts = (x[position] for position in win.positions())
    for position, _ in zip(win.positions(), _firsts(parts, y, first, taken), strict=True):
        out += where[position] * first
    return out


@in_float32
def pool_sum(x: Array, *, win: Windows) -> Array:
    """The sum of each window."""
    return _combined(np.add, _covered(x, win, 0), win)


pool_sum.called_whole = is_large  # type: ignore[attr-defined]


def pool_spread(d: Array, *, win: Windows, size: Pair) -> Array:
    """The adjoint of pool_sum: to each element, the sum of d over the windows that hold it."""
    height, width = win.reach()
    area = (
        *d.shape[:2],
        max(height, size[0] + win.padding[0]),
        max(width, size[1] + win.padding[1]),
    )
    out = np.zeros_like(d, shape=area)
    last = [a.transpose(0, 2, 3, 1) for a in (d, out)]  # the channels
    if win.are_side_by_side(out) and d.size and all(a.flags.c_contiguous for a in last):
        small, large = map(pixels, last)
        large.reshape(len(d), small.shape[1], win.size[0], small.shape[2], win.size[1])[...] = (
            small[:, :, None, :, None]
        )
        return _uncovered(out, size, win)
    for position in win.positions():
        out[position] += d
    return _uncovered(out, size, win)


def _lowest(x: Array) -> Any:
    return -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min


def _covered(x: Array, win: Windows, value: Any) -> Array:
    """Return x with the rim that the windows cover, filled with `value`; without a rim, x."""
    (ph, pw), (height, width), (h, w) = win.padding, win.reach(), x.shape[2:]
    if not ph and not pw and height <= h and width <= w:
        return x
    shape = (*x.shape[:2], max(height, ph + h), max(width, pw + w))
    padded = np.full_like(x, value, shape=shape)
    padded[..., ph : ph + h, pw : pw + w] = x
    return padded


def _uncovered(x: Array, size: Pair, win: Windows) -> Array:
    (ph, pw), (h, w) = win.padding, size
    return x[..., ph : ph + h, pw : pw + w]


def _firsts(parts: Iterable[Array], y: Array, first: Array, taken: Array) -> Iterator[Array]:
    """Mark in `first` the windows whose first maximum y is at a position; yield `first` for each.

    `parts` has the elements of all windows at one position after the other.
    """
    nan = np.isnan(y) if np.isnan(np.min(y, initial=0)) else None
    taken.fill(0)
    for part in parts:
        np.equal(part, y, out=first)
        if nan is not None:
            first |= np.isnan(part) & nan
        np.greater(first, taken, out=first)
        np.logical_or(taken, first, out=taken)
        yield first
