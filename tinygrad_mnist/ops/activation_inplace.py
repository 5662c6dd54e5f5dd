"""Activations and dropouts that write into their input: `relu_`, `dropout_`, ..."""

from __future__ import annotations

from tinygrad_mnist.ops import activation
from tinygrad_mnist.ops.inplace import method

__all__ = [
    "alpha_dropout_", "celu_", "dropout_", "elu_", "feature_alpha_dropout_", "hardtanh_",
    "leaky_relu_", "relu_", "rrelu_", "selu_", "threshold_",
]  # fmt: skip

alpha_dropout_ = method(activation.alpha_dropout)
celu_ = method(activation.celu)
dropout_ = method(activation.dropout)
elu_ = method(activation.elu)
feature_alpha_dropout_ = method(activation.feature_alpha_dropout)
hardtanh_ = method(activation.hardtanh)
leaky_relu_ = method(activation.leaky_relu)
relu_ = method(activation.relu)
rrelu_ = method(activation.rrelu)
selu_ = method(activation.selu)
threshold_ = method(activation.threshold)
