"""Adaptive pools, fractional pools with random windows, p-norm pools, and max unpooling."""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.layers.conv import tupled
from tinygrad_mnist.nn.layers.functional import Functional
from tinygrad_mnist.nn.module import Module

__all__ = [
    "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "FractionalMaxPool2d",
    "FractionalMaxPool3d", "LPPool1d", "LPPool2d", "LPPool3d", "MaxUnpool1d", "MaxUnpool2d",
    "MaxUnpool3d",
]  # fmt: skip


class _AdaptiveMaxPool(Functional):
    """With `return_indices`, a second Tensor holds the index of each maximum in its plane."""

    shown = ("output_size",)
    extra_repr = Module.extra_repr


class AdaptiveMaxPool1d(_AdaptiveMaxPool, function=F.adaptive_max_pool1d):
    """The maximum of each of `output_size` windows of (n, c, length)."""


class AdaptiveMaxPool2d(_AdaptiveMaxPool, function=F.adaptive_max_pool2d):
    """The maximum of each of `output_size` windows of (n, c, h, w)."""


class AdaptiveMaxPool3d(_AdaptiveMaxPool, function=F.adaptive_max_pool3d):
    """The maximum of each of `output_size` windows of (n, c, d, h, w)."""


class _FractionalMaxPool(Module):
    """Max pooling over random windows; set `output_size`, or `output_ratio` of the input's size.

    Graham, 2014. Raises ValueError for both, for neither, and for a ratio not between 0 and 1.
    """

    dims: ClassVar[int]
    function: Any

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"{name} requires specifying either an output size, or a pooling ratio"
            )
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        self.kernel_size, self.return_indices = tupled(kernel_size, self.dims), return_indices
        self.output_size = None if output_size is None else tupled(output_size, self.dims)
        self.output_ratio = None if output_ratio is None else tupled(output_ratio, self.dims)
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Tensor) -> Any:
        sizes = (self.kernel_size, self.output_size, self.output_ratio, self.return_indices)
        return self.function(input, *sizes, _random_samples=self._random_samples)


class FractionalMaxPool2d(_FractionalMaxPool):
    """The maxima of random windows of (n, c, h, w); see `F.fractional_max_pool2d`."""

    dims = 2
    function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """The maxima of random windows of (n, c, d, h, w); see `F.fractional_max_pool3d`."""

    dims = 3
    function = staticmethod(F.fractional_max_pool3d)


class _LPPool(Functional):
    """The p-norm of each window, `norm_type` being p."""

    shown = ("norm_type", "kernel_size", "stride", "ceil_mode")
    extra_repr = Module.extra_repr


class LPPool1d(_LPPool, function=F.lp_pool1d):
    """The p-norm of each window of (n, c, length)."""


class LPPool2d(_LPPool, function=F.lp_pool2d):
    """The p-norm of each window of (n, c, h, w)."""


class LPPool3d(_LPPool, function=F.lp_pool3d):
    """The p-norm of each window of (n, c, d, h, w)."""


class _MaxUnpool(Module):
    """The reverse of a max pool: maxima at their indices, zeros everywhere else.

    `output_size` in the call chooses among the input sizes that give the pool this shape.
    """

    dims: ClassVar[int]
    function: Any
    shown = ("kernel_size", "stride", "padding")

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = tupled(kernel_size, self.dims)
        self.stride = tupled(kernel_size if stride is None else stride, self.dims)
        self.padding = tupled(padding, self.dims)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        settings = (self.kernel_size, self.stride, self.padding, output_size)
        result: Tensor = self.function(input, indices, *settings)
        return result


class MaxUnpool1d(_MaxUnpool):
    """`MaxPool1d` undone, from its result and its indices."""

    dims = 1
    function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """`MaxPool2d` undone, from its result and its indices."""

    dims = 2
    function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """`MaxPool3d` undone, from its result and its indices."""

    dims = 3
    function = staticmethod(F.max_unpool3d)
