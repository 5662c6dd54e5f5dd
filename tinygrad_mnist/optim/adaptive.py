"""Optimizers that scale each element's step by the history of its gradients."""

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
    update_mean,
)


class Adagrad(Optimizer):
    """p = p - lrₜ g / (√s + eps), with s the sum of all g² so far (Duchi et al., 2011).

    lrₜ = lr / (1 + (t - 1) lr_decay), and s starts at `initial_accumulator_value`. PyTorch's
    arguments. Raises ValueError for a setting out of its range.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([1.0, -3.0], requires_grad=True)
    >>> optimizer = Adagrad([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.5000, -2.5000], requires_grad=True)
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, **implementation)

    def init_state(self, group: Group, p: Array) -> State:
        """Make the sum of squares."""
        start = number(group["initial_accumulator_value"])
        return {"step": counter(), "sum": np.full_like(p, start)}

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        lr = number(group["lr"]) / (1 + (tick(state) - 1) * number(group["lr_decay"]))
        g = descent(group, p, g, state)
        total, out = state["sum"], buffer_of(state, "_s", p)
        np.add(total, np.multiply(g, g, out=out), out=total)
        np.sqrt(total, out=out)
        np.add(out, number(group["eps"]), out=out)
        np.divide(g, out, out=out)
        add_scaled(p, out, -lr, state, out=out)


class Adadelta(Optimizer):
    """p = p - lr d with d = √(u + eps) / √(v + eps) g (Zeiler, 2012).

    v and u are decaying means of g² and of d²: v = rho v + (1 - rho) g². PyTorch's arguments.
    Raises ValueError for a setting out of its range.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([1.0], requires_grad=True)
    >>> optimizer = Adadelta([w])
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> 0.99 < w.item() < 1
    True
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, **implementation)

    def init_state(self, group: Group, p: Array) -> State:
        """Make the means of squared gradients and of squared steps."""
        return {"step": counter(), "square_avg": np.zeros_like(p), "acc_delta": np.zeros_like(p)}

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        tick(state)
        rho, eps = number(group["rho"]), number(group["eps"])
        g = descent(group, p, g, state)
        v, u = state["square_avg"], state["acc_delta"]
        out, d = buffer_of(state, "_s", p), buffer_of(state, "_d", p)
        update_mean(v, np.multiply(g, g, out=out), rho, state, out)
        np.sqrt(np.add(v, eps, out=out), out=out)
        np.sqrt(np.add(u, eps, out=d), out=d)
        np.divide(d, out, out=d)
        np.multiply(d, g, out=d)
        update_mean(u, np.multiply(d, d, out=out), rho, state, out)
        add_scaled(p, d, -number(group["lr"]), state)


class RMSprop(Optimizer):
    """p = p - lr g / (√v + eps) with v = alpha v + (1 - alpha) g² (Hinton's lecture 6e).

    `centered` takes the variance, v minus the square of the mean gradient, for v; `momentum`
    sums the steps: b = momentum b + g / (√v + eps). PyTorch's arguments.
    Raises ValueError for a setting out of its range.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([1.0], requires_grad=True)
    >>> optimizer = RMSprop([w], lr=0.1, alpha=0.75)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 3)
    0.8
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, **implementation)

    def init_state(self, group: Group, p: Array) -> State:
        """Make the mean of squares, and the state for momentum and centering."""
        names = ["square_avg"]
        names += ["momentum_buffer"] if group["momentum"] else []
        names += ["grad_avg"] if group["centered"] else []
        return {"step": counter(), **{name: np.zeros_like(p) for name in names}}

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        tick(state)
        alpha, lr, momentum = map(number, (group["alpha"], group["lr"], group["momentum"]))
        g = descent(group, p, g, state)
        v, out = state["square_avg"], buffer_of(state, "_s", p)
        update_mean(v, np.multiply(g, g, out=out), alpha, state, out)
        if group["centered"]:
            mean = state["grad_avg"]
            update_mean(mean, g, alpha, state, out)
            np.multiply(mean, mean, out=out)
            v = np.subtract(v, out, out=out)
        np.sqrt(v, out=out)
        np.add(out, number(group["eps"]), out=out)
        step = np.divide(g, out, out=out)
        if momentum:
            b = state["momentum_buffer"]
            add_scaled(b, out, 1.0, state, momentum)
            step = b
        add_scaled(p, step, -lr, state, out=out)


class Rprop(Optimizer):
    """p = p - s sign(g): each element's step s grows while its gradient keeps its sign.

    s is multiplied by etas[1] where the sign stayed and by etas[0] where it turned (there the
    element rests for one step), and kept within `step_sizes`; s starts at lr. Riedmiller and
    Braun (1993); PyTorch's arguments. Raises ValueError for a setting out of its range.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([1.0, -3.0], requires_grad=True)
    >>> optimizer = Rprop([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.5000, -2.5000], requires_grad=True)
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, **implementation)

    def init_state(self, group: Group, p: Array) -> State:
        """Make the last gradient and the size of each element's step."""
        sizes = np.full_like(p, number(group["lr"]))
        return {"step": counter(), "prev": np.zeros_like(p), "step_size": sizes}

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        tick(state)
        prev, sizes, out = state["prev"], state["step_size"], buffer_of(state, "_s", p)
        g = descent(group, p, g, state)
        np.multiply(g, prev, out=out)
        turned = np.less(out, 0)
        np.multiply(sizes, group["etas"][1], out=sizes, where=np.greater(out, 0))
        np.multiply(sizes, group["etas"][0], out=sizes, where=turned)
        np.clip(sizes, *group["step_sizes"], out=sizes)
        np.copyto(prev, g)
        np.copyto(prev, 0, where=turned)
        np.sign(prev, out=out)
        np.copyto(out, 0, where=np.isnan(prev))  # as in PyTorch: it rests for one step
        np.multiply(out, sizes, out=out)
        np.subtract(p, out, out=p)
