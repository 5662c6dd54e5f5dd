"""The same elements in another shape or order, joined or split: mostly views."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import composed, dim_of, dims_of, public, size_of, tensor_of

__all__ = [
    "atleast_1d", "atleast_2d", "broadcast_tensors", "broadcast_to", "cat", "chunk", "clone",
    "concat", "concatenate", "constant_pad_nd", "contiguous", "diag", "diag_embed", "diagflat",
    "diagonal", "expand", "expand_as", "flatten", "flip", "fliplr", "flipud", "hstack", "meshgrid",
    "moveaxis", "movedim", "narrow", "permute", "ravel", "repeat", "reshape", "reshape_as", "roll",
    "row_stack", "select", "split", "split_with_sizes", "squeeze", "stack", "swapaxes", "swapdims",
    "t", "tensor_split", "tile", "trace", "transpose", "tril", "triu", "unbind", "unflatten",
    "unsqueeze", "view", "view_as", "vstack",
]  # fmt: skip
NOT_METHODS = {
    "broadcast_tensors",
    "constant_pad_nd",
    "cat",
    "concat",
    "concatenate",
    "stack",
    "hstack",
    "vstack",
    "row_stack",
    "diag_embed",
    "meshgrid",
    "moveaxis",
    "fliplr",
    "flipud",
    "atleast_1d",
    "atleast_2d",
}
METHODS = [name for name in __all__ if name not in NOT_METHODS]

ALL = np.s_[:]


@public
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape; one length may be -1. A view where possible."""
    return table.reshape(input, shape=size_of(shape))


@public
def view(input: Tensor, *shape: Any) -> Tensor:
    """`reshape`; RuntimeError where that cannot share memory."""
    size = size_of(shape)
    try:
        input._data.reshape(size, copy=False)
    except ValueError as error:
        if "copy" in str(error):
            raise RuntimeError(
                f"view of shape {list(size)} is not compatible with the layout of this Tensor of "
                f"shape {list(input.shape)}; use .reshape(...) instead"
            ) from None
    return table.reshape(input, shape=size)


@public
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim` as one."""
    start, end = dim_of(input.ndim, start_dim), dim_of(input.ndim, end_dim)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not input.ndim:
        return reshape(input, (1,))
    middle = int(np.prod(input.shape[start : end + 1], dtype=np.int64))
    return reshape(input, (*input.shape[:start], middle, *input.shape[end + 1 :]))


@public
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension as several."""
    axis = dim_of(input.ndim, dim)
    return reshape(input, (*input.shape[:axis], *sizes, *input.shape[axis + 1 :]))


@public
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without the dimensions of length one (those in `dim`)."""
    if dim is None:
        axes = tuple(range(input.ndim))
    else:
        axes = dims_of(input.ndim, dim if isinstance(dim, (tuple, list)) else (dim,))
    kept = tuple(n for i, n in enumerate(input.shape) if n != 1 or i not in axes)
    return reshape(input, kept)


@public
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new dimension of length one at `dim`."""
    axis = dim_of(input.ndim + 1, dim)
    return reshape(input, (*input.shape[:axis], 1, *input.shape[axis:]))


@public
def permute(input: Tensor, *dims: Any) -> Tensor:
    """The dimensions in the order `dims`; a view."""
    axes = dims_of(input.ndim, size_of(dims))
    if len(axes) != input.ndim:
        raise RuntimeError(f"permute: {len(axes)} dims given for a Tensor of {input.ndim}")
    return table.permute(input, axes=axes)


@public
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions swapped; a view."""
    axes = list(range(input.ndim))
    i, j = dim_of(input.ndim, dim0), dim_of(input.ndim, dim1)
    if axes:
        axes[i], axes[j] = axes[j], axes[i]
    return table.permute(input, axes=tuple(axes))


swapaxes = swapdims = transpose


@public
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector as it is."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return table.permute(input, axes=tuple(range(input.ndim))[::-1])


@public
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """The dimensions `source` at the places `destination`, the others in their order; a view."""
    pair = (source, destination)
    sources, places = (
        dims_of(input.ndim, d if isinstance(d, (tuple, list)) else (d,)) for d in pair
    )
    if len(sources) != len(places):
        raise RuntimeError(f"movedim: {len(sources)} sources, {len(places)} destinations")
    if not input.ndim:
        return input
    axes = [i for i in range(input.ndim) if i not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        axes.insert(place, axis)
    return table.permute(input, axes=tuple(axes))


moveaxis = movedim


@public
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """input repeated along dimensions of length one and new leading ones; a view."""
    size = size_of((size,))
    extra = len(size) - input.ndim
    full = (n if n != -1 else input.shape[i - extra] for i, n in enumerate(size))
    return table.broadcast_to(input, shape=tuple(full))


@public
def expand(input: Tensor, *size: Any) -> Tensor:
    """`broadcast_to`; -1 keeps a length."""
    return broadcast_to(input, size_of(size))


@public
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All the Tensors, expanded to one shape."""
    shape = np.broadcast_shapes(*(x.shape for x in tensors))
    return tuple(broadcast_to(x, shape) for x in tensors)


@public
def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """input itself if its memory is in C order, else a copy that is."""
    return input if input._data.flags.c_contiguous else table.cast(input, dtype=input.dtype)


@public
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The Tensors one after the other along `dim`."""
    from tinygrad_mnist.autograd.dtypes import promote_types

    if not len(tensors):
        raise ShapeError("cat(): expected a non-empty list of Tensors")
    xs = [x for x in map(tensor_of, tensors) if x.shape != (0,)] or [tensor_of(tensors[0])]
    if any(not x.ndim for x in xs):
        raise RuntimeError("zero-dimensional tensor cannot be concatenated; use stack()")
    dtype = xs[0].dtype
    for x in map(tensor_of, tensors):
        dtype = promote_types(dtype, x.dtype)
    xs = [x if x.dtype == dtype else table.cast(x, dtype=dtype) for x in xs]
    axis = dim_of(xs[0].ndim, dim)
    starts = tuple(accumulate([0, *(x.shape[axis] for x in xs if x.ndim > axis)]))[:-1]
    return table.cat(*xs, axis=axis, starts=starts)


concat = concatenate = cat


@public
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension."""
    xs = [tensor_of(x) for x in tensors]
    shapes = {x.shape for x in xs}
    if len(shapes) > 1:
        raise ShapeError(f"stack expects each tensor to be equal size, but got {sorted(shapes)}")
    return cat([unsqueeze(x, dim) for x in xs], dim_of(xs[0].ndim + 1, dim) if xs else 0)


def atleast_1d(*tensors: Any) -> Any:
    """A number as a vector of one; of several Tensors, a tuple."""
    return at_least(1, tensors)


def atleast_2d(*tensors: Any) -> Any:
    """A vector as one row; of several Tensors, a tuple."""
    return at_least(2, tensors)


def at_least(ndim: int, tensors: tuple[Any, ...]) -> Any:
    """Tensors with leading dimensions of length one where they have fewer than `ndim`."""
    several = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    grown = tuple(reshape(x, (1,) * max(0, ndim - x.ndim) + x.shape) for x in several)
    return grown[0] if several is tensors and len(tensors) == 1 else grown


@public
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """input[start : start + length] along `dim`; a view."""
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    axis = dim_of(input.ndim, dim)
    n, start = input.shape[axis], start.__index__()
    start = start + n if start < 0 else start
    if not 0 <= start <= start + length <= n:
        raise RuntimeError(f"narrow: start {start} + length {length} exceeds {n} of dim {axis}")
    return table.narrow(input, axis, start, length)


@public
def select(input: Tensor, dim: int, index: Any) -> Tensor:
    """input[index] along `dim`; a view."""
    axis, i = dim_of(input.ndim, dim), index.__index__()
    if not -input.shape[axis] <= i < input.shape[axis]:
        raise IndexError(f"select(): index {i} out of range for {input.shape} at dimension {axis}")
    return table.slice(input, key=(ALL,) * axis + (i,))


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
def flip(input: Tensor, *dims: Any) -> Tensor:
    """The elements in reverse order along `dims`."""
    axes = dims_of(input.ndim, size_of(dims))
    key = tuple(np.s_[::-1] if i in axes else ALL for i in range(input.ndim))
    return clone(table.slice(input, key=key))


@public
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved on by `shifts` along `dims`; what falls off comes in at the front."""
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
def repeat(input: Tensor, *sizes: Any) -> Tensor:
    """input laid out `sizes` times along each dimension, in new memory."""
    times = size_of(sizes)
    extra = len(times) - input.ndim
    if extra < 0:
        raise RuntimeError(f"repeat: {len(times)} repeats for {input.ndim} dimensions")
    shape = (1,) * extra + input.shape
    spread = table.reshape(input, shape=tuple(m for n in shape for m in (1, n)))
    pairs = zip(times, shape, strict=True)
    laid = table.broadcast_to(spread, shape=tuple(m for k, n in pairs for m in (k, n)))
    total = tuple(k * n for k, n in zip(times, shape, strict=True))
    return clone(table.reshape(laid, shape=total))


@public
def tile(input: Tensor, *dims: Any) -> Tensor:
    """`repeat`, with ones put before too few `dims`."""
    times = size_of(dims)
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


@public
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """`value` put before and after the last dimension, the one before it, ...: (b, a, b, a, ...).

    A negative length cuts off.
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise RuntimeError(f"constant_pad_nd: {len(pad)} lengths for {input.ndim} dimensions")
    before = [0] * (input.ndim - len(pad) // 2) + list(pad[::2])[::-1]
    after = [0] * (input.ndim - len(pad) // 2) + list(pad[1::2])[::-1]
    ends = list(zip(input.shape, before, after, strict=True))
    shape = tuple(n + b + a for n, b, a in ends)
    if min(shape, default=1) < 0:
        raise RuntimeError(f"constant_pad_nd: {list(pad)} leaves nothing of {list(input.shape)}")
    inside = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, b, a in ends)
    key = tuple(slice(max(b, 0), n + b + a - max(a, 0)) for n, b, a in ends)
    x = table.slice(input, key=inside)
    if not value:
        return table.unslice(x, key=key, shape=shape)
    return table.assign(np.full(shape, value, input.dtype), x, key=key)


@public
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonals of the matrices in (dim1, dim2), as the last dimension."""
    if dim_of(input.ndim, dim1) == dim_of(input.ndim, dim2):
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    x = movedim(input, (dim1, dim2), (-2, -1))
    start, step, length = diagonal_of(x.shape[-2], x.shape[-1], offset)
    flat = reshape(x, (*x.shape[:-2], x.shape[-2] * x.shape[-1]))
    stop = start + (length - 1) * step + 1 if length else start
    return table.slice(flat, key=(..., slice(start, stop, step)))


take_diagonal = diagonal


def diagonal_of(rows: int, columns: int, offset: int) -> tuple[int, int, int]:
    """Where a diagonal starts in the flattened matrix, its step, and its length."""
    start = offset if offset >= 0 else -offset * columns
    length = min(rows + min(offset, 0), columns - max(offset, 0))
    return start, columns + 1, max(length, 0)


@public
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices in (dim1, dim2), zero but for a diagonal: the last dimension of input."""
    n = input.shape[-1] + abs(offset)
    start, step, _ = diagonal_of(n, n, offset)
    stop = start + (input.shape[-1] - 1) * step + 1 if input.shape[-1] else start
    lead = input.shape[:-1]
    flat = table.unslice(input, key=(..., slice(start, stop, step)), shape=(*lead, n * n))
    return movedim(reshape(flat, (*lead, n, n)), (-2, -1), (dim1, dim2))


@public
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with this diagonal."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise RuntimeError(f"diag(): expected a vector or a matrix, not {input.ndim} dimensions")
    return take_diagonal(input, diagonal)


@public
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    if input.ndim != 2:
        raise RuntimeError("trace: expected a matrix")
    return table.sum(diagonal(input))


def triangle(x: Tensor, diagonal: int, lower: bool) -> Tensor:
    """What is on and below `diagonal`, or what is above it."""
    if x.ndim < 2:
        raise RuntimeError("tril and triu: input tensor must have at least 2 dimensions")
    below = np.tri(x.shape[-2], x.shape[-1], diagonal, dtype=np.bool_)
    return table.where(below if lower else ~below, x, 0)


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


# One line of others
view_as = composed("`view` in the shape of other.", lambda input, other: view(input, other.shape))
reshape_as = composed(
    "`reshape` to the shape of other.", lambda input, other: reshape(input, other.shape)
)
expand_as = composed(
    "`expand` to the shape of other.", lambda input, other: broadcast_to(input, other.shape)
)
ravel = composed("All elements in one dimension.", lambda input: reshape(input, (-1,)))
clone = composed(
    "A copy in new memory, through which gradients flow.",
    lambda input, *, memory_format=None: table.cast(input, dtype=input.dtype),
)
hstack = composed(
    "Along the second dimension; vectors along the first.",
    lambda tensors: cat(xs := atleast_1d(list(tensors)), min(1, xs[0].ndim - 1) if xs else 0),
)
vstack = row_stack = composed(
    "Along the first dimension; vectors as rows.", lambda tensors: cat(atleast_2d(list(tensors)))
)
fliplr = composed("Left to right: `flip` of dimension 1.", lambda input: flip(input, 1))
flipud = composed("Upside down: `flip` of dimension 0.", lambda input: flip(input, 0))
diagflat = composed(
    "The matrix whose diagonal is input, flattened.",
    lambda input, offset=0: diag_embed(ravel(input), offset),
)
tril = composed(
    "The matrices' lower triangles, zero above `diagonal`.",
    lambda input, diagonal=0: triangle(input, diagonal, lower=True),
)
triu = composed(
    "The matrices' upper triangles, zero below `diagonal`.",
    lambda input, diagonal=0: triangle(input, diagonal - 1, lower=False),
)
