"""Pool: memory for a program's arrays, 64-byte aligned, dead arrays' places used again."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Born, new
from tinygrad_mnist.jit import passes
from tinygrad_mnist.kernels.scratch import ALIGN, Memory, array_on, block

Array = np.ndarray[Any, Any]


class Pool:
    """Hands out uninitialised arrays and takes them back; the last freed is the first reused."""

    def __init__(self) -> None:
        self._free: dict[int, list[Memory]] = {}
        self._taken: dict[int, Memory] = {}
        self.asked = 0  # bytes, had nothing been reused
        self.held = 0  # bytes, in fact

    def like(self, array: Array) -> Array:
        """An array of the same shape, dtype and order of strides."""
        if not array.nbytes:  # it has no memory, and may seem to begin where another does
            return np.empty_like(array)
        size = -(-array.nbytes // ALIGN) * ALIGN
        free = self._free.get(size)
        memory = free.pop() if free else self._grow(size)
        self.asked += size
        new = array_on(memory, array)
        self._taken[new.ctypes.data] = memory
        return new

    def _grow(self, size: int) -> Memory:
        self.held += size
        return block(size)

    def release(self, array: Array) -> None:
        """Take back the memory that `like` gave, known by where it starts; others are ignored."""
        if not array.nbytes or not passes.on("reuse"):
            return
        memory = self._taken.pop(array.ctypes.data, None)
        if memory is not None:
            self._free.setdefault(len(memory) - ALIGN, []).append(memory)

    def owns(self, array: Array) -> bool:
        """Tell whether an array lies at the start of memory that `like` gave and that is in use."""
        return array.ctypes.data in self._taken

    def free_blocks(self) -> list[Memory]:
        """The blocks that nobody uses now."""
        return [memory for blocks in self._free.values() for memory in blocks]


def buffered_grad(buffer: Array) -> Born:
    """Return the gradient that lies in a buffer: it is copied out when somebody looks at it."""
    grad: Born = new(Born)
    grad._data, grad._node = buffer, None
    return grad


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
