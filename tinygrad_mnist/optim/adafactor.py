"""Adafactor: squared gradients stored as one number per row and one per column."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import unwrap
from tinygrad_mnist.kernels.sums import total
from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.pieces import Array, Group, State, counter, number, tick


class Adafactor(Optimizer):
    """p = p - α u / max(1, rms(u) / d) with u = g / √v̂ (Shazeer and Stern, 2018).

    v̂ is the product of the decaying means of g² over rows and over columns, divided by the mean of
    the former; vectors store all of g². α = max(eps[1], rms(p)) min(lr, 1/√t); the means decay by
    1 - t^beta2_decay. PyTorch's arguments. Raises ValueError for a setting out of its range.

    >>> import tinygrad_mnist as tg
    >>> w = tg.ones(2, 3, requires_grad=True)
    >>> optimizer = Adafactor([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w[0, 0].item(), 4)
    0.5
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        checks = {
            f"Learning rate should be >= 0 but is: {lr}": np.size(unwrap(lr)) > 1 or lr >= 0,
            f"beta2_decay should be <= 0 but is: {beta2_decay}": beta2_decay <= 0,
            f"epsilon1 should be >= 0 but is: {eps[0]}": eps[0] is None or eps[0] >= 0,
            f"epsilon2 should be >= 0 but is: {eps[1]}": eps[1] >= 0,
            f"Clipping threshold d should be >= 1 but is: {d}": d >= 1,
            f"weight_decay should be >= 0 but is: {weight_decay}": weight_decay >= 0,
        }
        for message, holds in checks.items():
            if not holds:
                raise ValueError(message)
        defaults = {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d,
            "weight_decay": weight_decay, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, **implementation)

    def init_state(self, group: Group, p: Array) -> State:
        """Make the means of g² over each of the last two dimensions, or g² of a vector."""
        if p.ndim < 2:
            return {"step": counter(), "variance": np.zeros_like(p)}
        row, column = (*p.shape[:-1], 1), (*p.shape[:-2], 1, p.shape[-1])
        means = {"row_var": np.zeros(row, p.dtype), "col_var": np.zeros(column, p.dtype)}
        return {"step": counter(), **means}

    def import_state(self, group: Group, p: Array, saved: State) -> State:
        """Return saved state in the shapes that `init_state` gives."""
        state = self.init_state(group, p)
        for key, array in state.items():
            value = np.asarray(unwrap(saved[key])) if key in saved else np.zeros(0)
            if value.shape != array.shape:
                raise ValueError(f"{key} has shape {value.shape}, {array.shape} is needed")
            array[...] = value
        return state

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        t, lr = tick(state), number(group["lr"])
        g = -g if group["maximize"] else g
        floor, least = group["eps"]
        floor = float(np.finfo(p.dtype).eps) if floor is None else floor
        share = t ** number(group["beta2_decay"])
        size = max(least, _rms(p)) * min(lr, 1 / math.sqrt(t))
        if group["weight_decay"]:
            np.multiply(p, 1 - lr * number(group["weight_decay"]), out=p)
        squares = np.asarray(g * g)
        if p.ndim < 2:
            v = state["variance"]
            v += (squares - v) * share
            u = np.asarray(np.maximum(v, floor * floor))
        else:
            row, column = state["row_var"], state["col_var"]
            row += (squares.mean(-1, keepdims=True) - row) * share
            column += (squares.mean(-2, keepdims=True) - column) * share
            u = row * column / np.maximum(row.mean(-2, keepdims=True), floor)
            np.maximum(u, floor * floor, out=u)
        np.divide(g, np.sqrt(u, out=u), out=u)
        np.multiply(u, size / max(1.0, _rms(u) / number(group["d"])), out=u)
        np.subtract(p, u, out=p)


def _rms(x: Array) -> float:
    return math.sqrt(float(total(x * x)) / x.size) if x.size else 0.0
