"""Mini-batches: rows gathered a whole batch at a time, in an order that a seed decides."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def batches(
    n: int, batch_size: int, rng: np.random.Generator | None = None, drop_last: bool = False
) -> Iterator[NDArray[np.intp]]:
    """Yield the indices 0 to n - 1, `batch_size` at a time: shuffled by `rng`, else in order.

    The last batch is shorter when the size does not divide n; `drop_last` leaves it out.
    Raises ValueError when `batch_size` is below 1.

    >>> [batch.tolist() for batch in batches(5, 2)]
    [[0, 1], [2, 3], [4]]
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    order = np.arange(n) if rng is None else rng.permutation(n)
    stop = n - n % batch_size if drop_last else n
    return (order[start : start + batch_size] for start in range(0, stop, batch_size))


class DataLoader:
    """Iterate over arrays of equal length in mini-batches; each pass is one epoch.

    Yields one tuple a batch: the same rows of each array, copied. With `shuffle`, the order of an
    epoch depends on `seed` and the epoch's number alone, so a run that is resumed after setting
    `loader.epoch` sees the batches that the whole run would have seen.

    Raises ValueError when the arrays differ in length or `batch_size` is below 1.

    >>> import numpy as np
    >>> loader = DataLoader(np.arange(10) * 10, np.arange(10), batch_size=4, shuffle=True, seed=1)
    >>> len(loader)
    3
    >>> [len(y) for x, y in loader]
    [4, 4, 2]
    """

    def __init__(
        self,
        *arrays: NDArray[Any],
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        """See the class."""
        lengths = [len(array) for array in arrays]
        if len(set(lengths)) != 1:
            raise ValueError(f"DataLoader takes arrays of one length, not of {lengths}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self.arrays = arrays
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0  # the number of the next pass

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        full, rest = divmod(len(self.arrays[0]), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], ...]]:
        """Start the next epoch."""
        rng = np.random.default_rng([self.seed, self.epoch]) if self.shuffle else None
        self.epoch += 1
        order = batches(len(self.arrays[0]), self.batch_size, rng, self.drop_last)
        return (tuple(np.take(array, rows, axis=0) for array in self.arrays) for rows in order)
