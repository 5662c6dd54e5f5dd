"""The same elements in another shape or order: mostly views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import layout, views
from tinygrad_mnist.autograd.modes import TAPED, current
from tinygrad_mnist.autograd.tensor import Tensor, refuse_read, wrap
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import as_element, composed, dim_of, dims_of, public, size_of

__all__ = [
    "broadcast_to", "clone", "constant_pad_nd", "contiguous", "expand", "expand_as", "flatten",
    "flip", "fliplr", "flipud", "moveaxis", "movedim", "narrow", "permute", "ravel", "repeat",
    "reshape", "reshape_as", "select", "squeeze", "swapaxes", "swapdims", "t", "tile", "transpose",
    "unflatten", "unsqueeze", "view", "view_as",
]  # fmt: skip
NOT_METHODS = {"constant_pad_nd"}
METHODS = [name for name in __all__ if name not in NOT_METHODS]

ALL = np.s_[:]


@public
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape; one length may be -1.

    A view where PyTorch's is one, else a copy: see `view`.
    """
    return _reshaped(input, size_of(shape))


def _reshaped(input: Tensor, size: tuple[int, ...]) -> Tensor:
    """`reshape` that shares memory where PyTorch's does, and only there."""
    array = input._data
    theirs = views.laid_out_as_pytorch(input)
    if theirs is array or not array.size:
        return table.reshape(input, shape=size)
    if _shares(theirs, size):
        return _viewed(input, size)
    return table.reshape(clone(input) if _shares(array, size) else input, shape=size)


@public
def view(input: Tensor, *shape: Any, dtype: Any = None) -> Tensor:
    """`reshape`; RuntimeError where PyTorch's would not share memory either.

    Where only this library's layout rules out shared memory, the result is a copy that is kept
    equal: see `autograd/layout.py`. `view(dtype)` reads the same bits as numbers of that dtype.
    """
    try:
        size = size_of(shape if dtype is None else (dtype,))
    except TypeError:
        if not isinstance(dtype or shape[0], (np.dtype, type)):
            raise
        return bits_as(input, np.dtype(dtype or shape[0]))
    theirs = views.laid_out_as_pytorch(input)
    if theirs is input._data and theirs.flags.c_contiguous:
        return table.reshape(input, shape=size)
    if not _shares(theirs, size):
        raise RuntimeError(
            f"view of shape {list(size)} is not compatible with the layout of this Tensor of "
            f"shape {list(input.shape)}; use .reshape(...) instead"
        )
    return _viewed(input, size)


def bits_as(input: Tensor, dtype: Any) -> Tensor:
    """The same memory as numbers of another dtype; the last dimension grows or shrinks."""
    refuse_read("view(dtype)")
    array, old = input._data, input.dtype
    if array.ndim == 0 and old.itemsize != dtype.itemsize:
        raise RuntimeError(
            f"self.dim() cannot be 0 to view {old} as {dtype} (different element sizes)"
        )
    if dtype.itemsize > old.itemsize:
        times = dtype.itemsize // old.itemsize
        if array.shape[-1] % times:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {times} to view {old} as {dtype} "
                f"(different element sizes), but got {array.shape[-1]}"
            )
    try:
        return wrap(array.view(dtype))
    except ValueError:
        raise RuntimeError(
            f"self.stride(-1) must be 1 to view {old} as {dtype} (different element sizes)"
        ) from None


def _viewed(input: Tensor, size: tuple[int, ...]) -> Tensor:
    """`view` of a size that PyTorch's would take."""
    tape = current().tape if TAPED else None
    if _shares(input._data, size) or not input._data.size:
        return table.reshape(input, shape=size)
    if tape is None:
        return table.reshape(in_pytorch_order(input), shape=size)
    copy = table.reshape(input, shape=size)
    layout.Pair(input, copy._data)
    tape.copied(input, copy)
    return copy


def in_pytorch_order(tensor: Tensor) -> Tensor:
    """Return a copy that lies in PyTorch's order and is kept equal, with the same node.

    Of an expanded Tensor it expands a copy of its base, for writes have to reach all repetitions.
    """
    origin = views.origin_of(tensor)
    if origin is not None and layout.repeats(tensor._data):
        array = in_pytorch_order(origin.base)._data
        for op, kw in origin.way:
            array = op.kernel(array, **kw)
        return wrap(array, tensor._node)
    copy = wrap(np.array(tensor._data, order="C"), tensor._node)
    layout.Pair(tensor, copy._data)
    strides = views.laid_out_as_pytorch(tensor).strides
    copy._origin = views.Layout(copy._data, strides, copy._data)
    return copy


def _shares(array: Any, size: tuple[int, ...]) -> bool:
    """Tell whether the array can share its memory in another shape.

    True for an impossible shape, which the op then reports.
    """
    try:
        array.reshape(size, copy=False)
    except ValueError as error:
        return "copy" not in str(error)
    return True


@public
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim` as one."""
    start, end = dim_of(input.ndim, start_dim), dim_of(input.ndim, end_dim)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not input.ndim:
        return reshape(input, (1,))
    shape = input._data.shape
    return _reshaped(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@public
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension as several."""
    axis = dim_of(input.ndim, dim)
    return reshape(input, (*input.shape[:axis], *sizes, *input.shape[axis + 1 :]))


@public
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without the dimensions of length one (those in `dim`)."""
    lengths = input._data.shape
    if dim is None:
        return table.reshape(input, shape=tuple([n for n in lengths if n != 1]))
    axes = dims_of(len(lengths), dim if isinstance(dim, (tuple, list)) else (dim,))
    rest = [n for i, n in enumerate(lengths) if n != 1 or i not in axes]
    return table.reshape(input, shape=tuple(rest))


@public
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new dimension of length one at `dim`."""
    lengths = input._data.shape
    axis = dim_of(len(lengths) + 1, dim)
    return table.reshape(input, shape=(*lengths[:axis], 1, *lengths[axis:]))


@public
def permute(input: Tensor, *dims: Any) -> Tensor:
    """The dimensions in the order `dims`; a view."""
    axes = dims_of(input._data.ndim, size_of(dims))
    if len(axes) != input._data.ndim:
        raise RuntimeError(f"permute: {len(axes)} dims given for a Tensor of {input.ndim}")
    return table.permute(input, axes=axes)


@public
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions swapped; a view."""
    ndim = input._data.ndim
    axes = list(range(ndim))
    i, j = dim_of(ndim, dim0), dim_of(ndim, dim1)
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
    """The dimensions `source` moved to `destination`, the others in their order; a view."""
    pair = (source, destination)
    sources, destinations = (
        dims_of(input.ndim, d if isinstance(d, (tuple, list)) else (d,)) for d in pair
    )
    if len(sources) != len(destinations):
        raise RuntimeError(f"movedim: {len(sources)} sources, {len(destinations)} destinations")
    if not input.ndim:
        return input
    axes = [i for i in range(input.ndim) if i not in sources]
    for position, axis in sorted(zip(destinations, sources, strict=True)):
        axes.insert(position, axis)
    return table.permute(input, axes=tuple(axes))


moveaxis = movedim


@public
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """input repeated along dimensions of length one and new leading ones; a view."""
    return _broadcast(input, size_of((size,)))


def _broadcast(input: Tensor, size: tuple[int, ...]) -> Tensor:
    extra = len(size) - input._data.ndim
    if -1 in size:
        shape = input._data.shape
        size = tuple(n if n != -1 else shape[i - extra] for i, n in enumerate(size))
    return table.broadcast_to(input, shape=size)


@public
def expand(input: Tensor, *size: Any) -> Tensor:
    """`broadcast_to`; -1 keeps a length."""
    return _broadcast(input, size_of(size))


@public
def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """input itself if it is contiguous, else a copy that is."""
    if is_contiguous(input):
        return input
    if input._data.flags.c_contiguous:  # but PyTorch would lay it out in another way
        return clone(input)
    row = table.reshape(input, shape=(-1,))  # a copy, unless the elements lie at even distances
    row = clone(row) if shares_memory(row, input) else row
    return table.reshape(row, shape=input.shape)


def shares_memory(a: Tensor, b: Tensor) -> bool:
    """Tell whether two Tensors lie in one block of memory."""
    return layout.owner(a._data) is layout.owner(b._data)


def is_contiguous(x: Tensor) -> bool:
    """Tell whether PyTorch would lay out this Tensor in C order, as everything but views."""
    return bool(views.laid_out_as_pytorch(x).flags.c_contiguous)


def stride(x: Tensor) -> tuple[int, ...]:
    """The number of elements from one to the next along each dimension, in PyTorch's layout."""
    return tuple(step // x._data.itemsize for step in views.laid_out_as_pytorch(x).strides)


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
def flip(input: Tensor, *dims: Any) -> Tensor:
    """The elements in reverse order along `dims`."""
    axes = dims_of(input.ndim, size_of(dims))
    key = tuple(np.s_[::-1] if i in axes else ALL for i in range(input.ndim))
    return clone(table.slice(input, key=key))


@public
def repeat(input: Tensor, *sizes: Any) -> Tensor:
    """input repeated `sizes` times along each dimension, in new memory."""
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
    """`repeat`, with ones in front of too few `dims`."""
    times = size_of(dims)
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


@public
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """input padded with `value`; `pad` is (before, after) of the last dimension, then the others.

    A negative length cuts elements off. Raises RuntimeError for a value that no element can be.
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise RuntimeError(f"constant_pad_nd: {len(pad)} lengths for {input.ndim} dimensions")
    before = [0] * (input.ndim - len(pad) // 2) + list(pad[::2])[::-1]
    after = [0] * (input.ndim - len(pad) // 2) + list(pad[1::2])[::-1]
    ends = list(zip(input.shape, before, after, strict=True))
    shape = tuple(n + b + a for n, b, a in ends)
    if min(shape, default=1) < 0:
        raise RuntimeError(f"constant_pad_nd: {list(pad)} leaves nothing of {list(input.shape)}")
    interior = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, b, a in ends)
    key = tuple(slice(max(b, 0), n + b + a - max(a, 0)) for n, b, a in ends)
    x = table.slice(input, key=interior)
    value = as_element(float(value), input.dtype) if input.dtype.kind in "iu" else value
    if not value:
        return table.unslice(x, key=key, shape=shape)
    return table.assign(np.full(shape, value, input.dtype), x, key=key)


# One-line compositions of other ops
view_as = composed("`view` in the shape of other.", lambda input, other: view(input, other.shape))
reshape_as = composed(
    "`reshape` to the shape of other.", lambda input, other: reshape(input, other.shape)
)
expand_as = composed(
    "`expand` to the shape of other.", lambda input, other: broadcast_to(input, other.shape)
)
ravel = composed("All elements in one dimension.", lambda input: reshape(contiguous(input), (-1,)))
clone = composed(
    "A copy in new memory, through which gradients flow.",
    lambda input, *, memory_format=None: table.cast(input, dtype=input.dtype),
)
fliplr = composed("Left to right: `flip` of dimension 1.", lambda input: flip(input, 1))
flipud = composed("Upside down: `flip` of dimension 0.", lambda input: flip(input, 0))
