"""Medians, quantiles and modes, and the moments of several variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.kernels.reduce import dropped_shape, kept_shape
from tinygrad_mnist.ops import elementwise, index, reduce, shape, table
from tinygrad_mnist.ops.arguments import (
    dim_of,
    floating,
    in_float32,
    named,
    public,
    tensor_of,
)
from tinygrad_mnist.ops.reduce import ValuesIndices
from tinygrad_mnist.ops.refused import refuse

__all__ = [
    "corrcoef", "cov", "kthvalue", "median",
    "mode", "msort", "nanmedian", "nanquantile", "quantile", "std_mean", "var_mean",
]  # fmt: skip
METHODS = [name for name in __all__ if name not in {"std_mean", "var_mean"}]


def _picked(input: Tensor, indices: Tensor, axis: int, keepdim: bool) -> ValuesIndices:
    """The elements at one index per row along `axis`, and those indices."""
    values = table.gather(input, indices, axis=axis)
    size = kept_shape(input.shape, axis) if keepdim else dropped_shape(input.shape, (axis,))
    return ValuesIndices(*(table.reshape(y, shape=size) for y in (values, indices)))


def middle(whole: Callable[..., Tensor], *, nan: bool, doc: str) -> Callable[..., Any]:
    """Make median or nanmedian."""

    @public
    def median_of(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
        _no_bools("median", input)
        if dim is None:
            return whole(input)
        axis = dim_of(input.ndim, dim)
        if not input.ndim:
            return ValuesIndices(shape.clone(input), table.argmax(input))
        _not_empty("median", input, axis)
        return _picked(input, table.middle(input, axis=axis, nan=nan), axis, keepdim)

    median_of.__doc__ = doc
    return median_of


def _no_bools(name: str, x: Tensor) -> None:
    if x.dtype.kind == "b":
        raise DTypeError(f"{name}() is not implemented for bools; cast them first")


def _not_empty(name: str, x: Tensor, axis: int) -> None:
    if not x.shape[axis]:
        raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


median = middle(
    table.median, nan=True,
    doc="The median, of two the lower; NaN if there is one. Along `dim`, with indices.",
)  # fmt: skip
nanmedian = middle(
    table.nanmedian,
    nan=False,
    doc="`median` of the elements that are not NaN; NaN if there are none.",
)


@public
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """The most common element along `dim`, of several the smallest, and its last index."""
    axis = dim_of(input.ndim, dim)
    if not input.ndim:
        return ValuesIndices(shape.clone(input), table.argmax(input))
    _not_empty("mode", input, axis)
    return _picked(input, table.mode(input, axis=axis), axis, keepdim)


@public
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """The k-th smallest along `dim`, counted from 1, and its index; NaN counts as largest."""
    axis = dim_of(input.ndim, dim)
    if not 1 <= k <= (input.shape[axis] if input.ndim else 1):
        raise RuntimeError("kthvalue(): selected number k out of range for dimension")
    if not input.ndim:
        return ValuesIndices(shape.clone(input), table.argmax(input))
    indices = table.narrow(table.argsort(input, axis=axis), axis, k - 1, 1)
    return _picked(input, indices, axis, keepdim)


@public
def msort(input: Tensor) -> Tensor:
    """The elements in order along the first dimension."""
    return index.sort(input, 0).values if input.ndim else shape.clone(input)


@public
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The q-th quantiles, 0 <= q <= 1, along `dim` (all dimensions); NaN for rows with a NaN.

    `interpolation` between two elements: "linear", "lower", "higher", "nearest" or "midpoint". Of
    a vector q, the results have one more dimension, the first.

    >>> import tinygrad_mnist as tg
    >>> tg.quantile(tg.tensor([1.0, 2.0, 4.0]), 0.75)
    tensor(3.)
    """
    return _quantile(input, q, dim, interpolation, keepdim=keepdim, ignore_nan=False)


@public
def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """`quantile` of the elements that are not NaN; NaN if there are none."""
    return _quantile(input, q, dim, interpolation, keepdim=keepdim, ignore_nan=True)


def _quantile(
    input: Tensor, q: Any, dim: int | None, interpolation: str, *, keepdim: bool, ignore_nan: bool
) -> Tensor:
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if input.dtype.char not in "fd":
        raise DTypeError(f"quantile() input must be either float32 or float64, not {input.dtype}")
    is_tensor = isinstance(q, Tensor)
    if is_tensor and q.dtype != input.dtype:
        raise DTypeError(f"quantile() q is {q.dtype} and input {input.dtype}; cast one of them")
    q = q if is_tensor else tensor_of(q, input)
    if q.ndim > 1:
        raise ShapeError(f"quantile() q must be a number or one dimension, not {list(q.shape)}")
    if not np.all((q._data >= 0) & (q._data <= 1)):
        raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q.tolist()}")
    axis = 0 if dim is None else dim_of(input.ndim, dim)
    flat = dim is None or not input.ndim
    x = table.reshape(input, shape=(-1,)) if flat else shape.movedim(input, axis, -1)
    if not x.shape[-1]:
        raise RuntimeError("quantile() input tensor must be non-empty")
    picked = _between(x, table.reshape(q, shape=(-1,)), interpolation, ignore_nan=ignore_nan)
    picked = shape.movedim(picked, -1, 0)  # one for each q, first
    rest = kept_shape(input.shape, None if dim is None else (axis,))
    if not keepdim:
        rest = () if dim is None else rest[:axis] + rest[axis + 1 :]
    return table.reshape(picked, shape=(*q.shape, *rest))


def _between(x: Tensor, q: Tensor, interpolation: str, *, ignore_nan: bool) -> Tensor:
    """The quantiles (..., len(q)) of rows x (..., n)."""
    last = x.ndim - 1
    ordered = index.sort(x, -1).values
    lacking = table.isnan(x)
    if ignore_nan:
        count = table.sum(table.logical_not(lacking), axis=(last,), keepdims=True)
        rank = table.clip(table.cast(count, dtype=x.dtype) - 1, low=0.0, high=None) * q
    else:
        rank = table.broadcast_to(q * (x.shape[-1] - 1), shape=(*x.shape[:-1], q.shape[0]))
        row = table.any(lacking, axis=(last,), keepdims=True)
        rank = table.where(row, x.shape[-1] - 1.0, rank)  # NaN comes last
    if interpolation in ("lower", "higher", "nearest"):
        rounded = {"lower": table.floor, "higher": table.ceil, "nearest": table.round}
        indices = table.cast(rounded[interpolation](rank.detach()), dtype="int64")
        return table.gather(ordered, indices, axis=last)
    low = table.floor(rank.detach())
    ends = (table.cast(v, dtype="int64") for v in (low, table.ceil(rank.detach())))
    below, above = (table.gather(ordered, indices, axis=last) for indices in ends)
    share = wrap(np.full(rank.shape, 0.5, x.dtype)) if interpolation == "midpoint" else rank - low
    return elementwise.lerp(below, above, share)


def with_mean(spread: Callable[..., Tensor], doc: str) -> Callable[..., tuple[Tensor, Tensor]]:
    """Make std_mean or var_mean."""

    @public
    def both(
        input: Tensor,
        dim: Any = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> tuple[Tensor, Tensor]:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        wide = spread(input, dim, unbiased, keepdim, correction=correction)
        return wide, reduce.mean(input, dim, keepdim)

    both.__doc__ = doc
    return both


std_mean = with_mean(reduce.std, "`std` and `mean` over `dim` (all dimensions).")
var_mean = with_mean(reduce.var, "`var` and `mean` over `dim` (all dimensions).")


@public
@in_float32
def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariance matrix of variables in rows, observations in columns.

    `fweights` are the number of times that each observation occurred, `aweights` its weight; the
    sum of the products is divided by the sum of the weights less `correction`.
    """
    if input.ndim > 2:
        raise ShapeError(f"cov(): expected input to have two or fewer dimensions, not {input.ndim}")
    _no_bools("cov", input)
    x = table.reshape(input, shape=(-1, input.shape[-1] if input.ndim else 1))
    x = floating(x)
    weight = _weights(fweights, aweights, x.shape[1])
    count: Any = x.shape[1] if weight is None else table.sum(weight)
    product = x if weight is None else x * weight
    mean = table.sum(product, axis=(1,), keepdims=True) / count
    if aweights is not None and correction:
        degrees = count - table.sum(weight * aweights) / count * correction
    else:
        degrees = count - correction
    degrees = table.clip(tensor_of(degrees, x), low=0.0, high=None)
    centred = x - mean
    scaled = centred if weight is None else centred * weight
    matrix = table.matmul(scaled, centred.mT) / degrees
    return table.reshape(matrix, shape=()) if matrix.shape == (1, 1) else matrix


def _weights(fweights: Tensor | None, aweights: Tensor | None, count: int) -> Tensor | None:
    """The weight of each observation."""
    for name, weights, kinds in (("fweights", fweights, "iu"), ("aweights", aweights, "f")):
        if weights is None:
            continue
        if weights.shape != (count,):
            raise ShapeError(
                f"cov(): expected {count} {name}, not a shape of {list(weights.shape)}"
            )
        if weights.dtype.kind not in kinds:
            raise DTypeError(f"cov(): {name} cannot be {weights.dtype}")
        if (weights._data < 0).any():
            raise RuntimeError(f"cov(): {name} cannot be negative")
    present = [w for w in (fweights, aweights) if w is not None]
    if not present:
        return None
    return present[0] if len(present) == 1 else present[0] * present[1]


@public
@in_float32
def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables in rows, from -1 to 1."""
    matrix = cov(input)
    if not matrix.ndim:
        return matrix / matrix
    deviation = table.sqrt(table.diagonal(matrix, offset=0, axes=(0, 1)))
    scaled = matrix / table.reshape(deviation, shape=(-1, 1)) / deviation
    return table.clip(scaled, low=-1.0, high=1.0)


named(globals(), __all__)
refuse(globals())
