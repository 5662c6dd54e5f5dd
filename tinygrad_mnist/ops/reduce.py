"""Reductions: sums, means, extremes and norms; softmax and its relatives."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd.floats import silent
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels.reduce import dropped_shape, kept_shape, reduced_count
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import (
    Dim,
    axes_of,
    composed,
    dim_of,
    floating,
    in_float32,
    public,
)

__all__ = [
    "all", "amax", "amin", "aminmax", "any", "argmax", "argmin", "count_nonzero", "cumprod",
    "cumsum", "dist", "log_softmax", "logcumsumexp", "logsumexp", "max", "mean", "min", "nanmean",
    "nansum", "norm", "prod", "softmax", "std", "sum", "var",
]  # fmt: skip
METHODS = __all__


class ValuesIndices(NamedTuple):
    """The results of `max(dim)`, `sort` and the like: the values and their indices."""

    values: Tensor
    indices: Tensor


class MinMax(NamedTuple):
    """The results of `aminmax`."""

    min: Tensor
    max: Tensor


# Functions that differ only in the row they call


def reduction(row: Callable[..., Tensor], doc: str) -> Callable[..., Tensor]:
    """Make a function that reduces `dim`, or all dimensions, by a row of the table."""

    @public
    def reduced(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
        return row(input, axis=axes_of(input.ndim, dim), keepdims=keepdim)

    reduced.__doc__ = doc
    return reduced


def position(row: Callable[..., Tensor], doc: str) -> Callable[..., Tensor]:
    """Make argmax or argmin."""

    @public
    def index_of(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        axis = None if dim is None else dim_of(input.ndim, dim)
        return row(input, axis=axis if input.ndim else None, keepdims=keepdim)

    index_of.__doc__ = doc
    return index_of


def along(row: Callable[..., Tensor], doc: str) -> Callable[..., Tensor]:
    """Make softmax or log_softmax; a number counts as a vector of one element."""

    @public
    def spread(input: Tensor, dim: int = -1, dtype: Any = None) -> Tensor:
        x, axis = floating(as_dtype(input, dtype)), dim_of(input.ndim, dim)
        if x.ndim:
            return row(x, axis=axis)
        return table.reshape(row(table.reshape(x, shape=(1,)), axis=0), shape=())

    spread.__doc__ = doc
    return spread


def extreme(
    whole: Callable[..., Tensor],
    where: Callable[..., Tensor],
    pair: Callable[..., Tensor],
    doc: str,
) -> Callable[..., Any]:
    """Make max or min, in their three forms."""

    @public
    def extremes(
        input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None
    ) -> Any:
        x = input
        if other is not None:
            dim = other
        if isinstance(dim, Tensor):
            return pair(x, dim)
        if dim is None:
            return whole(x)
        axis = dim_of(x.ndim, dim)
        if not x.ndim:
            return ValuesIndices(whole(x), where(x, axis=None))
        index = where(x, axis=axis, keepdims=True)
        values = table.gather(x, index, axis=axis)
        shape = kept_shape(x.shape, axis) if keepdim else dropped_shape(x.shape, (axis,))
        return ValuesIndices(*(table.reshape(y, shape=shape) for y in (values, index)))

    extremes.__doc__ = doc
    return extremes


amax = reduction(table.amax, "The largest over `dim` (all dimensions); ties share the gradient.")
amin = reduction(table.amin, "The smallest over `dim` (all dimensions); ties share the gradient.")
any = reduction(table.any, "Tell whether some element over `dim` is not zero.")
all = reduction(table.all, "Tell whether every element over `dim` is not zero.")
argmax = position(
    table.argmax, "The index of the first maximum, along `dim` or in the flattened input."
)
argmin = position(
    table.argmin, "The index of the first minimum, along `dim` or in the flattened input."
)
max = extreme(
    table.highest, table.argmax, table.maximum,
    "The largest of all; along `dim`, (values, indices); with a Tensor, `maximum`.",
)  # fmt: skip
min = extreme(
    table.lowest, table.argmin, table.minimum,
    "The smallest of all; along `dim`, (values, indices); with a Tensor, `minimum`.",
)  # fmt: skip
softmax = along(table.softmax, "exp(input) / sum(exp(input)) along `dim`.")
log_softmax = along(table.log_softmax, "log(softmax(input)) along `dim`, stable for huge elements.")


@public
def logsumexp(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over `dim`, stable for huge elements."""
    return table.logsumexp(floating(input), axis=axes_of(input.ndim, dim), keepdims=keepdim)


def in_wide_dtype(x: Any, dtype: Any) -> Any:
    """Return x in `dtype`; without one, integers and bools as int64."""
    return as_dtype(x, dtype or ("int64" if x.dtype.kind in "biu" else None))


def as_dtype(x: Any, dtype: Any) -> Any:
    """Return x cast to `dtype`, or x itself without one."""
    if dtype is None or x.dtype == dtype:
        return x
    return table.cast(x if np.dtype(dtype).kind == "f" else x.detach(), dtype=dtype)


@public
def sum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over `dim` (all dimensions); integers and bools add up as int64.

    >>> import tinygrad_mnist as tg
    >>> tg.sum(tg.ones(2, 3), dim=1)
    tensor([3., 3.])
    """
    x = as_dtype(input, dtype)
    return table.sum(x, axis=axes_of(x.ndim, dim), keepdims=keepdim)


@public
def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over `dim` (all dimensions); NaN of no elements. RuntimeError for integers."""
    x = as_dtype(input, dtype)
    if x.dtype.kind != "f":
        raise RuntimeError(f"mean() of {x.dtype} has no dtype; name one, or cast to float first")
    return table.mean(x, axis=axes_of(x.ndim, dim), keepdims=keepdim)


def deviation(row: Callable[..., Tensor], doc: str) -> Callable[..., Tensor]:
    """Make var or std."""
    silent_row = silent(row)

    @public
    def deviation_of(
        input: Tensor,
        dim: Any = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Tensor:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if correction is None:
            correction = 0 if unbiased is False else 1
        if input.dtype.kind != "f":
            raise RuntimeError(f"std and var only support floating point dtypes, not {input.dtype}")
        axes = axes_of(input.ndim, dim)
        axes = tuple(range(input.ndim)) if axes is None else axes
        if reduced_count(input.shape, axes) <= correction:
            name = deviation_of.__name__
            warnings.warn(f"{name}(): degrees of freedom is <= 0", UserWarning, stacklevel=3)
        return silent_row(input, axis=axes, correction=correction, keepdims=keepdim)

    deviation_of.__doc__ = doc
    return deviation_of


var = deviation(
    table.var, "The mean squared distance from the mean, over n - correction (1) elements."
)
std = deviation(table.std, "The square root of `var`; its gradient is zero where the deviation is.")


@public
@in_float32
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The product over `dim` (all dimensions), as a tree of pairs: differentiable at zeros too."""
    x = in_wide_dtype(input, dtype)
    axis = 0 if dim is None else dim_of(x.ndim, dim)
    shape = kept_shape(x.shape, None if dim is None else (axis,))
    x = table.reshape(x, shape=(-1,)) if dim is None or not x.ndim else x
    n = x.shape[axis]
    if n == 0:
        x = table.sum(x, axis=(axis,), keepdims=True) + 1
    if n == 1:
        x = table.cast(x, dtype=x.dtype)  # new memory, not a view
    while n > 1:
        half = n // 2
        pairs = table.narrow(x, axis, 0, half) * table.narrow(x, axis, half, half)
        rest = [table.narrow(x, axis, n - 1, 1)] if n % 2 else []
        x = table.cat(pairs, *rest, axis=axis, starts=(0, half)) if rest else pairs
        n = half + n % 2
    if not keepdim:
        shape = () if dim is None else shape[:axis] + shape[axis + 1 :]
    return table.reshape(x, shape=shape)


@public
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running sums along `dim`."""
    x = as_dtype(input, dtype)
    axis = dim_of(x.ndim, dim)
    return table.cumsum(x, axis=axis) if x.ndim else table.sum(x)


def scan(combine: Callable[..., Any], x: Tensor, dim: int) -> Tensor:
    """All running combinations along `dim`; each step doubles their reach."""
    axis = dim_of(x.ndim, dim)
    n, reach = x.shape[axis] if x.ndim else 1, 1
    if n < 2:
        return table.cast(x, dtype=x.dtype)
    while reach < n:
        head = table.narrow(x, axis, 0, reach)
        tail = combine(table.narrow(x, axis, reach, n - reach), table.narrow(x, axis, 0, n - reach))
        x = table.cat(head, tail, axis=axis, starts=(0, reach))
        reach *= 2
    return x


@public
@in_float32
def norm(
    input: Tensor, p: Any = "fro", dim: Dim = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """The p-norm over `dim` (all dimensions): (sum |x|^p)^(1/p); its gradient at zero is zero."""
    x = as_dtype(input, dtype)
    axes = axes_of(x.ndim, dim)
    if p in ("fro", 2, None):
        return table.length(floating(x), axis=axes, keepdims=keepdim)
    if p == "nuc":
        return nuclear(x, axes or (0, 1), keepdim=keepdim)
    size = table.abs(x)
    if p == math.inf:
        return table.amax(size, axis=axes, keepdims=keepdim)
    if p == -math.inf:
        return table.amin(size, axis=axes, keepdims=keepdim)
    if p == 0:
        return table.sum(table.sign(size), axis=axes, keepdims=keepdim)
    if p == 1:
        return table.sum(size, axis=axes, keepdims=keepdim)
    total = table.sum(power(size, p), axis=axes, keepdims=keepdim)
    return power(total, 1 / p)


def distance(difference: Tensor, p: float) -> Tensor:
    """The p-norm along the last dimension of what lies between two rows.

    For p = inf each of several equal maxima gets the whole gradient, as in PyTorch's `cdist`.
    """
    axis = difference.ndim - 1
    if p == math.inf:
        return table.farthest(table.abs(difference), axis=(axis,))
    return norm(difference, p, axis)


def nuclear(x: Tensor, axes: tuple[int, ...], *, keepdim: bool) -> Tensor:
    """The sum of the singular values of matrices: <x, q> for the orthogonal factor q of x.

    q comes from Newton and Schulz's iteration, whose derivatives converge with it.
    """
    if len(axes) != 2 or x.ndim < 2:
        raise RuntimeError(f"the nuclear norm is one of matrices: two dims are needed, not {axes}")
    a = table.permute(x, axes=(*(i for i in range(x.ndim) if i not in axes), *axes))
    length = norm(a, 2, (-2, -1), keepdim=True)
    q = a / table.where(table.eq(length, 0), 1.0, length)
    for _ in range(50):  # enough for a singular value of 1e-6 of the norm to reach 1
        q = q * 1.5 - table.matmul(table.matmul(q, q.mT), q) * 0.5
    y = table.sum(a * q, axis=(a.ndim - 2, a.ndim - 1))
    return table.reshape(y, shape=kept_shape(x.shape, axes)) if keepdim else y


def power(x: Tensor, p: float) -> Tensor:
    """x ** p for x >= 0, whose gradient at zero is zero."""
    zero = table.eq(x, 0)
    return table.where(zero, 0.0 if p > 0 else math.inf, table.pow(table.where(zero, 1.0, x), p))


# One-line compositions of other ops
aminmax = composed(
    "`amin` and `amax` together.", lambda input, **kw: MinMax(amin(input, **kw), amax(input, **kw))
)
count_nonzero = composed(
    "The number of elements over `dim` that are not zero.",
    lambda input, dim=None: sum(table.ne(input, 0), dim),
)
cumprod = composed(
    "Running products along `dim`, in log2(n) steps: differentiable at zeros too.",
    in_float32(lambda input, dim, *, dtype=None: scan(table.mul, in_wide_dtype(input, dtype), dim)),
)
logcumsumexp = composed(
    "log of the running sums of exp(input) along `dim`, stable for huge elements.",
    in_float32(lambda input, dim: scan(table.logaddexp, input, dim)),
)
nansum = composed(
    "The sum over `dim` of the elements that are not NaN.",
    lambda input, *args, **kw: sum(
        input if input.dtype.kind != "f" else table.where(table.isnan(input), 0.0, input),
        *args,
        **kw,
    ),
)
nanmean = composed(
    "The mean over `dim` of the elements that are not NaN.",
    in_float32(
        lambda input, dim=None, keepdim=False, **kw: (
            nansum(input, dim, keepdim, **kw) / sum(~table.isnan(input), dim, keepdim)
        )
    ),
)
dist = composed(
    "The p-norm of input - other.", in_float32(lambda input, other, p=2: norm(input - other, p))
)
