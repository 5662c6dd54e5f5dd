"""Windows over images (n, channels, height, width), taken apart by their positions.

Position (p, q) of all windows together is one strided view of the image, so a pool is a loop over
a few views, in any order of memory. Windows that reach over the rim cover padding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.kernels.elementwise import INTEGER
from tinygrad_mnist.kernels.scratch import copied_into, pixels, scratch, scratch_like
from tinygrad_mnist.kernels.sums import in_float32

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
Sizes = tuple[int, ...]  # the kernels below take two; `ops/pool.py` splits three in two pools
BLOCK = 1 << 20  # bytes of images at a time: they stay in the cache


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

    def positions(self) -> Iterator[tuple[slice, ...]]:
        """Yield a key into the covered area for each position in a window."""
        (sh, sw), (dh, dw), (nh, nw) = self.stride, self.dilation, self.number
        for p in range(self.size[0]):
            for q in range(self.size[1]):
                top, left = p * dh, q * dw
                rows = slice(top, top + (nh - 1) * sh + 1, sh)
                yield (..., rows, slice(left, left + (nw - 1) * sw + 1, sw))  # type: ignore[misc]


def max_pool(x: Array, *, win: Windows) -> Array:
    """The largest element of each window; NaN wins, as in PyTorch."""
    x = _covered(x, win, _lowest(x))
    positions = win.positions()
    y: Array = x[next(positions)].copy(order="K")
    for position in positions:
        np.maximum(y, x[position], out=y)
    return y


def pool_put(d: Array, x: Array, y0: Array, *, win: Windows, out: Array | None = None) -> Array:
    """The adjoint of pool_take: d where x has the first maximum y0 of its window, else zero."""
    padded = _covered(x, win, _lowest(x))
    whole = out if out is not None and padded is x else np.empty_like(padded, dtype=d.dtype)
    if win.stride != win.size or win.dilation != (1, 1) or win.reach() != padded.shape[2:]:
        whole.fill(0)  # windows side by side write every element below
    elif padded is x and _wide_pixels(x, y0, whole):
        _put_side_by_side(d, x, y0, whole, win.size)
        return copied_into(out, whole)
    first, taken, same = scratch_like((y0, bool), (y0, bool), (y0, d.dtype))
    if d.strides != y0.strides:  # mixed layouts would make each pass below several times slower
        np.copyto(same, d)
        d = same
    apart = all(s > g * (k - 1) for s, g, k in zip(win.stride, win.dilation, win.size, strict=True))
    parts = (padded[position] for position in win.positions())
    for position, _ in zip(win.positions(), _firsts(parts, y0, first, taken), strict=True):
        if apart:  # no two windows share an element
            _choose(d, first, whole[position])
        else:
            whole[position] += _choose(d, first)
    return copied_into(out, _uncovered(whole, x.shape[2:], win))


def _wide_pixels(*arrays: Array) -> bool:
    """Tell whether the arrays are of one dtype, with many channels, which are last in memory."""
    return len({a.dtype for a in arrays}) == 1 and all(
        a.shape[1] >= 16 and a.transpose(0, 2, 3, 1).flags.c_contiguous for a in arrays
    )


def _put_side_by_side(d: Array, x: Array, y0: Array, whole: Array, size: Sizes) -> None:
    """Do pool_put into `whole` in long passes: equal positions of all windows lie together."""
    d, x, y0, whole = (a.transpose(0, 2, 3, 1) for a in (d, x, y0, whole))
    h, w, c = y0.shape[1:]
    source, target = (pixels(a).reshape(-1, h, size[0], w, size[1]) for a in (x, whole))
    step = max(1, BLOCK // x[:1].nbytes)
    for start in range(0, len(x), step):
        some, n = slice(start, start + step), min(step, len(x) - start)
        one, many = (n, h, w, c), (*size, n, h, w, c)
        parts, same, first, taken = scratch(
            (many, x.dtype), (one, d.dtype), (one, bool), (one, bool)
        )
        sorted_ = pixels(parts).transpose(2, 3, 0, 4, 1)
        np.copyto(sorted_, source[some])
        np.copyto(same, d[some])
        parts = parts.reshape(-1, *one)
        for part, _ in zip(parts, _firsts(parts, y0[some], first, taken), strict=True):
            _choose(same, first, part)
        np.copyto(target[some], sorted_)


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
    x = _covered(x, win, 0)
    positions = win.positions()
    y: Array = x[next(positions)].copy(order="K")
    for position in positions:
        y += x[position]
    return y


def pool_spread(d: Array, *, win: Windows, size: Pair) -> Array:
    """The adjoint of pool_sum: to each element, the sum of d over the windows that hold it."""
    height, width = win.reach()
    area = (
        *d.shape[:2],
        max(height, size[0] + win.padding[0]),
        max(width, size[1] + win.padding[1]),
    )
    out = np.zeros_like(d, shape=area)
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
