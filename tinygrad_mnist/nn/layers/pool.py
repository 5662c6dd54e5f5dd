"""Pooling layers: one number for each window of (n, c, h, w), or of (n, c, length)."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.layers.functional import Functional
from tinygrad_mnist.nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AvgPool1d", "AvgPool2d",
    "AvgPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d",
]  # fmt: skip


class _Pool(Functional):
    """The base of the pools; without a `stride`, windows of `kernel_size` lie side by side."""

    shown: tuple[str, ...] = ("kernel_size", "stride", "padding")
    stride: Any

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        if self.stride is None:
            self.stride = self.kernel_size

    extra_repr = Module.extra_repr


class _MaxPool(_Pool):
    """Max pooling, whose last two arguments come in PyTorch's order, not in the function's."""

    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode, return_indices)


class MaxPool2d(_MaxPool, function=F.max_pool2d):
    """The largest element of each window; see `F.max_pool2d`."""


class MaxPool1d(_MaxPool, function=F.max_pool1d):
    """The largest element of each window along the last dimension; see `F.max_pool1d`."""


class MaxPool3d(_MaxPool, function=F.max_pool3d):
    """The largest element of each window of (n, c, d, h, w); see `F.max_pool3d`."""


class AvgPool2d(_Pool, function=F.avg_pool2d):
    """The mean of each window; see `F.avg_pool2d`."""


class AvgPool1d(_Pool, function=F.avg_pool1d):
    """The mean of each window along the last dimension; see `F.avg_pool1d`."""


class AvgPool3d(_Pool, function=F.avg_pool3d):
    """The mean of each window of (n, c, d, h, w); see `F.avg_pool3d`."""


class AdaptiveAvgPool2d(Functional, function=F.adaptive_avg_pool2d):
    """The mean of each of `output_size` windows; see `F.adaptive_avg_pool2d`."""


class AdaptiveAvgPool1d(Functional, function=F.adaptive_avg_pool1d):
    """`AdaptiveAvgPool2d` along the last dimension alone."""


class AdaptiveAvgPool3d(Functional, function=F.adaptive_avg_pool3d):
    """`AdaptiveAvgPool2d` of volumes (n, c, d, h, w)."""
