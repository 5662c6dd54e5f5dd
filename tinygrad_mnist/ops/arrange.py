"""Elements joined, split and turned: blocks, products, stacks, windows, copies."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.dtypes import promote_types
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.kernels.windows import fitting
from tinygrad_mnist.ops import diagonal, join, reduce, shape, table
from tinygrad_mnist.ops.arguments import dim_of, named, public, size_of, tensor_of

__all__ = [
    "adjoint", "alias_copy", "atleast_3d", "block_diag", "cartesian_prod",
    "column_stack", "combinations", "detach_copy", "diagonal_copy", "dsplit", "dstack",
    "expand_copy", "hsplit", "narrow_copy", "permute_copy", "rot90", "select_copy", "slice_copy",
    "split_copy", "split_with_sizes_copy", "squeeze_copy", "sum_to_size", "t_copy",
    "transpose_copy", "unbind_copy", "unfold", "unfold_copy", "unsafe_chunk", "unsafe_split",
    "unsafe_split_with_sizes", "unsqueeze_copy", "vander", "view_copy", "vsplit",
]  # fmt: skip
METHODS = [
    "adjoint", "dsplit", "hsplit", "narrow_copy", "rot90", "sum_to_size", "unfold", "unsafe_chunk",
    "unsafe_split", "unsafe_split_with_sizes", "vsplit",
]  # fmt: skip


@public
def adjoint(input: Tensor) -> Tensor:
    """The matrices in the last two dimensions transposed; a view."""
    if input.ndim == 1:
        raise RuntimeError("tensor.adjoint() is only supported on matrices or batches of matrices")
    return shape.transpose(input, -1, -2) if input.ndim else input


def atleast_3d(*tensors: Any) -> Any:
    """A number as (1, 1, 1), a vector as (1, n, 1), a matrix as (n, m, 1); of several, a tuple."""
    several = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    shapes = {0: (1, 1, 1), 1: (1, -1, 1)}
    grown = tuple(
        x if x.ndim > 2 else shape.reshape(x, shapes.get(x.ndim, (*x.shape, 1))) for x in several
    )
    return grown[0] if several is tensors and len(tensors) == 1 else grown


@public
def block_diag(*tensors: Tensor) -> Tensor:
    """The matrix with these matrices along its diagonal; a vector is a row."""
    blocks = [table.reshape(x, shape=(1, -1)) if x.ndim < 2 else x for x in map(tensor_of, tensors)]
    if any(x.ndim > 2 for x in blocks):
        raise ShapeError("block_diag: input tensors must have 2 or fewer dimensions")
    if not blocks:
        return wrap(np.zeros((1, 0), np.float32))
    dtype = blocks[0].dtype
    for x in blocks:
        dtype = promote_types(dtype, x.dtype)
    width = sum(x.shape[1] for x in blocks)
    rows, start = [], 0
    for x in blocks:
        rest = (start, width - start - x.shape[1])
        rows.append(shape.constant_pad_nd(table.cast(x, dtype=dtype), rest))
        start += x.shape[1]
    return join.cat(rows, 0)


@public
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All rows (x, y, ...) with x from the first vector, y from the second, ..."""
    if any(x.ndim != 1 for x in tensors):
        raise ShapeError("cartesian_prod: expect a 1D vector for each of the tensors")
    if len(tensors) == 1:
        return tensors[0]
    grids = join.meshgrid(*tensors)
    return join.stack([shape.reshape(g, (-1,)) for g in grids], 1)


@public
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All the choices of r elements of a vector, in order, as rows."""
    if input.ndim != 1:
        raise ShapeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if not r:
        return wrap(np.zeros(0, input.dtype))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    index = np.array(list(choose(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return table.take(input, index)


def splitter(name: str) -> Callable[..., Any]:
    """Make hsplit, vsplit or dsplit, in which an int has to divide the length."""

    @public
    def pieces(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        least, axis = {"hsplit": (1, int(input.ndim > 1)), "vsplit": (2, 0), "dsplit": (3, 2)}[name]
        if input.ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor "
                f"with {input.ndim} dimensions!"
            )
        if isinstance(indices_or_sections, int):
            n = input.shape[axis]
            if indices_or_sections < 1 or n % indices_or_sections:
                raise RuntimeError(
                    f"torch.{name} attempted to split along dimension {axis}, but the size of the "
                    f"dimension {n} is not divisible by the split_size {indices_or_sections}!"
                )
        return join.tensor_split(input, indices_or_sections, axis)

    dimensions = {"hsplit": "second dimension, of vectors the first", "vsplit": "first dimension"}
    pieces.__doc__ = f"`tensor_split` along the {dimensions.get(name, 'third dimension')}; views."
    return pieces


hsplit = splitter("hsplit")
vsplit = splitter("vsplit")
dsplit = splitter("dsplit")


@public
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """input turned k times by 90 degrees from the first of `dims` towards the second."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    a, b = (dim_of(input.ndim, d) for d in dims)
    if a == b:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = dim1 = {a}")
    match k % 4:
        case 1:
            return shape.transpose(shape.flip(input, b), a, b)
        case 2:
            return shape.flip(input, a, b)
        case 3:
            return shape.transpose(shape.flip(input, a), a, b)
    return shape.clone(input)


@public
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """input summed over the dimensions in which `size` was broadcast to it."""
    target = size_of(size)
    try:
        fits = np.broadcast_shapes(target, input.shape) == input.shape
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(f"size {list(target)} is not expandable to size {list(input.shape)}.")
    if not target:
        return table.sum(input)
    if target == input.shape:
        return input
    return table.sum_to(reduce.in_wide_dtype(input, None), shape=target)


@public
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """The slices of length `size`, `step` apart, along a dimension; their elements come last.

    In new memory, where PyTorch gives a view.
    """
    axis = dim_of(input.ndim, dimension)
    n = input.shape[axis] if input.ndim else 1
    if size > n or size < 0:
        raise RuntimeError(
            f"maximum size for tensor at dimension {dimension} is {n} but size is {size}"
        )
    if step < 1:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not input.ndim:
        return table.reshape(input, shape=(1,)) if size else wrap(np.zeros(0, input.dtype))
    if not size:
        count = fitting(n, 0, step, 1)
        return wrap(np.zeros((*input.shape[:axis], count, *input.shape[axis + 1 :], 0)))
    last = shape.movedim(input, axis, -1)
    y = table.windows(last, size=(int(size),), step=(int(step),), gap=(1,))
    return shape.movedim(y, (-1, -2), (axis, -1))


@public
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """The Tensors side by side along the second dimension; vectors are columns."""
    xs = [x if x.ndim > 1 else table.reshape(x, shape=(-1, 1)) for x in map(tensor_of, tensors)]
    return join.cat(xs, 1)


@public
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """The Tensors one behind the other along the third dimension, as `atleast_3d` makes them."""
    return join.cat(atleast_3d([tensor_of(x) for x in tensors]), 2)


@public
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of a vector's elements in columns, from N - 1 (one less than its length) to 0."""
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = x.shape[0] if N is None else N
    if count < 0:
        raise RuntimeError(f"N must be non-negative, not {count}")
    powers = np.arange(count) if increasing else np.arange(count)[::-1]
    base = table.cast(x, dtype="int64") if x.dtype.kind == "b" else x
    return table.pow(table.reshape(base, shape=(-1, 1)), powers.astype(base.dtype))


def copied(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    """Make a function of views give its result in new memory."""

    @public
    def copy(input: Tensor, *args: Any, **kw: Any) -> Any:
        view = function(input, *args, **kw)
        if isinstance(view, Tensor):
            return shape.clone(view)
        return tuple(map(shape.clone, view))

    copy.__doc__ = f"`{what}`, in new memory."
    return copy


@public
def _slice(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    key = (np.s_[:],) * dim_of(input.ndim, dim) + (slice(start, end, step),)
    return table.slice(input, key=key)


alias_copy = copied(lambda input: input, "input")
detach_copy = copied(Tensor.detach, "detach")
diagonal_copy = copied(diagonal.diagonal, "diagonal")
expand_copy = copied(shape.expand, "expand")
narrow_copy = copied(shape.narrow, "narrow")
permute_copy = copied(shape.permute, "permute")
select_copy = copied(shape.select, "select")
slice_copy = copied(_slice, "input[start:end:step] along dim")
split_copy = copied(join.split, "split")
split_with_sizes_copy = copied(join.split_with_sizes, "split_with_sizes")
squeeze_copy = copied(shape.squeeze, "squeeze")
t_copy = copied(shape.t, "t")
transpose_copy = copied(shape.transpose, "transpose")
unbind_copy = copied(join.unbind, "unbind")
unfold_copy = copied(unfold, "unfold")
unsqueeze_copy = copied(shape.unsqueeze, "unsqueeze")
view_copy = copied(shape.reshape, "view")
unsafe_chunk = join.chunk
unsafe_split = join.split
unsafe_split_with_sizes = join.split_with_sizes

named(globals(), [name for name in __all__ if not name.startswith("unsafe")])
