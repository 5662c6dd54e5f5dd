"""Pool: 64-byte aligned memory for a program's arrays, used again once an array is dead."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import BufferedGrad, new
from tinygrad_mnist.jit import passes
from tinygrad_mnist.kernels.scratch import ALIGN, Memory, array_on, memory_of, new_memory

Array = np.ndarray[Any, Any]


class Pool:
    """Hands out uninitialised arrays and takes them back; the last one freed is reused first."""

    def __init__(self) -> None:
        self._free: dict[int, list[Memory]] = {}
        self._taken: dict[int, Memory] = {}  # by id
        self.requested = 0  # bytes, without reuse
        self.allocated = 0  # bytes

    def like(self, array: Array) -> Array:
        """Return an array of the same shape, dtype and order of strides."""
        if not array.nbytes:  # an array without memory may seem to begin where another does
            return np.empty_like(array)
        size = -(-array.nbytes // ALIGN) * ALIGN
        free = self._free.get(size)
        memory = free.pop() if free else self._grow(size)
        self.requested += size
        self._taken[id(memory)] = memory
        return array_on(memory, array)

    def _grow(self, size: int) -> Memory:
        self.allocated += size
        return new_memory(size)

    def release(self, array: Array) -> None:
        """Take back the memory of an array that `like` returned; ignore any other array."""
        if not array.nbytes or not passes.on("reuse"):
            return
        if self.owns(array):
            memory = self._taken.pop(id(memory_of(array)))
            self._free.setdefault(len(memory) - ALIGN, []).append(memory)

    def owns(self, array: Array) -> bool:
        """Tell whether an array lies at the start of memory that `like` gave out, still in use."""
        memory = memory_of(array)
        return memory is not None and id(memory) in self._taken and starts(array, memory)

    def free_blocks(self) -> list[Memory]:
        """Return the blocks that are not in use."""
        return [memory for blocks in self._free.values() for memory in blocks]


def starts(array: Array, memory: Memory) -> bool:
    """Tell whether an array lies where the first one that is cut from a block does."""
    return bool(array.ctypes.data == memory.first_line)


def buffered_grad(buffer: Array) -> BufferedGrad:
    """Return a buffer as a gradient, which is copied out when somebody looks at it."""
    grad: BufferedGrad = new(BufferedGrad)
    grad._data, grad._node = buffer, None
    return grad


def view_key(a: Array) -> tuple[Any, ...]:
    """Return a key that is equal for two views of the same elements in the same memory."""
    return a.__array_interface__["data"][0], a.shape, a.strides, a.dtype


def same_elements(a: Any, b: Array) -> bool:
    """Tell whether two arrays show the same elements of the same memory."""
    if a is b:
        return True
    alike = isinstance(a, np.ndarray) and (a.shape, a.strides) == (b.shape, b.strides)
    return alike and view_key(a) == view_key(b)


def same_memory(a: Array, b: Array) -> bool:
    """Tell whether two arrays fill the same block of memory, whatever the order of their axes."""
    if a.nbytes != b.nbytes or a.dtype != b.dtype:
        return False
    full = all(x.flags.forc and x.flags.writeable for x in (a, b))
    return full and (a is b or a.ctypes.data == b.ctypes.data)
