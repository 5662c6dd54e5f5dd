"""Windows as columns of a matrix and back, and channels rearranged into pixels and back."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels.windows import fitting
from tinygrad_mnist.ops import shape, table
from tinygrad_mnist.ops.conv import pair
from tinygrad_mnist.ops.refused import refuse

__all__ = [
    "channel_shuffle", "fold", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle",
    "unfold",
]  # fmt: skip


def _settings(dilation: Any, padding: Any, stride: Any) -> tuple[Any, Any, Any]:
    gap, rim, step = pair(dilation, "dilation"), pair(padding, "padding"), pair(stride, "stride")
    if min(gap + step) < 1:
        raise RuntimeError(f"stride and dilation should be greater than zero, got {step} and {gap}")
    if min(rim) < 0:
        raise RuntimeError(f"padding should be non-negative, but got {rim}")
    return gap, rim, step


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The windows of images (n, c, h, w) as the columns of (n, c kh kw, windows); also without n.

    Raises ShapeError where no window fits.

    >>> import tinygrad_mnist as tg
    >>> import tinygrad_mnist.nn.functional as F
    >>> F.unfold(tg.arange(9.0).reshape(1, 1, 3, 3), 2)[0, :, 0]
    tensor([0., 1., 3., 4.])
    """
    if input.ndim == 3:
        batch = shape.unsqueeze(input, 0)
        return shape.squeeze(unfold(batch, kernel_size, dilation, padding, stride), 0)
    if input.ndim != 4:
        raise ShapeError(f"unfold: input must have 3 or 4 dimensions, not {list(input.shape)}")
    size, (gap, rim, step) = pair(kernel_size, "kernel_size"), _settings(dilation, padding, stride)
    x = shape.constant_pad_nd(input, (rim[1], rim[1], rim[0], rim[0])) if max(rim) else input
    sizes = zip(x.shape[2:], size, step, gap, strict=True)
    if min(size) < 1 or min(fitting(*each) for each in sizes) < 1:
        raise ShapeError(
            f"unfold: windows of {list(size)} (dilation {list(gap)}) do not fit into the padded "
            f"input {list(x.shape[2:])}"
        )
    y = table.windows(x, size=size, step=step, gap=gap)
    n, c, *_ = y.shape
    return table.reshape(y, shape=(n, c * math.prod(size), math.prod(y.shape[4:])))


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """The adjoint of `unfold`: columns (n, c kh kw, windows) added up to images of `output_size`.

    Raises ShapeError where the columns are not those of such images.
    """
    if input.ndim == 2:
        batch = shape.unsqueeze(input, 0)
        settings = (output_size, kernel_size, dilation, padding, stride)
        return shape.squeeze(fold(batch, *settings), 0)
    if input.ndim != 3:
        raise ShapeError(f"fold: input must have 2 or 3 dimensions, not {list(input.shape)}")
    size, (gap, rim, step) = pair(kernel_size, "kernel_size"), _settings(dilation, padding, stride)
    padded = tuple(n + 2 * p for n, p in zip(pair(output_size, "output_size"), rim, strict=True))
    counts = tuple(fitting(*each) for each in zip(padded, size, step, gap, strict=True))
    channels, rest = divmod(input.shape[1], math.prod(size))
    if rest or input.shape[2] != math.prod(counts):
        raise ShapeError(
            f"fold: images of {list(padded)} have {math.prod(counts)} windows of {list(size)}, "
            f"that is columns of a multiple of {math.prod(size)}; the input is {list(input.shape)}"
        )
    d = table.reshape(input, shape=(input.shape[0], channels, *size, *counts))
    y = table.unwindows(d, shape=padded, step=step, gap=gap)
    if not max(rim):
        return y
    interior = tuple(slice(p, n - p) for n, p in zip(padded, rim, strict=True))
    return table.slice(y, key=(..., *interior))


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels as pixels: (..., c r^2, h, w) to (..., c, h r, w r); Shi et al., 2016."""
    r = int(upscale_factor)
    if input.ndim < 3:
        raise ShapeError(f"pixel_shuffle: input needs 3 dimensions or more, not {input.ndim}")
    if r < 1:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if r == 1:
        return shape.clone(input)
    *lead, c, h, w = input.shape
    if c % (r * r):
        raise ShapeError(f"pixel_shuffle: {c} channels are not divisible by {r} squared")
    n = len(lead)
    parts = table.reshape(input, shape=(*lead, c // (r * r), r, r, h, w))
    axes = (*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return table.reshape(table.permute(parts, axes=axes), shape=(*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Pixels as channels, the inverse of `pixel_shuffle`."""
    r = int(downscale_factor)
    if input.ndim < 3:
        raise ShapeError(f"pixel_unshuffle: input needs 3 dimensions or more, not {input.ndim}")
    if r < 1:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    if r == 1:
        return shape.clone(input)
    *lead, c, h, w = input.shape
    if h % r or w % r:
        raise ShapeError(f"pixel_unshuffle: height {h} and width {w} must be divisible by {r}")
    n = len(lead)
    parts = table.reshape(input, shape=(*lead, c, h // r, r, w // r, r))
    axes = (*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return table.reshape(table.permute(parts, axes=axes), shape=(*lead, c * r * r, h // r, w // r))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Interleave the channels of `groups` groups, one from each in turn; Zhang et al., 2017."""
    if input.ndim < 3:
        raise ShapeError(f"channel_shuffle: input needs 3 dimensions or more, not {input.ndim}")
    n, c, *rest = input.shape
    if groups < 1 or c % groups:
        raise ShapeError(f"channel_shuffle: {c} channels do not divide into {groups} groups")
    parts = table.reshape(input, shape=(n, groups, c // groups, *rest))
    return shape.clone(table.reshape(shape.transpose(parts, 1, 2), shape=input.shape))


native_channel_shuffle = channel_shuffle


refuse(globals())
