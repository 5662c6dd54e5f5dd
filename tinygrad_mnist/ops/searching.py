"""Which elements are where: in sorted rows, in a set, in runs of equals."""

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
    """Before which element of the last dimension each of input would stand, in its order.

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
    """Between which of the sorted `boundaries` each element lies; on one, below it or `right`."""
    if boundaries.ndim != 1:
        raise ShapeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@public
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Tell of each element whether it is one of `test_elements` (with `invert`, none)."""
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError("isin: elements or test_elements must be a Tensor")
    refuse_read("isin()")
    x = tensor_of(elements, test_elements)._data
    among = tensor_of(test_elements, elements)._data
    return wrap(np.isin(x, among, assume_unique=False, invert=invert))


@public
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements (slices along `dim`) without those that equal the one before.

    On request where each went, and how long each run is.
    """
    refuse_read("unique_consecutive()")
    axis = 0 if dim is None else dim_of(input.ndim, dim)
    x = input._data.reshape(-1) if dim is None else np.moveaxis(input._data, axis, 0)
    rows = x.reshape(len(x), math.prod(x.shape[1:]))
    begins = np.ones(len(x), bool)
    if len(x):
        begins[1:] = (rows[1:] != rows[:-1]).any(1)
    kept = x[begins] if dim is None else np.moveaxis(x[begins], 0, axis)
    inverse = np.cumsum(begins) - 1
    counts = np.diff(np.flatnonzero(np.append(begins, True)))
    found: list[Tensor] = [wrap(np.ascontiguousarray(kept))]
    if return_inverse:
        found.append(wrap(inverse if dim is not None else inverse.reshape(input.shape)))
    if return_counts:
        found.append(wrap(counts))
    return tuple(found) if len(found) > 1 else found[0]


named(globals(), __all__)
refuse(globals())
