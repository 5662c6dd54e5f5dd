"""Data sets: objects with a length, and a sample for each index.

A set that lies in arrays also has `take(rows)`, which gives a whole batch at once, as
`default_collate([self[i] for i in rows])` would.
"""

from __future__ import annotations

import functools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor, unwrap
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.random import rng_of

T = TypeVar("T", covariant=True)
Rows = np.ndarray[Any, np.dtype[np.intp]]


class Dataset(Generic[T]):
    """A collection of samples: a subclass defines `__getitem__(index)` and `__len__()`.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, i):
    ...         return i * i
    >>> both = Squares() + Squares()
    >>> len(both), both[5]
    (6, 4)
    """

    _in_files = False  # True for an `ArrayDataset`, whose rows are read in groups

    def __getitem__(self, index: Any) -> T:
        """Return the sample at `index`."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index)")

    def __add__(self, other: Dataset[T]) -> ConcatDataset[T]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T]):
    """Samples in a stream: a subclass defines `__iter__()`.

    >>> class Count(IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(3))
    >>> list(Count())
    [0, 1, 2]
    """

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__()")

    def __add__(self, other: Any) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Rows of Tensors (or arrays) of one length: sample i is the tuple of their rows i.

    Raises ValueError if the lengths differ.

    >>> import tinygrad_mnist as tg
    >>> points = TensorDataset(tg.tensor([[0.0], [1.0], [2.0]]), tg.tensor([0, 1, 4]))
    >>> points[2]
    (tensor([2.]), tensor(4))
    """

    def __init__(self, *tensors: Any) -> None:
        if not tensors:
            raise ValueError("TensorDataset needs at least one Tensor")
        wrapped = (from_numpy(t) if isinstance(t, np.ndarray) else t for t in tensors)
        self.tensors: tuple[Any, ...] = tuple(wrapped)
        for t in self.tensors:
            if not isinstance(t, Tensor):
                raise TypeError(f"TensorDataset takes Tensors or arrays, not {type(t).__name__}")
        lengths = [t.shape[0] if t.ndim else 0 for t in self.tensors]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between tensors: their lengths are {lengths}")

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def take(self, rows: Rows) -> list[Tensor]:
        """Copy the rows of each Tensor; IndexError if there is no such row."""
        return [take_rows(t, rows) for t in self.tensors]


class Subset(Dataset[T]):
    """The samples of `dataset` at `indices`, in that order.

    >>> Subset("abcdef", [5, 0])[1]
    'a'
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    @property
    def rows(self) -> Any:
        """The indices as they are now, an array."""
        return np.asarray(unwrap(self.indices), dtype=np.intp)

    def __getitem__(self, index: Any) -> T:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]  # type: ignore[no-any-return]
        return self.dataset[int(self.indices[index])]  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[T]):
    """The samples of several sets, one set after the other.

    Raises ValueError for no sets, TypeError for a stream.

    >>> letters = ConcatDataset(["abc", "de"])
    >>> letters[3], letters[-1], len(letters)
    ('d', 'e', 5)
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("datasets should not be an empty iterable")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise TypeError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(accumulate(map(len, self.datasets)))

    def __getitem__(self, index: int) -> T:
        n = len(self)
        if not -n <= index < n:
            raise IndexError(f"index {index} is out of range for {n} samples")
        index %= n
        which = bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - before]  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class StackDataset(Dataset[Any]):
    """Sample i of several sets together: a tuple, or a dict if they are given by name.

    Raises ValueError for no sets, for both kinds at once, and for sets of different lengths.

    >>> StackDataset("abc", [1, 2, 3])[1], StackDataset(letter="abc")[1]
    (('b', 2), {'letter': 'b'})
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError("give the data sets as arguments or by name, not both")
        self.datasets: Any = args or kwargs
        lengths = {len(dataset) for dataset in args or kwargs.values()}
        if not lengths:
            raise ValueError("At least one dataset should be passed")
        if len(lengths) > 1:
            raise ValueError(f"Size mismatch between datasets: their lengths are {sorted(lengths)}")
        (self._length,) = lengths

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __len__(self) -> int:
        return self._length


class ChainDataset(IterableDataset[T]):
    """Several streams, one after the other.

    Iteration and `len()` raise TypeError for a set that is no stream.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _streams(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError(
                    f"ChainDataset only supports IterableDataset, not {type(dataset).__name__}"
                )
            yield dataset

    def __iter__(self) -> Iterator[T]:
        for stream in self._streams():
            yield from stream

    def __len__(self) -> int:
        return sum(map(len, self._streams()))


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Any = None
) -> list[Subset[Any]]:
    """Part a data set at random into sets of the given lengths.

    Fractions that add up to 1 are shares; what rounding down leaves over goes one each to the
    first parts. Raises ValueError unless the lengths add up to the data set's.

    >>> import tinygrad_mnist as tg
    >>> train, test = random_split(range(10), [0.75, 0.25], tg.Generator().manual_seed(0))
    >>> len(train), len(test), sorted([*train, *test]) == list(range(10))
    (8, 2, True)
    """
    n, sizes = len(dataset), list(lengths)
    if math.isclose(sum(sizes), 1):
        if not all(0 <= share <= 1 for share in sizes):
            raise ValueError(f"each fraction must be between 0 and 1: {sizes}")
        sizes = [math.floor(n * share) for share in sizes]
        for i in range(n - int(sum(sizes))):
            sizes[i % len(sizes)] += 1
    if sum(sizes) != n:
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"{lengths} add up to {sum(sizes)}, the dataset has {n}"
        )
    order = rng_of(generator).permutation(n).tolist()
    ends = [int(end) for end in accumulate(sizes)]
    return [
        Subset(dataset, order[end - int(size) : end]) for end, size in zip(ends, sizes, strict=True)
    ]


def taker(dataset: Any) -> Callable[[Rows], Any] | None:
    """Return the function that gathers a whole batch from an array-backed set, or None.

    None also for a subclass that changes `__getitem__` alone: `take` would ignore that.
    """
    if isinstance(dataset, (Tensor, np.ndarray)):
        return functools.partial(take_rows, dataset)
    if isinstance(dataset, Subset):
        inner = taker(dataset.dataset)
        if inner is None or type(dataset).__getitem__ is not Subset.__getitem__:
            return None
        return lambda rows: inner(dataset.rows[rows])
    for kind in type(dataset).__mro__:
        defined = {"take", "__getitem__"} & kind.__dict__.keys()
        if defined:
            return dataset.take if len(defined) == 2 else None
    return None


def is_stored(dataset: Any) -> bool:
    """Tell whether the samples lie in files: an `ArrayDataset`, or a subset of one."""
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return isinstance(dataset, Dataset) and dataset._in_files is True


def samples(dataset: Any, indices: Any) -> Any:
    """The samples at these indices, by `__getitems__` where the data set has one of its own.

    A subclass that changes `__getitem__` alone is asked for each.
    """
    for kind in type(dataset).__mro__:
        defined = {"__getitems__", "__getitem__"} & kind.__dict__.keys()
        if "__getitems__" in defined:
            return dataset.__getitems__(indices)
        if defined:
            break
    return [dataset[i] for i in indices]


def take_rows(x: Any, rows: Rows) -> Any:
    """Return x[rows] as a Tensor on memory of its own."""
    if getattr(x, "requires_grad", False):
        return x[rows]
    return from_numpy(np.take(unwrap(x), rows, axis=0))
