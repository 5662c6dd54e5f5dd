"""Where results go, and memory that a kernel needs only while it runs, kept for the next call.

A system gives fresh memory page by page as it is first touched, which takes longer than many a
kernel: 2 MB took 1 ms, as long as 8 million additions. Each thread has a buffer of its own.
"""

from __future__ import annotations

import math
from _thread import _local  # as threading.local, without loading threading
from itertools import accumulate
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
ALIGN = 64  # bytes: one cache line, one AVX-512 register
KEPT = 32 << 20  # bytes that a thread keeps at most


class _Local(_local):
    buffer = np.empty(0, np.uint8)


_LOCAL = _Local()


def given(result: Array, out: Array | None) -> Array:
    """The result; in `out`, where one is given and does not hold it already."""
    if out is None:
        return result
    if not np.may_share_memory(result, out):
        np.copyto(out, result)
    return out


class Memory(np.ndarray[Any, Any]):
    """A block of bytes that arrays are cut from.

    NumPy lets a view refer to the last array in its chain of bases that is of the view's own class.
    So an array on a Memory is what its views refer to, and the references to it tell whether
    anybody still looks at it: `sys.getrefcount` is exact.
    """


def block(size: int) -> Memory:
    """Make a block of `size` bytes and up to 63 more, for `shaped` to begin at a cache line."""
    return np.ndarray.__new__(Memory, (size + ALIGN,), np.uint8)


def is_view(array: Array) -> bool:
    """Tell whether an array looks at the memory of another array."""
    return array.base is not None and type(array.base) is not Memory


def array_on(memory: Memory, like: Array) -> Array:
    """Make an array of the same shape, dtype and order of axes at the first cache line of a block.

    Each call makes another array on the same bytes.
    """
    start = -memory.ctypes.data % ALIGN
    return np.ndarray(like.shape, like.dtype, memory, start, packed_strides(like))


def packed_strides(like: Array) -> tuple[int, ...]:
    """Return the strides of an array without gaps, its axes in the same order in memory."""
    order = sorted(range(like.ndim), key=lambda axis: -abs(like.strides[axis]))
    strides, step = [0] * like.ndim, like.itemsize
    for axis in reversed(order):
        strides[axis] = step
        step *= max(like.shape[axis], 1)
    return tuple(strides)


def aligned(size: int) -> Array:
    """`size` bytes that begin at a multiple of 64."""
    raw = np.empty(size + ALIGN, np.uint8)
    start = -raw.ctypes.data % ALIGN
    return raw[start : start + size]


def shaped(raw: Array, like: Array) -> Array:
    """Those bytes as an array of the same shape and dtype, its axes in the same order in memory."""
    flat = raw[: like.nbytes].view(like.dtype)
    order = sorted(range(like.ndim), key=lambda axis: -abs(like.strides[axis]))
    packed = flat.reshape([like.shape[axis] for axis in order])
    return packed.transpose(np.argsort(order))


def scratch(*wanted: tuple[tuple[int, ...], Any]) -> list[Array]:
    """Arrays of these (shape, dtype), uninitialised; the next call hands them out again."""
    sizes = [math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in wanted]
    ends = list(accumulate(-(-size // ALIGN) * ALIGN for size in sizes))
    raw = _LOCAL.buffer
    if len(raw) < ends[-1]:
        raw = aligned(ends[-1])
        if len(raw) <= KEPT:
            _LOCAL.buffer = raw
    return [
        raw[start : start + size].view(dtype).reshape(shape)
        for start, size, (shape, dtype) in zip((0, *ends), sizes, wanted, strict=False)
    ]


def scratch_like(*wanted: tuple[Array, Any]) -> list[Array]:
    """Scratch arrays for (array, dtype): of its shape, their axes in the same order in memory."""
    orders = [sorted(range(a.ndim), key=lambda i, a=a: -abs(a.strides[i])) for a, _ in wanted]  # type: ignore[misc]
    shapes = [
        tuple(a.shape[i] for i in order) for (a, _), order in zip(wanted, orders, strict=True)
    ]
    packed = scratch(*zip(shapes, (dtype for _, dtype in wanted), strict=True))
    return [b.transpose(np.argsort(order)) for b, order in zip(packed, orders, strict=True)]


def pixels(images: Array) -> Array:
    """Images, channels last, with all of a pixel as one element: so NumPy copies it in one go."""
    return images.view(np.dtype((np.void, images.shape[-1] * images.itemsize)))[..., 0]
