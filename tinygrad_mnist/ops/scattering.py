"""Values written out of place by index, mask, diagonal or slice, and reductions by index."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, refuse_read, wrap
from tinygrad_mnist.ops import join, shape, table
from tinygrad_mnist.ops.arguments import dim_of, named, public, tensor_of
from tinygrad_mnist.ops.index import (
    ALL,
    argwhere,
    check_ranks,
    check_vector,
    parse,
    spelled,
    to_rows,
    trim,
    within,
)
from tinygrad_mnist.ops.refused import refuse

__all__ = [
    "diagonal_scatter", "index_put", "index_reduce", "masked_scatter", "nonzero_static", "put",
    "scatter_reduce", "select_scatter", "slice_scatter", "take", "unravel_index",
]  # fmt: skip
METHODS = [name for name in __all__ if name != "unravel_index"]


@public
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at `index` of the flattened input, in the shape of index.

    Raises IndexError for an index out of range; negative ones count from the end.

    >>> import tinygrad_mnist as tg
    >>> tg.take(tg.tensor([[4, 3], [2, 1]]), tg.tensor([0, 2]))
    tensor([4, 2])
    """
    _integers("take", index)
    return table.take(table.reshape(input, shape=(-1,)), index)


def _integers(name: str, index: Tensor) -> None:
    if index.dtype.kind not in "iu":
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {index.dtype}")


@public
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """input, with source at `index` of the flattened input, or added there; `take`'s adjoint."""
    _integers("put", index)
    if index._data.size != source._data.size:
        raise ShapeError(
            f"put(): Expected source and index to have the same number of elements, but got "
            f"{source._data.size} and {index._data.size}"
        )
    _same_dtype("put", input, source)
    at, values = (table.reshape(v, shape=(-1,)) for v in (index, source))
    line = table.reshape(input, shape=(-1,))
    if accumulate:
        line = line + table.put(values, at, shape=line.shape)
    else:
        line = table.assign_at(line, at, values)
    return table.reshape(line, shape=input.shape)


def _same_dtype(name: str, input: Tensor, source: Tensor) -> None:
    if input.dtype != source.dtype:
        raise RuntimeError(
            f"{name}(): input and source must have one dtype, not {input.dtype} and {source.dtype}"
        )


@public
def index_put(input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """input, with values at input[indices], or added there; None takes a whole dimension."""
    if not any(isinstance(part, Tensor) for part in indices):
        raise RuntimeError("index_put: at least one of indices must be a Tensor")
    values = tensor_of(values, input)
    if any(isinstance(part, Tensor) and part.ndim for part in indices):  # numbers go beside them
        indices = [_as_vector(part) for part in indices]
    key = tuple(ALL if part is None else spelled(part) for part in indices)
    basic, arrays, front = parse(input, key)
    if not arrays:
        _same_dtype("index_put", input, values)
        part = table.slice(input, key=basic)
        values = shape.broadcast_to(values, part.shape)
        return table.assign(input, part + values if accumulate else values, key=basic)
    _same_dtype("index_put", input, values)
    rows, at, rest = to_rows(input, arrays)
    order = (*arrays, *(i for i in range(input.ndim) if i not in arrays))
    if front:
        values = shape.broadcast_to(values, (*input.shape[:front], *at.shape, *rest[front:]))
        values = shape.movedim(values, tuple(range(front, front + at.ndim)), tuple(range(at.ndim)))
    if accumulate:
        values = shape.broadcast_to(values, (*at.shape, *rest))
        rows = rows + table.put(values, at, shape=rows.shape)
    else:
        rows = table.assign_at(rows, at, values)
    rows = table.reshape(rows, shape=tuple(input.shape[i] for i in order))
    return table.permute(rows, axes=table.inverse(order))


def _as_vector(part: Any) -> Any:
    """Return an index of one number as one of one dimension; any other as it is."""
    is_number = isinstance(part, Tensor) and not part.ndim and part.dtype.kind in "iu"
    return table.reshape(part, shape=(1,)) if is_number else part


@public
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """input, with the elements of source, one after the other, where mask holds."""
    if mask.dtype.kind != "b":
        raise RuntimeError(f"masked_scatter only supports boolean masks, but got {mask.dtype}")
    _same_dtype("masked_scatter", input, source)
    size = np.broadcast_shapes(input.shape, mask.shape)
    mask = table.broadcast_to(mask, shape=size)
    line = table.reshape(mask, shape=(math.prod(size),))
    refuse_read("masked_scatter()")
    if (needed := int(np.count_nonzero(mask._data))) > source._data.size:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same number of elements: the mask "
            f"is true {needed} times, source has {source._data.size}"
        )
    if not source._data.size:
        return table.cast(table.broadcast_to(input, shape=size), dtype=input.dtype)
    order = table.clip(table.cumsum(line, axis=0) - 1, low=0, high=source._data.size - 1)
    values = table.take(table.reshape(source, shape=(-1,)), order)
    return table.where(mask, table.reshape(values, shape=size), input)


@public
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """input, with src on the diagonals of the matrices in (dim1, dim2)."""
    axes = dim_of(input.ndim, dim1), dim_of(input.ndim, dim2)
    expected = np.diagonal(np.broadcast_to(np.zeros((), bool), input.shape), offset, *axes).shape
    if src.shape != expected:
        raise ShapeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)},"
            f" slice size = {list(expected)}"
        )
    on_diagonal = table.undiagonal(
        np.ones(expected, bool), offset=offset, axes=axes, shape=input.shape
    )
    src = src if src.dtype == input.dtype else table.cast(src, dtype=input.dtype)
    spread = table.undiagonal(src, offset=offset, axes=axes, shape=input.shape)
    return table.where(tensor_of(on_diagonal), spread, input)


@public
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """input, with src in place of input.select(dim, index)."""
    axis, i = dim_of(input.ndim, dim), index.__index__()
    if not -input.shape[axis] <= i < input.shape[axis]:
        raise IndexError(
            f"select(): index {i} out of range for tensor of size {list(input.shape)} at dimension "
            f"{axis}"
        )
    return _assigned(input, src, (ALL,) * axis + (i,))


@public
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """input, with src in place of its slice from `start` to `end` along `dim`."""
    if step < 1:
        raise RuntimeError("slice step must be positive")
    return _assigned(input, src, (ALL,) * dim_of(input.ndim, dim) + (slice(start, end, step),))


def _assigned(input: Tensor, src: Tensor, key: tuple[Any, ...]) -> Tensor:
    expected = input._data[(*key, ...)].shape
    if src.shape != expected:
        raise ShapeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)},"
            f" slice size = {list(expected)}"
        )
    return table.assign(input, src, key=key)


@public
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """input, reduced with src[i][j] at [index[i][j]][j] (for dim 0).

    `reduce` is "sum", "prod", "mean", "amax" or "amin"; without `include_self` the elements of
    input at those indices do not count. Equal extremes share the gradient.
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(
            "reduce argument must be either sum, prod, mean, amax or amin, got " + repr(reduce)
        )
    _same_dtype("scatter_reduce", input, src)
    _integers("scatter_reduce", index)
    check_ranks(input, index)
    if not input.ndim or not index.ndim:
        line, at, values = (table.reshape(v, shape=(-1,)) for v in (input, index, src))
        at = within("scatter_reduce", at, line, dim_of(input.ndim, dim))
        return table.reshape(_reduced(line, at, values, reduce, include_self), shape=input.shape)
    axis = dim_of(input.ndim, dim)
    trim(input, index.shape, axis)
    src = trim(src, index.shape, None)
    if not index._data.size:
        return shape.clone(input)
    grid: list[Any] = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[axis] = within("scatter_reduce", index, input, axis)
    at = table.reshape(table.flat_index(*grid, shape=input.shape), shape=(-1,))
    line, values = (table.reshape(v, shape=(-1,)) for v in (input, src))
    return table.reshape(_reduced(line, at, values, reduce, include_self), shape=input.shape)


@public
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """input, whose slices at `index` along `dim` are reduced with those of source.

    `reduce` is "prod", "mean", "amax" or "amin".
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"index_reduce(): reduce must be one of prod, mean, amax or amin, not {reduce!r}"
        )
    _same_dtype("index_reduce", input, source)
    _integers("index_reduce", index)
    check_vector("index_reduce", index)
    axis = dim_of(input.ndim, dim)
    index = within("index_reduce", index, input, axis)
    if not input.ndim:
        line, at, values = (table.reshape(v, shape=(-1,)) for v in (input, index, source))
        return table.reshape(_reduced(line, at, values, reduce, include_self), shape=())
    count = index._data.size
    if source.shape != (*input.shape[:axis], count, *input.shape[axis + 1 :]):
        raise ShapeError(
            f"index_reduce: {count} indices into {list(input.shape)} along {dim} do not go with a "
            f"source of {list(source.shape)}"
        )
    along_axis = (count, *(1,) * (input.ndim - axis - 1))
    spread = table.broadcast_to(table.reshape(index, shape=along_axis), shape=source.shape)
    return scatter_reduce(input, axis, spread, source, reduce, include_self=include_self)


def _reduced(line: Tensor, at: Tensor, values: Tensor, how: str, with_self: bool) -> Tensor:
    """Reduce the elements of a vector at `at` with the values."""
    touched: Any = None
    if not with_self or how == "mean":
        touched = table.put(wrap(np.ones(at.shape, np.int64)), at, shape=line.shape)
    if not with_self:
        neutral = {"prod": 1, "amax": -math.inf, "amin": math.inf}.get(how, 0)
        if how in ("amax", "amin") and line.dtype.kind != "f":
            limits = np.iinfo(line.dtype) if line.dtype.kind != "b" else None
            low, high = (0, 1) if limits is None else (limits.min, limits.max)
            neutral = low if how == "amax" else high
        line = table.where(touched > 0, np.asarray(neutral).astype(line.dtype), line)
    if how == "prod":
        return _product(line, at, values)
    if how in ("amax", "amin"):
        return (table.largest_at if how == "amax" else table.smallest_at)(line, at, values)
    total = line + table.put(values, at, shape=line.shape)
    if how == "sum":
        return total
    count = table.clip(touched + int(with_self), low=1, high=None)
    if line.dtype.kind != "f":
        return table.floor_divide(total, table.cast(count, dtype=line.dtype))
    return total / table.cast(count, dtype=line.dtype)


def _product(line: Tensor, at: Tensor, values: Tensor) -> Tensor:
    """Multiply each element of a vector by the values that go to its index.

    Values for one index are multiplied in pairs until one is left: differentiable at zeros too.
    """
    refuse_read("reduce='prod'")
    n = line.shape[0]
    target = np.concatenate([np.arange(n), at._data % max(n, 1)])
    order = np.argsort(target, kind="stable")
    x, target = table.take(join.cat([line, values]), order), target[order]
    while len(target) > n:
        begins = np.append(True, target[1:] != target[:-1])
        position = np.arange(len(target))
        position = position - np.maximum.accumulate(np.where(begins, position, 0))
        left = np.flatnonzero(position % 2 == 0)
        right = np.minimum(left + 1, len(target) - 1)
        paired = (right > left) & (target[right] == target[left])
        factor = table.where(paired, table.take(x, right), np.ones((), x.dtype))
        x, target = table.take(x, left) * factor, target[left]
    return x


@public
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """`nonzero`, cut or filled up to `size` rows."""
    indices = argwhere(input)._data[:size]
    rows = np.full((size, input.ndim), fill_value, np.int64)
    rows[: len(indices)] = indices
    return wrap(rows)


@public
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Indices into a flattened array of `shape` as one index for each of its dimensions."""
    _integers("unravel_index", indices)
    refuse_read("unravel_index()")
    size = tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),)
    total = math.prod(size)
    flat = indices._data.astype(np.int64)
    if ((flat < -total) | (flat >= total)).any():
        raise ValueError(f"unravel_index: an index is out of bounds for shape {size}")
    parts = np.unravel_index(flat % max(total, 1), size)
    return tuple(wrap(np.asarray(part, np.int64)) for part in parts)


named(globals(), __all__)
refuse(globals())
