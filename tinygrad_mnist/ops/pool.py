"""Pooling: one number for each window of an image (n, channels, height, width)."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels.pool import Windows
from tinygrad_mnist.ops import join, reduce, shape, table
from tinygrad_mnist.ops.arguments import in_float32
from tinygrad_mnist.ops.conv import several
from tinygrad_mnist.ops.refused import refuse

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "avg_pool1d", "avg_pool2d",
    "avg_pool3d", "max_pool1d", "max_pool1d_with_indices", "max_pool2d",
    "max_pool2d_with_indices", "max_pool3d", "max_pool3d_with_indices",
]  # fmt: skip


Settings = tuple[Any, Any, Any, Any]  # kernel size, stride, padding, dilation


def _windows(name: str, x: Tensor, settings: Settings, ceil_mode: bool, dims: int = 2) -> Windows:
    """The positions of the windows over the last dimensions."""
    size, stride, padding, dilation = settings
    kernel, rim, gaps = (
        several(size, "kernel_size", dims),
        several(padding, "padding", dims),
        several(dilation, "dilation", dims),
    )
    step = several(stride, "stride", dims) if stride not in (None, (), []) else kernel
    if min(kernel + step + gaps) < 1:
        raise RuntimeError(f"{name}: kernel size, stride and dilation must be positive")
    if any(2 * p > k for p, k in zip(rim, kernel, strict=True)) or min(rim) < 0:
        raise RuntimeError(
            f"{name}: padding should be at most half of the kernel size, but got padding={rim} and "
            f"kernel size={kernel}"
        )
    count = []
    for n, k, s, p, d in zip(x.shape[-dims:], kernel, step, rim, gaps, strict=True):
        reach = n + 2 * p - d * (k - 1) - 1
        number = (reach + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (number - 1) * s >= n + p:
            number -= 1  # the last window must start inside of the image or its left rim
        count.append(number)
    if min(count) < 1:
        raise ShapeError(
            f"{name}: windows of {list(kernel)} do not fit into an input of shape {list(x.shape)}"
        )
    return Windows(kernel, step, gaps, rim, tuple(count))


def _flat_and_deep(win: Windows) -> tuple[Windows, Windows]:
    """Windows over volumes as windows over their frames, and over columns of the frames' results.

    The first maximum of a volume's window is in the first frame with that maximum.
    """
    flat = Windows(*(part[1:] for part in win))
    deep = zip(win, (1, 1, 1, 0, math.prod(flat.number)), strict=True)
    return flat, Windows(*((part[0], one) for part, one in deep))


def batched(name: str, x: Tensor, ndim: int = 4) -> Tensor:
    """Return images with a dimension for the batch; ShapeError for other numbers of dimensions."""
    if x.ndim == ndim:
        return x
    if x.ndim != ndim - 1:
        raise ShapeError(
            f"{name}: input must have {ndim - 1} or {ndim} dimensions, not shape {list(x.shape)}"
        )
    return shape.unsqueeze(x, 0)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window; with `return_indices` also its index in the image.

    Of equal elements, the first gets the gradient.

    >>> import tinygrad_mnist as tg
    >>> import tinygrad_mnist.nn.functional as F
    >>> F.max_pool2d(tg.arange(16.0).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    x = batched("max_pool2d", input)
    win = _windows("max_pool2d", x, (kernel_size, stride, padding, dilation), ceil_mode)
    y = table.max_pool(x, win=win)
    result = y if input.ndim == 4 else shape.squeeze(y, 0)
    if not return_indices:
        return result
    index = table.pool_index(x.detach(), y.detach(), win=win)
    return result, index if input.ndim == 4 else shape.squeeze(index, 0)


def _flat(value: Any, first: Any) -> Any:
    """A one-dimensional setting as a two-dimensional one."""
    if value in (None, (), []):
        return None
    return (first, value[0] if isinstance(value, (tuple, list)) else value)


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` along the last dimension of (n, channels, length)."""
    settings = (_flat(kernel_size, 1), _flat(stride, 1), _flat(padding, 0), _flat(dilation, 1))
    wide = shape.unsqueeze(input, -2)
    result = max_pool2d(wide, *settings, ceil_mode, return_indices)
    if return_indices:
        return tuple(shape.squeeze(part, -2) for part in result)
    return shape.squeeze(result, -2)


@in_float32
def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window; padding counts as zeros, or not at all (count_include_pad=False)."""
    x = batched("avg_pool2d", input)
    win = _windows("avg_pool2d", x, (kernel_size, stride, padding, 1), ceil_mode)
    total = table.pool_sum(x, win=win)
    y = _divided(total, win, x, ceil_mode, count_include_pad, divisor_override)
    return y if input.ndim == 4 else shape.squeeze(y, 0)


def _divided(
    total: Tensor, win: Windows, x: Tensor, ceil_mode: bool, with_padding: bool, divisor: Any
) -> Tensor:
    """The windows' sums divided by the number of elements that count."""
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    if divisor is not None:
        return table.div(total, divisor)
    if max(win.padding) == 0 and not ceil_mode:
        return table.div(total, math.prod(win.size))
    return table.div(total, _counts(win, x.shape[2:], with_padding).astype(x.dtype))


def _counts(win: Windows, size: tuple[int, ...], with_padding: bool) -> Any:
    """How many elements each window has; those beyond the far rim never count."""
    sides = []
    for k, s, p, m, n in zip(win.size, win.stride, win.padding, win.number, size, strict=True):
        start = np.arange(m) * s - p
        low, high = (-p, n + p) if with_padding else (0, n)
        sides.append(np.minimum(start + k, high) - np.maximum(start, low))
    return functools.reduce(np.multiply.outer, sides)


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """`avg_pool2d` along the last dimension of (n, channels, length)."""
    settings = (_flat(kernel_size, 1), _flat(stride, 1), _flat(padding, 0))
    wide = shape.unsqueeze(input, -2)
    return shape.squeeze(avg_pool2d(wide, *settings, ceil_mode, count_include_pad), -2)


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` of volumes (n, channels, depth, height, width)."""
    x = batched("max_pool3d", input, 5)
    settings = (kernel_size, stride, padding, dilation)
    flat, deep = _flat_and_deep(_windows("max_pool3d", x, settings, ceil_mode, 3))
    n, c, frames, *size = x.shape
    images = table.reshape(x, shape=(n, c * frames, *size))
    tops = table.max_pool(images, win=flat)
    columns = table.reshape(tops, shape=(n, c, frames, math.prod(flat.number)))
    y = table.reshape(table.max_pool(columns, win=deep), shape=(n, c, deep.number[0], *flat.number))
    result = y if input.ndim == 5 else shape.squeeze(y, 0)
    if not return_indices:
        return result
    top = table.reshape(y.detach(), shape=(n, c, *deep.number))
    frame = table.pool_index(columns.detach(), top, win=deep)  # of frames times pixels of a result
    in_frame = table.pool_index(images.detach(), tops.detach(), win=flat)
    in_frame = table.reshape(in_frame, shape=(n, c, frames * math.prod(flat.number)))
    at = table.reshape(frame, shape=(n, c, math.prod(deep.number)))
    pixel = table.gather(in_frame, at, axis=2)
    index = table.floor_divide(at, math.prod(flat.number)) * math.prod(size) + pixel
    index = table.reshape(index, shape=y.shape)
    return result, index if input.ndim == 5 else shape.squeeze(index, 0)


def max_pool1d_with_indices(*args: Any, **kw: Any) -> tuple[Tensor, Tensor]:
    """`max_pool1d` with `return_indices`."""
    return max_pool1d(*args, **kw | {"return_indices": True})  # type: ignore[no-any-return]


def max_pool2d_with_indices(*args: Any, **kw: Any) -> tuple[Tensor, Tensor]:
    """`max_pool2d` with `return_indices`."""
    return max_pool2d(*args, **kw | {"return_indices": True})  # type: ignore[no-any-return]


def max_pool3d_with_indices(*args: Any, **kw: Any) -> tuple[Tensor, Tensor]:
    """`max_pool3d` with `return_indices`."""
    return max_pool3d(*args, **kw | {"return_indices": True})  # type: ignore[no-any-return]


@in_float32
def avg_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """`avg_pool2d` of volumes (n, channels, depth, height, width)."""
    x = batched("avg_pool3d", input, 5)
    win = _windows("avg_pool3d", x, (kernel_size, stride, padding, 1), ceil_mode, 3)
    flat, deep = _flat_and_deep(win)
    n, c, frames, *size = x.shape
    sums = table.pool_sum(table.reshape(x, shape=(n, c * frames, *size)), win=flat)
    columns = table.reshape(sums, shape=(n, c, frames, math.prod(flat.number)))
    total = table.pool_sum(columns, win=deep)
    total = table.reshape(total, shape=(n, c, *win.number))
    y = _divided(total, win, x, ceil_mode, count_include_pad, divisor_override)
    return y if input.ndim == 5 else shape.squeeze(y, 0)


@in_float32
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows chosen so that the output has `output_size` (None: as the input).

    Window i of m over n elements goes from floor(i n / m) to ceil((i + 1) n / m).
    """
    batched("adaptive_avg_pool2d", input)
    return adaptive_mean(input, output_sizes(input, output_size, 2))


@in_float32
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool2d` along the last dimension."""
    batched("adaptive_avg_pool1d", input, 3)
    return adaptive_mean(input, output_sizes(input, output_size, 1))


@in_float32
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool2d` of volumes (n, channels, depth, height, width)."""
    batched("adaptive_avg_pool3d", input, 5)
    return adaptive_mean(input, output_sizes(input, output_size, 3))


def output_sizes(x: Tensor, value: Any, dims: int) -> tuple[int, ...]:
    """The lengths of the last dimensions of an adaptive pool's result; None keeps one."""
    lengths = tuple(value) if isinstance(value, (tuple, list)) else (value,) * dims
    if len(lengths) != dims or any(m is not None and m < 0 for m in lengths):
        raise RuntimeError(
            f"output_size must be one number or {dims}, none of them negative, not {value!r}"
        )
    pairs = zip(lengths, x.shape[-dims:], strict=True)
    return tuple(n if m is None else int(m) for m, n in pairs)


def adaptive_mean(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """The means of adaptive windows over the last dimensions."""
    first = x.ndim - len(sizes)
    if all(m == 1 for m in sizes):  # at once: in between would be an array in another order
        return reduce.mean(x, tuple(range(first, x.ndim)), keepdim=True)
    y = x
    for axis, m in enumerate(sizes, first):
        y = _adaptive_mean(y, axis, m)
    return shape.clone(x) if y is x else y


def adaptive_ends(n: int, m: int) -> list[tuple[int, int]]:
    """The first element of each of m windows over n elements, and the one after its last."""
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def _adaptive_mean(x: Tensor, axis: int, m: int) -> Tensor:
    n = x.shape[axis]
    if m == n:
        return x
    if m == 1:
        return reduce.mean(x, axis, keepdim=True)
    if m == 0:
        return table.narrow(x, axis, 0, 0)
    ends = adaptive_ends(n, m)
    means = [reduce.mean(table.narrow(x, axis, a, b - a), axis, keepdim=True) for a, b in ends]
    return join.cat(means, axis)


refuse(globals())
