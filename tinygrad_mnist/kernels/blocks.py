"""Long arrays in blocks that stay in the cache, which several threads take where they are many.

A chain of NumPy calls on a long array reads and writes memory at each call; on a block of it, only
once. Who takes which block is left to chance, so each block's result must depend on that block
alone, and a sum over blocks is added up in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.kernels import parallel

Array = np.ndarray[Any, Any]
BLOCK = 1 << 15  # elements at a time: some arrays of so many lie in the cache
SHARED = 1 << 17  # on threads, which wait for each other between two calls of NumPy
MANY = 1 << 24  # elements times calls: fewer are done before another thread has woken


def flat_alike(*arrays: Array) -> list[Array] | None:
    """Return 1-d views of arrays of one shape; None unless all lie alike, without gaps."""
    strides = arrays[0].strides
    order = sorted(range(len(strides)), key=lambda axis: -strides[axis])
    turned = [a.transpose(order) for a in arrays]
    if all(a.flags.c_contiguous for a in turned):
        return [a.reshape(-1) for a in turned]
    return None


def in_blocks(work: Callable[[slice], object], size: int, *, calls: int) -> None:
    """Call `work` for each block of `size` elements; it makes about so many calls of NumPy.

    All of it is under this thread's `np.errstate`.
    """
    count = parallel.count() if size * calls >= MANY else 1
    if count < 2:
        for start in range(0, size, BLOCK):
            work(slice(start, min(start + BLOCK, size)))
        return
    starts = iter(range(0, size, SHARED))  # each start goes to one thread

    def take() -> None:
        for start in starts:
            work(slice(start, min(start + SHARED, size)))

    parallel.clear_cores()
    parallel.together([take] * min(count, -(-size // SHARED)))
