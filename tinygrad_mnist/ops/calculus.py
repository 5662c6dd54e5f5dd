"""Differences, integrals and running extremes along a dimension; vectors' products and lengths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.kernels.reduce import dropped_shape, kept_shape
from tinygrad_mnist.ops import join, reduce, shape, table
from tinygrad_mnist.ops.arguments import dim_of, dims_of, floating, in_float32, named, public
from tinygrad_mnist.ops.reduce import ValuesIndices
from tinygrad_mnist.ops.refused import refuse

__all__ = [
    "cross", "cummax", "cummin", "cumulative_trapezoid", "diff", "gradient", "renorm", "trapezoid",
    "trapz",
]  # fmt: skip
METHODS = ["cross", "cummax", "cummin", "diff", "renorm"]


def running(row: Callable[..., Tensor], doc: str) -> Callable[..., ValuesIndices]:
    """Make cummax or cummin."""

    @public
    def extremes(input: Tensor, dim: int) -> ValuesIndices:
        axis = dim_of(input.ndim, dim)
        if not input.ndim:
            return ValuesIndices(shape.clone(input), table.argmax(input))
        index = row(input, axis=axis)
        return ValuesIndices(table.gather(input, index, axis=axis), index)

    extremes.__doc__ = doc
    return extremes


cummax = running(
    table.cumargmax, "The largest so far along `dim`, and the last index at which it stood."
)
cummin = running(
    table.cumargmin, "The smallest so far along `dim`, and the last index at which it stood."
)


@public
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None
) -> Tensor:
    """The differences of neighbours along `dim`, taken n times; of bools, whether they differ.

    `prepend` and `append` go before and after input first.

    >>> import tinygrad_mnist as tg
    >>> tg.diff(tg.tensor([1, 4, 9, 16]))
    tensor([3, 5, 7])
    """
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = dim_of(input.ndim, dim)
    if not n:
        return shape.clone(input)
    parts = [part for part in (prepend, input, append) if part is not None]
    x = join.cat(parts, axis) if len(parts) > 1 else input
    for _ in range(n):
        length = x.shape[axis]
        if length < 2:
            return table.narrow(x, axis, 0, 0)
        later, earlier = (table.narrow(x, axis, start, length - 1) for start in (1, 0))
        bools = x.dtype.kind == "b"
        x = table.logical_xor(later, earlier) if bools else table.sub(later, earlier)
    return x


@public
def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The derivative along each of `dim` (all), by central differences of the second order.

    `spacing` is the distance of two samples, one distance for each dimension, or the coordinates
    of the samples along each. The ends take one-sided differences of `edge_order` 1 or 2.
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    x = floating(input)
    chosen = range(x.ndim) if dim is None else dim if isinstance(dim, (tuple, list)) else (dim,)
    axes = dims_of(x.ndim, chosen)
    if isinstance(spacing, (tuple, list)):
        steps = list(spacing)
        if len(steps) != len(axes):
            raise RuntimeError(
                f"torch.gradient expected spacing to be unspecified, a scalar or a list of length "
                f"{len(axes)}, but got a list of length {len(steps)}"
            )
    else:
        steps = [1 if spacing is None else spacing] * len(axes)
    for axis in axes:
        if x.shape[axis] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1, not "
                f"{x.shape[axis]}"
            )
    return tuple(_slope(x, axis, h, edge_order) for axis, h in zip(axes, steps, strict=True))


def _slope(x: Tensor, axis: int, spacing: Any, edge_order: int) -> Tensor:
    """The derivative along one dimension; numpy.gradient's formulas."""
    n = x.shape[axis]
    along_axis = (-1, *(1,) * (x.ndim - axis - 1))
    if isinstance(spacing, Tensor) and spacing.ndim:
        if spacing.shape != (n,):
            raise ShapeError(f"gradient: {n} coordinates are needed, not {list(spacing.shape)}")
        h = table.cast(diff(spacing), dtype=x.dtype)
    else:
        h = table.cast(table.broadcast_to(wrap(np.ones(())), shape=(n - 1,)), dtype=x.dtype)
        h = h * spacing
    steps = table.narrow(x, axis, 1, n - 1) - table.narrow(x, axis, 0, n - 1)
    steps = steps / table.reshape(h, shape=along_axis)  # the slope between each two neighbours
    first, last = table.narrow(steps, axis, 0, 1), table.narrow(steps, axis, n - 2, 1)
    if n == 2:
        return join.cat([first, last], axis)
    before, after = h[:-1], h[1:]
    share = table.reshape(after / (before + after), shape=along_axis)
    left, right = table.narrow(steps, axis, 0, n - 2), table.narrow(steps, axis, 1, n - 2)
    middle = left * share + right * (1 - share)
    if edge_order == 2:
        second, other = table.narrow(steps, axis, 1, 1), table.narrow(steps, axis, n - 3, 1)
        first = first + (first - second) * (h[0] / (h[0] + h[1]))
        last = last + (last - other) * (h[n - 2] / (h[n - 2] + h[n - 3]))
    return join.cat([first, middle, last], axis)


def _areas(y: Tensor, x: Any, dx: Any, dim: int) -> tuple[Tensor, int]:
    """The areas of the trapezoids between neighbours along `dim`."""
    axis = dim_of(y.ndim, dim)
    if dx is not None and x is not None:
        raise TypeError("trapezoid: samples are either at `x` or `dx` apart, not both")
    n = y.shape[axis]
    if y.dtype.kind == "b" or (isinstance(x, Tensor) and x.dtype.kind == "b"):
        raise DTypeError("trapezoid: received a bool input, but bool is not supported")
    middle = table.narrow(y, axis, 1, n - 1) + table.narrow(y, axis, 0, n - 1)
    if x is None:
        return middle * ((1 if dx is None else dx) / 2), axis
    if x.ndim == 1:
        if x.shape[0] != n:
            raise ShapeError(
                "trapezoid: There must be one `x` value for each sample point, but "
                f"{x.shape[0]} were given for {n}"
            )
        width = table.reshape(diff(x), shape=(-1, *(1,) * (y.ndim - axis - 1)))
    else:
        axis_of_x = axis - y.ndim + x.ndim
        if axis_of_x < 0:
            raise ShapeError(f"trapezoid: x of shape {list(x.shape)} has no such dimension {dim}")
        width = diff(x, 1, axis_of_x)
    areas = middle * width / 2
    return areas, axis + areas.ndim - y.ndim


@public
@in_float32
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral of samples y along `dim` by the trapezoidal rule, at x or `dx` (1) apart.

    >>> import tinygrad_mnist as tg
    >>> tg.trapezoid(tg.tensor([1.0, 2.0, 4.0]))
    tensor(4.5000)
    """
    if y.ndim and not y.shape[dim_of(y.ndim, dim)]:
        whole = kept_shape(y.shape, dim_of(y.ndim, dim))
        rest = dropped_shape(whole, (dim_of(y.ndim, dim),))
        dtype = y.dtype if y.dtype.kind == "f" else get_default_dtype()
        return wrap(np.zeros(rest, dtype))
    areas, axis = _areas(y, x, dx, dim)
    return table.sum(areas, axis=(axis,))


trapz = trapezoid


@public
@in_float32
def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1
) -> Tensor:
    """`trapezoid` up to each sample but the first."""
    areas, axis = _areas(y, x, dx, dim)
    return table.cumsum(areas, axis=axis)


@public
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product of vectors of three elements along `dim` (the first of that length)."""
    if input.ndim != other.ndim:
        raise RuntimeError(
            f"cross: inputs must have the same number of dimensions, not {input.ndim} and "
            f"{other.ndim}"
        )
    if dim is None:
        candidates = [
            i for i, n in enumerate(zip(input.shape, other.shape, strict=True)) if n == (3, 3)
        ]
        if not candidates:
            raise RuntimeError("no dimension of size 3 in input")
        dim = candidates[0]
    axis = dim_of(input.ndim, dim)
    if input.shape[axis] != 3 or other.shape[axis] != 3:
        raise RuntimeError(
            f"cross: inputs dimension {dim} must have length 3. Got {input.shape[axis]} and "
            f"{other.shape[axis]}"
        )
    if "b" in (input.dtype.kind, other.dtype.kind):
        raise DTypeError("cross() is not implemented for bools; cast them first")
    a, b = ([table.narrow(v, axis, i, 1) for i in range(3)] for v in (input, other))
    parts = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]
    return join.cat(parts, axis)


@public
@in_float32
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Each slice along `dim` scaled down to the p-norm `maxnorm`, where its own is larger."""
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim}")
    if p <= 0 or maxnorm < 0:
        raise RuntimeError(f"renorm: p must be positive and maxnorm not negative: {p}, {maxnorm}")
    axis = dim_of(input.ndim, dim)
    others = [i for i in range(input.ndim) if i != axis]
    size = reduce.norm(input, p, others, keepdim=True)
    too_long = table.gt(size, maxnorm)
    factor = table.where(too_long, maxnorm / (table.where(too_long, size, 1.0) + 1e-7), 1.0)
    return input * factor


named(globals(), __all__)
refuse(globals())
