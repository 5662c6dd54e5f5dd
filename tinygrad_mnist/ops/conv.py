"""Convolutions and padding. Images are (n, channels, height, width), or one without n."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels.conv import Geometry
from tinygrad_mnist.ops import join, shape, table

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "pad",
]  # fmt: skip

Size = int | Sequence[int]


def pair(value: Any, name: str) -> tuple[int, int]:
    """One number for both dimensions, or two."""
    first, second = several(value, name, 2)
    return first, second


def several(value: Any, name: str, dims: int) -> tuple[int, ...]:
    """One number for all dimensions, or one for each."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    values = values * dims if len(values) == 1 else values
    if len(values) != dims:
        count = {1: "one number", 2: "one number or two"}.get(dims, f"one number or {dims}")
        raise ValueError(f"{name} must be {count}, not {value!r}")
    return tuple(int(value) for value in values)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Any = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Each output channel is the sum of all input channels, filtered, plus its bias.

    input (n, in, h, w) or (in, h, w); weight (out, in / groups, kh, kw); bias (out,); the result is
    (n, out, h', w'). `padding` zeros surround the image; "same" keeps its size, "valid" means none.

    Raises ShapeError for sizes and channels that do not fit, DTypeError for dtypes.

    >>> import tinygrad_mnist as tg
    >>> import tinygrad_mnist.nn.functional as F
    >>> F.conv2d(tg.ones(1, 1, 3, 3), tg.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    if input.ndim == 3 and weight.ndim == 4:
        batch = shape.unsqueeze(input, 0)
        return shape.squeeze(conv2d(batch, weight, bias, stride, padding, dilation, groups), 0)
    _check("conv2d", input, weight, weight.shape[1] * groups if weight.ndim > 1 else 0)
    if groups < 1 or weight.shape[0] % groups:
        raise ShapeError(f"conv2d: {weight.shape[0]} output channels in {groups} groups")
    step, gaps = pair(stride, "stride"), pair(dilation, "dilation")
    if min(step) < 1 or min(gaps) < 1:
        raise RuntimeError(f"conv2d: stride and dilation must be positive, not {step} and {gaps}")
    if isinstance(padding, str):
        input, padding = _named_padding(input, weight, padding, step, gaps)
    rim = pair(padding, "padding")
    if min(rim) < 0:
        raise RuntimeError(f"negative padding is not supported: {rim}")
    geom = Geometry(step, rim, gaps, groups)
    if min(geom.extent(input.shape[2:], weight.shape[2:])) < 1:  # type: ignore[arg-type]
        raise ShapeError(
            f"conv2d: the kernel {list(weight.shape[2:])} (dilation {list(gaps)}) is larger than "
            f"the padded input {[n + 2 * p for n, p in zip(input.shape[2:], rim, strict=True)]}"
        )
    args = (input, weight) if bias is None else (input, weight, bias)
    return table.conv(*args, geom=geom)


def _check(name: str, input: Tensor, weight: Tensor, channels: int, ndim: int = 4) -> None:
    if weight.ndim != ndim or input.ndim != ndim:
        raise ShapeError(
            f"{name}: input must have {ndim - 1} or {ndim} dimensions and weight {ndim}, not "
            f"shapes {list(input.shape)} and {list(weight.shape)}"
        )
    if input.shape[1] != channels:
        raise ShapeError(
            f"{name}: weight of size {list(weight.shape)} expects input to have {channels} "
            f"channels, but input {list(input.shape)} has {input.shape[1]}"
        )
    if input.dtype != weight.dtype:
        raise DTypeError(
            f"{name}: input is {input.dtype} and weight {weight.dtype}; cast one of them, "
            "for example with input.float()"
        )


def _named_padding(
    input: Tensor, weight: Tensor, padding: str, step: tuple[int, ...], gaps: tuple[int, ...]
) -> tuple[Tensor, Any]:
    if padding == "valid":
        return input, 0
    if padding != "same":
        raise ValueError(f"padding must be a number, 'same' or 'valid', not {padding!r}")
    if max(step) > 1:
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    extra = [(k - 1) * d for k, d in zip(weight.shape[2:], gaps, strict=True)]
    if all(n % 2 == 0 for n in extra):
        return input, tuple(n // 2 for n in extra)
    return pad(input, [m for n in extra[::-1] for m in (n // 2, n - n // 2)]), 0


def _flat(value: Any, first: Any) -> Any:
    """A one-dimensional setting as a two-dimensional one."""
    if isinstance(value, str):
        return value
    return (first, value[0] if isinstance(value, (tuple, list)) else value)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Any = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` along one dimension: input (n, in, length), weight (out, in / groups, k)."""
    if weight.ndim != 3 or input.ndim not in (2, 3):
        raise ShapeError(
            f"conv1d: input must have 2 or 3 dimensions and weight 3, not shapes "
            f"{list(input.shape)} and {list(weight.shape)}"
        )
    image, kernel = shape.unsqueeze(input, -2), shape.unsqueeze(weight, -2)
    settings = _flat(stride, 1), _flat(padding, 0), _flat(dilation, 1)
    return shape.squeeze(conv2d(image, kernel, bias, *settings, groups), -2)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The adjoint of `conv2d` in its input: weight is (in, out / groups, kh, kw).

    The height of the result is (h - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1;
    its width likewise.
    """
    if input.ndim == 3 and weight.ndim == 4:
        batch = shape.unsqueeze(input, 0)
        settings = (bias, stride, padding, output_padding, groups, dilation)
        return shape.squeeze(conv_transpose2d(batch, weight, *settings), 0)
    _check("conv_transpose2d", input, weight, weight.shape[0])
    geom = Geometry(
        pair(stride, "stride"), pair(padding, "padding"), pair(dilation, "dilation"), groups
    )
    extras = pair(output_padding, "output_padding")
    for extra, s, d in zip(extras, geom.stride, geom.dilation, strict=True):
        if extra >= max(s, d):
            raise RuntimeError(
                f"output padding must be smaller than either stride or dilation, but got {extra}"
            )
    sizes = zip(input.shape[2:], *geom[:3], weight.shape[2:], extras, strict=True)
    size = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, s, p, d, k, e in sizes)
    if min(size) < 1:
        raise ShapeError(f"conv_transpose2d: the output would have size {list(size)}")
    y = table.conv_input(input, weight, size=size, geom=geom)
    return y if bias is None else y + bias.reshape(-1, 1, 1)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """`conv_transpose2d` in one dimension: input (n, in, length), weight (in, out / groups, k)."""
    image, kernel = shape.unsqueeze(input, -2), shape.unsqueeze(weight, -2)
    settings = _flat(stride, 1), _flat(padding, 0), _flat(output_padding, 0)
    y = conv_transpose2d(image, kernel, bias, *settings, groups, _flat(dilation, 1))
    return shape.squeeze(y, -2)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Any = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` of volumes: input (n, in, d, h, w), weight (out, in / groups, kd, kh, kw).

    The frames that a kernel covers become channels of one image, for `conv2d`, whose errors it
    raises.
    """
    if input.ndim == 4 and weight.ndim == 5:
        batch = shape.unsqueeze(input, 0)
        return shape.squeeze(conv3d(batch, weight, bias, stride, padding, dilation, groups), 0)
    _check("conv3d", input, weight, weight.shape[1] * groups if weight.ndim > 1 else 0, 5)
    step, gaps = several(stride, "stride", 3), several(dilation, "dilation", 3)
    if min(step) < 1 or min(gaps) < 1:
        raise RuntimeError(f"conv3d: stride and dilation must be positive, not {step} and {gaps}")
    if isinstance(padding, str):
        input, padding = _named_padding(input, weight, padding, step, gaps)
    rim = several(padding, "padding", 3)
    if min(rim) < 0:
        raise RuntimeError(f"negative padding is not supported: {rim}")
    padded = [n + 2 * p for n, p in zip(input.shape[2:], rim, strict=True)]
    size = weight.shape[2:]
    if any(d * (k - 1) >= n for n, k, d in zip(padded, size, gaps, strict=True)):
        raise ShapeError(
            f"conv3d: the kernel {list(size)} (dilation {list(gaps)}) is larger than the padded "
            f"input {padded}"
        )
    x = shape.constant_pad_nd(input, (0, 0, 0, 0, rim[0], rim[0])) if rim[0] else input
    x = table.permute(x, axes=(0, 1, 3, 4, 2))
    x = table.windows(x, size=size[:1], step=step[:1], gap=gaps[:1])
    n, _, h, w, depth, frames = x.shape
    x = table.permute(x, axes=(0, 5, 1, 4, 2, 3))
    x = table.reshape(x, shape=(n * frames, input.shape[1] * depth, h, w))
    kernel = table.reshape(weight, shape=(len(weight), weight.shape[1] * depth, *size[1:]))
    y = conv2d(x, kernel, bias, step[1:], rim[1:], gaps[1:], groups)
    y = table.reshape(y, shape=(n, frames, *y.shape[1:]))
    return shape.contiguous(table.permute(y, axes=(0, 2, 1, 3, 4)))


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """`conv_transpose2d` of volumes: input (n, in, d, h, w), weight (in, out / groups, kd, kh, kw).

    The depth of a kernel becomes channels of one image, which add up where they overlap.
    """
    if input.ndim == 4 and weight.ndim == 5:
        batch = shape.unsqueeze(input, 0)
        settings = (bias, stride, padding, output_padding, groups, dilation)
        return shape.squeeze(conv_transpose3d(batch, weight, *settings), 0)
    _check("conv_transpose3d", input, weight, len(weight), 5)
    step, gaps = several(stride, "stride", 3), several(dilation, "dilation", 3)
    rim, extra = several(padding, "padding", 3), several(output_padding, "output_padding", 3)
    size, (n, channels, frames, h, w) = weight.shape[2:], input.shape
    covered = (frames - 1) * step[0] + gaps[0] * (size[0] - 1) + 1
    depth = covered - 2 * rim[0] + extra[0]
    if extra[0] >= max(step[0], gaps[0]):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got {extra[0]}"
        )
    if depth < 1:
        raise ShapeError(f"conv_transpose3d: the output would have a depth of {depth}")
    x = table.permute(input, axes=(0, 2, 1, 3, 4))
    x = table.reshape(x, shape=(n * frames, channels, h, w))
    kernel = table.reshape(weight, shape=(channels, weight.shape[1] * size[0], *size[1:]))
    y = conv_transpose2d(x, kernel, None, step[1:], rim[1:], extra[1:], groups, gaps[1:])
    out = weight.shape[1] * groups
    y = table.reshape(y, shape=(n, frames, out, size[0], *y.shape[2:]))
    y = table.permute(y, axes=(0, 2, 4, 5, 3, 1))
    y = table.unwindows(y, shape=(covered,), step=step[:1], gap=gaps[:1])
    if rim[0] + depth > covered:
        y = shape.constant_pad_nd(y, (0, rim[0] + depth - covered))
    y = table.permute(table.narrow(y, 4, rim[0], depth), axes=(0, 1, 4, 2, 3))
    return shape.contiguous(y if bias is None else y + bias.reshape(-1, 1, 1, 1))


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """`conv1d` of sequences (time, batch, in), with a weight (k, in, out) and a bias (out,)."""
    x, kernel = table.permute(input, axes=(1, 2, 0)), table.permute(weight, axes=(2, 1, 0))
    return table.permute(conv1d(x, kernel, bias, padding=pad), axes=(2, 0, 1))


def _beyond(x: Tensor, axis: int, mode: str, count: int, *, at_end: bool) -> Tensor:
    """The padding before an axis, or at its end."""
    n = x.shape[axis]
    if mode == "circular":
        return table.narrow(x, axis, 0 if at_end else n - count, count)
    if mode == "reflect":
        return table.flip(table.narrow(x, axis, n - 1 - count if at_end else 1, count), axis)
    rim = table.narrow(x, axis, n - 1 if at_end else 0, 1)
    return table.broadcast_to(rim, shape=(*x.shape[:axis], count, *x.shape[axis + 1 :]))


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Pad input with a constant, its mirror image ("reflect"), its rim ("replicate"), or its other
    end ("circular"). `pad` is (before, after) of the last dimension, then the one before it.

    >>> import tinygrad_mnist as tg
    >>> import tinygrad_mnist.nn.functional as F
    >>> F.pad(tg.tensor([1, 2, 3]).reshape(1, 3), (1, 1), mode="reflect")
    tensor([[2, 1, 2, 3, 2]])
    """
    if mode == "constant":
        return shape.constant_pad_nd(input, pad, 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None:
        raise ValueError(f"Padding mode {mode!r} doesn't take in value argument")
    for i in range(len(pad) // 2):
        axis, n = input.ndim - 1 - i, input.shape[-1 - i]
        before, after = pad[2 * i], pad[2 * i + 1]
        if mode == "circular" and min(before, after) < 0:  # cut elements do not wrap around
            n += min(before, 0) + min(after, 0)
            input = table.narrow(input, axis, max(-before, 0), n)
            before, after = max(before, 0), max(after, 0)
        reach = {"reflect": n - 1, "circular": n, "replicate": max(before, after)}[mode]
        if max(before, after) > reach:
            raise RuntimeError(
                f"Padding size {max(before, after)} must be at most {reach} for mode {mode!r} and "
                f"dimension {axis} of input {list(input.shape)}"
            )
        first, last = max(-before, 0), n + min(after, 0)
        parts = [table.narrow(input, axis, first, last - first)] if first < last else []
        over = max(first - last, 0)  # what is cropped of the other side's padding
        if before > over:
            rim = _beyond(input, axis, mode, before, at_end=False)
            parts.insert(0, table.narrow(rim, axis, 0, before - over) if over else rim)
        if after > over:
            rim = _beyond(input, axis, mode, after, at_end=True)
            parts.append(table.narrow(rim, axis, over, after - over) if over else rim)
        input = join.cat(parts or [table.narrow(input, axis, 0, 0)], axis)
    return input
