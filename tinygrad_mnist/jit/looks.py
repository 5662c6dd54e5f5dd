"""Looks: the same elements of another block of memory, and copies that are laid out alike.

What was bound to one array - a clone for a trial, the rows of one tile - is bound to another by
putting in the place of each array in a step the same look at the other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.scratch import aligned, packed_strides, shaped

Array = np.ndarray[Any, Any]


class _Memory:
    """Strided memory that belongs to `base`, for NumPy to make an array of."""

    def __init__(self, pointer: int, like: Array, base: Array) -> None:
        self.base = base
        self.__array_interface__ = {
            "data": (pointer, not base.flags.writeable),
            "shape": like.shape,
            "strides": like.strides,
            "typestr": like.dtype.str,
            "version": 3,
        }


def pointer(array: Array) -> int:
    """Where its first element lies; `array.ctypes.data` says the same and takes longer."""
    where: int = array.__array_interface__["data"][0]
    return where


def look(array: Array, of: Array, instead: Array, by: int = 0) -> Array:
    """What `array` is to `of`, of another array with the same strides, so many bytes further on."""
    offset = pointer(array) - pointer(of) + by
    layout = array.shape, array.strides, array.dtype
    if not offset and layout == (of.shape, of.strides, of.dtype):
        return instead
    start = pointer(instead) + offset
    return np.asarray(_Memory(start, array, instead))


def is_packed(array: Array) -> bool:
    """Tell whether an array has no gaps, so that `array_on` lays another one out as it is."""
    return bool(array.size <= 1 or packed_strides(array) == array.strides)


def dense(array: Array) -> bool:
    """Whether it leaves no gaps, and a copy that is packed has its strides."""
    packed = shaped(np.empty(array.nbytes, np.uint8), array)
    return same_strides(array, packed)


def same_strides(a: Array, b: Array) -> bool:
    """Whether two arrays of one shape are laid out alike; an axis of one element has no stride."""
    pairs = zip(a.shape, a.strides, b.strides, strict=True)
    return (
        a.strides == b.strides or not a.size or all(n < 2 or mine == its for n, mine, its in pairs)
    )


def clone(array: Array) -> Array | None:
    """A copy with the very strides of the array; None where the array leaves gaps or overlaps."""
    copy = shaped(aligned(array.nbytes), array)
    if not same_strides(array, copy):
        return None
    if (
        array.size and copy.strides != array.strides
    ):  # along axes of one element, where they mean nothing
        copy = np.asarray(_Memory(pointer(copy), array, copy))
    copy[...] = array
    return copy


def replaced(value: Any, change: Callable[[Array], Array]) -> Any:
    """A step, or an argument of one, with each array in it changed."""
    if isinstance(value, np.ndarray):
        return change(value)
    if isinstance(value, (tuple, list)):
        return same_kind(value, [replaced(item, change) for item in value])
    if isinstance(value, partial):
        kw = {key: replaced(item, change) for key, item in value.keywords.items()}
        return partial(value.func, *replaced(value.args, change), **kw)
    return value


def same_kind(sequence: Any, items: list[Any]) -> Any:
    """The items as a list, tuple or named tuple, like the sequence they are made from."""
    kind = type(sequence)
    return kind(*items) if hasattr(kind, "_fields") else kind(items)
