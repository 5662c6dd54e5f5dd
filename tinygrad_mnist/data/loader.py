"""Mini-batches as index arrays, to gather with; `utils.data.DataLoader` yields Tensors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def batches(
    n: int, batch_size: int, rng: np.random.Generator | None = None, drop_last: bool = False
) -> Iterator[NDArray[np.intp]]:
    """Yield the indices 0 to n - 1, `batch_size` at a time: shuffled by `rng`, else in order.

    The last batch is shorter when the size does not divide n; `drop_last` leaves it out.
    Raises ValueError when `batch_size` is below 1.

    >>> import numpy as np
    >>> x = np.arange(5) * 10
    >>> [np.take(x, rows, axis=0).tolist() for rows in batches(5, 2)]
    [[0, 10], [20, 30], [40]]
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    order = np.arange(n) if rng is None else rng.permutation(n)
    stop = n - n % batch_size if drop_last else n
    return (order[start : start + batch_size] for start in range(0, stop, batch_size))
