"""Tools of the distributions: broadcasting, lazy properties, sums over events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.modes import enable_grad
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.create import tensor, zeros
from tinygrad_mnist.ops.elementwise import clamp
from tinygrad_mnist.ops.join import broadcast_tensors, cat
from tinygrad_mnist.ops.reduce import softmax

EULER = 0.57721566490153286060651209008240243
Size = Sequence[int]


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Broadcast numbers and Tensors to one shape; numbers take the dtype of the first Tensor."""
    if not all(isinstance(v, (Tensor, Number)) for v in values):
        raise ValueError("Input arguments must all be instances of Number, or Tensors.")
    first = next((v for v in values if isinstance(v, Tensor)), None)
    dtype = get_default_dtype() if first is None else first.dtype
    tensors = tuple([v if isinstance(v, Tensor) else tensor(v, dtype=dtype) for v in values])
    alike = len({v._data.shape for v in tensors}) == 1
    return tensors if alike else broadcast_tensors(*tensors)


class lazy_property:
    """A property that is computed when first read, and a plain attribute from then on."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped, self.__doc__ = wrapped, wrapped.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        instance.__dict__[self.wrapped.__name__] = value
        return value


def sum_rightmost(value: Any, dims: int) -> Any:
    """Sum over the last `dims` dimensions."""
    if not dims:
        return value
    return table.sum(value, axis=tuple(range(value.ndim - dims, value.ndim)))


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Return the sigmoid of logits, or with several classes their softmax."""
    return table.sigmoid(logits) if is_binary else softmax(logits, -1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Clamp probabilities to [eps, 1 - eps], with the eps of their dtype."""
    eps = float(np.finfo(probs.dtype).eps)
    return clamp(probs, eps, 1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Return log(p / (1 - p)), or with several classes log(p), of clamped probabilities."""
    p = clamp_probs(probs)
    return p.log() - (-p).log1p() if is_binary else p.log()


def one_of(message: str, **arguments: Any) -> str:
    """Return the name of the one argument that is not None; ValueError for none or several."""
    names = [key for key, value in arguments.items() if value is not None]
    if len(names) != 1:
        raise ValueError(message)
    return names[0]


EITHER = "Either `probs` or `logits` must be specified, but not both."


def binary_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the binary cross-entropy of logits: log(1 + exp(z)) - z t."""
    return table.softplus(logits) - logits * target


def constant(shape: Size, value: float, like: Tensor) -> Tensor:
    """Return a Tensor of `shape` filled with `value`, in the dtype of `like`."""
    return zeros(tuple(shape), dtype=like.dtype) + value


def choose(mask: Tensor, a: Any, b: Any) -> Tensor:
    """Return a where the mask holds, else b; one of them may be a number."""
    return table.where(mask, a, b)


def tiny(x: Tensor) -> float:
    """Return the smallest normal number of a Tensor's dtype."""
    return float(np.finfo(x.dtype).tiny)


def eps(x: Tensor) -> float:
    """Return the distance from 1 to the next number of a Tensor's dtype."""
    return float(np.finfo(x.dtype).eps)


def padded(x: Tensor, left: float | None = None, right: float | None = None) -> Tensor:
    """Extend the last dimension by one constant before its elements, after them, or both."""
    shape = (*x.shape[:-1], 1)
    parts = [x]
    if left is not None:
        parts.insert(0, constant(shape, left, x))
    if right is not None:
        parts.append(constant(shape, right, x))
    return cat(parts, -1)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """Return the elements on and below a diagonal, row by row."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = np.nonzero(np.tri(n, n, diag, dtype=bool))
    return mat[..., tensor(rows), tensor(columns)]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Return the matrices with these elements on and below a diagonal, row by row."""
    n = (-(1 + 2 * diag) + int(np.sqrt((1 + 2 * diag) ** 2 + 8 * vec.shape[-1]
                                       + 4 * abs(diag) * (diag + 1)) + 0.5)) // 2  # fmt: skip
    rows, columns = np.nonzero(np.tri(n, n, diag, dtype=bool))
    element_at = np.zeros((n, n), np.int64)
    element_at[rows, columns] = np.arange(1, len(rows) + 1)
    filled = padded(vec, left=0.0)
    return filled[..., tensor(element_at.ravel())].reshape(*vec.shape[:-1], n, n)


def expanded(value: Tensor, batch_shape: Size, event_dim: int) -> Tensor:
    """Expand a parameter to another batch shape."""
    return value.expand(*batch_shape, *value.shape[value.ndim - event_dim :])


def expand_all(distribution: Any, batch_shape: Size) -> dict[str, Any]:
    """Expand a distribution's parameters, by name, to another batch shape."""
    values = vars(distribution)
    return {
        name: expanded(values[name], batch_shape, constraint.event_dim)
        for name, constraint in distribution.arg_constraints.items()
        if name in values
    }
