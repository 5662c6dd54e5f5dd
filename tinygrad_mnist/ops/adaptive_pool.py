"""Pools with windows of any position: adaptive and fractional maxima, and the inverse of maxima.

A window is a list of positions in its image, so all of them are one gather and one maximum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.ops import random, shape, table
from tinygrad_mnist.ops.arguments import in_float32
from tinygrad_mnist.ops.conv import several
from tinygrad_mnist.ops.pool import (
    adaptive_ends,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    batched,
    output_sizes,
)
from tinygrad_mnist.ops.reduce import power
from tinygrad_mnist.ops.refused import refuse

__all__ = [
    "adaptive_max_pool1d", "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices", "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices",
    "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices", "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_unpool1d",
    "max_unpool2d", "max_unpool3d",
]  # fmt: skip

Array = np.ndarray[Any, Any]


def _maxima(x: Tensor, positions: Array, number: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The first maximum of each window and its index in the image.

    x is (n, c, ...); `positions` (n, c, windows, elements), or with lengths of one for n and c, lie
    in the flattened image, in order.
    """
    n, c = x.shape[:2]
    image = table.reshape(x, shape=(n, c, math.prod(x.shape[2:])))
    windows, size = positions.shape[2:]
    spread = np.broadcast_to(positions, (n, c, windows, size))
    index = table.reshape(wrap(np.ascontiguousarray(spread)), shape=(n, c, windows * size))
    elements = table.reshape(
        table.gather(image.detach(), index, axis=2), shape=(n, c, windows, size)
    )
    first = table.argmax(elements, axis=3, keepdims=True)
    at = table.gather(table.reshape(index, shape=elements.shape), first, axis=3)
    at = table.reshape(at, shape=(n, c, windows))
    y = table.gather(image, at, axis=2)
    return tuple(table.reshape(v, shape=(n, c, *number)) for v in (y, at))  # type: ignore[return-value]


def _grid(sides: list[Array], lengths: tuple[int, ...]) -> Array:
    """Positions in the flattened image, (..., windows, elements), of windows that are products.

    Each of `sides` is (..., windows along that dimension, elements along it).
    """
    total: Any = None
    for side, n in zip(sides, lengths, strict=True):
        if total is None:
            total = side
            continue
        grid = total[..., :, None, :, None] * n + side[..., None, :, None, :]
        *lead, a, b, p, q = grid.shape
        total = grid.reshape(*lead, a * b, p * q)
    return np.asarray(total)


def _sides(n: int, m: int) -> Array:
    """The positions of m adaptive windows over n, as long as the longest: the last one repeats."""
    ends = np.array(adaptive_ends(n, m), np.int64).reshape(m, 2)
    reach = np.arange((ends[:, 1] - ends[:, 0]).max(initial=1))
    return np.minimum(ends[:, :1] + reach, ends[:, 1:] - 1)


def adaptive(dims: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Make adaptive_max_pool of some dimensions, and its form that returns indices too."""
    name = f"adaptive_max_pool{dims}d"

    def with_indices(
        input: Tensor, output_size: Any, return_indices: bool = False
    ) -> tuple[Tensor, Tensor]:
        x = batched(name, input, dims + 2)
        sizes = output_sizes(x, output_size, dims)
        if min(x.shape[1:]) < 1:
            raise ShapeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but "
                f"input has sizes {list(input.shape)}"
            )
        lengths = x.shape[2:]
        sides = [_sides(n, m) for n, m in zip(lengths, sizes, strict=True)]
        maxima = _maxima(x, _grid(sides, lengths)[None, None], sizes)
        if input.ndim == x.ndim:
            return maxima
        return shape.squeeze(maxima[0], 0), shape.squeeze(maxima[1], 0)

    def pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        maxima = with_indices(input, output_size)
        return maxima if return_indices else maxima[0]

    pool.__doc__ = (
        f"The largest element of each adaptive window over the last {dims} dimensions (as in "
        "`adaptive_avg_pool2d`); with `return_indices` also its index in the image."
    )
    with_indices.__doc__ = f"`{name}`, with the index of each maximum in its image."
    return with_name(pool, name), with_name(with_indices, f"{name}_with_indices")


def with_name(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Set the name of a function; return it."""
    function.__name__ = function.__qualname__ = name
    return function


adaptive_max_pool1d, adaptive_max_pool1d_with_indices = adaptive(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = adaptive(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = adaptive(3)


def fractional(dims: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Make fractional_max_pool of some dimensions, and its form that returns indices too."""
    name = f"fractional_max_pool{dims}d"

    def with_indices(
        input: Tensor,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        x, size = batched(name, input, dims + 2), several(kernel_size, "kernel_size", dims)
        lengths = x.shape[2:]
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        if output_size is not None:
            sizes = several(output_size, "output_size", dims)
        else:
            factors = output_ratio if isinstance(output_ratio, (tuple, list)) else [output_ratio]
            ratios = list(factors) * (dims if len(factors) == 1 else 1)
            sizes = tuple(int(n * r) for n, r in zip(lengths, ratios, strict=True))
        if any(m + k - 1 > n or m < 1 for n, m, k in zip(lengths, sizes, size, strict=True)):
            raise ShapeError(
                f"{name}: {list(sizes)} windows of {list(size)} do not fit into an input of "
                f"{list(lengths)}"
            )
        if _random_samples is None:
            _random_samples = random.rand((*x.shape[:2], dims), dtype=x.dtype)
        drawn = _random_samples.detach().numpy()[: len(x)]
        drawn = drawn[..., ::-1] if dims == 2 else drawn  # for images PyTorch draws the width first
        sides = [
            _starts(drawn[..., i], n, m, k)[..., None] + np.arange(k)
            for i, (n, m, k) in enumerate(zip(lengths, sizes, size, strict=True))
        ]
        maxima = _maxima(x, _grid(sides, lengths), sizes)
        if input.ndim == x.ndim:
            return maxima
        return shape.squeeze(maxima[0], 0), shape.squeeze(maxima[1], 0)

    def pool(
        input: Tensor,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Any:
        maxima = with_indices(
            input, kernel_size, output_size, output_ratio, _random_samples=_random_samples
        )
        return maxima if return_indices else maxima[0]

    pool.__doc__ = (
        f"The largest element of each window at random positions over the last {dims} dimensions: "
        "`output_size` windows, or `output_ratio` times the length; Graham, 2014."
    )
    with_indices.__doc__ = f"`{name}`, with the index of each maximum in its image."
    return with_name(pool, name), with_name(with_indices, f"{name}_with_indices")


def _starts(drawn: Array, n: int, m: int, k: int) -> Array:
    """The starts of m windows of k over n: steps of two lengths, in an order set by `drawn`."""
    if m == 1:
        return np.full((*drawn.shape, 1), n - k)
    alpha = (n - k) / (m - 1)
    u = drawn.astype(np.float64)[..., None]
    starts = ((np.arange(m) + u) * alpha).astype(np.int64) - (u * alpha).astype(np.int64)
    starts[..., -1] = n - k
    return starts


fractional_max_pool2d, fractional_max_pool2d_with_indices = fractional(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = fractional(3)


def unpool(dims: int) -> Callable[..., Tensor]:
    """Make max_unpool of some dimensions."""
    name = f"max_unpool{dims}d"

    def inverse(
        input: Tensor,
        indices: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:
        x, at = batched(name, input, dims + 2), batched(name, indices, dims + 2)
        if x.shape != at.shape:
            raise ShapeError(
                f"{name}: input {list(input.shape)} and indices {list(indices.shape)} must have "
                "one shape"
            )
        if at.dtype.kind not in "iu":
            raise TypeError(f"{name}: indices must be integers, not {at.dtype}")
        size, rim = (
            several(kernel_size, "kernel_size", dims),
            several(padding, "padding", dims),
        )
        step = several(stride, "stride", dims) if stride not in (None, (), []) else size
        sizes = _unpooled(name, x.shape[2:], (size, step, rim), output_size)
        y = _scattered(name, x, at, sizes)
        return y if input.ndim == x.ndim else shape.squeeze(y, 0)

    inverse.__doc__ = (
        f"The inverse of max_pool{dims}d with `return_indices`: zeros, with input at `indices` of "
        "images of `output_size`."
    )
    return with_name(inverse, name)


def _unpooled(
    name: str, lengths: tuple[int, ...], settings: tuple[tuple[int, ...], ...], output_size: Any
) -> tuple[int, ...]:
    """The lengths of the images that were pooled."""
    size, step, rim = settings
    default = tuple(
        (n - 1) * s + k - 2 * p for n, k, s, p in zip(lengths, size, step, rim, strict=True)
    )
    if output_size is None:
        return default
    requested = tuple(int(n) for n in output_size)[-len(default) :]
    for n, m, s in zip(default, requested, step, strict=True):
        if not n - s < m < n + s:
            raise ValueError(
                f"{name}: output_size {list(requested)} should be within a stride of "
                f"{list(default)}"
            )
    return requested


def _scattered(name: str, x: Tensor, at: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Zeros of these sizes, with x at positions in the flattened images."""
    n, c = x.shape[:2]
    pixels, count = math.prod(sizes), math.prod(x.shape[2:])
    low, high = int(at._data.min(initial=0)), int(at._data.max(initial=0))
    if low < 0 or high >= max(pixels, 1):
        raise RuntimeError(
            f"{name}: found an invalid max index {low if low < 0 else high} for output of size "
            f"{list(sizes)}"
        )
    image = np.arange(n * c).reshape(n * c, 1) * pixels
    positions = table.reshape(at, shape=(n * c, count)) + image
    flat = table.flat_index(
        table.reshape(positions, shape=(n * c * count,)), shape=(n * c * pixels,)
    )
    values = table.reshape(x, shape=(n * c * count,))
    y = table.assign_at(np.zeros(n * c * pixels, x.dtype), flat, values)
    return table.reshape(y, shape=(n, c, *sizes))


max_unpool1d, max_unpool2d, max_unpool3d = unpool(1), unpool(2), unpool(3)


def lp_pool(dims: int) -> Callable[..., Tensor]:
    """Make lp_pool of some dimensions."""
    mean = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}[dims]

    def pool(
        input: Tensor,
        norm_type: float,
        kernel_size: Any,
        stride: Any = None,
        ceil_mode: bool = False,
    ) -> Tensor:
        size = several(kernel_size, "kernel_size", dims)
        p = float(norm_type)
        total = mean(table.pow(input, p), size, stride, 0, ceil_mode)
        return power(total * math.prod(size), 1 / p)

    pool.__doc__ = (
        f"(sum of x^p)^(1/p) of each window over the last {dims} dimensions; its gradient at zero "
        "is zero."
    )
    return with_name(in_float32(pool), f"lp_pool{dims}d")


lp_pool1d, lp_pool2d, lp_pool3d = lp_pool(1), lp_pool(2), lp_pool(3)


refuse(globals())
