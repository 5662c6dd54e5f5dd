"""Shuffle rows in windows: an order for files that are read faster from front to back.

The rows are cut into blocks of rows that follow each other. The blocks come in random order, each
one read in one go; as many as fill a window are in memory together, and the window's rows come in
random order. So each row comes once, two rows of a block come in the same window, and nothing of
the size of the data is ever in memory. Any window can be drawn without those before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]

WINDOW, BLOCK = 65_536, 1_024  # rows


class Windows:
    """The order of one epoch of `n` rows, as `seed` decides, in windows of about `window` rows.

    `blocks` restricts it to some blocks, by number; all by default. Raises ValueError for sizes
    below 1.

    >>> order = Windows(10, window=4, block=2, seed=[0])
    >>> [sorted(rows.tolist()) for rows in order]
    [[4, 5, 8, 9], [0, 1, 6, 7], [2, 3]]
    """

    def __init__(
        self,
        n: int,
        window: int = WINDOW,
        block: int | None = None,
        *,
        seed: Sequence[int],
        blocks: Rows | None = None,
    ) -> None:
        if window < 1 or (block is not None and block < 1):
            raise ValueError(f"a window and a block have at least 1 row, not {window} and {block}")
        self.n, self.seed = n, list(seed)
        self.block = min(block_size(n) if block is None else block, window)
        every = np.arange(-(-n // self.block)) if blocks is None else blocks
        self.order = np.random.default_rng([*self.seed, 0]).permutation(every)
        self.per_window = window // self.block
        self.starts = self.order * self.block
        self.sizes = np.minimum(self.block, n - self.starts)

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.sizes.sum())

    def __iter__(self) -> Iterator[Rows]:
        return self.after(0)

    def after(self, done: int) -> Iterator[Rows]:
        """Yield the rows of each window, but for the first `done` rows."""
        for number, first in enumerate(range(0, len(self.order), self.per_window)):
            part = slice(first, first + self.per_window)
            size = int(self.sizes[part].sum())
            if done >= size:
                done -= size
                continue
            yield self._window(number, part)[done:]
            done = 0

    def _window(self, number: int, part: slice) -> Rows:
        """Return the rows of one window in random order."""
        runs = zip(self.starts[part], self.sizes[part], strict=True)
        rows = np.concatenate([np.arange(start, start + size) for start, size in runs])
        return np.random.default_rng([*self.seed, 1 + number]).permutation(rows)


def block_size(n: int) -> int:
    """Return the rows of a block of n rows: a 64th of them, at most 1,024.

    >>> block_size(640), block_size(10**9)
    (10, 1024)
    """
    return max(1, min(BLOCK, n // 64))


def permuted(n: int, rng: Any, done: int, at_once: int) -> Iterator[Rows]:
    """Yield a permutation of n rows, but for the first `done`, `at_once` of them at a time."""
    order = rng.permutation(n)
    return (order[start : start + at_once] for start in range(done, n, at_once))
