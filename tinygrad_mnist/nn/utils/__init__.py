"""What is done to many parameters at once: clip their gradients, flatten them to one vector.

Each function takes what `module.parameters()` gives; nothing here is recorded for backward but
`parameters_to_vector`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor, no_grad, writes
from tinygrad_mnist.autograd.tensor import _unheard
from tinygrad_mnist.ops import create, join, reduce, shape, table
from tinygrad_mnist.ops.inplace import write


def _gradients(parameters: Any) -> list[Tensor]:
    params = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not params and isinstance(parameters, Iterator):
        warnings.warn(
            "the parameters are an iterator that has nothing left: no gradient is clipped",
            UserWarning,
            stacklevel=4,
        )
    return [p.grad for p in params if p.grad is not None]


@no_grad()
def get_total_norm(
    tensors: Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: Any = None,
) -> Tensor:
    """The norm of all Tensors' elements together."""
    norms = [reduce.norm(t, norm_type) for t in tensors]
    total = reduce.norm(join.stack(norms), norm_type) if norms else create.zeros(())
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients is non-finite ({total.item()}), so "
            "it cannot be clipped. To scale them nevertheless, set error_if_nonfinite=False"
        )
    return total


@no_grad()
def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: Any = None,
) -> Tensor:
    """Scale all gradients in place, so that their norm together is max_norm at most.

    Returns the norm before. Raises RuntimeError for inf and nan if asked to.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w / 2).sum().backward()
    >>> tg.nn.utils.clip_grad_norm_([w], 1.0), w.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    grads = _gradients(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    factor = table.clip(max_norm / (total + 1e-6), low=0.0, high=1.0)
    for grad in grads:
        write(grad, grad * factor)
    return total


@no_grad()
def clip_grad_value_(parameters: Any, clip_value: float, foreach: Any = None) -> None:
    """Move each element of the gradients into [-clip_value, clip_value], in place."""
    for grad in _gradients(parameters):
        write(grad, table.clip(grad, low=-clip_value, high=clip_value))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All Parameters, flattened, one after the other in one vector."""
    return join.cat([shape.reshape(p, (-1,)) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write a vector's pieces into the Parameters; ValueError if the sizes do not add up."""
    params = list(parameters)
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected a Tensor, but got: {type(vec).__name__}")
    total = sum(p._data.size for p in params)
    if vec.shape != (total,):
        raise ValueError(f"the vector has shape {list(vec.shape)}, the parameters {total} elements")
    _unheard("vector_to_parameters()")
    start = 0
    for p in params:
        piece = vec._data[start : start + p._data.size]
        np.copyto(p._data, piece.reshape(p.shape))
        writes.stamp(p._data)
        start += p._data.size
