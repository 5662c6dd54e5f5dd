"""Memory for results, and scratch memory that a kernel needs only while it runs.

The system maps fresh memory page by page as it is first touched, which takes longer than many a
kernel: 2 MB took 1 ms, as long as 8 million additions. So each thread keeps a buffer of its own for
the next call, and the C library is told to keep what is freed.
"""

from __future__ import annotations

import math
import sys
from _thread import _local  # as threading.local, without loading threading
from collections.abc import Callable
from contextlib import suppress
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np

Array = np.ndarray[Any, Any]
ALIGN = 64  # bytes: one cache line, one AVX-512 register
Kernel = TypeVar("Kernel", bound=Callable[..., Any])
Plan = TypeVar("Plan")
Spec = tuple[tuple[int, ...], Any]  # shape and dtype
KEPT = 32 << 20  # the most bytes that a thread keeps
PLANS = 64  # the most plans that a thread keeps
LARGEST = (32 << 20) - (64 << 10)  # bytes: of more, glibc maps each array anew in any case


def keep_freed_memory() -> None:
    """Let glibc keep freed arrays of up to 32 MB for the next ones; only Linux has it.

    It maps each array of 128 KB and more anew, until the program frees a larger one: from then on
    it takes arrays up to that size from its heap, and gives back the heap's end when more than
    twice as much of it is free. One array that is never touched says so from the start; it takes
    no memory. The user's MALLOC_MMAP_THRESHOLD_ wins. Source: mallopt(3), M_MMAP_THRESHOLD.
    """
    if sys.platform == "linux":
        with suppress(MemoryError):
            np.empty(LARGEST, np.uint8)


keep_freed_memory()


class _Local(_local):
    def __init__(self) -> None:
        self.buffer = np.empty(0, np.uint8)
        self.plans: dict[Any, Any] = {}  # what was built on this buffer


_LOCAL = _Local()


def copied_into(out: Array | None, result: Array) -> Array:
    """Copy `result` into `out`, unless it is there already; without `out`, return `result`."""
    if out is None:
        return result
    if not np.may_share_memory(result, out):
        np.copyto(out, result)
    return out


def begun_with(x: Array, out: Array | None) -> Array:
    """Return an array that holds x, to be changed: `out`, which may be x itself, or a new one."""
    if out is None:
        return x.copy("K") if isinstance(x, np.ndarray) else np.array(x)
    if out is not x:
        out[...] = x
    return out


def in_place(kernel: Kernel) -> Kernel:
    """Mark a kernel whose `out` may be its first argument, which holds the result then."""
    kernel.in_place = True  # type: ignore[attr-defined]
    return kernel


def called_whole(kernel: Kernel) -> Kernel:
    """Mark a kernel that loops or needs several results' memory at once: `jit` does not open it."""
    kernel.called_whole = always  # type: ignore[attr-defined]
    return kernel


def always(*args: Any, **kw: Any) -> bool:
    """Tell that a kernel is called whole, whatever its arguments."""
    return True


class Memory(np.ndarray[Any, Any]):
    """A block of bytes that arrays are cut from.

    NumPy lets a view refer to the last array in its chain of bases that is of the view's own class.
    So all views of an array on a Memory refer to that array, and `sys.getrefcount` of the array
    shows exactly whether one is still alive.
    """

    # Where the first cache line begins, in the block and in the machine's memory: to ask NumPy for
    # the address of an array takes longer than to make another array
    start = first_line = 0


def new_memory(size: int) -> Memory:
    """Make a block of `size` bytes and up to 63 more, for `shaped` to begin at a cache line."""
    memory = np.ndarray.__new__(Memory, (size + ALIGN,), np.uint8)
    address = memory.ctypes.data
    memory.start = -address % ALIGN
    memory.first_line = address + memory.start
    return memory


def memory_of(array: Any) -> Any:
    """Return the block that an array was cut from; None if the array has its own memory."""
    while isinstance(array, np.ndarray) and type(array) is not Memory:
        array = array.base
    return array if type(array) is Memory else None


def is_view(array: Array) -> bool:
    """Tell whether an array looks at the memory of another array."""
    return array.base is not None and type(array.base) is not Memory


def array_on(memory: Memory, like: Array) -> Array:
    """Make an array of the same shape, dtype and order of axes at the first cache line of a block.

    Each call makes another array on the same bytes.
    """
    return np.ndarray(like.shape, like.dtype, memory, memory.start, packed_strides(like))


def packed_strides(like: Array) -> tuple[int, ...]:
    """Return the strides of an array without gaps, its axes in the same order in memory."""
    if like.flags.forc and 1 not in like.shape and 0 not in like.shape:
        return like.strides
    order = sorted(range(like.ndim), key=lambda axis: -abs(like.strides[axis]))
    strides, step = [0] * like.ndim, like.itemsize
    for axis in reversed(order):
        strides[axis] = step
        step *= max(like.shape[axis], 1)
    return tuple(strides)


def aligned_bytes(size: int) -> Array:
    """Make an array of `size` bytes that begins at a multiple of 64."""
    raw = np.empty(size + ALIGN, np.uint8)
    start = -raw.ctypes.data % ALIGN
    return raw[start : start + size]


def shaped(raw: Array, like: Array) -> Array:
    """Return raw bytes as an array like `like`: shape, dtype, order of axes in memory."""
    return np.ndarray(like.shape, like.dtype, raw, 0, packed_strides(like))


def scratch(*specs: Spec, behind: Array | None = None) -> list[Array]:
    """Return uninitialised arrays of these (shape, dtype); the next call hands them out again.

    With the last array of a call before it as `behind`, a call leaves the arrays of that one alone.
    """
    sizes = [math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in specs]
    ends = list(accumulate(-(-size // ALIGN) * ALIGN for size in sizes))
    raw = _LOCAL.buffer
    start = 0 if behind is None else _end_in(raw, behind)
    if start < 0:  # too large a one to be kept: what came before it may lie in the buffer
        raw, start = aligned_bytes(ends[-1]), 0
    elif len(raw) < start + ends[-1]:
        raw = aligned_bytes(start + ends[-1])
        if len(raw) <= KEPT:
            _LOCAL.buffer, _LOCAL.plans = raw, {}
    return [
        raw[start + before : start + before + size].view(dtype).reshape(shape)
        for before, size, (shape, dtype) in zip((0, *ends), sizes, specs, strict=False)
    ]


def release_scratch() -> None:
    """Let go of this thread's buffer, where no kernel will soon want as large a one."""
    _LOCAL.buffer, _LOCAL.plans = np.empty(0, np.uint8), {}


def _end_in(raw: Array, array: Array) -> int:
    """Return where in a buffer an array ends, at a cache line; -1 if it lies elsewhere."""
    end = array.ctypes.data + array.nbytes - raw.ctypes.data
    return -(-end // ALIGN) * ALIGN if array.nbytes <= end <= len(raw) else -1


def planned(key: Any, build: Callable[..., Plan], *specs: Spec) -> Plan:
    """Return `build(key, *arrays)`, with scratch arrays of these specs; made once for each key.

    It holds views of memory that any kernel overwrites: use it before the next call of `scratch`.
    """
    plan = _LOCAL.plans.get(key)
    if plan is None:
        plan = build(key, *scratch(*specs))
        if len(_LOCAL.plans) >= PLANS:
            _LOCAL.plans.clear()
        size = sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in specs)
        if size <= len(_LOCAL.buffer):
            _LOCAL.plans[key] = plan
    return plan


def scratch_like(*likes: tuple[Array, Any]) -> list[Array]:
    """Return scratch arrays for (array, dtype), each with the array's shape and order of axes."""
    orders = [sorted(range(a.ndim), key=lambda i, a=a: -abs(a.strides[i])) for a, _ in likes]  # type: ignore[misc]
    shapes = [tuple(a.shape[i] for i in order) for (a, _), order in zip(likes, orders, strict=True)]
    packed = scratch(*zip(shapes, (dtype for _, dtype in likes), strict=True))
    return [b.transpose(np.argsort(order)) for b, order in zip(packed, orders, strict=True)]


def pixels(images: Array) -> Array:
    """Return images, channels last, with each pixel as one element, which NumPy copies at once."""
    return images.view(np.dtype((np.void, images.shape[-1] * images.itemsize)))[..., 0]
