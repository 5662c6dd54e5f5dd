"""Pool: memory for a program's arrays, 64-byte aligned, dead arrays' places used again."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.jit import passes
from tinygrad_mnist.kernels.scratch import ALIGN, aligned, shaped

Array = np.ndarray[Any, Any]


class Pool:
    """Hands out uninitialised arrays and takes them back; the last freed is the first reused."""

    def __init__(self) -> None:
        self._free: dict[int, list[Array]] = {}
        self._taken: dict[int, Array] = {}
        self.asked = 0  # bytes, had nothing been reused
        self.held = 0  # bytes, in fact

    def like(self, array: Array) -> Array:
        """An array of the same shape, dtype and order of strides."""
        if not array.nbytes:  # it has no memory, and may seem to begin where another does
            return np.empty_like(array)
        size = -(-array.nbytes // ALIGN) * ALIGN
        free = self._free.get(size)
        raw = free.pop() if free else self._grow(size)
        self.asked += size
        self._taken[raw.ctypes.data] = raw
        return shaped(raw, array)

    def _grow(self, size: int) -> Array:
        self.held += size
        return aligned(size)

    def release(self, array: Array) -> None:
        """Take back the memory that `like` gave, known by where it starts; others are ignored."""
        if not array.nbytes or not passes.on("reuse"):
            return
        raw = self._taken.pop(array.ctypes.data, None)
        if raw is not None:
            self._free.setdefault(raw.nbytes, []).append(raw)


def place(a: Array) -> tuple[Any, ...]:
    """Equal for two arrays that are the same elements in the same memory."""
    return a.__array_interface__["data"][0], a.shape, a.strides, a.dtype


def same_place(a: Any, b: Array) -> bool:
    """Whether two arrays are the same elements in the same memory."""
    return isinstance(a, np.ndarray) and place(a) == place(b)


def same_memory(a: Array, b: Array) -> bool:
    """Whether two arrays are the same block of memory, whatever the order of their axes."""
    mine, its = ((x.ctypes.data, x.nbytes, x.dtype) for x in (a, b))
    return mine == its and all(x.flags.forc and x.flags.writeable for x in (a, b))
