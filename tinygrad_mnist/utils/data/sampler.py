"""Samplers: the order in which the indices of a data set are drawn.

All samplers here have `order()`: the indices of one epoch as an array, drawn when iteration starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from tinygrad_mnist.autograd.tensor import unwrap
from tinygrad_mnist.ops.random import rng_of

T = TypeVar("T")
MANY = 1 << 20  # indices that are drawn at once
Rows = np.ndarray[Any, np.dtype[np.intp]]


class Sampler(Generic[T]):
    """A source of indices: a subclass defines `order()`, or `__iter__` and `__len__`.

    >>> class Backwards(Sampler):
    ...     def order(self):
    ...         return np.arange(3)[::-1]
    >>> list(Backwards())
    [2, 1, 0]
    """

    def __init__(self, data_source: Any = None) -> None:
        """Do nothing; a subclass may call this."""

    def order(self) -> Rows:
        """Return the indices of one epoch."""
        raise NotImplementedError(f"{type(self).__name__} must define order() or __iter__()")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.order().tolist())


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ...

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def order(self) -> Rows:
        """Return the indices from 0 to the length of the data set."""
        return np.arange(len(self.data_source))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """All indices shuffled, or `num_samples` of them; with `replacement`, each drawn anew.

    Random numbers come from `generator`, or from the one that `manual_seed` seeds.
    Raises ValueError for an empty data set.

    >>> import tinygrad_mnist as tg
    >>> sorted(RandomSampler("abc", generator=tg.Generator().manual_seed(0)))
    [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self.num_samples = len(data_source) if num_samples is None else num_samples
        if self.num_samples <= 0:
            raise ValueError(
                "num_samples should be a positive integer value, but got "
                f"num_samples={self.num_samples}"
                + ("" if len(data_source) else ": the data set is empty")
            )

    def order(self) -> Rows:
        """Draw the indices of one epoch."""
        n, rng = len(self.data_source), rng_of(self.generator)
        if self.replacement:
            return rng.integers(n, size=self.num_samples)
        rounds = [rng.permutation(n) for _ in range(-(-self.num_samples // n))]
        return np.concatenate(rounds)[: self.num_samples]

    def __iter__(self) -> Iterator[int]:
        if not self.endless:
            return iter(self.order().tolist())
        return self._stream()

    @property
    def endless(self) -> bool:
        """Tell whether there are too many indices to draw them all before the first is used."""
        return self.replacement and self.num_samples > MANY

    def _stream(self) -> Iterator[int]:
        n, rng = len(self.data_source), rng_of(self.generator)
        for start in range(0, self.num_samples, MANY >> 8):
            yield from rng.integers(n, size=min(MANY >> 8, self.num_samples - start)).tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The `indices`, shuffled.

    >>> sorted(SubsetRandomSampler([4, 2]))
    [2, 4]
    """

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices, self.generator = indices, generator

    def order(self) -> Rows:
        """Draw the indices of one epoch."""
        return rng_of(self.generator).permutation(np.asarray(unwrap(self.indices), np.intp))

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices, each drawn with a probability in proportion to its weight.

    Raises ValueError for a `num_samples` below 1, and if too few weights are above zero to draw
    without replacement.

    >>> list(WeightedRandomSampler([0.0, 1.0], num_samples=3))
    [1, 1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ) -> None:
        if isinstance(num_samples, bool) or not isinstance(num_samples, int) or num_samples < 1:
            raise ValueError(
                f"num_samples should be a positive integer value, but got {num_samples!r}"
            )
        self.weights = np.asarray(unwrap(weights), np.float64)
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def order(self) -> Rows:
        """Draw the indices of one epoch."""
        share = self.weights / self.weights.sum()
        return rng_of(self.generator).choice(
            len(share), self.num_samples, replace=self.replacement, p=share
        )

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Indices from another sampler, `batch_size` at a time, as lists.

    Raises ValueError when `batch_size` is below 1.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        check_batch_size(batch_size)
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        return chunks(iter(self.sampler), self.batch_size, drop_last=self.drop_last)

    def arrays(self) -> Iterator[Any]:
        """Yield the batches as arrays where the sampler has an order, or else as lists."""
        plain = type(self).__iter__ is BatchSampler.__iter__
        own = type(self.sampler).__iter__ in (Sampler.__iter__, RandomSampler.__iter__)
        if not plain or not own or getattr(self.sampler, "endless", False):
            return iter(self)
        order = self.sampler.order()  # type: ignore[attr-defined]
        stop = len(order) - len(order) % self.batch_size if self.drop_last else len(order)
        starts = range(0, stop, self.batch_size)
        return (order[start : start + self.batch_size] for start in starts)

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full + (rest > 0 and not self.drop_last)


def check_batch_size(batch_size: Any) -> None:
    """Raise ValueError unless `batch_size` is a positive integer."""
    if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
        raise ValueError(
            f"batch_size should be a positive integer value, but got batch_size={batch_size}"
        )


def chunks(stream: Iterator[Any], size: int, *, drop_last: bool) -> Iterator[list[Any]]:
    """Yield lists of `size` items each; the last one may be shorter unless `drop_last`."""
    while chunk := list(islice(stream, size)):
        if len(chunk) == size or not drop_last:
            yield chunk
