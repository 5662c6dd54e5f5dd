"""Activations and dropout as Modules: each calls its function of `nn.functional`."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn import init
from tinygrad_mnist.nn.layers.functional import Functional
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import unset

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "SELU", "AlphaDropout", "Dropout", "Dropout1d", "Dropout2d",
    "Dropout3d", "FeatureAlphaDropout", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh",
    "LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SiLU",
    "Sigmoid", "Softmax", "Softmax2d", "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh",
    "Tanhshrink", "Threshold",
]  # fmt: skip


class ReLU(Functional, function=F.relu):
    """The rectified linear unit: max(x, 0)."""


class LeakyReLU(Functional, function=F.leaky_relu):
    """x where x > 0, else negative_slope x."""


class RReLU(Functional, function=F.rrelu):
    """A leaky relu whose slopes are drawn from [lower, upper] in training."""


class ELU(Functional, function=F.elu):
    """x where x > 0, else alpha (exp(x) - 1)."""


class CELU(Functional, function=F.celu):
    """x where x > 0, else alpha (exp(x / alpha) - 1)."""


class SELU(Functional, function=F.selu):
    """ELU with the constants that preserve mean and deviation."""


class GELU(Functional, function=F.gelu):
    """x Phi(x), Phi the normal distribution function; or its "tanh" approximation."""


class SiLU(Functional, function=F.silu):
    """The sigmoid linear unit: x sigmoid(x)."""


class Mish(Functional, function=F.mish):
    """A smooth rectifier: x tanh(softplus(x))."""


class Sigmoid(Functional, function=F.sigmoid):
    """1 / (1 + exp(-x))."""


class LogSigmoid(Functional, function=F.logsigmoid):
    """The logarithm of the sigmoid: log(sigmoid(x)), without underflow."""


class Hardsigmoid(Functional, function=F.hardsigmoid):
    """relu6(x + 3) / 6."""


class Hardswish(Functional, function=F.hardswish):
    """SiLU by straight lines: x hardsigmoid(x)."""


class Tanh(Functional, function=F.tanh):
    """The hyperbolic tangent."""


class Tanhshrink(Functional, function=F.tanhshrink):
    """x - tanh(x)."""


class Hardtanh(Functional, function=F.hardtanh):
    """x, clipped to [min_val, max_val]."""


class ReLU6(Hardtanh):
    """min(max(x, 0), 6): the `Hardtanh` from 0 to 6."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Softplus(Functional, function=F.softplus):
    """log(1 + exp(beta x)) / beta."""


class Softsign(Functional, function=F.softsign):
    """x / (1 + |x|)."""


class Hardshrink(Functional, function=F.hardshrink):
    """x where |x| > lambd, else 0."""


class Softshrink(Functional, function=F.softshrink):
    """x moved towards zero by lambd, but not past zero."""


class Threshold(Functional, function=F.threshold):
    """x where x > threshold, else value."""


class GLU(Functional, function=F.glu):
    """a sigmoid(b), where a and b are the two halves along dim."""


class Softmax(Functional, function=F.softmax):
    """exp(x) / sum(exp(x)) along dim."""


class Softmin(Functional, function=F.softmin):
    """softmax(-x) along dim."""


class LogSoftmax(Functional, function=F.log_softmax):
    """log(softmax(x)) along dim."""


class Softmax2d(Module):
    """softmax over the channels of (n, c, h, w) or (c, h, w)."""

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3)


class PReLU(Module):
    """A leaky relu with a trained slope, one for all or one per channel."""

    shown = ("num_parameters",)

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = unset(num_parameters, dtype, device)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)


class DropoutNd(Functional):
    """The base of the dropouts, which checks the probability."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        F.dropout(Tensor(), self.p, training=False)  # raises unless p is a probability

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(DropoutNd, function=F.dropout):
    """Zero with probability p, and else times 1 / (1 - p); only in training."""


class Dropout1d(DropoutNd, function=F.dropout1d):
    """`Dropout` of whole channels of (n, c, length)."""


class Dropout2d(DropoutNd, function=F.dropout2d):
    """`Dropout` of whole channels of (n, c, height, width)."""


class Dropout3d(DropoutNd, function=F.dropout3d):
    """`Dropout` of whole channels of (n, c, depth, height, width)."""


class AlphaDropout(DropoutNd, function=F.alpha_dropout):
    """Dropout that preserves mean and deviation, for SELU networks."""


class FeatureAlphaDropout(DropoutNd, function=F.feature_alpha_dropout):
    """`AlphaDropout` of whole channels."""
