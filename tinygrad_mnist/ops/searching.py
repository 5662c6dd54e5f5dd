"""Searches: in sorted rows, in a set, for runs of equals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, refuse_read, wrap
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import dim_of, named, public, tensor_of
from tinygrad_mnist.ops.refused import refuse

__all__ = ["bucketize", "isin", "searchsorted", "unique_consecutive"]
METHODS = ["unique_consecutive"]


@public
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """The index in the last dimension before which each element of input keeps the order.

    `sorted_sequence` is one dimension, or has the leading ones of input. With `right` (or
    side="right") it stands after its equals. `sorter` is the order that sorts the sequence.

    Raises ShapeError where the leading dimensions differ.

    >>> import tinygrad_mnist as tg
    >>> tg.searchsorted(tg.tensor([1, 3, 5]), tg.tensor([3, 6]))
    tensor([1, 3])
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(f"side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError("side and right can't be set to opposites, got side of left, right True")
    x = tensor_of(input, sorted_sequence)
    if sorter is not None:
        if sorter.shape != sorted_sequence.shape or sorter.dtype.kind not in "iu":
            raise RuntimeError(
                "sorter must be integers in the shape of sorted_sequence "
                f"{list(sorted_sequence.shape)}, not {sorter.dtype}{list(sorter.shape)}"
            )
        axis = sorted_sequence.ndim - 1
        sorted_sequence = table.gather(sorted_sequence, sorter, axis=axis)
    if sorted_sequence.ndim != 1 and sorted_sequence.shape[:-1] != x.shape[:-1]:
        raise ShapeError(
            "searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions "
            f"of boundaries {list(sorted_sequence.shape)} and input {list(x.shape)} must match"
        )
    index = table.searchsorted(sorted_sequence.detach(), x.detach(), right=right or side == "right")
    return table.cast(index, dtype="int32") if out_int32 else index


@public
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """The interval of sorted `boundaries` of each element; on a boundary, the lower, or `right`."""
    if boundaries.ndim != 1:
        raise ShapeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@public
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Tell for each element whether it is one of `test_elements` (with `invert`, whether not)."""
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError("isin: elements or test_elements must be a Tensor")
    refuse_read("isin()")
    x = tensor_of(elements, test_elements)._data
    candidates = tensor_of(test_elements, elements)._data
    return wrap(np.isin(x, candidates, assume_unique=False, invert=invert))


@public
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements (slices along `dim`) that differ from the one before.

    On request also the index of each element's run, and the lengths of the runs.
    """
    refuse_read("unique_consecutive()")
    axis = 0 if dim is None else dim_of(input.ndim, dim)
    x = input._data.reshape(-1) if dim is None else np.moveaxis(input._data, axis, 0)
    rows = x.reshape(len(x), math.prod(x.shape[1:]))
    begins = np.ones(len(x), bool)
    if len(x):
        begins[1:] = (rows[1:] != rows[:-1]).any(1)
    distinct = x[begins] if dim is None else np.moveaxis(x[begins], 0, axis)
    inverse = np.cumsum(begins) - 1
    counts = np.diff(np.flatnonzero(np.append(begins, True)))
    results: list[Tensor] = [wrap(np.ascontiguousarray(distinct))]
    if return_inverse:
        results.append(wrap(inverse if dim is not None else inverse.reshape(input.shape)))
    if return_counts:
        results.append(wrap(counts))
    return tuple(results) if len(results) > 1 else results[0]


named(globals(), __all__)
refuse(globals())
