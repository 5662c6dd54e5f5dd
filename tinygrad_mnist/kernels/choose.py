"""Choosing among elements, and casting them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.kernels import blocks
from tinygrad_mnist.kernels.blocks import cut, flat_alike, in_blocks
from tinygrad_mnist.kernels.elementwise import INTEGER, by_bits

Array = Any  # an ndarray or a Python number; NumPy's own types say too little to help here


def where(c: Array, a: Array, b: Array) -> Array:
    """a where c holds, else b.

    NumPy copies element by element, and guesses wrongly at every other one of a random mask: that
    takes 7 ns each. To choose among the bits takes 1 ns, and a few calls.
    """
    dtype = _float_of(a, b) if getattr(c, "size", 0) >= MANY and c.dtype == np.bool_ else None
    if dtype is None:
        return np.where(c, a, b)
    bits = INTEGER[dtype.char]
    a, b = ((np.array(x, dtype) if x.__class__ is float else x).view(bits) for x in (a, b))
    if not _is_long(c, a, b):
        return by_bits(c, a, b, None).view(dtype)
    y = np.empty_like(c, bits)
    arrays = [x for x in (c, a, b, y) if x.ndim]
    flat = flat_alike(*arrays) or arrays
    parts = cut(len(flat[0]), c.size // len(flat[0]), calls=CALLS)

    def work(_: int, at: slice) -> None:
        some = iter(flat)
        by_bits(*(next(some)[at] if x.ndim else x for x in (c, a, b, y)))

    in_blocks(work, parts)
    return y.view(dtype)


MANY, CALLS = 2048, 6  # elements from which on bits take less time; calls of NumPy


def _float_of(a: Array, b: Array) -> Any:
    """The dtype of two arrays of one float dtype, or of an array and a number; None for others."""
    if isinstance(a, np.ndarray):
        if isinstance(b, np.ndarray):
            return a.dtype if a.dtype == b.dtype and a.dtype.char in INTEGER else None
        return a.dtype if b.__class__ is float and a.dtype.char in INTEGER else None
    if isinstance(b, np.ndarray):
        return b.dtype if a.__class__ is float and b.dtype.char in INTEGER else None
    return None


def _is_long(c: Array, a: Array, b: Array) -> bool:
    """Tell whether a choice goes through arrays of one shape, or a number, in blocks."""
    return c.size > blocks.BLOCK and all(not x.ndim or x.shape == c.shape for x in (a, b))


def _called_whole(c: Array, a: Array, b: Array) -> bool:
    """Tell whether a choice goes through arrays in blocks."""
    return getattr(c, "size", 0) > blocks.BLOCK


where.called_whole = _called_whole  # type: ignore[attr-defined]


def cast(x: Array, *, dtype: Any) -> Array:
    """x in another dtype, always in new memory."""
    return x.astype(dtype)
