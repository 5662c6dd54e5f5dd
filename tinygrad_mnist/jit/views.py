"""Views of one memory moved to another, and copies that are laid out alike.

A step that was bound to one array - a clone for a trial, the rows of one tile - is bound to another
one by replacing each array in the step with the corresponding view of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.scratch import ALIGN, aligned_bytes, packed_strides

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
    """Return the address of the first element; `array.ctypes.data` is the same and takes longer."""
    where: int = array.__array_interface__["data"][0]
    return where


def moved_view(array: Array, source: Array, target: Array, by: int = 0) -> Array:
    """Return the view of `target` that lies in it as `array` lies in `source`, moved on `by` bytes.

    `source` and `target` must have the same strides.
    """
    offset = pointer(array) - pointer(source) + by
    layout = array.shape, array.strides, array.dtype
    if not offset and layout == (source.shape, source.strides, source.dtype):
        return target
    return np.asarray(_Memory(pointer(target) + offset, array, target))


class OtherMemory:
    """Moves arrays to other memory: for the same steps beside these, on another thread.

    Whatever does not come from outside is private to the steps, and copied.
    """

    def __init__(self, outside: Iterable[Array], pairs: Iterable[tuple[Array, Array]]) -> None:
        """Leave what lies in memory of `outside`; `pairs` are buffers, and what replaces each."""
        self._memory: dict[int, Any] = {}  # by the owner's id: owner, source, target
        for array in outside:
            owner = _owner(array)
            self._memory[id(owner)] = owner, None, None
        for source, target in pairs:
            owner = _owner(source)
            self._memory[id(owner)] = owner, in_bytes(source), in_bytes(target)

    def __call__(self, array: Array) -> Array:
        """Return the same view of the other memory."""
        owner = _owner(array)
        if not array.size or not isinstance(owner, np.ndarray):
            return array
        if id(owner) not in self._memory:
            self._memory[id(owner)] = owner, in_bytes(owner), _copy_of(in_bytes(owner))
        _, source, target = self._memory[id(owner)]
        return array if source is None else moved_view(array, source, target)


def _owner(array: Any) -> Any:
    """Return the object whose memory an array shows."""
    while (base := getattr(array, "base", None)) is not None:
        array = base
    return array


def _copy_of(raw: Array) -> Array:
    """Copy bytes to where they are as far from a cache line's beginning."""
    start = pointer(raw) % ALIGN
    copy = aligned_bytes(len(raw) + start)[start:]
    copy[...] = raw
    return copy


def in_bytes(array: Array) -> Array:
    """Return the bytes of an array without gaps, as they lie in memory."""
    return in_memory_order(array).view(np.uint8)


def in_memory_order(array: Array, like: Array | None = None) -> Array:
    """Return the elements of an array in the order in which they, or those of another, lie."""
    if (array if like is None else like).flags.c_contiguous:
        return array.reshape(-1)
    strides = (array if like is None else like).strides
    order = sorted(range(array.ndim), key=lambda axis: -abs(strides[axis]))
    return array.transpose(order).reshape(-1)


def is_packed(array: Array) -> bool:
    """Tell whether an array has no gaps, so that `array_on` lays out another one alike."""
    return bool(array.size <= 1 or packed_strides(array) == array.strides)


def dense(array: Array) -> bool:
    """Tell whether an array leaves no gaps, and a packed copy has the same strides."""
    return _alike(array, packed_strides(array))


def same_strides(a: Array, b: Array) -> bool:
    """Tell whether arrays of one shape are laid out alike, but for axes of one element."""
    return _alike(a, b.strides)


def _alike(a: Array, strides: tuple[int, ...]) -> bool:
    if a.strides == strides or not a.size:
        return True
    return all(n < 2 or s == t for n, s, t in zip(a.shape, a.strides, strides, strict=True))


def clone(array: Array) -> Array | None:
    """Copy an array, strides and all; return None where the array has gaps or overlaps itself."""
    if not dense(array):
        return None
    raw = aligned_bytes(array.nbytes)
    copy: Array = np.ndarray(array.shape, array.dtype, raw, 0, array.strides)
    copy[...] = array
    return copy


def map_arrays(value: Any, change: Callable[[Array], Array]) -> Any:
    """Return a step, or an argument of one, with `change` applied to each array in it."""
    if isinstance(value, np.ndarray):
        return change(value)
    if isinstance(value, partial):
        kw = {key: map_arrays(item, change) for key, item in value.keywords.items()}
        return partial(value.func, *[map_arrays(item, change) for item in value.args], **kw)
    if isinstance(value, (tuple, list)):
        return same_kind(value, [map_arrays(item, change) for item in value])
    return value


def same_kind(sequence: Any, items: list[Any]) -> Any:
    """Return items as a list, tuple or named tuple, whichever `sequence` is."""
    kind = type(sequence)
    return kind(*items) if hasattr(kind, "_fields") else kind(items)
