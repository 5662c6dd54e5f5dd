"""Parts of updates: settings as numbers, scratch memory, and the shared formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from tinygrad_mnist.autograd.tensor import unwrap
from tinygrad_mnist.kernels.axpy import combine

Array = np.ndarray[Any, Any]
Group = dict[str, Any]
State = dict[str, Any]
Update = TypeVar("Update", bound=Callable[..., None])


def number(value: Any) -> float:
    """Return a setting or a counter as a Python float, also when it is a Tensor of one element."""
    if type(value) is float:
        return value
    value = unwrap(value)
    return float(value.item() if isinstance(value, np.ndarray) else value)


def with_one_call(one_call: Callable[[Group, Array, Array], Any]) -> Callable[[Update], Update]:
    """Let an `update` say how it does the same without a state, as one call of C.

    `one_call(group, p, g)` returns that call for these very arrays and the present settings, or
    None. An optimizer that overrides `update` overrides this, too.
    """

    def declare(update: Update) -> Update:
        update.one_call = one_call  # type: ignore[attr-defined]
        return update

    return declare


def counter() -> Array:
    """Return a step count of zero: 0-d and float32, as in PyTorch."""
    return np.zeros((), np.float32)


def tick(state: State) -> float:
    """Count one more step, and return the count."""
    count = state["step"]
    count[...] = t = count.item() + 1.0
    return float(t)


def buffer_of(state: State, key: str, like: Array) -> Array:
    """Return a buffer as large as `like`, stored in the state so that steps allocate nothing.

    Where `p.data` has been replaced, the one that was stored may be of another shape or dtype.
    """
    buffer = state.get(key)
    if buffer is None or buffer.shape != like.shape or buffer.dtype != like.dtype:
        buffer = state[key] = np.empty_like(like)
    return buffer


def descent(group: Group, p: Array, g: Array, state: State) -> Array:
    """Return the gradient to descend: g + weight_decay p, with -g for g to maximize.

    With `decoupled_weight_decay`, p itself shrinks by lr weight_decay p instead.
    """
    decay, maximize = group.get("weight_decay", 0.0), group["maximize"]
    if not decay and not maximize:
        return g
    decay = number(decay)
    if decay and group.get("decoupled_weight_decay", False):
        np.multiply(p, 1 - number(group["lr"]) * decay, out=p)
        decay = 0.0
    if not decay and not maximize:
        return g
    out = buffer_of(state, "_g", p)
    if not decay:
        return np.negative(g, out=out)
    np.multiply(p, decay, out=out)
    return np.subtract(out, g, out=out) if maximize else np.add(out, g, out=out)


def add_scaled(y: Array, x: Array, a: float, state: State, b: float = 1.0) -> None:
    """Set y = a x + b y, in place; where that takes scratch memory, x may be overwritten."""
    if combine(y, x, a, b):
        return
    if b != 1:
        np.multiply(y, b, out=y)
    np.add(y, x if a == 1 else np.multiply(x, a, out=buffer_of(state, "_s", y)), out=y)


def update_mean(mean: Array, x: Array, decay: float, state: State) -> None:
    """Set mean = decay mean + (1 - decay) x, in place; x may be overwritten."""
    add_scaled(mean, x, 1 - decay, state, decay)
