"""Checks of the settings and parameters of an optimizer."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor, unwrap
from tinygrad_mnist.optim.pieces import Group, number

# Settings that choose among PyTorch's implementations of one formula; NumPy has one.
_IMPLEMENTATIONS = frozenset({"foreach", "fused", "capturable"})

_WORDS = {"lr": "learning rate", "eps": "epsilon value"}
_NOT_NEGATIVE = (
    "lr", "eps", "momentum", "weight_decay", "lr_decay", "momentum_decay", "alpha",
    "initial_accumulator_value",
)  # fmt: skip


def check_settings(group: Group) -> None:
    """Raise ValueError for a setting out of its range."""
    lr = unwrap(group.get("lr", 0.0))
    if isinstance(lr, np.ndarray) and lr.size != 1:
        raise ValueError(f"Tensor lr must be 1-element, not {lr.shape}")
    for key in _NOT_NEGATIVE:
        value = group.get(key, 0.0)
        if key == "lr" and "initial_lr" in group:  # a rate that a schedule has set is not checked
            continue
        if not isinstance(value, (tuple, list)) and not number(value) >= 0.0:
            raise ValueError(f"Invalid {_WORDS.get(key, f'{key} value')}: {value} (0 or more)")
    for index, beta in enumerate(group.get("betas", ())):
        if not 0.0 <= number(beta) < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta} (0 to below 1)")
    if not 0.0 <= number(group.get("rho", 0.0)) <= 1.0:
        raise ValueError(f"Invalid rho value: {group['rho']} (0 to 1)")
    minus, plus = group.get("etas", (0.5, 1.2))
    if not 0.0 < minus < 1.0 < plus:
        raise ValueError(f"Invalid eta values: {minus}, {plus} (0 < first < 1 < second)")


def check_implementation(name: str, implementation: Group) -> None:
    """Accept a setting that only chooses an implementation; raise for others."""
    if implementation.pop("differentiable", False):
        raise NotImplementedError(
            f"{name}(differentiable=True): steps are taken in place and cannot be differentiated; "
            "write the update with Tensors and autograd.grad(create_graph=True)"
        )
    for key in implementation.keys() - _IMPLEMENTATIONS:
        raise TypeError(f"{name}() got an unexpected keyword argument {key!r}")


def check_parameter(p: Any) -> None:
    """Raise TypeError for anything but a Tensor, ValueError for one computed from others."""
    if not isinstance(p, Tensor):
        raise TypeError(
            f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}"
        )
    if not p.is_leaf:
        raise ValueError(
            f"can't optimize a non-leaf Tensor: this one, of shape {p.shape}, was computed by "
            f"{p.grad_fn}; optimize what it was computed from, or its .detach()"
        )


def drop_duplicates(group: Group) -> None:
    """Drop repeated parameters from a group, with a warning."""
    params = group["params"]
    first = {id(p): index for index, p in reversed(list(enumerate(params)))}
    if len(first) == len(params):
        return
    warnings.warn(
        "optimizer contains a parameter group with duplicate parameters; each is updated once",
        stacklevel=4,
    )
    for key in ("params", "param_names"):
        if key in group:
            group[key] = [group[key][index] for index in sorted(first.values())]
