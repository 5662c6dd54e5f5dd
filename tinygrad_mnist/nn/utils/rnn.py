"""Sequences of different lengths, padded to one Tensor or packed without padding.

A packed batch holds the first steps of all sequences, then the second steps of those that have one,
and so on, longest sequence first: `batch_sizes` counts the rows of each step.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, groupby
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.ops import create, index, join, shape, table

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence",
    "pad_packed_sequence", "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class _Packed(NamedTuple):
    data: Any
    batch_sizes: Any
    sorted_indices: Any = None
    unsorted_indices: Any = None


class PackedSequence(_Packed):
    """A packed batch, made by `pack_sequence` and taken and returned by recurrent layers.

    `data` (rows, *), `batch_sizes` (steps,), and, if the sequences were sorted for packing, the
    order in which they stand and its inverse.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Any = None,
        sorted_indices: Any = None,
        unsorted_indices: Any = None,
    ) -> PackedSequence:
        """Compute `unsorted_indices` where it is None."""
        if batch_sizes is None:
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kw: Any) -> PackedSequence:
        """Return the same batch with `data.to(...)`, or the batch itself if nothing changes."""
        data = self.data.to(*args, **kw)
        return self if data is self.data else type(self)(data, *self[1:])

    def cpu(self) -> PackedSequence:
        """Return the batch itself: every Tensor is on the CPU."""
        return self

    def float(self) -> PackedSequence:
        """Return the same batch in float32."""
        return self.to(np.float32)

    def double(self) -> PackedSequence:
        """Return the same batch in float64."""
        return self.to(np.float64)

    def half(self) -> PackedSequence:
        """Return the same batch in float16."""
        return self.to(np.float16)

    def long(self) -> PackedSequence:
        """Return the same batch in int64."""
        return self.to(np.int64)

    def int(self) -> PackedSequence:
        """Return the same batch in int32."""
        return self.to(np.int32)

    @property
    def is_cuda(self) -> bool:
        """Return False: every Tensor is on the CPU."""
        return False

    def pin_memory(self) -> PackedSequence:
        """Return the batch itself: there is no device to copy to."""
        return self


def runs_of(data: Tensor, batch_sizes: Tensor) -> list[Tensor]:
    """Cut packed data into runs of steps that have the same rows, each (steps, rows, *)."""
    runs, start = [], 0
    for rows, steps in groupby(batch_sizes.tolist()):
        count = len(list(steps))
        part = data[start : start + count * rows]
        runs.append(shape.reshape(part, (count, rows, *data.shape[1:])))
        start += count * rows
    return runs


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the inverse of a permutation; None for None.

    >>> import tinygrad_mnist as tg
    >>> invert_permutation(tg.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else wrap(np.argsort(np.asarray(permutation)))


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack (length, n, *), or (n, length, *) if `batch_first`, leaving out the padding.

    The `lengths` of the sequences fall, unless `enforce_sorted=False`, which sorts.
    Raises RuntimeError for lengths that are not n, not positive, rising, or beyond the input.
    """
    sizes = np.asarray(lengths).astype(np.int64)
    order = None
    x = shape.transpose(input, 0, 1) if batch_first else input
    if not enforce_sorted:
        rows = np.argsort(-sizes, kind="stable")
        sizes, order = sizes[rows], wrap(rows)
        x = index.index_select(x, 1, order)
    _check_lengths(sizes, x)
    batch_sizes = (sizes[None, :] > np.arange(sizes[0])[:, None]).sum(1)
    parts = [x[t, :size] for t, size in enumerate(batch_sizes.tolist())]
    return PackedSequence(join.cat(parts), wrap(batch_sizes), order)


def _check_lengths(sizes: Any, x: Tensor) -> None:
    if sizes.shape != (x.shape[1],):
        raise ShapeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {sizes.size} "
            f"(batch_size={x.shape[1]})"
        )
    if not sizes.size or sizes.min() <= 0:
        raise ShapeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if (np.diff(sizes) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence"
        )
    if sizes[0] > x.shape[0]:
        raise ShapeError(f"the longest length is {sizes[0]}, the input has {x.shape[0]} steps")


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the sequences as one padded Tensor, in their original order, and their lengths.

    Raises ValueError for a `total_length` shorter than the longest sequence.

    >>> import tinygrad_mnist as tg
    >>> packed = pack_sequence([tg.tensor([1, 2, 3]), tg.tensor([4])])
    >>> pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2, 3],
             [4, 0, 0]]), tensor([3, 1]))
    """
    batch_sizes = np.asarray(sequence.batch_sizes)
    steps, longest = len(batch_sizes), total_length or len(batch_sizes)
    if longest < steps:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {steps}"
        )
    starts = np.array([0, *accumulate(batch_sizes.tolist())][:-1], np.int64)
    starts = np.concatenate([starts, np.zeros(longest - steps, np.int64)])
    sizes = np.concatenate([batch_sizes, np.zeros(longest - steps, np.int64)])
    column = np.arange(batch_sizes[0])
    if sequence.unsorted_indices is not None:
        column = np.asarray(sequence.unsorted_indices)
    inside, rows = column[None, :] < sizes[:, None], starts[:, None] + column[None, :]
    if batch_first:
        inside, rows = inside.T, rows.T
    picked = index.index_select(sequence.data, 0, wrap(np.where(inside, rows, 0).ravel()))
    picked = shape.reshape(picked, (*inside.shape, *sequence.data.shape[1:]))
    mask = inside.reshape(*inside.shape, *(1,) * (sequence.data.ndim - 1))
    padding = create.full((), padding_value, dtype=sequence.data.dtype)
    lengths = inside.sum(1 if batch_first else 0)
    return table.where(np.ascontiguousarray(mask), picked, padding), wrap(lengths)


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Pad sequences (length, *) to one (longest, n, *), or (n, longest, *) if `batch_first`.

    Raises RuntimeError for no sequences, and for sequences that differ in more than their length.

    >>> import tinygrad_mnist as tg
    >>> pad_sequence([tg.tensor([1, 2]), tg.tensor([3])], batch_first=True, padding_value=9)
    tensor([[1, 2],
            [3, 9]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    several = list(sequences)
    if not several:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    sizes = {x.shape[1:] for x in several}
    if len(sizes) > 1:
        raise ShapeError(f"pad_sequence: sequences may differ only in their length, not in {sizes}")
    longest = max(len(x) for x in several)
    padded = []
    for x in several:
        padding_shape = (longest - len(x), *x.shape[1:])
        parts = [x, create.full(padding_shape, padding_value, dtype=x.dtype)]
        padded.append(join.cat(parts if padding_side == "right" else parts[::-1]))
    return join.stack(padded, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """Return the sequences of a padded Tensor, each cut to its length."""
    x = padded_sequences if batch_first else shape.transpose(padded_sequences, 0, 1)
    return [row[: int(n)] for row, n in zip(join.unbind(x), lengths, strict=True)]


def pack_sequence(sequences: Iterable[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (length, *), by falling length unless `enforce_sorted=False`.

    >>> import tinygrad_mnist as tg
    >>> pack_sequence([tg.tensor([1, 2, 3]), tg.tensor([4, 5])]).data
    tensor([1, 4, 2, 5, 3])
    """
    several = list(sequences)
    lengths = [len(x) for x in several]
    return pack_padded_sequence(pad_sequence(several), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Return the sequences of a packed batch, in their original order."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
