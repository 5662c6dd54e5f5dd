"""Activations as Modules; each is a function of `nn.functional` with its settings.

`inplace` is accepted where PyTorch has it, and does nothing: inputs are left as they are.
"""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn import init
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import Parameter
from tinygrad_mnist.ops import create


class _Plain(Module):
    """An activation without settings: a subclass names its function."""

    function: Any = None

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """The function of each element."""
        result: Tensor = type(self).function(input)
        return result

    def extra_repr(self) -> str:
        """Whether it was asked to work in place."""
        return "inplace=True" if self.inplace else ""


def _plain(name: str, function: Any) -> type[_Plain]:
    """The class of an activation without settings."""
    body = {"function": staticmethod(function), "__doc__": function.__doc__, "__module__": __name__}
    return type(name, (_Plain,), body)


ReLU = _plain("ReLU", F.relu)
ReLU6 = _plain("ReLU6", F.relu6)
SELU = _plain("SELU", F.selu)
SiLU = _plain("SiLU", F.silu)
Mish = _plain("Mish", F.mish)
Sigmoid = _plain("Sigmoid", F.sigmoid)
Tanh = _plain("Tanh", F.tanh)
LogSigmoid = _plain("LogSigmoid", F.logsigmoid)
Softsign = _plain("Softsign", F.softsign)
Tanhshrink = _plain("Tanhshrink", F.tanhshrink)
Hardsigmoid = _plain("Hardsigmoid", F.hardsigmoid)
Hardswish = _plain("Hardswish", F.hardswish)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope x."""

    shown = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        """`F.leaky_relu`."""
        return F.leaky_relu(input, self.negative_slope)


class ELU(Module):
    """x where x > 0, else alpha (exp(x) - 1)."""

    shown = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """`F.elu`."""
        return F.elu(input, self.alpha)


class CELU(ELU):
    """x where x > 0, else alpha (exp(x / alpha) - 1)."""

    def forward(self, input: Tensor) -> Tensor:
        """`F.celu`."""
        return F.celu(input, self.alpha)


class GELU(Module):
    """x Phi(x), or its "tanh" approximation."""

    shown = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """`F.gelu`."""
        return F.gelu(input, self.approximate)


class Hardtanh(Module):
    """x, moved into [min_val, max_val]."""

    shown = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val, self.max_val = min_val, max_val

    def forward(self, input: Tensor) -> Tensor:
        """`F.hardtanh`."""
        return F.hardtanh(input, self.min_val, self.max_val)


class Softplus(Module):
    """log(1 + exp(beta x)) / beta."""

    shown = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        """`F.softplus`."""
        return F.softplus(input, self.beta, self.threshold)


class Hardshrink(Module):
    """x where |x| > lambd, else 0."""

    shown = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """`F.hardshrink`."""
        return F.hardshrink(input, self.lambd)


class Softshrink(Hardshrink):
    """x moved towards zero by lambd, and no further."""

    def forward(self, input: Tensor) -> Tensor:
        """`F.softshrink`."""
        return F.softshrink(input, self.lambd)


class Threshold(Module):
    """x where x > threshold, else value."""

    shown = ("threshold", "value")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value = threshold, value

    def forward(self, input: Tensor) -> Tensor:
        """`F.threshold`."""
        return F.threshold(input, self.threshold, self.value)


class RReLU(Module):
    """A leaky relu whose slopes are drawn from [lower, upper] in training."""

    shown = ("lower", "upper")

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper = lower, upper

    def forward(self, input: Tensor) -> Tensor:
        """`F.rrelu`."""
        return F.rrelu(input, self.lower, self.upper, self.training)


class PReLU(Module):
    """A leaky relu with a trained slope, one or one a channel."""

    shown = ("num_parameters",)

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(create.empty(num_parameters, dtype=dtype, device=device))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Every slope at `init`."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """`F.prelu`."""
        return F.prelu(input, self.weight)


class GLU(Module):
    """a sigmoid(b), where a and b are the two halves along dim."""

    shown = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """`F.glu`."""
        return F.glu(input, self.dim)


class Softmax(Module):
    """exp(x) / sum(exp(x)) along dim."""

    shown = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """`F.softmax`."""
        return F.softmax(input, self.dim)


class Softmin(Softmax):
    """softmax(-x) along dim."""

    def forward(self, input: Tensor) -> Tensor:
        """`F.softmin`."""
        return F.softmin(input, self.dim)


class LogSoftmax(Softmax):
    """log(softmax(x)) along dim."""

    def forward(self, input: Tensor) -> Tensor:
        """`F.log_softmax`."""
        return F.log_softmax(input, self.dim)


class Softmax2d(Module):
    """softmax over the channels of (n, c, h, w) or (c, h, w)."""

    def forward(self, input: Tensor) -> Tensor:
        """`F.softmax` along dimension -3."""
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3)
