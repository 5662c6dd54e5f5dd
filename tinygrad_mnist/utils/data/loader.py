"""DataLoader: batches of Tensors from a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar, overload

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops.random import Generator, rng_of
from tinygrad_mnist.utils.data.collate import default_collate, default_convert
from tinygrad_mnist.utils.data.dataset import IterableDataset, is_stored, samples, taker
from tinygrad_mnist.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    check_batch_size,
    chunks,
)

B = TypeVar("B")
S = TypeVar("S")  # the type of a sample; the type of a batch follows, where the loader makes it
S_co = TypeVar("S_co", covariant=True)


class Indexed(Protocol[S_co]):
    """Anything with a sample for an index: a Dataset, a Tensor, a list."""

    def __getitem__(self, index: int, /) -> S_co:
        """Return the sample at `index`."""


class Collated(Generic[B]):
    """For type checkers, the samples of a loader whose `collate_fn` returns a B."""


class DataLoader(Generic[S]):
    """Iterate over a data set in batches; each `iter()` is one epoch.

    The samples of a batch go through `collate_fn` (`default_collate`: Tensors are stacked, tuples
    become lists of batches). With the default, sets that lie in arrays (`TensorDataset`, subsets of
    it, Tensors, ndarrays) are gathered a whole batch at a time. The order comes from `sampler` or
    `batch_sampler`, or is shuffled anew each epoch by `generator`, or else by the generator that
    `manual_seed` seeds; `batch_size=None` gives single samples. A data set that has
    `__getitems__(indices)` gives the samples of a batch at once.

    Batches are made in the calling process, one when it is asked for. For a set in files
    (`ArrayDataset`, subsets of it) `num_workers` above 0 reads ahead on a thread, which ends with
    the iteration. Otherwise `num_workers`, `pin_memory`, `timeout`, `multiprocessing_context`,
    `prefetch_factor`, `persistent_workers` and `in_order` change nothing: no process is started, so
    `worker_init_fn` is not called, `get_worker_info()` is None, and a stream is read once.

    `state_dict()` is the position in the epoch; a loader that loads it goes on with the next batch.

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
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
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
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
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
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
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
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        for name, least in (("num_workers", num_workers), ("timeout", timeout)):
            if least < 0:
                raise ValueError(f"{name} must be 0 or more (non-negative), not {least}")
        if num_workers == 0 and (prefetch_factor is not None or persistent_workers):
            raise ValueError("prefetch_factor and persistent_workers need num_workers > 0")
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
        self.drop_last, self.pin_memory, self.timeout = drop_last, pin_memory, timeout
        self.worker_init_fn, self.persistent_workers = worker_init_fn, persistent_workers
        self.multiprocessing_context, self.prefetch_factor = (
            multiprocessing_context,
            prefetch_factor,
        )
        self.pin_memory_device, self.in_order = pin_memory_device, in_order
        if not stream and sampler is None and batch_sampler is None:
            if shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if sampler is not None and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last=drop_last)
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self._batch = 0
        self._drawn_from: Any = None
        self._resumed: dict[str, Any] | None = None
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
        """Start an epoch, and draw its order now, not at the first batch."""
        with self._position() as self._batch:
            if self.batch_sampler is None:
                return self._count(self._stream(self._batch))
            return self._count(self._batches(self.batch_sampler, self._batch))

    def _stream(self, done: int) -> Iterator[Any]:
        """Return what comes from a stream, or sample by sample, but for the first `done`."""
        if self.sampler is not None:
            return (
                self.collate_fn(self.dataset[i]) for i in islice(iter(self.sampler), done, None)
            )
        stream: Iterator[Any] = iter(self.dataset)
        if self.batch_size is not None:
            stream = chunks(stream, self.batch_size, drop_last=self.drop_last)
        return map(self.collate_fn, islice(stream, done, None))

    def _batches(self, batch_sampler: Any, done: int) -> Iterator[Any]:
        """Draw the order of an epoch now; return its batches but for the first `done`."""
        take = taker(self.dataset) if self.collate_fn is default_collate else None
        if take is None:
            drawn = islice(iter(batch_sampler), done, None)
            return (self.collate_fn(samples(self.dataset, b)) for b in drawn)
        if is_stored(self.dataset) and type(batch_sampler) is BatchSampler:
            from tinygrad_mnist.utils.data.stored import row_groups, stored_batches

            groups = row_groups(batch_sampler, done)
            if groups is not None:
                return stored_batches(take, groups, batch_sampler, read_ahead=self.num_workers > 0)
        arrays = getattr(batch_sampler, "arrays", batch_sampler.__iter__)
        return (take(np.asarray(rows, np.intp)) for rows in islice(arrays(), done, None))

    @contextmanager
    def _position(self) -> Iterator[int]:
        """Note where random numbers stand before the order is drawn, or put them there again.

        Yields the number of batches to leave out. A generator that serves others too is put back.
        """
        generator = self._drawn_by()
        numbers = rng_of(generator).bit_generator
        before, resumed, self._resumed = numbers.state, self._resumed, None
        if resumed is None or resumed["generator"] is None:
            self._drawn_from = before
            yield 0
            return
        numbers.state = self._drawn_from = resumed["generator"]
        yield resumed["batch"]
        if generator is None:
            numbers.state = before

    def _drawn_by(self) -> Generator | np.random.Generator | None:
        """Return the generator of the sampler, or of one inside it; None for that of all."""
        inner = getattr(self.batch_sampler, "sampler", None)
        for drawn in (self.sampler, self.batch_sampler, inner):
            generator = getattr(drawn, "generator", None)
            if isinstance(generator, (Generator, np.random.Generator)):
                return generator
        return None

    def _count(self, batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            self._batch += 1
            yield batch
        self._batch, self._drawn_from = 0, None

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the epoch: the batches done, and what its order was drawn from.

        It is that of the last `iter()`. Like PyTorch's samplers, those here draw an epoch's order
        when it starts; a sampler of your own has to draw the same order again.

        >>> import tinygrad_mnist as tg
        >>> loader = DataLoader(tg.arange(6), 2, shuffle=True, generator=tg.Generator())
        >>> batches = iter(loader)
        >>> first, state = next(batches), loader.state_dict()
        >>> other = DataLoader(tg.arange(6), 2, shuffle=True, generator=tg.Generator())
        >>> other.load_state_dict(state)
        >>> all((a == b).all() for a, b in zip(batches, other, strict=True))
        True
        """
        return {"batch": self._batch, "generator": self._drawn_from, "loader": self._description()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Begin the next epoch at the position of a `state_dict()`, without reading what is before.

        What is before is read, and left out, where the data set is an IterableDataset. Raises
        ValueError for anything else, and for the state of a loader that makes other batches.
        """
        if not isinstance(state, dict) or not {"batch", "generator"} <= state.keys():
            raise ValueError("the state of a DataLoader is what its state_dict() returns")
        here = self._description()
        for name, value in state.get("loader", {}).items():
            if value != here.get(name):
                raise ValueError(
                    f"the state is of a DataLoader whose {name} is {value}; here it is "
                    f"{here.get(name)}, so its batches are others"
                )
        self._resumed = dict(state)

    def _description(self) -> dict[str, Any]:
        """Return what decides which samples are in which batch, but for random numbers."""
        inner = getattr(self.batch_sampler, "sampler", self.sampler)
        drawn = self.batch_sampler if inner is None else inner
        return {
            "data set's length": len(self.dataset) if hasattr(self.dataset, "__len__") else None,
            "batch_size": getattr(self.batch_sampler, "batch_size", self.batch_size),
            "drop_last": getattr(self.batch_sampler, "drop_last", self.drop_last),
            "sampler": type(drawn).__name__,
            **{name: getattr(drawn, name, None) for name in ("window", "num_replicas")},
        }

    def __len__(self) -> int:
        """Return the number of batches in an epoch; TypeError if the data set has no length."""
        if self.batch_sampler is None and self.batch_size is not None:
            full, rest = divmod(len(self.dataset), self.batch_size)
            return full + (rest > 0 and not self.drop_last)
        drawn: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
        return len(self.dataset if drawn is None else drawn)


def get_worker_info() -> None:
    """Return None: batches are made in the calling process."""
