"""Images on another grid of pixels: resizing.

Source coordinates, weights and rims are those of PyTorch's UpSample.h.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels.pool import Windows
from tinygrad_mnist.ops import pool, shape, table
from tinygrad_mnist.ops.arguments import in_float32

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

Array = np.ndarray[Any, Any]
RANKS: dict[str, tuple[int, ...]] = {
    "linear": (3,),
    "bilinear": (4,),
    "bicubic": (4,),
    "trilinear": (5,),
}
RANKS |= dict.fromkeys(("nearest", "nearest-exact", "area"), (3, 4, 5))


@in_float32
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """input (n, c, ...) resized to `size`, or by `scale_factor`, in its last dimensions.

    `mode`: "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear" or "area".
    `align_corners` keeps the positions of the first and last pixels; `antialias` widens the kernel
    of "bilinear" and "bicubic" where the image shrinks.

    Raises ValueError or NotImplementedError for settings that do not go together, ShapeError where
    a size is not positive.

    >>> import tinygrad_mnist as tg
    >>> import tinygrad_mnist.nn.functional as F
    >>> F.interpolate(tg.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    _check_mode(input, mode, align_corners, antialias)
    lengths = input.shape[2:]
    sizes, factors = _sizes(lengths, size, scale_factor)
    if recompute_scale_factor:
        if factors is None:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        factors = None
    if mode == "area":
        return pool.adaptive_mean(input, sizes)
    if min(sizes) < 1 or min(lengths) < 1 or not input.shape[1]:
        raise ShapeError(
            f"Input and output sizes should be greater than 0, but got {list(input.shape)} and "
            f"output {list(sizes)}"
        )
    if mode in ("nearest", "nearest-exact") and _whole(lengths, sizes, factors):
        return _repeated(input, lengths, sizes)
    y = input
    for i, (n, m) in enumerate(zip(lengths, sizes, strict=True)):
        factor = None if factors is None else factors[i]
        if mode in ("nearest", "nearest-exact"):
            y = _nearest(y, i + 2, m, factor, mode)
            continue
        if n == m and (mode != "bicubic" or factor in (None, 1) or align_corners):
            continue  # as in PyTorch, for any factor
        scale = _scale(n, m, factor, bool(align_corners))
        index, weight = _shared_taps(n, m, scale, mode, bool(align_corners), antialias)
        y = table.mix(y, index, weight.astype(y.dtype), axis=i + 2)
    return y if y is not input else table.cast(y, dtype=y.dtype)


def _check_mode(x: Tensor, mode: str, align_corners: bool | None, antialias: bool) -> None:
    if mode not in RANKS:
        raise NotImplementedError(f"mode is one of {', '.join(RANKS)}, not {mode!r}")
    if x.ndim not in RANKS[mode]:
        raise NotImplementedError(
            f"Got {x.ndim}D input, but {mode} mode needs "
            f"{' or '.join(f'{n}D' for n in RANKS[mode])} input (n, channels, ...)"
        )
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: "
            "linear | bilinear | bicubic | trilinear"
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError("Anti-alias option is restricted to bilinear and bicubic modes")
    if x.dtype.kind != "f" and (mode not in ("nearest", "nearest-exact") or x.dtype != np.uint8):
        raise DTypeError(f"interpolate() is not implemented for {x.dtype}; cast to float first")


def _sizes(
    lengths: tuple[int, ...], size: Any, scale_factor: Any
) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """The new lengths, and the factors that were passed, if any."""
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    size_or_factor = scale_factor if size is None else size
    if size_or_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    values = (
        tuple(size_or_factor)
        if isinstance(size_or_factor, (tuple, list))
        else (size_or_factor,) * len(lengths)
    )
    if len(values) != len(lengths):
        word = "size" if scale_factor is None else "scale_factor"
        raise ValueError(
            f"{word} {size_or_factor} must be one number, or one for each of {list(lengths)}"
        )
    if size is not None:
        return tuple(int(n) for n in values), None
    return tuple(math.floor(n * f) for n, f in zip(lengths, values, strict=True)), values


def _scale(n: int, m: int, factor: float | None, align_corners: bool) -> float:
    """The distance between the sources of two neighbours."""
    if align_corners:
        return (n - 1) / (m - 1) if m > 1 else 0.0
    return 1 / factor if factor else n / m


def _whole(
    lengths: tuple[int, ...], sizes: tuple[int, ...], factors: tuple[float, ...] | None
) -> bool:
    """Tell whether each pixel becomes a block of equal ones."""
    pairs = list(zip(lengths, sizes, strict=True))
    if any(m % n for n, m in pairs):
        return False
    return factors is None or factors == tuple(m // n for n, m in pairs)


def _repeated(x: Tensor, lengths: tuple[int, ...], sizes: tuple[int, ...]) -> Tensor:
    """Repeat each pixel as a block, whose gradient is a sum, without indices."""
    if len(lengths) == 2:
        block = tuple(m // n for n, m in zip(lengths, sizes, strict=True))
        win = Windows(block, block, (1, 1), (0, 0), lengths)
        return table.pool_spread(x, win=win, size=sizes)
    spread = [1 for _ in lengths for _ in "ab"]
    blocks = [1 for _ in lengths for _ in "ab"]
    spread[::2] = blocks[::2] = lengths
    blocks[1::2] = [m // n for n, m in zip(lengths, sizes, strict=True)]
    lead = x.shape[:2]
    wide = table.broadcast_to(table.reshape(x, shape=(*lead, *spread)), shape=(*lead, *blocks))
    return shape.clone(table.reshape(wide, shape=(*lead, *sizes)))


def _nearest(x: Tensor, axis: int, m: int, factor: float | None, mode: str) -> Tensor:
    n = x.shape[axis]
    if x.ndim == 4 and mode == "nearest" and m in (n, 2 * n):
        factor = None  # as in PyTorch for images, for any factor
    if n == m and not factor:
        return x
    scale = np.float32(_scale(n, m, factor, align_corners=False))
    targets = np.arange(m, dtype=np.float32) + np.float32(mode == "nearest-exact") / 2
    index = np.minimum(np.floor(targets * scale).astype(np.int64), n - 1)
    return table.mix(x, index[:, None], np.ones((m, 1), x.dtype), axis=axis)


@functools.lru_cache(maxsize=32)
def _shared_taps(n: int, m: int, *settings: Any) -> tuple[Array, Array]:
    """Return the same read-only `_taps` at every call: images are resized one after the other."""
    index, weight = _taps(n, m, *settings)
    index.setflags(write=False)
    weight.setflags(write=False)
    return index, weight


def _taps(
    n: int, m: int, scale: float, mode: str, align_corners: bool, antialias: bool
) -> tuple[Array, Array]:
    """The elements, of n, that each of m is a mixture of, and their shares."""
    cubic = mode == "bicubic"
    if antialias:
        return _wide_taps(n, m, scale, cubic)
    i = np.arange(m)
    source = scale * i if align_corners else scale * (i + 0.5) - 0.5
    if not cubic:
        source = np.maximum(source, 0)
    low = np.floor(source).astype(np.int64)
    if not cubic:
        low = np.minimum(low, n - 1)
        share = np.clip(source - low, 0, 1)
        return np.stack([low, np.minimum(low + 1, n - 1)], 1), np.stack([1 - share, share], 1)
    t = source - low
    index = np.clip(low[:, None] + np.arange(-1, 3), 0, n - 1)
    return index, np.stack([_cubic(abs(t - k), -0.75) for k in (-1, 0, 1, 2)], 1)


def _cubic(x: Array, a: float) -> Array:
    """Keys's kernel of cubic convolution (1981), for x >= 0."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _wide_taps(n: int, m: int, scale: float, cubic: bool) -> tuple[Array, Array]:
    """The taps of a kernel as wide as the distance between two sources, as in Pillow's resize."""
    wide = max(scale, 1.0)
    support = (2.0 if cubic else 1.0) * wide
    center = scale * (np.arange(m) + 0.5)
    first = np.maximum((center - support + 0.5).astype(np.int64), 0)
    last = np.minimum((center + support + 0.5).astype(np.int64), n)
    reach = np.arange(int((last - first).max()))
    index = first[:, None] + reach
    distance = abs(index - center[:, None] + 0.5) / wide
    weight = _cubic(distance, -0.5) if cubic else np.maximum(1 - distance, 0)
    weight = np.where(index < last[:, None], weight, 0)
    weight /= weight.sum(1, keepdims=True)
    # Places without a tap repeat the last one, and take a part of its weight: none times an
    # infinity would be NaN.
    index = np.minimum(index, last[:, None] - 1)
    at_last = index == last[:, None] - 1
    share = (weight * at_last).sum(1) / at_last.sum(1)
    return index, np.where(at_last, share[:, None], weight)


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate`, by its older name."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with the nearest pixel."""
    return interpolate(input, size, scale_factor)


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` between four pixels, with the corners aligned."""
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)
