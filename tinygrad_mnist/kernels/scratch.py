"""Where results go, and memory that a kernel needs only while it runs, kept for the next call.

A system gives fresh memory page by page as it is first touched, which takes longer than many a
kernel: 2 MB took 1 ms, as long as 8 million additions. Each thread has a buffer of its own.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
ALIGN = 64  # bytes: one cache line, one AVX-512 register
KEPT = 32 << 20  # bytes that a thread keeps at most


class _Local(threading.local):
    buffer = np.empty(0, np.uint8)


_LOCAL = _Local()


def given(result: Array, out: Array | None) -> Array:
    """The result; in `out`, where one is given and does not hold it already."""
    if out is None:
        return result
    if not np.may_share_memory(result, out):
        np.copyto(out, result)
    return out


def scratch(dtype: Any, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Arrays of these shapes, uninitialised; the next call on this thread hands them out again."""
    sizes = [math.prod(shape) * np.dtype(dtype).itemsize for shape in shapes]
    ends = np.cumsum([-(-size // ALIGN) * ALIGN for size in sizes]).tolist()
    raw = _LOCAL.buffer
    if len(raw) < ends[-1] + ALIGN:
        raw = np.empty(ends[-1] + ALIGN, np.uint8)
        if len(raw) <= KEPT:
            _LOCAL.buffer = raw
    first = -raw.ctypes.data % ALIGN
    starts = [first, *(first + end for end in ends)]
    return [
        raw[start : start + size].view(dtype).reshape(shape)
        for start, size, shape in zip(starts, sizes, shapes, strict=False)
    ]


def scratch_like(*arrays: tuple[Array, Any]) -> list[Array]:
    """Scratch arrays with the shapes of these and the order of their axes in memory; of a dtype."""
    places = []
    sizes = [(a.size * np.dtype(dtype).itemsize,) for a, dtype in arrays]
    for (a, dtype), raw in zip(arrays, scratch(np.uint8, sizes), strict=True):
        order = sorted(range(a.ndim), key=lambda axis: -abs(a.strides[axis]))
        packed = raw.view(dtype).reshape([a.shape[axis] for axis in order])
        places.append(packed.transpose(np.argsort(order)))
    return places
