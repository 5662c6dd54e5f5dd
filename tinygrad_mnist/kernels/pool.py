"""Windows over images (n, channels, height, width), taken apart by their positions.

Position (p, q) of all windows together is one strided view of the image, so a pool is a loop over
a few views, in whatever order the memory is. Windows that reach over the rim see padding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.kernels.scratch import given, scratch_like

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]


class Windows(NamedTuple):
    """Size, step, distance of elements, rim before, and the number of windows."""

    size: Pair
    stride: Pair
    dilation: Pair
    padding: Pair
    number: Pair

    def reach(self) -> Pair:
        """The height and width of what the windows cover."""
        covered = zip(self.size, self.stride, self.dilation, self.number, strict=True)
        height, width = ((n - 1) * s + d * (k - 1) + 1 for k, s, d, n in covered)
        return height, width

    def places(self) -> Iterator[tuple[slice, ...]]:
        """A key for each position in a window, into the covered area."""
        (sh, sw), (dh, dw), (nh, nw) = self.stride, self.dilation, self.number
        for p in range(self.size[0]):
            for q in range(self.size[1]):
                top, left = p * dh, q * dw
                rows = slice(top, top + (nh - 1) * sh + 1, sh)
                yield (..., rows, slice(left, left + (nw - 1) * sw + 1, sw))  # type: ignore[misc]


def max_pool(x: Array, *, win: Windows) -> Array:
    """The largest element of each window; NaN wins, as in PyTorch."""
    x = _covered(x, win, _lowest(x))
    places = win.places()
    y: Array = x[next(places)].copy(order="K")
    for place in places:
        np.maximum(y, x[place], out=y)
    return y


def pool_put(d: Array, x: Array, y0: Array, *, win: Windows, out: Array | None = None) -> Array:
    """The adjoint of pool_take: d where x has the first maximum y0 of its window, else zero."""
    padded = _covered(x, win, _lowest(x))
    whole = out if out is not None and padded is x else np.empty_like(padded, dtype=d.dtype)
    apart = all(s > g * (k - 1) for s, g, k in zip(win.stride, win.dilation, win.size, strict=True))
    if not apart or win.stride != win.size or win.reach() != padded.shape[2:]:
        whole.fill(0)  # windows side by side write every element below
    first, taken, same = scratch_like((y0, bool), (y0, bool), (y0, d.dtype))
    if d.strides != y0.strides:  # mixed layouts would make each pass below several times slower
        np.copyto(same, d)
        d = same
    for place in _firsts(padded, y0, win, first, taken):
        if apart:  # no two windows share an element
            np.multiply(d, first, out=whole[place])
        else:
            whole[place] += d * first
    return given(_uncovered(whole, x.shape[2:], win), out)


def pool_take(v: Array, x: Array, y0: Array, *, win: Windows) -> Array:
    """The element of v where x has the first maximum y0 of its window."""
    v = _covered(v, win, 0)
    out = np.zeros_like(y0, dtype=v.dtype)
    first, taken = scratch_like((y0, bool), (y0, bool))
    for place in _firsts(_covered(x, win, _lowest(x)), y0, win, first, taken):
        out += v[place] * first
    return out


def pool_index(x: Array, y: Array, *, win: Windows) -> Array:
    """Where in its image (flattened) the first maximum of each window is."""
    h, w = x.shape[2:]
    where = _covered(np.broadcast_to(np.arange(h * w).reshape(h, w), x.shape), win, 0)
    out = np.zeros(y.shape, np.int64)
    first, taken = scratch_like((y, bool), (y, bool))
    for place in _firsts(_covered(x, win, _lowest(x)), y, win, first, taken):
        out += where[place] * first
    return out


def pool_sum(x: Array, *, win: Windows) -> Array:
    """The sum of each window."""
    x = _covered(x, win, 0)
    places = win.places()
    y: Array = x[next(places)].copy(order="K")
    for place in places:
        y += x[place]
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
    for place in win.places():
        out[place] += d
    return _uncovered(out, size, win)


def _lowest(x: Array) -> Any:
    return -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min


def _covered(x: Array, win: Windows, value: Any) -> Array:
    """x with the rim that the windows reach into, filled with `value`; x itself without a rim."""
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


def _firsts(
    x: Array, y: Array, win: Windows, first: Array, taken: Array
) -> Iterator[tuple[slice, ...]]:
    """Each position in a window; `first` is then where x has the maximum y there, for the first
    time in its window.
    """
    nan = np.isnan(y) if np.isnan(np.min(y, initial=0)) else None
    taken.fill(False)
    for place in win.places():
        np.equal(x[place], y, out=first)
        if nan is not None:
            first |= np.isnan(x[place]) & nan
        np.greater(first, taken, out=first)
        yield place
        np.logical_or(taken, first, out=taken)
