"""ASGD: gradient descent that also averages the parameters over the steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.pieces import (
    Array,
    Group,
    State,
    add_scaled,
    buffer_of,
    counter,
    descent,
    number,
    tick,
)


class ASGD(Optimizer):
    """p = (1 - lambd η) p - η g, and the mean of p over the steps (Polyak and Juditsky, 1992).

    η is lr at first, then lr / (1 + lambd lr t)^alpha. The state's `ax` is the mean of p over the
    steps from `t0` on, and p itself before. PyTorch's arguments. Raises ValueError for a setting
    out of its range.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([1.0], requires_grad=True)
    >>> optimizer = ASGD([w], lr=0.25, lambd=0.0)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item()
    0.5
    """

    elementwise = True
    counters = frozenset({"step", "eta", "mu"})

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, **implementation)

    def init_state(self, group: Group, p: Array) -> State:
        """Make the next step's rate, the weight of the next value in the mean, and the mean."""
        eta, mu = np.array(number(group["lr"]), np.float32), np.ones((), np.float32)
        return {"step": counter(), "eta": eta, "mu": mu, "ax": np.zeros_like(p)}

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        t, lr, lambd = tick(state), number(group["lr"]), number(group["lambd"])
        eta, mu = number(state["eta"]), number(state["mu"])
        g, ax, out = descent(group, p, g, state), state["ax"], buffer_of(state, "_s", p)
        np.multiply(p, 1 - lambd * eta, out=p)
        add_scaled(p, g, -eta, state)
        if mu == 1:
            np.copyto(ax, p)
        else:
            np.subtract(p, ax, out=out)
            np.multiply(out, mu, out=out)
            np.add(ax, out, out=ax)
        state["eta"][...] = lr / (1 + lambd * lr * t) ** number(group["alpha"])
        state["mu"][...] = 1 / max(1.0, t - number(group["t0"]))
