"""Sampling images at the points of a grid, and grids of affine maps.

Coordinates run from -1 to 1. Their pixels, and the values beyond the rim, follow GridSampler.h.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import in_float32
from tinygrad_mnist.ops.refused import refuse

__all__ = ["affine_grid", "grid_sample"]

MODES, PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


@in_float32
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """input (n, c, h, w) at the points grid (n, h', w', 2), as (x, y) from -1 to 1; or of volumes.

    `mode` is "bilinear", "nearest" or (of images) "bicubic"; beyond the rim is 0, the rim itself
    ("border") or the mirror image ("reflection"). `align_corners`: -1 and 1 are the middles of the
    first and last pixel, not their outer edges. Both get gradients; Jaderberg et al., 2015.

    Raises ValueError for a mode, ShapeError for shapes, DTypeError for dtypes.
    """
    dims = input.ndim - 2
    if mode not in MODES or padding_mode not in PADDINGS:
        raise ValueError(
            f"grid_sample: mode is one of {MODES} and padding_mode one of {PADDINGS}, not "
            f"{mode!r} and {padding_mode!r}"
        )
    if dims not in (2, 3) or grid.ndim != input.ndim or (len(grid), grid.shape[-1]) != (
        len(input), dims,
    ):  # fmt: skip
        raise ShapeError(
            "grid_sample: a grid (n, h, w, 2) goes with images (n, c, h, w) and (n, d, h, w, 3) "
            f"with volumes, not {list(grid.shape)} with {list(input.shape)}"
        )
    if min(input.shape[1:]) < 1:
        raise ShapeError(f"grid_sample: input has an empty dimension: {list(input.shape)}")
    if mode == "bicubic" and dims == 3:
        raise NotImplementedError("grid_sample: bicubic interpolation only supports 4D input")
    if input.dtype != grid.dtype:
        raise DTypeError(
            f"grid_sample: input is {input.dtype} and grid {grid.dtype}; cast one of them"
        )
    lengths, number = input.shape[2:], grid.shape[1:-1]
    points = table.reshape(grid, shape=(len(grid), math.prod(number), dims))
    coordinates = [
        _pixels(table.slice(points, key=(..., dims - 1 - i)), n, bool(align_corners))
        for i, n in enumerate(lengths)
    ]
    if mode != "bicubic":
        coordinates = [
            _moved_inside(coordinate, n, padding_mode, bool(align_corners))
            for coordinate, n in zip(coordinates, lengths, strict=True)
        ]
    sides = [_taps(coordinate, mode) for coordinate in coordinates]
    total: Any = None
    for taps in itertools.product(*sides):
        part = _tap(input, taps, padding_mode, bool(align_corners))
        total = part if total is None else total + part
    y = table.reshape(total, shape=(len(grid), *number, input.shape[1]))
    return table.permute(y, axes=(0, dims + 1, *range(1, dims + 1)))


def _pixels(coordinate: Tensor, n: int, align_corners: bool) -> Tensor:
    """A coordinate from -1 to 1 as one in pixels."""
    if align_corners:
        return (coordinate + 1) * ((n - 1) / 2)
    return (coordinate + 1) * (n / 2) - 0.5


def _moved_inside(coordinate: Tensor, n: int, padding_mode: str, align_corners: bool) -> Tensor:
    """The pixel that stands for one beyond the rim."""
    if padding_mode == "zeros":
        return coordinate
    if padding_mode == "reflection":
        low, span = (0.0, n - 1.0) if align_corners else (-0.5, float(n))
        if not span:
            return coordinate * 0
        far = table.abs(coordinate - low)
        rest = table.fmod(far, span)
        even = table.eq(table.fmod(table.floor(far / span), 2.0), 0)
        coordinate = table.where(even, rest, span - rest) + low
    return table.hardtanh(coordinate, low=0.0, high=n - 1.0)


def _taps(coordinate: Tensor, mode: str) -> list[tuple[Tensor, Any]]:
    """The pixels along one dimension that make up a point, with their shares."""
    if mode == "nearest":
        return [(table.round(coordinate.detach()), None)]
    first = table.floor(coordinate.detach())
    share = coordinate - first
    if mode == "bilinear":
        return [(first, 1 - share), (first + 1, share)]
    return [(first + k, _cubic(table.abs(share - k))) for k in (-1, 0, 1, 2)]


def _cubic(x: Tensor) -> Tensor:
    """Keys's kernel of cubic convolution (1981) with a = -3/4."""
    near = ((x * 1.25) - 2.25) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.75
    return table.where(x <= 1, near, far)


def _tap(input: Tensor, taps: Any, padding_mode: str, align_corners: bool) -> Tensor:
    """One pixel for each point, times its share: (n, points, c)."""
    n, c, *lengths = input.shape
    all_inside: Any = None
    flat: Any = None
    weights = [share for _, share in taps if share is not None]
    for (coordinate, _), length in zip(taps, lengths, strict=True):
        if padding_mode != "zeros":
            coordinate = _moved_inside(coordinate, length, padding_mode, align_corners)
        inside = table.logical_and(table.ge(coordinate, 0), table.le(coordinate, length - 1))
        all_inside = inside if all_inside is None else table.logical_and(all_inside, inside)
        index = table.cast(table.where(inside, coordinate, 0.0), dtype="int64")
        flat = index if flat is None else flat * length + index
    flat = flat + (np.arange(n) * math.prod(lengths)).reshape(n, 1)
    last = table.permute(input, axes=(0, *range(2, input.ndim), 1))
    pixels = table.take(table.reshape(last, shape=(n * math.prod(lengths), c)), flat)
    if weights:
        share = functools.reduce(table.mul, weights)
        pixels = pixels * table.reshape(share, shape=(*share.shape, 1))
    return table.where(table.reshape(all_inside, shape=(*all_inside.shape, 1)), pixels, 0.0)


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid (n, h, w, 2) of the maps theta (n, 2, 3) of images of `size` (n, c, h, w).

    For volumes, `size` (n, c, d, h, w), theta is (n, 3, 4) and the grid (n, d, h, w, 3).
    """
    lengths = tuple(int(n) for n in size)[2:]
    dims = len(lengths)
    if theta.dtype.kind != "f":
        raise DTypeError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if dims not in (2, 3) or theta.shape != (int(size[0]), dims, dims + 1):
        raise ShapeError(
            f"Expected a batch of {dims}D affine matrices of shape {int(size[0])}x{dims}x{dims + 1}"
            f" for size {list(size)}, but got {list(theta.shape)}"
        )
    if min(lengths) < 1:
        raise ShapeError(f"Expected non-zero, positive output size, but got {list(size)}")
    sides = []
    for n in lengths:
        side = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        sides.append(side if align_corners else side * (n - 1) / n)
    points = np.stack([*np.meshgrid(*sides, indexing="ij")[::-1], np.ones(lengths)], -1)
    base = points.reshape(-1, dims + 1).astype(theta.dtype)
    grid = table.matmul(wrap(base), table.permute(theta, axes=(0, 2, 1)))
    return table.reshape(grid, shape=(len(theta), *lengths, dims))


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`nn.functional.grid_sample`, with its modes and paddings by number."""
    return grid_sample(
        input, grid, MODES[interpolation_mode], PADDINGS[padding_mode], align_corners
    )


grid_sampler_2d = grid_sampler_3d = grid_sampler
affine_grid_generator = affine_grid
refuse(globals())
