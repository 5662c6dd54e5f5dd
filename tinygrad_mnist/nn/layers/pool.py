"""Pooling layers: one number for each window of an image."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "MaxPool1d",
    "MaxPool2d",
]  # fmt: skip


class MaxPool2d(Module):
    """The largest element of each window; see `F.max_pool2d`."""

    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    function: Any = staticmethod(F.max_pool2d)

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        windows = (self.kernel_size, self.stride, self.padding, self.dilation)
        return type(self).function(input, *windows, self.ceil_mode, self.return_indices)


class MaxPool1d(MaxPool2d):
    """The largest element of each window along the last dimension; see `F.max_pool1d`."""

    function = staticmethod(F.max_pool1d)


class AvgPool2d(Module):
    """The mean of each window; see `F.avg_pool2d`."""

    shown = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input: Tensor) -> Tensor:
        windows = (self.kernel_size, self.stride, self.padding, self.ceil_mode)
        return F.avg_pool2d(input, *windows, self.count_include_pad, self.divisor_override)


class AvgPool1d(Module):
    """The mean of each window along the last dimension; see `F.avg_pool1d`."""

    shown = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        windows = (self.kernel_size, self.stride, self.padding, self.ceil_mode)
        return F.avg_pool1d(input, *windows, self.count_include_pad)


class AdaptiveAvgPool2d(Module):
    """Means of as many windows as the output is to have; see `F.adaptive_avg_pool2d`."""

    shown = ("output_size",)
    function: Any = staticmethod(F.adaptive_avg_pool2d)

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = type(self).function(input, self.output_size)
        return result


class AdaptiveAvgPool1d(AdaptiveAvgPool2d):
    """The same along the last dimension."""

    function = staticmethod(F.adaptive_avg_pool1d)
