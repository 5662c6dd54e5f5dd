"""Fold a batch norm in evaluation mode into the layer before it."""

from __future__ import annotations

import copy
import functools
from typing import Any

from tinygrad_mnist.autograd import Tensor, no_grad
from tinygrad_mnist.nn.parameter import Parameter
from tinygrad_mnist.ops import create, elementwise, shape

__all__ = [
    "fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights",
]  # fmt: skip


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """Return a convolution equal to `conv` and then `bn`; both must be in evaluation mode."""
    return _fused(conv, bn, functools.partial(fuse_conv_bn_weights, transpose=transpose))


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """Return a Linear equal to `linear` and then `bn`; both must be in evaluation mode.

    Raises ValueError if they have different numbers of features.
    """
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise ValueError(
            f"To fuse, linear.out_features ({linear.out_features}) must be bn.num_features "
            f"({bn.num_features}) or bn.num_features must be 1"
        )
    return _fused(linear, bn, fuse_linear_bn_weights)


def _fused(layer: Any, bn: Any, fuse_weights: Any) -> Any:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    fused = copy.deepcopy(layer)
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("the batch norm has no running_mean and running_var to fuse")
    moments = (bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)
    fused.weight, fused.bias = fuse_weights(layer.weight, layer.bias, *moments)
    return fused


@no_grad()
def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Return the fused weight and bias; with `transpose`, dimension 1 is the outputs."""
    scale = elementwise.rsqrt(bn_rv + bn_eps)
    scale = scale if bn_w is None else scale * bn_w
    per_output = [1] * conv_w.ndim
    per_output[1 if transpose else 0] = -1
    bias = create.zeros_like(bn_rm) if conv_b is None else conv_b
    bias = (bias - bn_rm) * scale
    bias = bias if bn_b is None else bias + bn_b
    weight = (conv_w * shape.reshape(scale, tuple(per_output))).to(conv_w.dtype)
    return Parameter(weight.detach()), Parameter(bias.to(conv_w.dtype).detach())


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Return the fused weight and bias."""
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
