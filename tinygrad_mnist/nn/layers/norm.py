"""Normalisation layers: a function of `nn.functional`, a trained scale and a trained shift."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn import init
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import unset
from tinygrad_mnist.ops import create
from tinygrad_mnist.ops.inplace import write

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm", "RMSNorm"]


class _Scaled(Module):
    """What has a scale `weight`, at first one, and perhaps a shift `bias`, at first zero."""

    def _make(self, shape: Any, affine: bool, bias: bool, dtype: Any, device: Any) -> None:
        self.weight = unset(shape, dtype, device) if affine else None
        self.bias = unset(shape, dtype, device) if affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class BatchNorm1d(_Scaled):
    """Each channel (dimension 1) with mean 0 and deviation 1 over the batch; see `F.batch_norm`.

    Buffers running_mean, running_var and num_batches_tracked move with each call in training, and
    are what evaluation goes by. `momentum=None` averages over all batches alike.

    Raises ShapeError for an input that has neither 2 nor 3 dimensions (BatchNorm2d: 4).
    """

    ranks: ClassVar[tuple[int, ...]] = (2, 3)

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
        tracked = track_running_stats
        zeros, ones = (
            create.zeros(num_features, dtype=dtype),
            create.ones(num_features, dtype=dtype),
        )
        self.register_buffer("running_mean", zeros if tracked else None)
        self.register_buffer("running_var", ones if tracked else None)
        count = create.zeros((), dtype=np.int64)
        self.register_buffer("num_batches_tracked", count if tracked else None)
        self._make(num_features, affine, bias, dtype, device)

    def reset_running_stats(self) -> None:
        """Forget all batches."""
        for name, value in (("running_mean", 0), ("running_var", 1), ("num_batches_tracked", 0)):
            if getattr(self, name) is not None:
                init.constant_(getattr(self, name), value)

    def reset_parameters(self) -> None:
        self.reset_running_stats()
        super().reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in self.ranks:
            wanted = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ShapeError(f"expected {wanted} input (got {input.ndim}D input)")
        momentum: Any = self.momentum
        if self.training and self.num_batches_tracked is not None:
            write(self.num_batches_tracked, self.num_batches_tracked + 1)
            if momentum is None:
                momentum = 1.0 / self.num_batches_tracked.to(self.running_mean.dtype)
        by_batch = self.training or self.running_mean is None
        moments = (self.running_mean, self.running_var)
        return F.batch_norm(input, *moments, self.weight, self.bias, by_batch, momentum, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm2d(BatchNorm1d):
    """`BatchNorm1d` for images (n, c, h, w)."""

    ranks = (4,)


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
        self.eps: float | None = eps
        self.elementwise_affine = elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, bias, dtype, device)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps or 0.0)

    def extra_repr(self) -> str:
        text = f"{self.normalized_shape}, eps={self.eps}"
        return f"{text}, elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"


class RMSNorm(LayerNorm):
    """x / sqrt(mean(x^2) + eps) over the last dimensions, `normalized_shape`; `F.rms_norm`."""

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            normalized_shape, 0.0, elementwise_affine, bias=False, device=device, dtype=dtype
        )
        self.eps = eps

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
