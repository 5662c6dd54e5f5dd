"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.pieces import (
    CALLS,
    Array,
    Calls,
    Group,
    State,
    add_scaled,
    buffer_of,
    calls_to_add,
    descent,
    number,
)


def _is_plain(group: Group) -> bool:
    return not (group["momentum"] or group["weight_decay"] or group["maximize"])


def _calls(group: Group, p: Array, g: Array, state: State) -> list[Callable[[], object]]:
    return [*calls_to_add(p, g, -number(group["lr"]), state)]


class SGD(Optimizer):
    """p = p - lr g, where momentum replaces g by a decaying sum of gradients.

    Momentum: v = momentum v + (1 - dampening) g replaces g, and the first v is g itself;
    `nesterov`: g + momentum v does. `weight_decay` adds weight_decay p to g; `maximize` ascends.
    PyTorch's formulas and arguments. Raises ValueError for a negative setting, and for Nesterov
    momentum without momentum or with dampening.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item()
    0.5
    """

    elementwise = True
    counters = frozenset({"_first"})

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, **implementation)

    def add_param_group(self, param_group: Group) -> None:
        """Add a group as the base class does; Nesterov needs momentum and no dampening."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            self.param_groups.pop()
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")

    def init_state(self, group: Group, p: Array) -> State:
        """Make the decaying sum of gradients, if there is momentum."""
        if not group["momentum"]:
            return {}
        return {"momentum_buffer": np.zeros_like(p), "_first": np.ones((), np.bool_)}

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        """Change `p` in place: at best one pass over memory without momentum, three with it."""
        if group["weight_decay"] or group["maximize"]:
            g = descent(group, p, g, state)
        if group["momentum"]:
            g = self._direction(group, p, g, state)
        add_scaled(p, g, -number(group["lr"]), state)

    def _direction(self, group: Group, p: Array, g: Array, state: State) -> Array:
        """Return the decaying sum of gradients; with `nesterov`, what it will be."""
        momentum = number(group["momentum"])
        v = self._accumulate(group, momentum, g, state)
        if not group["nesterov"]:
            return v
        out = buffer_of(state, "_s", p)
        np.multiply(v, momentum, out=out)
        return np.add(out, g, out=out)

    def _accumulate(self, group: Group, momentum: float, g: Array, state: State) -> Array:
        if "momentum_buffer" not in state:  # momentum was turned on later
            state.update(self.init_state(group, g))
        v: Array = state["momentum_buffer"]
        first = state.get("_first")
        if first is not None and first:
            first[...] = False
            np.copyto(v, g)
        else:
            add_scaled(v, g, 1 - number(group["dampening"]), state, momentum)
        return v


CALLS[SGD.update] = Calls(_calls, _is_plain, is_one_pass=True)
