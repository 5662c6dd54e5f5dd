"""Activation functions, composed of the table's rows.

With `inplace=True` the result is written into the input, which is returned.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import reduce, table
from tinygrad_mnist.ops.arguments import as_element, call_recorded, dim_of
from tinygrad_mnist.ops.inplace import in_place_on_request
from tinygrad_mnist.ops.random import rng_of
from tinygrad_mnist.ops.refused import refuse

__all__ = [
    "alpha_dropout", "celu", "dropout", "dropout1d", "dropout2d", "dropout3d", "elu",
    "feature_alpha_dropout", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid",
    "hardswish", "hardtanh", "leaky_relu", "log_softmax", "logsigmoid", "mish", "prelu", "relu",
    "relu6", "rrelu", "selu", "silu", "softmax", "softmin", "softplus", "softshrink", "softsign",
    "tanhshrink", "threshold",
]  # fmt: skip

NO_MATTER = {"e": 11.0, "f": 16.0}  # from here on, by dtype, softplus rounds to x itself
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848, 1.0507009873554804934


@in_place_on_request
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """x where it is positive, else 0: max(x, 0)."""
    return table.relu(input)


@in_place_on_request
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0)


@in_place_on_request
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x, moved into [min_val, max_val]; no gradient at the ends."""
    return table.hardtanh(input, low=min_val, high=max_val)


@in_place_on_request
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope x."""
    return table.leaky_relu(input, slope=negative_slope)


@in_place_on_request
def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """leaky_relu with slopes drawn from [lower, upper]; with their mean when not training."""
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    u = call_recorded(table.uniform, shape=input.shape, dtype=input.dtype, rng=rng_of(None))
    return table.where(input > 0, input, input * (u * (upper - lower) + lower))


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight x, with one weight or one for each channel (dimension 1)."""
    if weight.shape not in ((), (1,)) and weight.shape[0] != input.shape[min(1, input.ndim - 1)]:
        raise RuntimeError(
            f"prelu: {weight.shape[0]} weights for input of shape {list(input.shape)}; "
            "there must be one, or one for each channel"
        )
    per_channel = (-1, *(1,) * (input.ndim - 2)) if input.ndim > 1 else (-1,)
    slope = table.reshape(weight, shape=per_channel if input.ndim else ())
    return table.where(input > 0, input, slope * input)


@in_place_on_request
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (exp(x) - 1)."""
    return table.elu(input, alpha=alpha, scale=1.0, inner=1.0)


@in_place_on_request
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (exp(x / alpha) - 1)."""
    return table.elu(input, alpha=alpha, scale=1.0, inner=1.0 / alpha)


@in_place_on_request
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale elu(x, alpha), with the constants of Klambauer et al. (2017)."""
    return table.elu(input, alpha=SELU_ALPHA, scale=SELU_SCALE, inner=1.0)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Phi(x), Phi the normal distribution function; or its "tanh" approximation."""
    if approximate == "tanh":
        return table.gelu_tanh(input)
    if approximate != "none":
        raise RuntimeError("approximate argument must be either none or tanh.")
    return table.gelu(input)


@in_place_on_request
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """The sigmoid linear unit, x sigmoid(x); also called swish."""
    return table.silu(input)


@in_place_on_request
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """A smooth rectifier, x tanh(softplus(x)) (Misra 2019)."""
    return table.mish(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x > threshold."""
    if beta == 1:
        y = table.softplus(input)
    else:
        y = table.softplus(input, beta=beta) if beta > 0 else table.softplus(input * beta) / beta
    if beta > 0 and threshold >= NO_MATTER.get(input.dtype.char, math.inf):
        return y
    return table.where(input * beta > threshold, input, y)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)) = -softplus(-x)."""
    return table.logsigmoid(input)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (table.abs(input) + 1.0)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return table.tanhshrink(input)


@in_place_on_request
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6."""
    return table.hardsigmoid(input)


@in_place_on_request
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """silu by straight lines: x hardsigmoid(x)."""
    return table.hardswish(input)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, else 0."""
    return table.beyond(input, input, bound=lambd)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards zero by lambd, and no further."""
    return table.softshrink(input, bound=lambd)


@in_place_on_request
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value."""
    return table.where(input <= threshold, as_element(value, input.dtype), input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a sigmoid(b), where a and b are the two halves along `dim`."""
    axis = dim_of(input.ndim, dim)
    half, odd = divmod(input.shape[axis], 2)
    if odd:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {axis} is {2 * half + 1}"
        )
    a, b = (table.narrow(input, axis, start, half) for start in (0, half))
    return a * table.sigmoid(b)


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`, stable for huge x; name the dim, or be warned."""
    return reduce.softmax(input, _implied(input, dim), dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """The softmax of -x along `dim`: the smallest element gets the most."""
    return reduce.softmax(-input, _implied(input, dim), dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """log(softmax(x)) along `dim`, stable for huge x; name the dim, or be warned."""
    return reduce.log_softmax(input, _implied(input, dim), dtype)


def _implied(x: Tensor, dim: int | None) -> int:
    """PyTorch's old choice of a dimension, with its warning."""
    if dim is not None:
        return dim
    chosen = 0 if x.ndim in (0, 1, 3) else 1
    warnings.warn(
        f"Implicit dimension choice for softmax has been deprecated. Say dim={chosen}.",
        UserWarning,
        stacklevel=4,
    )
    return chosen


def gumbel_softmax(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax of logits with Gumbel noise; `hard` is one-hot forward and soft backward.

    `eps` changes nothing, in PyTorch neither.
    """
    u = call_recorded(table.uniform, shape=logits.shape, dtype=logits.dtype, rng=rng_of(None))
    tiny = float(np.finfo(logits.dtype).tiny)
    noise = -table.log(-table.log(table.clip(u, low=tiny, high=1 - 1e-7)))
    y = reduce.softmax((logits + noise) / tau, dim)
    if not hard:
        return y
    top = table.cast(table.eq(y, table.amax(y, axis=(dim % y.ndim,), keepdims=True)), dtype=y.dtype)
    return top - y.detach() + y


@in_place_on_request
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element zero with probability p, the others times 1 / (1 - p); in evaluation x."""
    return _drop(input, p, input.shape, training=training)


@in_place_on_request
def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels dropped, for input (n, c, length) or (c, length)."""
    return _drop(input, p, (*input.shape[:-1], 1), training=training)


@in_place_on_request
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels dropped, for input (n, c, height, width) or (c, height, width)."""
    if input.ndim == 2:
        raise RuntimeError("dropout2d: input of 3 or 4 dimensions is needed, not 2; use dropout")
    return _drop(input, p, (*input.shape[:-2], 1, 1), training=training)


@in_place_on_request
def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels dropped, for input (n, c, depth, height, width), with or without n."""
    return _drop(input, p, (*input.shape[:-3], 1, 1, 1), training=training)


@in_place_on_request
def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout to SELU's lower bound, then scaled to keep mean and deviation (Klambauer et al.)."""
    return _alpha_drop(input, p, input.shape, training=training)


@in_place_on_request
def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels of (n, c, ...)."""
    if training and p and input.ndim < 2:
        raise RuntimeError(f"feature_alpha_dropout: input needs channels, not {list(input.shape)}")
    return _alpha_drop(input, p, (*input.shape[:2], *(1,) * (input.ndim - 2)), training=training)


def _alpha_drop(input: Tensor, p: float, shape: tuple[int, ...], *, training: bool) -> Tensor:
    _check_probability(p)
    if not training or p == 0:
        return input
    low = -SELU_SCALE * SELU_ALPHA
    a = 1 / math.sqrt((1 - p) * (1 + p * low * low)) if p < 1 else 0.0
    u = call_recorded(table.uniform, shape=shape, dtype=input.dtype, rng=rng_of(None))
    return table.where(u >= p, input, low) * a - a * p * low


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _drop(x: Tensor, p: float, shape: tuple[int, ...], *, training: bool) -> Tensor:
    _check_probability(p)
    if not training or p == 0:
        return x
    return x * call_recorded(table.dropout_mask, shape=shape, p=p, dtype=x.dtype, rng=rng_of(None))


refuse(globals())
