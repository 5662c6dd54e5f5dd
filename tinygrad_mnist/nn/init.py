"""Initial values, written into a Tensor in place. Formulas: Glorot 2010, He 2015, Saxe 2013.

Fans are counted from the shape (out, in, *kernel); numbers come from the library's generator, or
from `generator`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.random  # every layer draws its weights; NumPy itself loads it when first asked

from tinygrad_mnist.autograd import Tensor, writes
from tinygrad_mnist.autograd.tensor import refuse_unrecorded
from tinygrad_mnist.kernels.special import ndtr, ndtri
from tinygrad_mnist.ops.random import rng_of

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_",
    "normal_", "ones_", "orthogonal_", "sparse_", "trunc_normal_", "uniform_", "xavier_normal_",
    "xavier_uniform_", "zeros_",
]  # fmt: skip

Array = np.ndarray[Any, Any]
DRAWS = 1000  # of a truncated normal number, until it is computed from its quantile


def _fill(tensor: Tensor, values: Any) -> Tensor:
    """Write the values without recording; C order, whatever the Tensor's memory layout."""
    refuse_unrecorded("nn.init")
    np.copyto(tensor._data, values, casting="unsafe")
    writes.stamp(tensor._data)
    return tensor


def _fill_drawn(tensor: Tensor, draw: Any, scale: float, shift: float) -> Tensor:
    """Write random numbers times `scale` plus `shift`; in the Tensor's own memory where it fits.

    New memory for millions of numbers takes longer than to draw them.
    """
    array = tensor._data
    if not {type(scale), type(shift)} <= {int, float}:  # NumPy's own numbers make float64
        return _fill(tensor, draw(array.shape, np.float32) * scale + shift)
    refuse_unrecorded("nn.init")
    fits = array.dtype == np.float32 and array.flags.carray
    numbers = draw(None, np.float32, array) if fits else np.asarray(draw(array.shape, np.float32))
    if scale != 1:
        numbers *= scale
    if shift:
        numbers += shift
    if not fits:
        return _fill(tensor, numbers)
    writes.stamp(array)
    return tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor of the deviation that keeps signals the same size after a nonlinearity."""
    gains = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 0.75}
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope**2))
    linear = (
        "linear",
        "sigmoid",
        *(f"conv{kind}{d}d" for kind in ("", "_transpose") for d in (1, 2, 3)),
    )
    if nonlinearity in linear:
        return 1.0
    if nonlinearity not in gains:
        names = ", ".join([*linear, *gains, "leaky_relu"])
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}; supported are {names}")
    return gains[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """Return (fan in, fan out) of a weight (out, in, *kernel)."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


_calculate_fan_in_and_fan_out = fans  # PyTorch's name, which programs call


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of fan_in, fan_out")
    return fans(tensor)[mode == "fan_out"]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with numbers uniform on [a, b)."""
    return _fill_drawn(tensor, rng_of(generator).random, b - a, a)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normal numbers of this mean and deviation."""
    return _fill_drawn(tensor, rng_of(generator).standard_normal, std, mean)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Fill with normal numbers, redrawing those outside [a, b]."""
    if a > b:
        raise ValueError(f"trunc_normal_ expects a <= b, but got a={a} and b={b}")
    rng = rng_of(generator)
    values = rng.standard_normal(tensor.shape) * std + mean
    draws = 1
    while (outside := (values < a) | (values > b)).any():
        count = int(outside.sum())
        if draws == DRAWS:
            values[outside] = _by_quantiles(rng.random(count), mean, std, a, b)
            break
        values[outside] = rng.standard_normal(count) * std + mean
        draws += 1
    return _fill(tensor, values)


def _by_quantiles(shares: Array, mean: float, std: float, a: float, b: float) -> Array:
    """Return the normal numbers below which these shares of those within [a, b] lie."""
    if std == 0:
        return np.full_like(shares, min(max(mean, a), b))
    ends = sorted(((a - mean) / std, (b - mean) / std))
    sign = -1.0 if ends[0] > 0 else 1.0  # shares are precise in the lower tail
    low, high = ndtr(sign * np.array(ends))
    numbers: Array = sign * std * ndtri(low + shares * (high - low)) + mean
    return numbers.clip(a, b)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with the number `val`."""
    return _fill(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with the number 1."""
    return _fill(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with the number 0."""
    return _fill(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill with the identity matrix."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _fill(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill with a convolution weight that passes as many channels through as possible."""
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ValueError("dirac_ needs 3 to 5 dimensions, and a multiple of `groups` channels")
    values = np.zeros(tensor.shape)
    out = tensor.shape[0] // groups
    centre = tuple(n // 2 for n in tensor.shape[2:])
    for group in range(groups):
        for channel in range(min(out, tensor.shape[1])):
            values[(group * out + channel, channel, *centre)] = 1
    return _fill(tensor, values)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with uniform numbers within gain sqrt(6 / (fan in + fan out))."""
    bound = gain * math.sqrt(6.0 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normal numbers of deviation gain sqrt(2 / (fan in + fan out))."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill with uniform numbers within gain sqrt(3 / fan); `a` is the slope of a leaky relu.

    >>> import tinygrad_mnist as tg
    >>> w = tg.nn.init.kaiming_uniform_(tg.empty(256, 128), nonlinearity="relu")
    >>> bool((abs(w) <= (6 / 128) ** 0.5).all())
    True
    """
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill with normal numbers of deviation gain / sqrt(fan)."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with a (semi-)orthogonal matrix (out, rest), times gain."""
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    flat = rng_of(generator).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(flat)
    q = q * np.sign(np.diag(r))  # makes it uniform among the orthogonal matrices
    return _fill(tensor, gain * (q.T if rows < columns else q).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill with normal numbers, and set a fraction `sparsity` of each column to zero."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rng = rng_of(generator)
    values = rng.standard_normal(tensor.shape) * std
    for column in values.T:
        column[rng.permutation(len(column))[: math.ceil(sparsity * len(column))]] = 0
    return _fill(tensor, values)


def _with_old_name(fill: Any) -> Callable[..., Tensor]:
    name = fill.__name__

    def old(*args: Any, **kw: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{name[:-1]}` is now deprecated in favor of `nn.init.{name}`.",
            FutureWarning,
            stacklevel=2,
        )
        filled: Tensor = fill(*args, **kw)
        return filled

    old.__name__ = old.__qualname__ = name[:-1]
    old.__doc__ = f"`{name}` by its old name; warns."
    return old


constant = _with_old_name(constant_)
dirac = _with_old_name(dirac_)
eye = _with_old_name(eye_)
kaiming_normal = _with_old_name(kaiming_normal_)
kaiming_uniform = _with_old_name(kaiming_uniform_)
normal = _with_old_name(normal_)
orthogonal = _with_old_name(orthogonal_)
sparse = _with_old_name(sparse_)
uniform = _with_old_name(uniform_)
xavier_normal = _with_old_name(xavier_normal_)
xavier_uniform = _with_old_name(xavier_uniform_)
