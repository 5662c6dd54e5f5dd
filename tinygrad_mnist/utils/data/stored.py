"""A data set in files, and a sampler for files that are read faster from front to back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sized
from contextlib import closing
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor, unwrap
from tinygrad_mnist.data.stored import StoredArray, open_array
from tinygrad_mnist.data.stream import piece_rows, stream_batches
from tinygrad_mnist.data.windows import WINDOW, Windows, block_size
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.random import rng_of
from tinygrad_mnist.utils.data.dataset import Dataset
from tinygrad_mnist.utils.data.sampler import BatchSampler, RandomSampler, Rows, Sampler

__all__ = ["ArrayDataset", "WindowSampler"]


class ArrayDataset(Dataset[tuple[Tensor, ...]]):
    """Rows of arrays of one length that stay in their files: sample i is the tuple of rows i.

    An array is the path of a `.npy` or an uncompressed IDX file, the path of a folder of shards, a
    `data.StoredArray`, or an ndarray, such as the memory map of `np.load(path, mmap_mode="r")`.
    Raises ValueError if the lengths differ, `data.DataError` for a file that cannot be used.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> np.save(folder + "/x.npy", np.eye(3, dtype=np.float32))
    >>> np.save(folder + "/y.npy", np.array([5, 6, 7]))
    >>> rows = ArrayDataset(folder + "/x.npy", folder + "/y.npy")
    >>> len(rows), rows[1]
    (3, (tensor([0., 1., 0.]), tensor(6)))
    """

    _in_files = True

    def __init__(self, *arrays: str | os.PathLike[str] | StoredArray | np.ndarray) -> None:
        if not arrays:
            raise ValueError("ArrayDataset needs at least one array")
        self.arrays = tuple(map(_opened, arrays))
        lengths = [len(array) for array in self.arrays]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between arrays: their lengths are {lengths}")

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(from_numpy(np.array(array[index])) for array in self.arrays)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def take(self, rows: Rows) -> list[Tensor]:
        """Read these rows of each array; IndexError if there is no such row."""
        return [from_numpy(array.take(rows)) for array in self.arrays]


def _opened(array: Any) -> StoredArray | _InMemory:
    if isinstance(array, StoredArray):
        return array
    if isinstance(array, np.ndarray):
        if array.ndim == 0:
            raise ValueError("an array of an ArrayDataset has rows; this one is a single number")
        return _InMemory(array)
    if isinstance(array, (str, os.PathLike)):
        return open_array(array)
    raise TypeError(f"ArrayDataset takes paths or arrays, not {type(array).__name__}")


class _InMemory:
    """An ndarray, or a memory map, whose `take` gives rows and not elements."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: Any) -> Any:
        return self.array[index]

    def take(self, rows: Rows) -> np.ndarray:
        """Copy these rows."""
        return np.asarray(np.take(self.array, rows, axis=0))


class WindowSampler(Sampler[int]):
    """All indices once, shuffled in windows: runs of the file, some thousand rows together.

    The rows are cut into blocks that come in random order; the rows of as many blocks as make
    `window` rows are shuffled together. A DataLoader of an `ArrayDataset` reads a window with one
    call per block. Two rows of one block always come in the same window: files that are sorted by
    class should be shuffled once before. Random numbers come from `generator`, or from the one
    that `manual_seed` seeds. Raises ValueError for an empty data set and for sizes below 1.

    >>> import tinygrad_mnist as tg
    >>> generator = tg.Generator().manual_seed(0)
    >>> list(WindowSampler("abcdef", window=4, block=2, generator=generator))
    [2, 1, 0, 3, 5, 4]
    """

    def __init__(
        self,
        data_source: Sized,
        window: int = WINDOW,
        block: int | None = None,
        generator: Any = None,
    ) -> None:
        if not len(data_source):
            raise ValueError("WindowSampler: the data set is empty")
        self.data_source, self.window, self.generator = data_source, window, generator
        self.block = block_size(len(data_source)) if block is None else block
        self._windows([0])  # raises ValueError for wrong sizes

    def _windows(self, seed: list[int]) -> Windows:
        return Windows(len(self.data_source), self.window, self.block, seed=seed)

    def windows(self) -> Windows:
        """Draw the order of one epoch: an iterable of the rows of each window."""
        return self._windows(rng_of(self.generator).integers(2**32, size=4).tolist())

    def order(self) -> Rows:
        """Return the indices of one epoch, all at once."""
        return np.concatenate(list(self.windows()))

    def __iter__(self) -> Iterator[int]:
        windows = self.windows()
        return (row for rows in windows for row in rows.tolist())

    def __len__(self) -> int:
        return len(self.data_source)


def row_groups(batch_sampler: BatchSampler, done: int) -> Iterator[Rows] | None:
    """Draw an epoch's order now; return it, but for the first `done` batches, in groups of rows.

    None for a sampler of the user's own, which may have no order.
    """
    sampler: Any = batch_sampler.sampler
    first, size = done * batch_sampler.batch_size, piece_rows(batch_sampler.batch_size)
    if type(sampler) is WindowSampler:
        return sampler.windows().after(first)
    if type(sampler).__iter__ not in (Sampler.__iter__, RandomSampler.__iter__):
        return None
    if getattr(sampler, "endless", False):
        return None
    order = sampler.order()
    return (order[start : start + size] for start in range(first, len(order), size))


def stored_batches(
    take: Any, groups: Iterator[Rows], batch_sampler: BatchSampler, *, read_ahead: bool
) -> Iterator[list[Tensor]]:
    """Yield the batches of these groups of rows, each on memory of its own."""

    def read(rows: Rows) -> tuple[np.ndarray, ...]:
        return tuple(unwrap(column) for column in take(rows))

    size, drop_last = batch_sampler.batch_size, batch_sampler.drop_last
    batches = stream_batches(read, groups, size, drop_last=drop_last, read_ahead=read_ahead)
    with closing(batches):
        for batch in batches:
            yield [from_numpy(column.copy()) for column in batch]
