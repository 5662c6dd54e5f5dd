"""Normalisation layers: a function of `nn.functional`, a trained scale and a trained shift."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn import init
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import unset
from tinygrad_mnist.ops import create, shape
from tinygrad_mnist.ops.inplace import write

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "CrossMapLRN2d", "GroupNorm", "InstanceNorm1d",
    "InstanceNorm2d", "InstanceNorm3d", "LayerNorm", "LocalResponseNorm", "RMSNorm",
]  # fmt: skip


STATISTICS = {"running_mean": 0, "running_var": 1, "num_batches_tracked": 0}  # at first


class _Scaled(Module):
    """The base of norms with a scale `weight`, initially 1, and perhaps a shift `bias`, 0."""

    def _make(self, size: Any, affine: bool, bias: bool, dtype: Any, device: Any) -> None:
        self.weight = unset(size, dtype, device) if affine else None
        self.bias = unset(size, dtype, device) if affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class NormBase(_Scaled):
    """The base of batch and instance norms: settings, running moments and the check of the rank.

    Buffers running_mean, running_var and num_batches_tracked are there if `track_running_stats`.
    """

    ranks: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        moments: dict[str, Any] = dict.fromkeys(STATISTICS)
        if track_running_stats:
            moments["running_mean"] = create.zeros(num_features, dtype=dtype)
            moments["running_var"] = create.ones(num_features, dtype=dtype)
            moments["num_batches_tracked"] = create.zeros((), dtype=np.int64)
        for name, value in moments.items():
            self.register_buffer(name, value)
        self._make(num_features, affine, bias, dtype, device)

    def reset_running_stats(self) -> None:
        """Forget all batches."""
        for name, value in STATISTICS.items():
            if getattr(self, name) is not None:
                init.constant_(getattr(self, name), value)

    def reset_parameters(self) -> None:
        """Forget all batches, and set scale and shift to one and zero."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self.ranks:
            wanted = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ShapeError(f"expected {wanted} input (got {input.ndim}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm(NormBase):
    """Each channel (dimension 1) with mean 0 and deviation 1 over the batch; see `F.batch_norm`.

    Buffers running_mean, running_var and num_batches_tracked move with each call in training, and
    are what evaluation uses. `momentum=None` gives all batches the same weight in the average.

    Raises ShapeError for an input that has another number of dimensions.
    """

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        momentum: Any = self.momentum
        if self.training and self.num_batches_tracked is not None:
            write(self.num_batches_tracked, self.num_batches_tracked + 1)
            if momentum is None:
                momentum = 1.0 / self.num_batches_tracked.to(self.running_mean.dtype)
        by_batch = self.training or self.running_mean is None
        moments = (self.running_mean, self.running_var)
        return F.batch_norm(
            input,
            *moments,
            self.weight,
            self.bias,
            training=by_batch,
            momentum=momentum,
            eps=self.eps,
        )


class BatchNorm1d(BatchNorm):
    """Each channel of (n, c) or (n, c, length) with mean 0 and deviation 1; see `F.batch_norm`.

    Buffers running_mean, running_var and num_batches_tracked move with each call in training, and
    are what evaluation uses. `momentum=None` gives all batches the same weight in the average.
    """

    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """`BatchNorm1d` for images (n, c, h, w)."""

    ranks = (4,)


class BatchNorm3d(BatchNorm):
    """`BatchNorm1d` for volumes (n, c, d, h, w)."""

    ranks = (5,)


class InstanceNorm(NormBase):
    """Each sample's channels with mean 0 and deviation 1, each by itself; see `F.instance_norm`.

    By default without scale, shift and running moments. Takes an input without a batch too.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        settings = (eps, momentum, affine, track_running_stats, device, dtype)
        super().__init__(num_features, *settings, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        alone = input.ndim == self.ranks[0]
        channels = input.shape[input.ndim - self.ranks[0]]
        if channels != self.num_features:
            message = f"num_features is {self.num_features}, the input has {channels} channels"
            if self.affine:
                raise ShapeError(f"expected input's channels to match: {message}")
            warnings.warn(f"{message}; it is not used, for affine=False", stacklevel=3)
        x = shape.unsqueeze(input, 0) if alone else input
        by_sample = self.training or not self.track_running_stats
        moments = (self.running_mean, self.running_var)
        momentum = self.momentum or 0.0
        y = F.instance_norm(x, *moments, self.weight, self.bias, by_sample, momentum, self.eps)
        return shape.squeeze(y, 0) if alone else y


class InstanceNorm1d(InstanceNorm):
    """Each channel of (n, c, length) with mean 0 and deviation 1, for each sample by itself."""

    ranks = (2, 3)


class InstanceNorm2d(InstanceNorm):
    """Each channel of (n, c, h, w) with mean 0 and deviation 1, for each sample by itself."""

    ranks = (3, 4)


class InstanceNorm3d(InstanceNorm):
    """Each channel of (n, c, d, h, w) with mean 0 and deviation 1, for each sample by itself."""

    ranks = (4, 5)


class LayerNorm(_Scaled):
    """Mean 0 and deviation 1 over the last dimensions, (..., *normalized_shape); `F.layer_norm`."""

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        one = isinstance(normalized_shape, int)
        self.normalized_shape = (normalized_shape,) if one else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, bias, dtype, device)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.normalized_shape}, eps={self.eps}"
        return f"{text}, elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"


class RMSNorm(Module):
    """x / sqrt(mean(x^2) + eps) over the last dimensions, `normalized_shape`; `F.rms_norm`."""

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        one = isinstance(normalized_shape, int)
        self.normalized_shape = (normalized_shape,) if one else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        size = self.normalized_shape
        self.weight = unset(size, dtype, device) if elementwise_affine else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the scale to one."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.normalized_shape}, eps={self.eps}"
        return f"{text}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Scaled):
    """Mean 0 and deviation 1 over groups of the channels of (n, c, ...); see `F.group_norm`."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.affine = affine
        self._make(num_channels, affine, bias, dtype, device)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
        return f"{text}, bias={self.bias is not None}"


class LocalResponseNorm(Module):
    """x / (k + alpha mean(x^2))^beta, the mean over `size` channels; `F.local_response_norm`."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """`LocalResponseNorm` of images (n, c, h, w), by its old name."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    forward = LocalResponseNorm.forward
    extra_repr = LocalResponseNorm.extra_repr
