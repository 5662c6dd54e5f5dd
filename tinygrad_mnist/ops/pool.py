"""Pooling: one number for each window of an image (n, channels, height, width)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels.pool import Windows
from tinygrad_mnist.ops import join, reduce, shape, table
from tinygrad_mnist.ops.arguments import in_float32
from tinygrad_mnist.ops.conv import pair

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "max_pool1d",
    "max_pool2d",
]  # fmt: skip


def _windows(
    name: str, x: Tensor, size: Any, stride: Any, padding: Any, dilation: Any, *, ceil_mode: bool
) -> Windows:
    kernel, rim, gaps = (
        pair(size, "kernel_size"),
        pair(padding, "padding"),
        pair(dilation, "dilation"),
    )
    step = pair(stride, "stride") if stride not in (None, (), []) else kernel
    if min(kernel + step + gaps) < 1:
        raise RuntimeError(f"{name}: kernel size, stride and dilation must be positive")
    if any(2 * p > k for p, k in zip(rim, kernel, strict=True)) or min(rim) < 0:
        raise RuntimeError(
            f"{name}: padding should be at most half of the kernel size, but got padding={rim} and "
            f"kernel size={kernel}"
        )
    count = []
    for n, k, s, p, d in zip(x.shape[-2:], kernel, step, rim, gaps, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        number = (room + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (number - 1) * s >= n + p:
            number -= 1  # the last window must start inside of the image or its left rim
        count.append(number)
    if min(count) < 1:
        raise ShapeError(
            f"{name}: windows of {list(kernel)} do not fit into an input of shape {list(x.shape)}"
        )
    return Windows(kernel, step, gaps, rim, (count[0], count[1]))


def _images(name: str, x: Tensor) -> Tensor:
    if x.ndim == 4:
        return x
    if x.ndim != 3:
        raise ShapeError(f"{name}: input must have 3 or 4 dimensions, not shape {list(x.shape)}")
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
    """The largest element of each window; with `return_indices` also where it is in its image.

    Equal elements: the gradient goes to the first of them.

    >>> import tinygrad_mnist as tg
    >>> import tinygrad_mnist.nn.functional as F
    >>> F.max_pool2d(tg.arange(16.0).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    x = _images("max_pool2d", input)
    win = _windows("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)
    y = table.max_pool(x, win=win)
    result = y if input.ndim == 4 else shape.squeeze(y, 0)
    if not return_indices:
        return result
    index = table.pool_index(x.detach(), y.detach(), win=win)
    return result, index if input.ndim == 4 else shape.squeeze(index, 0)


def _one(value: Any, other: Any) -> Any:
    """A one-dimensional setting as a two-dimensional one."""
    if value in (None, (), []):
        return None
    return (other, value[0] if isinstance(value, (tuple, list)) else value)


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
    settings = (_one(kernel_size, 1), _one(stride, 1), _one(padding, 0), _one(dilation, 1))
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
    x = _images("avg_pool2d", input)
    win = _windows("avg_pool2d", x, kernel_size, stride, padding, 1, ceil_mode=ceil_mode)
    total = table.pool_sum(x, win=win)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    if divisor_override is not None:
        y = total / divisor_override
    elif win.padding == (0, 0) and not ceil_mode:
        y = total / (win.size[0] * win.size[1])
    else:
        y = total / _counts(win, x.shape[2:], with_padding=count_include_pad).astype(x.dtype)
    return y if input.ndim == 4 else shape.squeeze(y, 0)


def _counts(win: Windows, size: tuple[int, ...], *, with_padding: bool) -> Any:
    """How many elements each window has: what reaches over the far rim never counts."""
    sides = []
    for k, s, p, m, n in zip(win.size, win.stride, win.padding, win.number, size, strict=True):
        start = np.arange(m) * s - p
        low, high = (-p, n + p) if with_padding else (0, n)
        sides.append(np.minimum(start + k, high) - np.maximum(start, low))
    return np.outer(*sides)


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """`avg_pool2d` along the last dimension of (n, channels, length)."""
    settings = (_one(kernel_size, 1), _one(stride, 1), _one(padding, 0))
    wide = shape.unsqueeze(input, -2)
    return shape.squeeze(avg_pool2d(wide, *settings, ceil_mode, count_include_pad), -2)


@in_float32
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows chosen so that the output has `output_size` (None: as the input).

    Window i of m over n elements goes from floor(i n / m) to ceil((i + 1) n / m).
    """
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    if input.ndim not in (3, 4):
        raise ShapeError(f"adaptive_avg_pool2d: input of 3 or 4 dimensions, not {input.ndim}")
    y = input
    for axis, m in zip((-2, -1), sizes, strict=True):
        y = _adaptive_mean(y, axis, y.shape[axis] if m is None else m)
    return y


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool2d` along the last dimension."""
    m = output_size[0] if isinstance(output_size, (tuple, list)) else output_size
    return _adaptive_mean(input, -1, m)


def _adaptive_mean(x: Tensor, axis: int, m: int) -> Tensor:
    n = x.shape[axis]
    if m == n:
        return x
    if m == 1:
        return reduce.mean(x, axis, keepdim=True)
    ends = [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
    axis %= x.ndim
    means = [reduce.mean(table.narrow(x, axis, a, b - a), axis, keepdim=True) for a, b in ends]
    return join.cat(means, axis)
