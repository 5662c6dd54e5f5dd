"""Clip the gradients of many parameters at once; nothing here is recorded for backward."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from tinygrad_mnist.autograd import Tensor, no_grad
from tinygrad_mnist.ops import create, join, reduce, table
from tinygrad_mnist.ops.inplace import write

__all__ = [
    "clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_",
    "get_total_norm",
]  # fmt: skip


def _gradients(parameters: Any) -> list[Tensor]:
    params = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not params and isinstance(parameters, Iterator):
        warnings.warn(
            "the parameters are an exhausted iterator: no gradient is clipped",
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
    """Return the norm of all Tensors' elements together."""
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
    """Scale all gradients in place, so that their joint norm is at most max_norm.

    Returns the norm before scaling. With `error_if_nonfinite`, inf and nan are a RuntimeError.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w / 2).sum().backward()
    >>> tg.nn.utils.clip_grad_norm_([w], 1.0), w.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    grads = _gradients(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    _scale(grads, max_norm, total)
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Tensor, foreach: Any = None
) -> None:
    """Scale all gradients in place by max_norm / total_norm, if that is below one."""
    _scale(_gradients(parameters), max_norm, total_norm)


def _scale(grads: list[Tensor], max_norm: float, total: Tensor) -> None:
    factor = table.clip(max_norm / (total + 1e-6), low=0.0, high=1.0)
    for grad in grads:
        write(grad, grad * factor)


@no_grad()
def clip_grad_value_(parameters: Any, clip_value: float, foreach: Any = None) -> None:
    """Move each element of the gradients into [-clip_value, clip_value], in place."""
    for grad in _gradients(parameters):
        write(grad, table.clip(grad, low=-clip_value, high=clip_value))


def clip_grad_norm(*args: Any, **kw: Any) -> Tensor:
    """`clip_grad_norm_` by its old name."""
    return clip_grad_norm_(*args, **kw)
