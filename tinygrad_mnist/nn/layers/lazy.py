"""Lazy layers: each infers its number of inputs from the first call.

Once called, `LazyLinear` becomes a `Linear`, and so on.
"""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.nn.layers.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Size,
)
from tinygrad_mnist.nn.layers.linear import WIDE, Linear
from tinygrad_mnist.nn.layers.norm import (
    STATISTICS,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    NormBase,
)
from tinygrad_mnist.nn.lazy import LazyModuleMixin, UninitializedBuffer, UninitializedParameter
from tinygrad_mnist.ops import create

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d",
    "LazyConv3d", "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d",
    "LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d", "LazyLinear",
]  # fmt: skip


class _UninitializedWeight(UninitializedParameter):
    """A Linear's weight that has no shape yet; whoever gives it one, it is laid out as Linear's."""

    __slots__ = ()

    def materialize(
        self, shape: Any, device: Any = None, dtype: Any = None, *, by_column: bool = False
    ) -> None:
        super().materialize(shape, device, dtype, by_column=by_column or shape[0] >= WIDE)


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` whose in_features is the last dimension of the first input.

    >>> import tinygrad_mnist as tg
    >>> layer = tg.nn.LazyLinear(3)
    >>> layer
    LazyLinear(in_features=0, out_features=3, bias=True)
    >>> _ = layer(tg.ones(2, 5))
    >>> layer
    Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(0, 0, bias=False)
        self.out_features = out_features
        self.weight = _UninitializedWeight(dtype=dtype, device=device)
        self.bias = UninitializedParameter(dtype=dtype, device=device) if bias else None

    def reset_parameters(self) -> None:
        """Draw all values anew, once they have shapes."""
        if not self.has_uninitialized_params() and self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take in_features from the input, or from a weight that was loaded."""
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            size = (self.out_features, self.in_features)
            if isinstance(self.weight, UninitializedParameter):
                self.weight.materialize(size)
            if isinstance(self.bias, UninitializedParameter):
                self.bias.materialize((self.out_features,))
            self.reset_parameters()
        self.in_features = self.in_features or self.weight.shape[-1]


class _LazyConvXdMixin(LazyModuleMixin):
    """The base of lazy convolutions: in_channels from the first input, (n, c, ...) or (c, ...)."""

    transposed: ClassVar[bool] = False
    weight: Any
    bias: Any

    def _uninitialized(self: Any, out_channels: int, bias: bool, dtype: Any, device: Any) -> None:
        self.out_channels = out_channels
        self.weight = UninitializedParameter(dtype=dtype, device=device)
        self.bias = UninitializedParameter(dtype=dtype, device=device) if bias else None

    def reset_parameters(self: Any) -> None:
        """Draw all values anew, once they have shapes."""
        if not self.has_uninitialized_params() and self.in_channels:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self: Any, input: Tensor, *args: Any, **kw: Any) -> None:
        """Take in_channels from the input, or from a weight that was loaded."""
        if self.has_uninitialized_params():
            self.in_channels = channels = self._channels(input)
            if channels % self.groups:
                raise ValueError(
                    f"in_channels must be divisible by groups, not {channels} by {self.groups}"
                )
            ends = (self.out_channels, channels // self.groups)
            if self.transposed:
                ends = (channels, self.out_channels // self.groups)
            if isinstance(self.weight, UninitializedParameter):
                self.weight.materialize((*ends, *self.kernel_size))
            if isinstance(self.bias, UninitializedParameter):
                self.bias.materialize((self.out_channels,))
            self.reset_parameters()
        self.in_channels = self.in_channels or self._channels(input)

    def _channels(self: Any, input: Tensor) -> int:
        rank = self.dims + 1
        if input.ndim not in (rank, rank + 1):
            raise ShapeError(
                f"Expected {rank}D (unbatched) or {rank + 1}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {list(input.shape)}"
            )
        channels: int = input.shape[input.ndim - rank]
        return channels


class _LazyConv(_LazyConvXdMixin):
    """The constructor of lazy convolutions: the usual arguments without in_channels."""

    def __init__(
        self,
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
        settings = (kernel_size, stride, padding, dilation, groups, False, padding_mode)
        super().__init__(0, 0, *settings, dtype=dtype)
        self._uninitialized(out_channels, bias, dtype, device)


class _LazyConvTranspose(_LazyConvXdMixin):
    """The constructor of lazy transposed convolutions: the usual arguments without in_channels."""

    transposed = True

    def __init__(
        self,
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
        settings = (stride, padding, output_padding, groups, False, dilation, padding_mode)
        super().__init__(0, 0, kernel_size, *settings, dtype=dtype)
        self._uninitialized(out_channels, bias, dtype, device)


class LazyConv1d(_LazyConv, Conv1d):
    """A `Conv1d` whose in_channels are those of the first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A `Conv2d` whose in_channels are those of the first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A `Conv3d` whose in_channels are those of the first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A `ConvTranspose1d` whose in_channels are those of the first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A `ConvTranspose2d` whose in_channels are those of the first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A `ConvTranspose3d` whose in_channels are those of the first input."""

    cls_to_become = ConvTranspose3d


class _LazyNormBase(LazyModuleMixin, NormBase):
    """The base of lazy norms: num_features is dimension 1 of the first input."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine=False, track_running_stats=False, bias=False)
        self.affine, self.track_running_stats = affine, track_running_stats
        factory = {"dtype": dtype, "device": device}
        if affine:
            self.weight = UninitializedParameter(**factory)
            self.bias = UninitializedParameter(**factory) if bias else None
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**factory)
            self.running_var = UninitializedBuffer(**factory)
            self.num_batches_tracked = create.zeros((), dtype="int64")

    def reset_parameters(self) -> None:
        """Set all values to their initial ones, once they have shapes."""
        if not self.has_uninitialized_params() and self.num_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take num_features from the input."""
        if self.has_uninitialized_params():
            self.num_features = input.shape[1]
            for name in ("weight", "bias", *STATISTICS):
                value = getattr(self, name)
                if isinstance(value, (UninitializedParameter, UninitializedBuffer)):
                    value.materialize((self.num_features,))
            self.reset_parameters()
        self.num_features = self.num_features or input.shape[1]


class LazyBatchNorm1d(_LazyNormBase):
    """A `BatchNorm1d` whose num_features are the channels of the first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNormBase):
    """A `BatchNorm2d` whose num_features are the channels of the first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNormBase):
    """A `BatchNorm3d` whose num_features are the channels of the first input."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNormBase):
    """An `InstanceNorm1d` whose num_features are the channels of the first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNormBase):
    """An `InstanceNorm2d` whose num_features are the channels of the first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNormBase):
    """An `InstanceNorm3d` whose num_features are the channels of the first input."""

    cls_to_become = InstanceNorm3d
