"""Normalisation: mean zero and deviation one over some dimensions, then a scale and a shift."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import elementwise, layers, reduce, shape, table
from tinygrad_mnist.ops.arguments import in_float32
from tinygrad_mnist.ops.inplace import write
from tinygrad_mnist.ops.refused import refuse

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm",
]  # fmt: skip


LONGEST = 1 << 14  # elements whose sums the kernel of layer norm adds up without much rounding


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None, size: tuple[int, ...]) -> Tensor:
    """x * weight + bias, both reshaped to `size`."""
    if weight is not None:
        x = x * (weight if weight.shape == size else shape.reshape(weight, size))
    if bias is not None:
        x = x + (bias if bias.shape == size else shape.reshape(bias, size))
    return x


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel (dimension 1) to mean 0 and deviation 1, then scale and shift it.

    Training takes the moments of the batch, and moves the running ones towards them in place by
    `momentum` (the variance unbiased); evaluation takes the running ones. Ioffe and Szegedy, 2015.

    Raises ValueError in training where a channel has one value only.
    """
    if not input._data.size and input.ndim == 1:
        return input * 1.0
    if input.ndim < 2:
        raise ShapeError(f"batch_norm: input needs 2 dimensions or more, not {list(input.shape)}")
    axes = (0, *range(2, input.ndim))
    size = (-1, *(1,) * (input.ndim - 2))
    if weight is not None and weight.shape != input.shape[1:2]:
        raise ShapeError(
            f"batch_norm: {weight.shape[0]} weights for input {list(input.shape)}, whose dimension "
            f"1 has {input.shape[1]} channels"
        )
    size = (input.shape[1], *size[1:])
    if not training and running_mean is not None and running_var is not None:
        mean, var = shape.reshape(running_mean, size), shape.reshape(running_var, size)
        return _affine((input - mean) * elementwise.rsqrt(var + eps), weight, bias, size)
    n = math.prod(input.shape[i] for i in axes)
    if training and n == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}"
        )
    moves = training and n and running_mean is not None and running_var is not None
    if not _is_usual(input, weight, bias):
        if moves:
            x = _moments_of(input)
            _move(running_mean, reduce.mean(x, axes), momentum)
            _move(running_var, reduce.var(x, axes), momentum)
        return _affine(table.standardize(input, axis=axes, eps=eps), weight, bias, size)
    moments = layers.channel_moments(input.detach())
    if moves:
        _move(running_mean, moments[0], momentum)
        _move(running_var, moments[1] * (n / (n - 1)), momentum)
    return layers.batch_norm(input, weight, bias, moments, eps=eps)


def _is_usual(input: Tensor, *weights: Tensor | None) -> bool:
    """Tell whether the layers' own ops take these: elements, all of one dtype that BLAS has."""
    dtype = input.dtype
    if dtype.char not in "fd" or not input._data.size:
        return False
    return all(w is None or w.dtype is dtype for w in weights)


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and deviation 1 over the last dimensions, `normalized_shape`; Ba et al., 2016."""
    size = _size(normalized_shape)
    axes = _last("layer_norm", input, size)
    if _is_usual(input, weight, bias) and all(v is None or v.shape == size for v in (weight, bias)):
        return layers.layer_norm(input, weight, bias, eps=eps, size=math.prod(size))
    return _affine(table.standardize(input, axis=axes, eps=eps), weight, bias, size)


def _size(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (int(value),)


def _last(name: str, x: Tensor, size: tuple[int, ...]) -> tuple[int, ...]:
    if not size or x.shape[-len(size) :] != size:
        raise ShapeError(
            f"{name}: normalized_shape={list(size)} must be the last dimensions of the input, "
            f"which has shape {list(x.shape)}"
        )
    return tuple(range(x.ndim - len(size), x.ndim))


@in_float32
def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """x / sqrt(mean(x^2) + eps) over the last dimensions; Zhang and Sennrich, 2019."""
    size = _size(normalized_shape)
    axes = _last("rms_norm", input, size)
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    mean = table.sum(table.square(input), axis=axes, keepdims=True) / math.prod(size)
    return _affine(input * elementwise.rsqrt(mean + eps), weight, None, size)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and deviation 1 over each sample's groups of channels; Wu and He, 2018."""
    n, c, *rest = input.shape
    if c % num_groups:
        raise ShapeError(
            f"group_norm: the {c} channels of input {list(input.shape)} do not divide into "
            f"{num_groups} groups"
        )
    size = c // num_groups * math.prod(rest)
    if n * size == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}"
        )
    grouped = shape.reshape(input, (n, num_groups, size))
    if size <= LONGEST and _is_usual(input):
        y = layers.layer_norm(grouped, None, None, eps=eps, size=size)
    else:
        y = table.standardize(grouped, axis=(2,), eps=eps)
    y = shape.reshape(y, input.shape)
    return _affine(y, weight, bias, (c, *(1,) * len(rest)))


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`batch_norm` of each sample by itself; the running moments are means over the samples."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    if math.prod(input.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.shape}"
        )
    if not input._data.size:  # no moments to move the running ones towards
        size = (input.shape[1], *(1,) * (input.ndim - 2))
        for moments in (running_mean, running_var):
            if moments is not None:
                shape.reshape(moments, size)  # which raises ShapeError for other channels
        return _affine(input * 1.0, weight, bias, size)
    if running_mean is not None and running_var is not None:
        axes = tuple(range(2, input.ndim))
        x = _moments_of(input)
        mean, var = reduce.mean(x, axes).mean(0), reduce.var(x, axes).mean(0)
        _move(running_mean, mean, momentum)
        _move(running_var, var, momentum)
    return group_norm(input, input.shape[1], weight, bias, eps)


@in_float32
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha mean(x^2))^beta, the mean over the `size` nearest channels; Krizhevsky, 2012.

    Channels beyond the first and last count as zeros.
    """
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    if not input._data.size:
        return input
    before, after = size // 2, (size - 1) // 2
    rim = (*(0, 0) * (input.ndim - 2), before, after)
    squares = shape.constant_pad_nd(table.square(input), rim)
    total = table.narrow(squares, 1, 0, input.shape[1])
    for start in range(1, size):
        total = total + table.narrow(squares, 1, start, input.shape[1])
    return input / table.pow(total * (alpha / size) + k, beta)


def _moments_of(x: Tensor) -> Tensor:
    """Return x for running moments: float32 for float16, in which a variance soon overflows."""
    x = x.detach()
    return table.cast(x, dtype="float32") if x.dtype.char == "e" else x


def _move(running: Any, batch: Tensor, momentum: Any) -> None:
    """Move a running moment towards the batch's, in place and without recording it.

    `no_grad` would do too, but an interrupt at its end would leave the thread in that mode.
    """
    running = running.detach()
    write(running, running * (1 - momentum) + batch * momentum)


refuse(globals())
