"""Elements read and written by index: x[key], gather and scatter; sorting, searching."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd.modes import TAPED, is_taped
from tinygrad_mnist.autograd.tensor import Tensor, refuse_read, wrap
from tinygrad_mnist.kernels import index as kernels
from tinygrad_mnist.kernels.checks import OutOfBounds
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import as_element, dim_of, public, tensor_of
from tinygrad_mnist.ops.plain import PLAIN, at_key, is_plain
from tinygrad_mnist.ops.reduce import ValuesIndices
from tinygrad_mnist.ops.shape import clone, movedim, reshape

__all__ = [
    "argsort", "argwhere", "gather", "index_add", "index_copy", "index_fill", "index_select",
    "masked_fill", "masked_select", "nonzero", "repeat_interleave", "scatter", "scatter_add",
    "sort", "take_along_dim", "topk", "unique",
]  # fmt: skip
METHODS = __all__

ALL = np.s_[:]
_ROWS = frozenset(("slice", "take", "gather", "put", "scatter_add", "assign_at", "flat_index",
                   "within"))  # fmt: skip


def getitem(x: Tensor, key: Any) -> Tensor:
    """x[key], with NumPy's keys: ints, slices, None, Ellipsis, masks, and index arrays.

    As in PyTorch, an int beside an index array picks first, and does not count as one.
    """
    try:
        if type(key) is int:
            return table.slice(x, key=(key,))
        if type(key) is np.ndarray and key.size:
            key = wrap(key)
        if type(key) is Tensor and key._data.ndim and key._data.dtype.kind in "iu" and x._data.ndim:
            return table.take(x, key)  # rows by number: what a mini-batch is made with
        if type(key) is tuple and len(key) == x._data.ndim > 1 and all(map(is_numbers, key)):
            flat = table.flat_index(*key, shape=x._data.shape)
            return table.take(table.reshape(x, shape=(-1,)), flat)
        plain = with_ints(key)
        if PLAIN.issuperset(map(type, plain)):
            return table.slice(x, key=plain)
        if is_plain(x, ()) and (picked := at_key(x, plain)) is not None:
            return wrap(picked)
        basic, arrays, front = parse(x, plain)
        if basic:
            x = table.slice(x, key=basic)
        if not arrays:
            return x
        rows, index, _ = to_rows(x, arrays)
        return back(table.take(rows, index), index, front)
    except IndexError as error:
        raise called_as("Tensor.__getitem__", error) from None


def is_numbers(part: Any) -> bool:
    """Tell whether part of a key is a Tensor of one index or more, in dimensions of their own."""
    return type(part) is Tensor and part._data.ndim > 0 and part._data.dtype.kind in "iu"


def with_ints(key: Any) -> tuple[Any, ...]:
    """Return a key as a tuple, with ints for the Tensors of one whole number in it."""
    parts = key if type(key) is tuple else (key,)
    if Tensor not in map(type, parts) or (TAPED and is_taped()):
        return parts
    return tuple(
        [  # a generator takes longer
            part._data.item()
            if type(part) is Tensor and not part._data.ndim and part._data.dtype.kind in "iu"
            else part
            for part in parts
        ]
    )


def called_as(name: str, error: IndexError) -> IndexError:
    """Return the error of one of the table's rows with the name of the function that called it."""
    row, bracket, rest = str(error).partition("(")
    return OutOfBounds(f"{name}{bracket}{rest}") if row in _ROWS else error


def within(name: str, index: Tensor, input: Tensor, dim: int) -> Tensor:
    """The index of the function `name`, after a check that it counts from the front of `dim`.

    Raises OutOfBounds, at each call of a captured program too.
    """
    count = input.shape[dim] if input.ndim else 1
    try:
        return table.within(index, count=count) if index._data.size else index
    except IndexError as error:
        raise called_as(name, error) from None


def check_vector(name: str, index: Tensor) -> None:
    """Raise OutOfBounds, which is an IndexError, unless an index has one dimension or none."""
    if index.ndim > 1:
        raise OutOfBounds(f"{name}(): Index is supposed to be a vector, not {list(index.shape)}")


def parse(x: Tensor, key: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[int, Any], int]:
    """Split a key into a basic key, index arrays by dimension, and the first dimension of these."""
    parts = [spelled(part) for part in key]
    used = sum(p.ndim if is_mask(p) else p is not None and p is not ... for p in parts)
    if used > x.ndim:
        raise IndexError(f"too many indices: {used} for a tensor of dimension {x.ndim}")
    at = next((i for i, p in enumerate(parts) if p is ...), len(parts))
    parts[at : at + 1] = [ALL] * (x.ndim - used)
    basic: list[Any] = []
    arrays: dict[int, Any] = {}
    dim = 0  # of what the basic key leaves
    for part in parts:
        if not isinstance(part, Tensor):
            basic.append(part)
            dim += not isinstance(part, int)
            continue
        taken = sum(b is not None for b in basic)
        picks = indices_of(part, x, taken) if is_mask(part) else (part,)
        basic += [ALL] * len(picks) if part.ndim or not is_mask(part) else [None]
        arrays |= enumerate(picks, dim)
        dim += len(picks)
    first = min(arrays, default=0)
    together = list(arrays) == list(range(first, first + len(arrays)))
    return tuple(basic), arrays, first if together else 0


def spelled(part: Any) -> Any:
    """One part of a key: an int, a slice, None, an Ellipsis, or a Tensor of integers or bools."""
    if isinstance(part, (list, np.ndarray, bool, np.bool_, range)):
        part = wrap(np.asarray(part) if np.size(part) else np.zeros(np.shape(part), np.int64))
    whole = isinstance(part, Tensor) and not part.ndim and part.dtype.kind in "iu"
    if isinstance(part, np.integer) or (whole and not is_taped()):  # a tape cannot record the read
        return int(part)
    if isinstance(part, Tensor) and part.dtype.kind not in "iub":
        raise IndexError(f"tensors used as indices must be integer or bool, not {part.dtype}")
    if not isinstance(part, (*PLAIN, Tensor)):
        kind = type(part).__name__
        raise IndexError(f"an index is an int, a slice, None, ..., a mask or integers, not {kind}")
    return part


def is_mask(part: Any) -> bool:
    """Tell whether part of a key is a mask."""
    return isinstance(part, Tensor) and part.dtype.kind == "b"


def indices_of(mask: Tensor, x: Tensor, dim: int) -> tuple[Tensor, ...]:
    """The indices of a mask's true elements, one array for each of its dimensions."""
    if mask.shape != x.shape[dim : dim + mask.ndim]:
        raise IndexError(
            f"The shape of the mask {list(mask.shape)} does not match the shape of the indexed "
            f"tensor {list(x.shape)} at dimension {dim}"
        )
    refuse_read("indexing with a mask")
    if not mask.ndim:
        return (wrap(np.zeros(int(mask._data), np.int64)),)
    return tuple(wrap(i) for i in kernels.nonzero(mask._data))


def to_rows(x: Tensor, arrays: dict[int, Any]) -> tuple[Tensor, Any, tuple[int, ...]]:
    """x with the indexed dimensions in front and flattened, and one index into that dimension."""
    dims = list(arrays)
    others = [i for i in range(x.ndim) if i not in arrays]
    if dims != list(range(len(dims))):
        x = table.permute(x, axes=(*dims, *others))
    if len(dims) == 1:
        return x, arrays[dims[0]], x.shape[1:]
    lead, rest = x.shape[: len(dims)], x.shape[len(dims) :]
    index = table.flat_index(*arrays.values(), shape=lead)
    return reshape(x, (int(np.prod(lead)), *rest)), index, rest


def back(y: Tensor, index: Tensor, front: int) -> Tensor:
    """Move the index's dimensions in the result of `take` to their position in the key."""
    if not front:
        return y
    n = index.ndim
    return movedim(y, tuple(range(n)), tuple(range(front, front + n)))


@public
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """out[i][j] = input[index[i][j]][j] (for dim 0): one element along `dim` for each index."""
    axis = dim_of(input.ndim, dim)
    if index._data.size:
        check_ranks(input, index)
    if not index._data.size or min(input.ndim, index.ndim) < 1:
        return table.take(reshape(input, (-1,)), within("gather", index, input, axis))
    return table.gather(trim(input, index.shape, axis), index, axis=axis)


def check_ranks(input: Tensor, index: Tensor) -> None:
    """Raise RuntimeError unless an index has as many dimensions; none count as one."""
    if max(input.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError(f"the index has {index.ndim} dimensions, the tensor {input.ndim}")


def trim(x: Tensor, shape: tuple[int, ...], axis: int | None) -> Tensor:
    """Cut x to `shape` in every dimension but `axis`."""
    lengths = x._data.shape
    if len(lengths) != len(shape):
        raise RuntimeError(f"the index has {len(shape)} dimensions, the tensor {x.ndim}")
    others = [(n, m) for i, (n, m) in enumerate(zip(shape, lengths, strict=True)) if i != axis]
    if [n for n, m in others if n > m]:
        raise RuntimeError(f"the index of shape {list(shape)} does not fit in {list(x.shape)}")
    if not [n for n, m in others if n != m]:
        return x
    key = tuple(ALL if i == axis else slice(n) for i, n in enumerate(shape))
    return table.slice(x, key=key)


@public
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """input, with src[i][j] added at [index[i][j]][j] (for dim 0)."""
    check_ranks(input, index)
    if not input.ndim or not index.ndim:
        line, at, values = (reshape(v, (-1,)) for v in (input, index, src))
        return reshape(scatter_add(line, dim, at, values), input.shape)
    axis = dim_of(input.ndim, dim)
    trim(input, index.shape, axis)
    src = trim(src, index.shape, None)
    shape = tuple(
        n if i == axis else m for i, (n, m) in enumerate(zip(input.shape, index.shape, strict=True))
    )
    added = table.scatter_add(src, index, axis=axis, shape=shape)
    if shape != input.shape:
        added = table.unslice(added, key=tuple(slice(n) for n in shape), shape=input.shape)
    return input + added


@public
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """input, with src[i][j] (or one number, `value`) at [index[i][j]][j] (for dim 0)."""
    if (src is None) == (value is None):
        raise TypeError("scatter() takes either src or value")
    src = as_element(value if src is None else src, input.dtype)
    if reduce == "add":
        src = src if isinstance(src, Tensor) else wrap(np.full(index.shape, src, input.dtype))
        return scatter_add(input, dim, index, src)
    if reduce is not None:
        raise RuntimeError(f"scatter: reduce may be 'add' or None, not {reduce!r}")
    check_ranks(input, index)
    if not input.ndim or not index.ndim:
        values = reshape(src, (-1,)) if isinstance(src, Tensor) else src
        line, at = reshape(input, (-1,)), reshape(index, (-1,))
        return reshape(scatter(line, dim, at, values), input.shape)
    axis = dim_of(input.ndim, dim)
    trim(input, index.shape, axis)
    if isinstance(src, Tensor):
        src = trim(src, index.shape, None)
    grid: list[Any] = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[axis] = within("scatter", index, input, axis)
    flat = table.flat_index(*grid, shape=input.shape)
    return reshape(table.assign_at(reshape(input, (-1,)), flat, src), input.shape)


@public
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of input at `index` along `dim`."""
    check_vector("index_select", index)
    if not input.ndim:
        return reshape(table.pick(reshape(input, (1,)), index), ())
    axis = dim_of(input.ndim, dim)
    index = index if index.ndim else reshape(index, (1,))
    if not axis:
        return table.pick(input, index)
    return movedim(table.pick(movedim(input, axis, 0), index), 0, axis)


@public
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """input, with alpha * source added to its slices at `index` along `dim`."""
    check_vector("index_add", index)
    axis = dim_of(input.ndim, dim)
    if not input.ndim:
        line, values = (reshape(v, (-1,)) for v in (input, source))
        return reshape(index_add(line, 0, index, values, alpha=alpha), ())
    index = within("index_add", index, input, axis)
    shape, source = movedim(input, axis, 0).shape, movedim(source, axis, 0)
    if source.shape != (index._data.size, *shape[1:]):
        raise RuntimeError(
            f"index_add: {index._data.size} indices into {list(input.shape)} along {dim} do not go "
            f"with a source of {list(source.shape)} (that dimension first)"
        )
    added = movedim(table.put(source, reshape(index, (-1,)), shape=shape), 0, axis)
    return input + (added if alpha == 1 else added * alpha)


@public
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """input, with its slices at `index` along `dim` replaced by those of source."""
    check_vector("index_copy", index)
    axis = dim_of(input.ndim, dim)
    if not input.ndim:
        line, at, values = (reshape(v, (-1,)) for v in (input, index, source))
        return reshape(index_copy(line, 0, at, values), ())
    index = within("index_copy", index, input, axis)
    replaced = table.assign_at(movedim(input, axis, 0), index, movedim(source, axis, 0))
    return movedim(replaced, 0, axis)


@public
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """input, with `value` everywhere in its slices at `index` along `dim`."""
    check_vector("index_fill", index)
    axis = dim_of(input.ndim, dim)
    n = input.shape[axis] if input.ndim else 1
    selected = table.assign_at(np.zeros(n, np.bool_), reshape(index, (-1,)), True)  # noqa: FBT003
    along = (n, *(1,) * (input.ndim - axis - 1)) if input.ndim else ()
    return table.where(reshape(selected, along), filler(value, input), input)


@public
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """input, with `value` (a number) where mask holds."""
    if mask.dtype.kind != "b":
        raise RuntimeError(f"masked_fill only supports boolean masks, but got {mask.dtype}")
    if getattr(value, "ndim", 0):
        raise RuntimeError(f"masked_fill only supports a 0-dimensional value, not {value.ndim}-D")
    return table.where(mask, filler(value, input), input)


def filler(value: Any, x: Tensor) -> Any:
    """One value, in the dtype of the Tensor x that it fills."""
    if isinstance(value, Tensor):
        return value if value.dtype == x.dtype else table.cast(value, dtype=x.dtype)
    return np.asarray(as_element(value, x.dtype)).astype(x.dtype)


@public
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where mask holds, in one dimension."""
    shape = np.broadcast_shapes(input.shape, mask.shape)
    x, m = (table.broadcast_to(v, shape=shape) for v in (input, mask))
    return getitem(x, m)


@public
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: (n, ndim), or one vector per dimension."""
    if not as_tuple:
        return argwhere(input)
    refuse_read("nonzero()")
    return tuple(wrap(i) for i in kernels.nonzero(np.atleast_1d(input._data)))


@public
def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not zero, (n, ndim)."""
    refuse_read("nonzero()")
    array = input._data
    return wrap(np.transpose(kernels.nonzero(array)) if array.ndim else np.argwhere(array))


@public
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False
) -> ValuesIndices:
    """The elements in order along `dim`, and their indices; always stable."""
    if not input.ndim:
        return ValuesIndices(clone(input), argsort(input, dim))
    order = argsort(input, dim, descending)
    return ValuesIndices(table.gather(input, order, axis=dim_of(input.ndim, dim)), order)


@public
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The order that sorts input along `dim`; always stable."""
    axis = dim_of(input.ndim, dim)
    if not input.ndim:
        return table.argmax(input)
    return table.argsort(input, axis=axis, descending=bool(descending))


@public
def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesIndices:
    """The k largest (or smallest) elements along `dim`, in order, and their indices."""
    axis = dim_of(input.ndim, dim)
    count = input.shape[axis] if input.ndim else 1
    if not 0 <= k <= count:
        raise RuntimeError(f"selected index k out of range: {k} of {count}")
    if not input.ndim:
        return sort(input)
    order = table.topmost(input, axis=axis, count=k, largest=bool(largest))
    return ValuesIndices(table.gather(input, order, axis=axis), order)


@public
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather`, with the other dimensions broadcast; without dim, from the flattened input."""
    if dim is None:
        return gather(reshape(input, (-1,)), 0, reshape(indices, (-1,)))
    axis = dim_of(input.ndim, dim)
    indices = table.where(table.lt(indices, 0), indices + input.shape[axis], indices)
    lead = tuple(
        n if i != axis else 1
        for i, n in enumerate(np.broadcast_shapes(
            *(tuple(1 if i == axis else n for i, n in enumerate(v.shape)) for v in (input, indices))
        ))
    )  # fmt: skip
    x, i = (
        table.broadcast_to(v, shape=(*lead[:axis], v.shape[axis], *lead[axis + 1 :]))
        for v in (input, indices)
    )
    return table.gather(x, i, axis=axis)


@public
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each slice along `dim` repeated; `repeats` is a number, or one for each slice.

    `repeat_interleave(repeats)` gives the index of each slice as many times as it is repeated.
    """
    if repeats is None:
        input, repeats = wrap(np.arange(len(input))), input
    x = reshape(input, (-1,)) if dim is None or not input.ndim else input
    axis = 0 if dim is None else dim_of(x.ndim, dim)
    times = tensor_of(repeats)
    refuse_read("repeat_interleave()")
    order = np.repeat(
        np.arange(x.shape[axis]), times._data.reshape(-1) if times.ndim else int(times)
    )
    return index_select(x, axis, wrap(order))


@public
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements in order; on request the index of each element, and their counts."""
    refuse_read("unique()")
    numpy_unique: Any = np.unique
    results = numpy_unique(
        input._data, return_inverse=return_inverse, return_counts=return_counts, axis=dim
    )
    return tuple(map(wrap, results)) if isinstance(results, tuple) else wrap(results)
