"""DataLoader: batches of Tensors from a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar, overload

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.join import stack
from tinygrad_mnist.utils.data.dataset import IterableDataset, taker
from tinygrad_mnist.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    check_batch_size,
    chunks,
)

# How PyTorch spreads loading over processes and devices: taken, and without effect here.
_WORKERS = frozenset({
    "pin_memory", "timeout", "worker_init_fn", "multiprocessing_context", "prefetch_factor",
    "persistent_workers", "pin_memory_device", "in_order",
})  # fmt: skip


B = TypeVar("B")
S = TypeVar("S")  # what a sample is; a batch of it follows, where the loader makes the batch
S_co = TypeVar("S_co", covariant=True)


class Indexed(Protocol[S_co]):
    """What gives a sample for an index: a Dataset, a Tensor, a list."""

    def __getitem__(self, index: int, /) -> S_co:
        """The sample at `index`."""


class Collated(Generic[B]):
    """What type checkers take for the samples of a loader whose `collate_fn` gives a B."""


class DataLoader(Generic[S]):
    """Iterate over a data set in batches; each `iter()` is one epoch.

    The samples of a batch go through `collate_fn` (`default_collate`: Tensors are stacked, tuples
    become lists of batches). With the default, sets that lie in arrays (`TensorDataset`, subsets of
    it, Tensors, ndarrays) are gathered a whole batch at a time. The order comes from `sampler` or
    `batch_sampler`, or is shuffled anew each epoch by `generator`, or else by what `manual_seed`
    seeded; `batch_size=None` gives single samples. Batches are made in the calling process:
    `num_workers` and its companions are taken and change nothing.

    Raises ValueError for options that exclude each other or are out of range.

    >>> import tinygrad_mnist as tg
    >>> data = tg.utils.data.TensorDataset(tg.arange(10) * 10, tg.arange(10))
    >>> loader = DataLoader(data, batch_size=4, shuffle=True, generator=tg.Generator())
    >>> len(loader)
    3
    >>> [len(y) for x, y in loader]
    [4, 4, 2]
    """

    @overload
    def __init__(
        self: DataLoader[Collated[B]],
        dataset: Indexed[Any],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        *,
        collate_fn: Callable[[Any], B],
        drop_last: bool = False,
        generator: Any = None,
        **workers: Any,
    ) -> None: ...
    @overload
    def __init__(
        self: DataLoader[S],
        dataset: Indexed[S],
        batch_size: int = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: None = None,
        drop_last: bool = False,
        generator: Any = None,
        **workers: Any,
    ) -> None: ...
    @overload
    def __init__(
        self: DataLoader[Any],
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        drop_last: bool = False,
        generator: Any = None,
        **workers: Any,
    ) -> None: ...
    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        drop_last: bool = False,
        generator: Any = None,
        **workers: Any,
    ) -> None:
        for key in workers.keys() - _WORKERS:
            raise TypeError(f"DataLoader() got an unexpected keyword argument {key!r}")
        if num_workers < 0:
            raise ValueError(f"num_workers must be 0 or more, not {num_workers}")
        stream = isinstance(dataset, IterableDataset)
        if stream and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError("an IterableDataset has its own order: no shuffle, no sampler")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None and (
            batch_size != 1 or shuffle or sampler is not None or drop_last
        ):
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                "and drop_last"
            )
        if batch_size is None and drop_last:
            raise ValueError("batch_size=None makes no batches, so drop_last has no meaning")
        if batch_size is not None:
            check_batch_size(batch_size)
        self.dataset, self.num_workers, self.generator = dataset, num_workers, generator
        self.batch_size = batch_size if batch_sampler is None else None
        self.drop_last = drop_last
        if not stream and sampler is None and batch_sampler is None:
            if shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if sampler is not None and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last=drop_last)
        self.sampler, self.batch_sampler = sampler, batch_sampler
        single = batch_size is None and batch_sampler is None
        self.collate_fn = collate_fn or (default_convert if single else default_collate)

    @overload
    def __iter__(self: DataLoader[Collated[B]]) -> Iterator[B]: ...
    @overload
    def __iter__(self: DataLoader[Tensor]) -> Iterator[Tensor]: ...
    @overload
    def __iter__(self: DataLoader[tuple[Tensor, ...]]) -> Iterator[list[Tensor]]: ...
    @overload
    def __iter__(self) -> Iterator[Any]: ...
    def __iter__(self) -> Iterator[Any]:
        """Start an epoch; its order is drawn here, not at the first batch."""
        if self.batch_sampler is None:
            if self.sampler is None:
                samples = iter(self.dataset)
            else:
                samples = (self.dataset[i] for i in iter(self.sampler))
            if self.batch_size is None:
                return map(self.collate_fn, samples)
            return map(self.collate_fn, chunks(samples, self.batch_size, drop_last=self.drop_last))
        take = taker(self.dataset) if self.collate_fn is default_collate else None
        if take is None:
            return (self.collate_fn([self.dataset[i] for i in b]) for b in iter(self.batch_sampler))
        arrays = getattr(self.batch_sampler, "arrays", self.batch_sampler.__iter__)
        return (take(np.asarray(rows, np.intp)) for rows in arrays())

    def __len__(self) -> int:
        """The number of batches in an epoch; TypeError if the data set has no length."""
        if self.batch_sampler is None and self.batch_size is not None:
            full, rest = divmod(len(self.dataset), self.batch_size)
            return full + (rest > 0 and not self.drop_last)
        drawn: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
        return len(self.dataset if drawn is None else drawn)


def default_collate(batch: list[Any]) -> Any:
    """One batch from a list of samples: Tensors and arrays stacked, numbers as one Tensor.

    Tuples and lists become a list with a batch for each place, dicts a dict; strings stay a list.
    Python floats become float64, ints int64. Raises TypeError for anything else, ValueError if
    the samples have different lengths or shapes.

    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ['a', 'b']]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        if any(x.requires_grad for x in batch):
            return stack(batch)
        return _stacked([x._data for x in batch])
    if isinstance(first, (np.ndarray, np.generic)):
        return _stacked(batch)
    if isinstance(first, (bool, int, float)):
        return wrap(np.array(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, (tuple, list)):
        if len({len(sample) for sample in batch}) > 1:
            raise ValueError("each element in list of batch should be of equal size")
        places = [default_collate(list(place)) for place in zip(*batch, strict=True)]
        return type(first)(*places) if hasattr(first, "_fields") else places
    raise TypeError(
        "default_collate: batch must contain Tensors, numpy arrays, numbers, dicts or lists; "
        f"found {type(first).__name__}"
    )


def default_convert(sample: Any) -> Any:
    """A sample with its arrays as Tensors: what a loader without batches gives."""
    if isinstance(sample, (np.ndarray, np.generic)):
        return wrap(np.asarray(sample))
    if isinstance(sample, Mapping):
        return {key: default_convert(value) for key, value in sample.items()}
    if isinstance(sample, (tuple, list)):
        items = map(default_convert, sample)
        return type(sample)(*items) if hasattr(sample, "_fields") else type(sample)(items)
    return sample


def get_worker_info() -> None:
    """None: batches are made in the calling process."""


def _stacked(arrays: list[Any]) -> Tensor:
    shapes = {x.shape for x in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"stack expects each tensor to be equal size, but the samples are {sorted(shapes)}; "
            "give the DataLoader a collate_fn that pads or crops them"
        )
    return from_numpy(np.stack(arrays))
