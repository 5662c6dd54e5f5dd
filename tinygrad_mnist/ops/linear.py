"""Dense layers as functions: rows times a weight matrix, or rows of it by index."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, refuse_read, wrap
from tinygrad_mnist.ops import create, reduce, shape, table
from tinygrad_mnist.ops.arguments import in_float32
from tinygrad_mnist.ops.inplace import write

__all__ = ["bilinear", "embedding", "embedding_bag", "linear", "one_hot"]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias over the last dimension; weight is (out, in), bias (out,).

    Raises ShapeError where sizes, DTypeError where dtypes differ; nothing is cast silently.

    >>> import tinygrad_mnist as tg
    >>> import tinygrad_mnist.nn.functional as F
    >>> F.linear(tg.ones(2, 3), tg.ones(1, 3), tg.ones(1))
    tensor([[4.],
            [4.]])
    """
    matrix, lengths = weight._data, input._data.shape
    if len(lengths) == 2 == matrix.ndim:
        by_row = matrix.flags.c_contiguous
        row = table.linear if by_row else table.linear_columns
        return row(input, weight) if bias is None else row(input, weight, bias)
    if weight.ndim == 1:
        product = table.reshape(linear(input, weight.reshape(1, -1)), shape=input.shape[:-1])
        return product if bias is None else product + bias
    if not lengths or matrix.ndim != 2 or lengths[-1] != matrix.shape[1]:
        raise ShapeError(
            f"linear: input {list(input.shape)} and weight {list(weight.shape)} do not fit: the "
            "input's last dimension must be the weight's second"
        )
    rows = table.reshape(input, shape=(math.prod(lengths[:-1]), lengths[-1]))
    out = linear(rows, weight, bias)
    return table.reshape(out, shape=(*lengths[:-1], matrix.shape[0]))


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    """sum over i, j of input1[..., i] weight[:, i, j] input2[..., j], plus bias."""
    out_features, n, m = weight.shape
    lead = input1.shape[:-1]
    left = linear(input1, weight.permute(0, 2, 1).reshape(out_features * m, n))
    right = table.reshape(input2, shape=(*lead, 1, m))
    product = table.sum(left.reshape(*lead, out_features, m) * right, axis=(len(lead) + 1,))
    return product if bias is None else product + bias


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Rows of zeros with a one at each index, int64; -1 takes the largest index plus one.

    >>> import tinygrad_mnist as tg
    >>> import tinygrad_mnist.nn.functional as F
    >>> F.one_hot(tg.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor.dtype.kind not in "iu":
        raise RuntimeError(f"one_hot is only applicable to index tensors, not {tensor.dtype}")
    if num_classes == -1:
        num_classes = int(tensor.max()) + 1
    return table.one_hot(tensor, count=num_classes)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of weight (count, size) at the indices in input; row `padding_idx` gets no gradient.

    `max_norm` first shrinks, in place, the rows in use with a larger norm (`norm_type`);
    `scale_grad_by_freq` divides the gradient of a row by the number of its uses. `sparse` has no
    effect: every gradient is dense.
    """
    if input.dtype.kind not in "iu":
        raise DTypeError(f"embedding: indices must be integers, not {input.dtype}")
    if padding_idx is not None and not -len(weight) <= padding_idx < len(weight):
        raise ValueError(f"embedding: padding_idx {padding_idx} is not within {len(weight)} rows")
    column = (*input.shape, 1)
    uses: Any = None
    if max_norm is not None or scale_grad_by_freq:
        ones = create.ones(input.shape, dtype=weight.dtype)
        uses = table.put(ones, input, shape=weight.shape[:1])
    if max_norm is not None:
        rows = weight.detach()
        length = reduce.norm(rows, norm_type, 1, keepdim=True)
        too_long = table.logical_and(length > max_norm, shape.unsqueeze(uses, 1) > 0)
        write(rows, table.where(too_long, rows * (max_norm / (length + 1e-7)), rows))
    rows = table.embed(weight, input)
    if scale_grad_by_freq:
        shares = shape.reshape(table.take(uses, input), column)
        finite = table.where(table.isfinite(rows), rows, 0.0).detach()  # inf - inf would be NaN
        rows = rows / shares + (finite - finite / shares)
    if padding_idx is not None:
        not_padding = table.ne(input, padding_idx % weight.shape[0])
        rows = table.where(shape.reshape(not_padding, column), rows, rows.detach())
    return rows


@in_float32
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The "sum", "mean" or "max" of each bag's `embedding`s; zeros for an empty one.

    A bag is a row of input (n, length), or the indices between two `offsets` of input (length,).
    `per_sample_weights` multiply the embeddings of a sum; `padding_idx` does not count.
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"mode has to be one of sum, mean or max, not {mode!r}")
    if per_sample_weights is not None and (
        mode != "sum" or per_sample_weights.shape != input.shape
    ):
        raise ValueError(
            "embedding_bag: per_sample_weights go with mode='sum' and have the shape of input "
            f"{list(input.shape)}, not mode={mode!r} and {list(per_sample_weights.shape)}"
        )
    if scale_grad_by_freq and mode == "max":
        raise RuntimeError("embedding_bag: scale_grad_by_freq is not supported for mode 'max'")
    if (input.ndim == 2) != (offsets is None) or input.ndim not in (1, 2):
        raise ValueError(
            "embedding_bag: input is rows of bags, or one dimension with `offsets`, not "
            f"{list(input.shape)} with offsets {offsets}"
        )
    if weight.dtype.kind != "f":
        raise DTypeError(f"embedding_bag: weight must be floats, not {weight.dtype}")
    bag, count = _bags(input, offsets, include_last_offset)
    even = (
        offsets is None
        and padding_idx is None
        and mode != "max"
        and input._data.size
        and input.shape
    )
    input = table.reshape(input, shape=(-1,))
    rows = embedding(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    counted: Any = None
    if padding_idx is not None:
        counted = table.ne(input, padding_idx % weight.shape[0])
    if mode == "max":
        return _largest(rows, bag, count, counted)
    factor: Any = None
    if per_sample_weights is not None:
        factor = table.reshape(per_sample_weights, shape=(-1, 1))
    if counted is not None:  # 0 times what is infinite would be NaN, also backward
        column = table.reshape(counted, shape=(-1, 1))
        rows = table.where(column, rows, 0.0)
        factor = factor if factor is None else table.where(column, factor, 0.0)
    rows = rows if factor is None else rows * factor
    if even:  # all bags have one length
        bags = table.reshape(rows, shape=(*even, weight.shape[1]))
        return table.mean(bags, axis=(1,)) if mode == "mean" else table.sum(bags, axis=(1,))
    total = table.put(rows, bag, shape=(count, weight.shape[1]))
    if mode == "sum":
        return total
    ones = create.ones(input.shape, dtype=weight.dtype) if counted is None else counted
    size = table.put(table.cast(ones, dtype=weight.dtype), bag, shape=(count,))
    return total / table.reshape(table.clip(size, low=1.0, high=None), shape=(-1, 1))


def _bags(input: Tensor, offsets: Tensor | None, with_last: bool) -> tuple[Tensor, int]:
    """The bag of each index, and the number of bags."""
    if offsets is None:
        count, length = input.shape
        return wrap(np.repeat(np.arange(count), length)), count
    n, starts = input.shape[0], offsets._data
    if offsets.ndim != 1 or (starts.size and (starts[0] != 0 or starts.max() > n)):
        raise RuntimeError(
            "embedding_bag: offsets are one dimension, begin at 0 and end within input, not "
            f"{offsets.tolist()} into {n}"
        )
    if with_last and not starts.size:
        raise RuntimeError("include_last_offset: number of offsets should be at least 1")
    ones = create.ones(offsets.shape, dtype="int64")
    starts_at = table.put(ones, offsets, shape=(n + 1,))
    bag = table.narrow(table.cumsum(starts_at, axis=0), 0, 0, n) - 1
    count = starts.size - bool(with_last)
    return table.clip(bag, low=0, high=max(count - 1, 0)), count


def _largest(rows: Tensor, bag: Tensor, count: int, counted: Any) -> Tensor:
    """The maximum of the rows of each bag, element by element; of equals, the first."""
    refuse_read("embedding_bag(mode='max')")
    bags, size = bag._data, rows.shape[1]
    order = np.arange(len(bags)) if counted is None else np.flatnonzero(counted._data)
    lengths = np.bincount(bags[order], minlength=count)
    reach = int(lengths.max(initial=0))
    if not reach:  # zeros, which no row has a part in
        nothing = wrap(order)
        return table.put(table.take(rows, nothing), table.take(bag, nothing), shape=(count, size))
    starts = np.cumsum(lengths) - lengths
    positions = np.minimum(
        starts[:, None] + np.arange(reach), starts[:, None] + lengths[:, None] - 1
    )
    bag_rows = table.take(rows, order[np.maximum(positions, 0).clip(0, len(order) - 1)])
    first = table.argmax(bag_rows.detach(), axis=1, keepdims=True)
    top = table.reshape(table.gather(bag_rows, first, axis=1), shape=(count, size))
    return table.where(lengths[:, None] > 0, top, 0.0)
