"""Normalisation layers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn import init
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import Parameter
from tinygrad_mnist.ops import create
from tinygrad_mnist.ops.inplace import write


class _Affine(Module):
    """What has a scale `weight`, at first one, and a shift `bias`, at first zero; or neither."""

    def _make(self, shape: Any, affine: bool, bias: bool, dtype: Any, device: Any) -> None:
        weight = Parameter(create.empty(shape, dtype=dtype, device=device)) if affine else None
        self.register_parameter("weight", weight)
        shift = Parameter(create.empty(shape, dtype=dtype)) if affine and bias else None
        self.register_parameter("bias", shift)

    def reset_parameters(self) -> None:
        """Scale one, shift zero."""
        if self.weight is not None:
            init.ones_(self.weight)
        if getattr(self, "bias", None) is not None:
            init.zeros_(self.bias)


class BatchNorm1d(_Affine):
    """Each channel (dimension 1) with mean 0 and deviation 1 over the batch; see `F.batch_norm`.

    Buffers: running_mean, running_var and num_batches_tracked, moved by each call in training, used
    in evaluation. `momentum=None` averages over all batches alike.

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
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make(num_features, affine, True, dtype, device)
        tracked = track_running_stats
        self.register_buffer("running_mean", create.zeros(num_features, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", create.ones(num_features, dtype=dtype) if tracked else None)
        count = create.zeros((), dtype=np.int64) if tracked else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget all batches."""
        if self.track_running_stats:
            for buffer, value in ((self.running_mean, 0), (self.running_var, 1)):
                init.constant_(buffer, value)
            init.constant_(self.num_batches_tracked, 0)

    def reset_parameters(self) -> None:
        """Scale one, shift zero, all batches forgotten."""
        self.reset_running_stats()
        super().reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, ...) to the same shape."""
        if input.ndim not in self.ranks:
            wanted = " or ".join(f"{rank}D" for rank in self.ranks)
            raise F.ShapeError(f"expected {wanted} input (got {input.ndim}D input)")
        use_batch = self.training or self.running_mean is None
        momentum: Any = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            count = self.num_batches_tracked + 1
            write(self.num_batches_tracked, count)
            if self.momentum is None:
                momentum = 1.0 / count.to(self.running_mean.dtype)
        stats = (self.running_mean, self.running_var)
        if not self.training and use_batch:
            stats = (None, None)
        return F.batch_norm(input, *stats, self.weight, self.bias, use_batch, momentum, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm2d(BatchNorm1d):
    """`BatchNorm1d` for images (n, c, h, w)."""

    ranks = (4,)


class LayerNorm(_Affine):
    """Mean 0 and deviation 1 over the last dimensions; see `F.layer_norm`."""

    shown = ("eps", "elementwise_affine")

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
        whole = isinstance(normalized_shape, int)
        self.normalized_shape = (normalized_shape,) if whole else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, bias, dtype, device)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """(..., *normalized_shape) to the same shape."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.normalized_shape}, {super().extra_repr()}"


class RMSNorm(_Affine):
    """x / sqrt(mean(x^2) + eps) over the last dimensions; see `F.rms_norm`."""

    shown = ("eps", "elementwise_affine")

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        whole = isinstance(normalized_shape, int)
        self.normalized_shape = (normalized_shape,) if whole else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, False, dtype, device)
        del self.bias
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """(..., *normalized_shape) to the same shape."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.normalized_shape}, {super().extra_repr()}"


class GroupNorm(_Affine):
    """Mean 0 and deviation 1 over groups of channels; see `F.group_norm`."""

    shown = ("eps", "affine")

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.affine = affine
        self._make(num_channels, affine, True, dtype, device)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """(n, num_channels, ...) to the same shape."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.num_groups}, {self.num_channels}, {super().extra_repr()}"
