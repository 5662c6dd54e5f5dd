"""Dense layers, and layers that only reshape."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn import init
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import FastParameter, unset

__all__ = ["Bilinear", "Flatten", "Identity", "Linear", "Unflatten"]

WIDE = 16  # from so many outputs on, products are faster with the weight laid out by columns


def uniform_by_fan(weight: Tensor, bias: Tensor | None) -> None:
    """Fill with PyTorch's initial values of dense and conv layers: within 1 / sqrt(fan in)."""
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        fan_in, _ = init.fans(weight)
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        init.uniform_(bias, -bound, bound)


class Identity(Module):
    """A layer that returns its input; arguments of the constructor are ignored."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """y = x W^T + b, with weight (out_features, in_features) and bias (out_features,).

    From 16 outputs on, the weight and its gradient lie in memory column by column, since products
    are faster that way. `weight.view(-1)` and `weight.reshape(-1)` are then copies in C order that
    are kept equal to it.

    >>> import tinygrad_mnist as tg
    >>> from tinygrad_mnist import nn
    >>> nn.Linear(784, 10)(tg.ones(64, 784)).shape
    torch.Size([64, 10])
    """

    weight, bias = FastParameter(), FastParameter()

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        size = (out_features, in_features)
        self.weight = unset(size, dtype, device, by_column=out_features >= WIDE)
        self.bias = unset(out_features, dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        uniform_by_fan(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` under the name that `MultiheadAttention` shows for its output projection."""


class Bilinear(Module):
    """y = x1^T W x2 + b, with weight (out_features, in1_features, in2_features)."""

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in1_features, self.in2_features = in1_features, in2_features
        self.out_features = out_features
        self.weight = unset((out_features, in1_features, in2_features), dtype, device)
        self.bias = unset(out_features, dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.in1_features)
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Flatten(Module):
    """Join the dimensions from start_dim to end_dim into one; by default all but the batch."""

    shown = ("start_dim", "end_dim")

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)


class Unflatten(Module):
    """Split one dimension into several."""

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        dim = self.dim % input.ndim
        return input.reshape(*input.shape[:dim], *self.unflattened_size, *input.shape[dim + 1 :])

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
