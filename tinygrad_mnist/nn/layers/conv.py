"""Convolution layers, and transposed ones, over one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.layers.linear import uniform_by_fan
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import unset

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

Size = int | Sequence[int]
MODES = ("zeros", "reflect", "replicate", "circular")


def tupled(value: Any, dims: int) -> tuple[int, ...]:
    """Return a tuple of one number for each dimension."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * dims


class ConvNd(Module):
    """The base of all convolutions: settings, weight, optional bias, initial values."""

    dims: ClassVar[int] = 2
    function: Any = None

    def _make(
        self,
        in_channels: int,
        out_channels: int,
        settings: dict[str, Any],
        groups: int,
        bias: bool,
        padding_mode: str,
        ends: tuple[int, int],
        factory: tuple[Any, Any],
    ) -> None:
        """Store the settings, one number per dimension, and make a weight (*ends, *kernel)."""
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"in_channels and out_channels must be divisible by groups, not "
                f"{in_channels} and {out_channels} by {groups}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.padding_mode = padding_mode
        for name, value in settings.items():
            setattr(self, name, value if isinstance(value, str) else tupled(value, self.dims))
        self.weight = unset((*ends, *self.kernel_size), *factory)
        self.bias = unset(out_channels, *factory) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        uniform_by_fan(self.weight, self.bias)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        ones, zeros = (1,) * self.dims, (0,) * self.dims
        defaults = {"padding": zeros, "dilation": ones, "output_padding": zeros, "groups": 1}
        for name, default in defaults.items():
            if getattr(self, name, default) != default:
                text += f", {name}={getattr(self, name)}"
        text += "" if self.bias is not None else ", bias=False"
        return text if self.padding_mode == "zeros" else f"{text}, padding_mode={self.padding_mode}"


class _Conv(ConvNd):
    """The base of the convolutions that are not transposed."""

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
        if padding_mode not in MODES:
            raise ValueError(f"padding_mode must be one of {MODES}, not {padding_mode!r}")
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"padding must be a number, 'same' or 'valid', not {padding!r}")
        if padding == "same" and set(tupled(stride, self.dims)) != {1}:
            raise ValueError("padding='same' is not supported for strided convolutions")
        settings = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        settings["dilation"] = dilation
        ends = (out_channels, in_channels // max(groups, 1))
        factory = (dtype, device)
        self._make(in_channels, out_channels, settings, groups, bias, padding_mode, ends, factory)

    def forward(self, input: Tensor) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._padding_for_pad(), mode=self.padding_mode), 0
        settings = (self.stride, padding, self.dilation, self.groups)
        result: Tensor = self.function(input, self.weight, self.bias, *settings)
        return result

    def _padding_for_pad(self) -> list[int]:
        """Return the padding as `F.pad` takes it: last dimension first, before and after."""
        if self.padding == "valid":
            return [0] * 2 * self.dims
        if self.padding != "same":
            return [p for p in reversed(self.padding) for _ in range(2)]
        totals = [(k - 1) * d for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        return [n for t in reversed(totals) for n in (t // 2, t - t // 2)]


class Conv1d(_Conv):
    """A convolution along one dimension, with weight (out, in / groups, k); see `F.conv1d`."""

    dims = 1
    function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """A convolution with weight (out, in / groups, kh, kw) and bias (out,); see `F.conv2d`.

    `padding_mode`: "zeros", "reflect", "replicate" or "circular".

    >>> import tinygrad_mnist as tg
    >>> from tinygrad_mnist import nn
    >>> nn.Conv2d(1, 32, 3)(tg.ones(64, 1, 28, 28)).shape
    torch.Size([64, 32, 26, 26])
    """

    function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """A convolution of volumes, with weight (out, in / groups, kd, kh, kw); see `F.conv3d`."""

    dims = 3
    function = staticmethod(F.conv3d)


class ConvTransposeNd(ConvNd):
    """The base of the transposed convolutions."""

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
        if padding_mode != "zeros":
            raise ValueError(f"{type(self).__name__} pads with zeros only, not {padding_mode!r}")
        settings = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        settings |= {"output_padding": output_padding, "dilation": dilation}
        ends = (in_channels, out_channels // max(groups, 1))
        factory = (dtype, device)
        self._make(in_channels, out_channels, settings, groups, bias, padding_mode, ends, factory)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self.output_padding
        if output_size is not None:
            settings = (self.stride, self.padding, self.dilation, self.kernel_size)
            dimensions = zip(input.shape[-self.dims :], *settings, strict=True)
            least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in dimensions]
            sizes = tuple(output_size)[-self.dims :]
            extra = tuple(m - n for m, n in zip(sizes, least, strict=True))
            if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
                raise ValueError(f"requested an output size of {sizes}, the least is {least}")
        result: Tensor = self.function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )
        return result


class ConvTranspose1d(ConvTransposeNd):
    """`ConvTranspose2d` along one dimension, with weight (in, out / groups, k)."""

    dims = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(ConvTransposeNd):
    """The adjoint of a convolution, with weight (in, out / groups, kh, kw); `F.conv_transpose2d`.

    `output_size` in the call chooses among the sizes that a stride leaves open.
    """

    function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(ConvTransposeNd):
    """`ConvTranspose2d` of volumes, with weight (in, out / groups, kd, kh, kw)."""

    dims = 3
    function = staticmethod(F.conv_transpose3d)
