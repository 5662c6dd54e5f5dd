"""Convolution and padding layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.layers.linear import uniform_by_fan
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import unset

Size = int | Sequence[int]


def tupled(value: Any, dims: int) -> tuple[int, ...]:
    """One number for each dimension."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * dims


class _Conv(Module):
    """What convolutions share: settings, a weight, perhaps a bias, initial values."""

    dims: ClassVar[int] = 2
    transposed: ClassVar[bool] = False

    def _make(self, dtype: Any, device: Any, bias: bool) -> None:
        """Check the settings, and make the parameters."""
        for name in ("in_channels", "out_channels"):
            if self.groups < 1 or getattr(self, name) % self.groups:
                raise ValueError(f"{name} must be divisible by groups")
        modes = ("zeros", "reflect", "replicate", "circular")
        if self.padding_mode not in modes or (self.transposed and self.padding_mode != "zeros"):
            raise ValueError(f"padding_mode must be one of {modes}, and zeros for ConvTranspose")
        if isinstance(self.padding, str) and self.padding not in ("same", "valid"):
            raise ValueError(f"padding must be a number, 'same' or 'valid', not {self.padding!r}")
        if self.padding == "same" and any(s != 1 for s in self.stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
        ends = (self.out_channels, self.in_channels // self.groups)
        if self.transposed:
            ends = (self.in_channels, self.out_channels // self.groups)
        self.weight = unset((*ends, *self.kernel_size), dtype, device)
        self.bias = unset(self.out_channels, dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        uniform_by_fan(self.weight, self.bias)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        ones, zeros = (1,) * self.dims, (0,) * self.dims
        rest = {"padding": zeros, "dilation": ones, "output_padding": zeros, "groups": 1}
        for name, default in rest.items():
            if getattr(self, name, default) != default:
                text += f", {name}={getattr(self, name)}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.padding_mode == "zeros" else f"{text}, padding_mode={self.padding_mode}"


class Conv2d(_Conv):
    """A convolution with weight (out, in / groups, kh, kw) and bias (out,); see `F.conv2d`.

    `padding_mode`: "zeros", "reflect", "replicate" or "circular".

    >>> import tinygrad_mnist as tg
    >>> from tinygrad_mnist import nn
    >>> nn.Conv2d(1, 32, 3)(tg.ones(64, 1, 28, 28)).shape
    (64, 32, 26, 26)
    """

    function: Any = staticmethod(F.conv2d)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Any = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = tupled(kernel_size, self.dims)
        self.stride, self.dilation = tupled(stride, self.dims), tupled(dilation, self.dims)
        self.padding = padding if isinstance(padding, str) else tupled(padding, self.dims)
        self.groups, self.padding_mode = groups, padding_mode
        self._make(dtype, device, bias)

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._rim(), mode=self.padding_mode), 0
        settings = (self.stride, padding, self.dilation, self.groups)
        result: Tensor = type(self).function(input, self.weight, self.bias, *settings)
        return result

    def _rim(self) -> list[int]:
        """The padding as `F.pad` wants it: last dimension first, before and after."""
        if self.padding == "valid":
            return [0] * 2 * self.dims
        if self.padding != "same":
            return [int(p) for p in reversed(self.padding) for _ in range(2)]
        totals = [(k - 1) * d for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        return [n for t in reversed(totals) for n in (t // 2, t - t // 2)]


class Conv1d(Conv2d):
    """A convolution along one dimension, with weight (out, in / groups, k); see `F.conv1d`."""

    dims = 1
    function = staticmethod(F.conv1d)


class ConvTranspose2d(_Conv):
    """The adjoint of a convolution, with weight (in, out / groups, kh, kw); see
    `F.conv_transpose2d`. `output_size` in the call chooses among the sizes a stride leaves open.
    """

    transposed = True
    function: Any = staticmethod(F.conv_transpose2d)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = tupled(kernel_size, self.dims)
        self.stride, self.dilation = tupled(stride, self.dims), tupled(dilation, self.dims)
        self.padding = tupled(padding, self.dims)
        self.output_padding = tupled(output_padding, self.dims)
        self.groups, self.padding_mode = groups, padding_mode
        self._make(dtype, device, bias)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self.output_padding
        if output_size is not None:
            sizes = tuple(output_size)[-self.dims :]
            least = zip(input.shape[-self.dims :], *self._settings(), strict=True)
            least_sizes = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in least]
            extra = tuple(m - n for m, n in zip(sizes, least_sizes, strict=True))
            if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
                raise ValueError(f"requested an output size of {sizes}, at least {least_sizes}")
        result: Tensor = type(self).function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )
        return result

    def _settings(self) -> tuple[Any, ...]:
        return self.stride, self.padding, self.dilation, self.kernel_size


class ConvTranspose1d(ConvTranspose2d):
    """`ConvTranspose2d` along one dimension, with weight (in, out / groups, k)."""

    dims = 1
    function = staticmethod(F.conv_transpose1d)


class _Pad(Module):
    """Padding by `mode`, the same on all sides or as (left, right, top, bottom)."""

    dims: ClassVar[int] = 2
    mode: ClassVar[str] = "constant"

    def __init__(self, padding: Size) -> None:
        super().__init__()
        self.padding = tupled(padding, 2 * self.dims)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, mode=self.mode)

    def extra_repr(self) -> str:
        return str(self.padding)


class ZeroPad2d(_Pad):
    """Zeros around images."""


class ZeroPad1d(_Pad):
    """Zeros before and after."""

    dims = 1


class ReflectionPad2d(_Pad):
    """Images continued by their mirror image."""

    mode = "reflect"


class ReplicationPad2d(_Pad):
    """Images continued by their rim."""

    mode = "replicate"


class ConstantPad2d(_Pad):
    """A constant around images."""

    def __init__(self, padding: Size, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, value=self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"
