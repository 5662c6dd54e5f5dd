"""Read stored arrays in an order, and hand them out in batches.

Rows are read many at a time, a window or a few thousand, and cut into batches afterwards: a call
of the system for each batch would cost more than the reading.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.read_ahead import ReadAhead

Arrays = tuple[NDArray[Any], ...]
Batches = Generator[Arrays, None, None]
Rows = NDArray[np.intp]

PIECE = 4096  # rows, about: converted and handed over together


def stream_batches(
    read: Callable[[Rows], Arrays],
    groups: Iterable[Rows],
    batch_size: int,
    *,
    convert: Callable[..., Arrays] | None = None,
    drop_last: bool = False,
    read_ahead: bool = True,
) -> Batches:
    """Yield rows in batches: their order is that of the `groups`, one after the other.

    `read(rows)` returns the columns of these rows, arrays of one length; it is called once for each
    group. `convert` makes of the columns what the batches are cut from. With `read_ahead` a thread
    reads and converts while the batches before are used; it ends with the iteration.

    >>> squares = np.arange(5) ** 2
    >>> order = [np.array([4, 0, 1]), np.array([3, 2])]
    >>> [batch.tolist() for batch, in stream_batches(lambda rows: (squares[rows],), order, 2)]
    [[16, 0], [1, 9], [4]]
    """
    pieces = _pieces(read, groups, piece_rows(batch_size), convert)
    if not read_ahead:
        return _batches(pieces, batch_size, drop_last=drop_last)
    return _ahead(pieces, batch_size, drop_last=drop_last)


def piece_rows(batch_size: int) -> int:
    """Return how many rows to read at once where they come in no runs: a number of batches.

    >>> piece_rows(64), piece_rows(1000)
    (4096, 4000)
    """
    return batch_size * max(1, PIECE // batch_size)


def _pieces(
    read: Callable[[Rows], Arrays],
    groups: Iterable[Rows],
    size: int,
    convert: Callable[..., Arrays] | None,
) -> Iterator[Arrays]:
    """Read the groups, and yield pieces of `size` rows each; the last one may be shorter."""
    rest: Arrays | None = None
    for rows in groups:
        columns = read(rows)
        if rest is not None:
            pairs = zip(rest, columns, strict=True)
            columns = tuple(np.concatenate(pair) for pair in pairs)
        count = len(columns[0])
        whole = count - count % size
        for start in range(0, whole, size):
            piece = tuple(column[start : start + size] for column in columns)
            yield convert(*piece) if convert else piece
        rest = tuple(column[whole:].copy() for column in columns) if whole < count else None
    if rest is not None:
        yield convert(*rest) if convert else rest


def _batches(pieces: Iterable[Arrays], size: int, *, drop_last: bool) -> Batches:
    for piece in pieces:
        for start in range(0, len(piece[0]), size):
            batch = tuple(column[start : start + size] for column in piece)
            if len(batch[0]) == size or not drop_last:
                yield batch


def _ahead(pieces: Iterator[Arrays], size: int, *, drop_last: bool) -> Batches:
    with ReadAhead(pieces) as ahead, closing(_batches(ahead, size, drop_last=drop_last)) as batches:
        yield from batches
