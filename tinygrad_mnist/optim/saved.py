"""Values of an optimizer's state on their way into a state dict and back."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor, unwrap, wrap
from tinygrad_mnist.optim.pieces import Array


def saved_value(value: Any) -> Any:
    """Return a copy of a value of the state, with arrays as Tensors."""
    if isinstance(value, (np.ndarray, Tensor)):
        return wrap(np.array(unwrap(value), order="K"))
    if isinstance(value, (list, tuple)):
        return type(value)(map(saved_value, value))
    return copy.deepcopy(value)


def copied_value(value: Any) -> Any:
    """Return a copy of settings or of foreign state; parameters are left out."""
    if isinstance(value, dict):
        return {key: copied_value(item) for key, item in value.items() if key != "params"}
    return saved_value(value)


def loaded_value(value: Any, p: Array) -> Any:
    """Return a copy of saved state; floating point Tensors in p's dtype."""
    if isinstance(value, (list, tuple)):
        return type(value)(loaded_value(item, p) for item in value)
    if not isinstance(value, (Tensor, np.ndarray)):
        return copy.deepcopy(value)
    saved = np.array(unwrap(value))
    return wrap(saved.astype(p.dtype) if saved.dtype.kind == "f" else saved)


def state_array(key: str, value: Any, p: Array) -> Array:
    """Return a copy of a saved array in the dtype and the memory order of p."""
    saved = np.asarray(unwrap(value))
    if saved.shape != p.shape:
        raise ValueError(f"{key} has shape {saved.shape}, the parameter {p.shape}")
    array = np.empty_like(p)
    array[...] = saved
    return array
