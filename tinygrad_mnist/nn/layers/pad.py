"""Padding layers: sequences, images and volumes extended at each end, in one of five ways.

`padding` is one number for all sides, or (left, right, top, bottom, front, back), two
for each dimension; a negative one crops.
"""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.layers.conv import tupled
from tinygrad_mnist.nn.module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d",
    "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """Padding by `mode`, over `dims` dimensions; `class Pad1d(_Pad, dims=1)` sets them."""

    dims: ClassVar[int]
    mode: ClassVar[str]

    def __init_subclass__(cls, dims: int | None = None, **kw: Any) -> None:
        super().__init_subclass__(**kw)
        if dims is not None:
            cls.dims = dims

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tupled(padding, 2 * self.dims)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, mode=self.mode)

    def extra_repr(self) -> str:
        return str(self.padding)


class _ConstantPadNd(_Pad):
    """Padding with one value."""

    mode = "constant"
    value: float

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, value=self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd, dims=1):
    """Sequences padded with one value."""


class ConstantPad2d(_ConstantPadNd, dims=2):
    """Images padded with one value."""


class ConstantPad3d(_ConstantPadNd, dims=3):
    """Volumes padded with one value."""


class _ZeroPadNd(_ConstantPadNd):
    """Padding with zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ZeroPad1d(_ZeroPadNd, ConstantPad1d):
    """Sequences padded with zeros."""


class ZeroPad2d(_ZeroPadNd, ConstantPad2d):
    """Images padded with zeros."""


class ZeroPad3d(_ZeroPadNd, ConstantPad3d):
    """Volumes padded with zeros."""


class _ReflectionPadNd(_Pad):
    """Padding with the mirror image of the input."""

    mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd, dims=1):
    """Sequences padded with their mirror image."""


class ReflectionPad2d(_ReflectionPadNd, dims=2):
    """Images padded with their mirror image."""


class ReflectionPad3d(_ReflectionPadNd, dims=3):
    """Volumes padded with their mirror image."""


class _ReplicationPadNd(_Pad):
    """Padding with the outermost elements of the input."""

    mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd, dims=1):
    """Sequences padded with their outermost elements."""


class ReplicationPad2d(_ReplicationPadNd, dims=2):
    """Images padded with their outermost elements."""


class ReplicationPad3d(_ReplicationPadNd, dims=3):
    """Volumes padded with their outermost elements."""


class _CircularPadNd(_Pad):
    """Padding with the elements of the opposite end."""

    mode = "circular"


class CircularPad1d(_CircularPadNd, dims=1):
    """Sequences padded with the elements of their opposite end."""


class CircularPad2d(_CircularPadNd, dims=2):
    """Images padded with the elements of their opposite end."""


class CircularPad3d(_CircularPadNd, dims=3):
    """Volumes padded with the elements of their opposite end."""
