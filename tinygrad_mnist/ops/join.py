"""Tensors joined into one, and one split into several."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.dtypes import promote_types
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import composed, dim_of, public, tensor_of
from tinygrad_mnist.ops.shape import (
    ALL,
    broadcast_to,
    clone,
    ravel,
    reshape,
    transpose,
)

__all__ = [
    "atleast_1d", "atleast_2d", "broadcast_tensors", "cat", "chunk", "concat", "concatenate",
    "hstack", "meshgrid", "roll", "row_stack", "split", "split_with_sizes", "stack",
    "tensor_split", "unbind", "vstack",
]  # fmt: skip
NOT_METHODS = {
    "atleast_1d",
    "atleast_2d",
    "broadcast_tensors",
    "cat",
    "concat",
    "concatenate",
    "hstack",
    "meshgrid",
    "row_stack",
    "stack",
    "vstack",
}
METHODS = [name for name in __all__ if name not in NOT_METHODS]


@public
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All the Tensors, expanded to one shape."""
    shape = np.broadcast_shapes(*(x.shape for x in tensors))
    return tuple(broadcast_to(x, shape) for x in tensors)


@public
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The Tensors one after the other along `dim`."""
    if not len(tensors):
        raise ShapeError("cat(): expected a non-empty list of Tensors")
    xs = of_one_dtype([x if isinstance(x, Tensor) else tensor_of(x) for x in tensors])
    shapes = [x._data.shape for x in xs]
    if (0,) in shapes and any(len(shape) != 1 for shape in shapes):
        xs = [x for x, shape in zip(xs, shapes, strict=True) if shape != (0,)] or xs[:1]
        shapes = [x._data.shape for x in xs]
    if () in shapes:
        raise RuntimeError("zero-dimensional tensor cannot be concatenated; use stack()")
    axis = dim_of(len(shapes[0]), dim)
    ends = accumulate([shape[axis] for shape in shapes if len(shape) > axis])
    return table.cat(*xs, axis=axis, starts=(0, *ends)[:-1])


concat = concatenate = cat


@public
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension."""
    xs = [x if isinstance(x, Tensor) else tensor_of(x) for x in tensors]
    if not xs:
        raise ShapeError("stack(): expected a non-empty list of Tensors")
    if len({x._data.shape for x in xs}) > 1:
        shapes = sorted({x.shape for x in xs})
        raise ShapeError(f"stack expects each tensor to be equal size, but got {shapes}")
    return table.stack(*of_one_dtype(xs), axis=dim_of(xs[0].ndim + 1, dim))


def of_one_dtype(xs: list[Tensor]) -> list[Tensor]:
    """The Tensors, cast to the dtype that holds them all."""
    first = xs[0]._data.dtype
    if not [x for x in xs if x._data.dtype is not first]:
        return xs
    if len({x._data.dtype for x in xs}) == 1:
        return xs
    dtype = functools.reduce(promote_types, [x.dtype for x in xs])
    return [x if x.dtype == dtype else table.cast(x, dtype=dtype) for x in xs]


def atleast_1d(*tensors: Any) -> Any:
    """A number as a vector of one; of several Tensors, a tuple."""
    return with_dimensions(1, tensors)


def atleast_2d(*tensors: Any) -> Any:
    """A vector as one row; of several Tensors, a tuple."""
    return with_dimensions(2, tensors)


def with_dimensions(ndim: int, tensors: tuple[Any, ...]) -> Any:
    """Tensors with leading dimensions of length one where they have fewer than `ndim`."""
    several = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    grown = tuple(reshape(x, (1,) * max(0, ndim - x.ndim) + x.shape) for x in several)
    return grown[0] if several is tensors and len(tensors) == 1 else grown


@public
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Consecutive pieces of these lengths along `dim`; views."""
    axis = dim_of(input.ndim, dim)
    if sum(split_sizes) != input.shape[axis]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {input.shape[axis]}, "
            f"but got split_sizes={list(split_sizes)}"
        )
    starts = accumulate([0, *split_sizes])
    return tuple(table.narrow(input, axis, i, n) for i, n in zip(starts, split_sizes, strict=False))


@public
def split(input: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of one length (the last may be shorter), or of the lengths in a list; views."""
    if isinstance(split_size_or_sections, (tuple, list)):
        return split_with_sizes(input, split_size_or_sections, dim)
    n, size = input.shape[dim_of(input.ndim, dim)], int(split_size_or_sections)
    if size < 0 or (size == 0 and n):
        raise RuntimeError(f"split expects a positive split_size, but got {size}")
    sizes = [min(size, n - i) for i in range(0, n, size)] if n else [0]
    return split_with_sizes(input, sizes, dim)


@public
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of equal length, the last perhaps shorter; views."""
    if chunks < 1:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[dim_of(input.ndim, dim)]
    return split(input, max(1, -(-n // chunks)), dim)


@public
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces as equal as possible, or cut at the given indices; views."""
    n = input.shape[dim_of(input.ndim, dim)]
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        return split_with_sizes(input, [n // k + (i < n % k) for i in range(k)], dim)
    key = (ALL,) * dim_of(input.ndim, dim)
    cuts = [None, *indices_or_sections, None]
    return tuple(table.slice(input, key=(*key, slice(a, b))) for a, b in pairwise(cuts))


@public
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """input[0], input[1], ... along `dim`; views."""
    axis = dim_of(input.ndim, dim)
    return tuple(table.slice(input, key=(ALL,) * axis + (i,)) for i in range(input.shape[axis]))


@public
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements shifted by `shifts` along `dims`; those past the end come in at the front."""
    if dims is None or dims == ():
        return reshape(roll(ravel(input), shifts, 0), input.shape)
    shifts, dims = (v if isinstance(v, (tuple, list)) else (v,) for v in (shifts, dims))
    if len(shifts) != len(dims):
        raise RuntimeError(f"roll: {len(shifts)} shifts for {len(dims)} dims")
    for shift, dim in zip(shifts, dims, strict=True):
        if not input.ndim:
            raise IndexError(f"roll: a number has no dimension {dim}")
        axis = dim_of(input.ndim, dim)
        n = input.shape[axis]
        if n and shift % n:
            cut = n - shift % n
            parts = [table.narrow(input, axis, cut, n - cut), table.narrow(input, axis, 0, cut)]
            input = cat(parts, axis)
    return clone(input)


@public
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid: each vector along its own dimension, expanded along the others."""
    xs = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f"meshgrid: indexing must be 'ij' or 'xy', not {indexing!r}")
    shape = tuple(x.shape[0] if x.ndim else 1 for x in xs)
    own = [tuple(-1 if j == i else 1 for j in range(len(xs))) for i in range(len(xs))]
    grids = [broadcast_to(reshape(x, to), shape) for x, to in zip(xs, own, strict=True)]
    return tuple(transpose(g, 0, 1) if indexing == "xy" and len(xs) > 1 else g for g in grids)


# One-line compositions of other ops
hstack = composed(
    "Along the second dimension; vectors along the first.",
    lambda tensors: cat(xs := atleast_1d(list(tensors)), min(1, xs[0].ndim - 1) if xs else 0),
)
vstack = row_stack = composed(
    "Along the first dimension; vectors as rows.", lambda tensors: cat(atleast_2d(list(tensors)))
)
