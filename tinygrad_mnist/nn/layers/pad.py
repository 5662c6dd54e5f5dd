"""Padding layers: a rim around sequences, images and volumes, filled in one of five ways.

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
    """Padding by `mode`, over `dims` dimensions."""

    dims: ClassVar[int]
    mode: ClassVar[str]

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


class ConstantPad1d(_ConstantPadNd):
    """Sequences with a rim of one value."""

    dims = 1


class ConstantPad2d(_ConstantPadNd):
    """Images with a rim of one value."""

    dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Volumes with a rim of one value."""

    dims = 3


class ZeroPad1d(ConstantPad1d):
    """Sequences with a rim of zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ZeroPad2d(ConstantPad2d):
    """Images with a rim of zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ZeroPad3d(ConstantPad3d):
    """Volumes with a rim of zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class _ReflectionPadNd(_Pad):
    """Padding from inside: each input continued by its mirror image."""

    mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Sequences continued by their mirror image."""

    dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Images continued by their mirror image."""

    dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Volumes continued by their mirror image."""

    dims = 3


class _ReplicationPadNd(_Pad):
    """Padding from inside: each input continued by its rim."""

    mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Sequences continued by their rim."""

    dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Images continued by their rim."""

    dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Volumes continued by their rim."""

    dims = 3


class _CircularPadNd(_Pad):
    """Padding from inside: each input continued by its other end."""

    mode = "circular"


class CircularPad1d(_CircularPadNd):
    """Sequences continued by their other end."""

    dims = 1


class CircularPad2d(_CircularPadNd):
    """Images continued by their other end."""

    dims = 2


class CircularPad3d(_CircularPadNd):
    """Volumes continued by their other end."""

    dims = 3
