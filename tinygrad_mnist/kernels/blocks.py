"""Long arrays in blocks that stay in the cache, which several threads take where they are many.

A chain of NumPy calls on a long array reads and writes memory at each call; on a block of it, only
once. The cut depends on the size alone, and which thread takes which block is left to chance. So a
block's results depend on that block alone, and sums of blocks are added up in order: the bits are
the same on any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.kernels import parallel

Array = np.ndarray[Any, Any]
BLOCK = 1 << 16  # elements at a time: some arrays of so many lie in the cache
SHARED = 1 << 17  # on threads, which wait for each other between two calls of NumPy
MANY = 1 << 22  # elements times calls: fewer are done before another thread has woken


class Blocks(NamedTuple):
    """Some rows, cut into blocks, and whether they are enough for threads."""

    parts: list[slice]
    are_many: bool


def cut(rows: int, width: int = 1, *, calls: int, block: int = 0) -> Blocks:
    """Cut rows of `width` elements, on each of which some calls of NumPy will be made.

    A block has as many elements as `block` or, where that is 0, as stay in the cache.
    """
    are_many = rows * width * calls >= MANY
    step = max(1, (block or (SHARED if are_many else BLOCK)) // max(1, width))
    parts = [slice(start, min(start + step, rows)) for start in range(0, rows, step)]
    return Blocks(parts, are_many)


def in_blocks(work: Callable[[int, slice], object], blocks: Blocks) -> None:
    """Call `work` with the number of each block and its rows, in any order.

    All of it is under this thread's `np.errstate`.
    """
    numbered = list(enumerate(blocks.parts))
    if blocks.are_many:
        parallel.for_each(numbered, lambda item: work(*item), parallel.count())
        return
    for number, at in numbered:
        work(number, at)


def flat_alike(*arrays: Array) -> list[Array] | None:
    """Return 1-d views of arrays of one shape; None unless all lie alike, without gaps."""
    strides = arrays[0].strides
    order = sorted(range(len(strides)), key=lambda axis: -strides[axis])
    turned = [a.transpose(order) for a in arrays]
    if all(a.flags.c_contiguous for a in turned):
        return [a.reshape(-1) for a in turned]
    return None
