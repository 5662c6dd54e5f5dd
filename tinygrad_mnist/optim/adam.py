"""Adam and variants: a decaying mean of gradients over the root of a decaying mean of squares."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.blocks import BLOCK
from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.pieces import (
    CALLS,
    RUNS,
    Array,
    Calls,
    Group,
    State,
    add_scaled,
    buffer_of,
    calls_to_add,
    counter,
    descent,
    factor,
    next_count,
    number,
    runs_within,
    setter_of_factor,
    tick,
    update_mean,
)


class Adam(Optimizer):
    """p = p - lr m̂ / (√v̂ + eps), with m and v decaying means of g and g² (Kingma and Ba, 2015).

    m = β₁m + (1 - β₁)g, v = β₂v + (1 - β₂)g², and at step t m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ).
    `amsgrad` takes the largest v so far for v; `weight_decay` adds weight_decay p to g, or, with
    `decoupled_weight_decay`, shrinks p by lr weight_decay p, as `AdamW` does. The arguments are
    PyTorch's. Raises ValueError for a setting out of its range.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([1.0, -3.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.5000, -2.5000], requires_grad=True)
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults, **implementation)

    def init_state(self, group: Group, p: Array) -> State:
        """Make both means, and the largest mean of squares with `amsgrad`."""
        names = ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else []))
        return {"step": counter(), **{name: np.zeros_like(p) for name in names}}

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        """Change `p` in place; without options, at best in seven passes over memory."""
        lr, eps, t = number(group["lr"]), number(group["eps"]), next_count(state)
        beta1, beta2 = map(number, group["betas"])
        # lr m̂ / (√v̂ + eps), with all numbers gathered into two factors
        root = math.sqrt(1 / (1 - beta2**t))
        rate = -lr / (1 - beta1**t) / root
        tick(state)

        g = descent(group, p, g, state)
        m, v, out = means(state, g, beta1, beta2, p)
        if group["amsgrad"]:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        np.sqrt(v, out)
        np.add(out, factor(eps / root, p.dtype.char) if eps else eps, out)
        np.divide(m, out, out)
        add_scaled(p, out, rate, state, out=out)

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        """Take the attributes of a pickle; older ones hold means that are divided by a number."""
        self.__dict__.update(attributes)
        divided = {"_scale": ["exp_avg"], "_scale_sq": ["exp_avg_sq", "max_exp_avg_sq"]}
        for state in self.state.values():
            for key, names in divided.items():
                scale = state.pop(key, 1.0)
                for name in names if scale != 1 else ():
                    if name in state:
                        state[name] = (state[name] * scale).astype(state[name].dtype)


def _calls(group: Group, p: Array, g: Array, state: State) -> list[Callable[[], object]]:
    """Return the calls of `Adam.update`; the first one counts the step, and sets two factors.

    They go through large buffers in blocks, each of which they find in the cache.
    """
    lr, eps, decay = map(number, (group["lr"], group["eps"], group["weight_decay"]))
    beta1, beta2 = map(number, group["betas"])
    added, shrunk = np.array(eps, p.dtype), np.array(1 - lr * decay, p.dtype)
    scratch = buffer_of(state, "_s", p)[:BLOCK]
    setters, calls = [], []
    for start in range(0, len(p), BLOCK):
        at = slice(start, min(start + BLOCK, len(p)))
        p_part, g_part, m, v = (x[at] for x in (p, g, state["exp_avg"], state["exp_avg_sq"]))
        out, runs = scratch[: len(p_part)], {RUNS: runs_within(state[RUNS], at)}
        step = calls_to_add(p_part, out, -lr, runs, out=out)
        setters.append(setter_of_factor(step))
        calls += [
            *([partial(np.multiply, p_part, shrunk, p_part)] if decay else []),
            *calls_to_add(m, g_part, 1 - beta1, runs, beta1, out),
            partial(np.multiply, g_part, g_part, out),
            *calls_to_add(v, out, 1 - beta2, runs, beta2, out),
            partial(np.sqrt, v, out),
            partial(np.add, out, added, out),
            partial(np.divide, m, out, out),
            *step,
        ]

    def count() -> None:
        t = next_count(state)
        root = math.sqrt(1 / (1 - beta2**t))
        rate = -lr / (1 - beta1**t) / root
        tick(state)
        added[...] = eps / root
        for set_rate in setters:
            set_rate(rate)

    return [count, *calls]


def _is_plain(group: Group) -> bool:
    decays = group["weight_decay"] and not group["decoupled_weight_decay"]
    return not (group["amsgrad"] or group["maximize"] or decays) and group["lr"] != 0


CALLS[Adam.update] = Calls(_calls, _is_plain, is_one_pass=False)


class AdamW(Adam):
    """Adam with weight decay kept out of the means (Loshchilov and Hutter, 2019).

    >>> import tinygrad_mnist as tg
    >>> AdamW([tg.tensor([1.0], requires_grad=True)]).param_groups[0]["weight_decay"]
    0.01
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            **implementation,
        )


class Adamax(Optimizer):
    """p = p - lr m̂ / u with u = max(β₂u, |g| + eps): Adam in the infinity norm.

    m is Adam's. Kingma and Ba (2015), section 7.1; PyTorch's arguments.
    Raises ValueError for a setting out of its range.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([1.0, -3.0], requires_grad=True)
    >>> optimizer = Adamax([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.5000, -2.5000], requires_grad=True)
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, **implementation)

    def init_state(self, group: Group, p: Array) -> State:
        """Make the mean of gradients and the decaying maximum of their size."""
        return {"step": counter(), "exp_avg": np.zeros_like(p), "exp_inf": np.zeros_like(p)}

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        beta1, beta2 = map(number, group["betas"])
        rate = -number(group["lr"]) / (1 - beta1 ** next_count(state))
        tick(state)
        m, u, out = state["exp_avg"], state["exp_inf"], buffer_of(state, "_s", p)
        g = descent(group, p, g, state)
        update_mean(m, g, beta1, state, out)
        np.abs(g, out=out)
        np.add(out, number(group["eps"]), out=out)
        np.multiply(u, beta2, out=u)
        np.maximum(u, out, out=u)
        np.divide(m, u, out=out)
        add_scaled(p, out, rate, state, out=out)


class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, 2016).

    p = p - lr ((1 - μₜ) g / (1 - ∏μ) + μₜ₊₁ m / (1 - μₜ₊₁∏μ)) / (√v̂ + eps), with Adam's m and v̂ and
    μₜ = β₁(1 - 0.96^(t momentum_decay) / 2). PyTorch's arguments.
    Raises ValueError for a setting out of its range.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([1.0], requires_grad=True)
    >>> optimizer = NAdam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item() < 0.6
    True
    """

    elementwise = True
    counters = frozenset({"step", "mu_product"})

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, **implementation)

    def init_state(self, group: Group, p: Array) -> State:
        """Make both means, and the product of all μ so far."""
        return {
            "step": counter(),
            "mu_product": np.ones((), np.float32),
            "exp_avg": np.zeros_like(p),
            "exp_avg_sq": np.zeros_like(p),
        }

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        t, lr = next_count(state), number(group["lr"])
        momentum_decay = number(group["momentum_decay"])
        beta1, beta2 = map(number, group["betas"])
        mu, next_mu = (beta1 * (1 - 0.5 * 0.96 ** (n * momentum_decay)) for n in (t, t + 1))
        products = state["mu_product"] * np.float32(mu)
        product, unbiased = float(products), 1 / (1 - beta2**t)
        shares = (1 - mu) / (1 - product), next_mu / (1 - product * next_mu)
        tick(state)
        state["mu_product"][...] = products

        g = descent(group, p, g, state)
        m, v, out, root = *means(state, g, beta1, beta2, p), buffer_of(state, "_root", p)
        np.multiply(v, unbiased, out=root)
        np.sqrt(root, out=root)
        np.add(root, number(group["eps"]), out=root)
        for x, weight in zip((g, m), shares, strict=True):
            np.divide(x, root, out=out)
            add_scaled(p, out, -lr * weight, state, out=out)


class RAdam(Optimizer):
    """Adam that waits until it can estimate the variance of its step (Liu et al., 2020).

    With ρ∞ = 2/(1 - β₂) - 1 and ρₜ = ρ∞ - 2tβ₂ᵗ/(1 - β₂ᵗ), the step is lr m̂ while ρₜ <= 5, then
    lr m̂ r / (√v̂ + eps / √(1 - β₂ᵗ)) with r² = (ρₜ-4)(ρₜ-2)ρ∞ / ((ρ∞-4)(ρ∞-2)ρₜ).
    PyTorch's arguments. Raises ValueError for a setting out of its range.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([1.0], requires_grad=True)
    >>> optimizer = RAdam([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item()
    0.5
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, **implementation)

    def init_state(self, group: Group, p: Array) -> State:
        """Make both means."""
        return {"step": counter(), "exp_avg": np.zeros_like(p), "exp_avg_sq": np.zeros_like(p)}

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        t, lr = next_count(state), number(group["lr"])
        beta1, beta2 = map(number, group["betas"])
        size, rest = lr / (1 - beta1**t), 1 - beta2**t
        longest = 2 / (1 - beta2) - 1
        rho = longest - 2 * t * beta2**t / rest
        tick(state)

        g = descent(group, p, g, state)
        m, v, out = means(state, g, beta1, beta2, p)
        if rho > 5:
            size *= math.sqrt(
                rest * (rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho)
            )
            np.sqrt(v, out=out)
            np.add(out, number(group["eps"]), out=out)
            m = np.divide(m, out, out=out)
        add_scaled(p, m, -size, state, out=out)


def means(
    state: State, g: Array, beta1: float, beta2: float, p: Array
) -> tuple[Array, Array, Array]:
    """Update the decaying means of g and of g²; return both, and a scratch buffer."""
    m, v, out = state["exp_avg"], state["exp_avg_sq"], buffer_of(state, "_s", p)
    update_mean(m, g, beta1, state, out)
    update_mean(v, np.multiply(g, g, out=out), beta2, state, out)
    return m, v, out
