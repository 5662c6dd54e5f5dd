"""Schedules that repeat: triangles, and cosines with restarts."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_mnist.autograd.modes import as_effect
from tinygrad_mnist.optim.factors import saved_function
from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.schedule import LRScheduler, check_optimizer, one_each, set_lr


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from the initial rate to `eta_min` in T_0 epochs, then again.

    Each period is `T_mult` times as long as the last (Loshchilov and Hutter, 2017). `step(epoch)`
    takes fractions of an epoch too. Raises ValueError unless T_0 and T_mult are positive integers.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> optimizer.step(), scheduler.step()
    (None, None)
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}"
            )
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates at T_cur of T_i epochs since the last restart."""
        share, low = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2, self.eta_min
        return [low + (lr - low) * share for lr in self.base_lrs]

    @as_effect
    def step(self, epoch: float | None = None) -> None:
        """Advance to the next epoch, or to `epoch`."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch, self.T_cur = self.last_epoch + 1, self.T_cur + 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        else:
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            set_lr(group, lr)
        self._last_lr = self._rates()

    def _go_to(self, epoch: float) -> None:
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            times = self.T_mult
            n = int(math.log(epoch / self.T_0 * (times - 1) + 1, times))
            self.T_cur = epoch - self.T_0 * (times**n - 1) / (times - 1)
            self.T_i = self.T_0 * times**n


class CyclicLR(LRScheduler):
    """Up from `base_lr` to `max_lr` and down again, one step per batch (Smith, 2017).

    `mode` is "triangular", "triangular2" (each cycle half as high as the last) or "exp_range" (the
    height is gamma^step); `scale_fn` replaces these by a function of the number of the cycle or,
    with scale_mode="iterations", of the step. With `cycle_momentum`, momentum (or beta1) moves the
    other way, between `base_momentum` and `max_momentum`.

    Raises ValueError for an unknown mode, and for an optimizer that has no momentum to cycle.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.Adam([tg.tensor([1.0], requires_grad=True)])
    >>> scheduler = CyclicLR(optimizer, base_lr=0.1, max_lr=0.5, step_size_up=4)
    >>> optimizer.step(), scheduler.step()
    (None, None)
    >>> scheduler.get_last_lr()
    [0.2]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: float = 2000,
        step_size_down: float | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        base_lrs = one_each(optimizer, base_lr, "base_lr")
        self.max_lrs = one_each(optimizer, max_lr, "max_lr")
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up) + float(down)
        self.step_ratio = float(step_size_up) / self.total_size
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        by_step = mode == "exp_range" and scale_fn is None
        self.scale_mode = "iterations" if by_step else scale_mode if scale_fn else "cycle"
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
                set_lr(group, lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._take_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _take_momentum(self, optimizer: Optimizer, base: Any, top: Any, last_epoch: int) -> None:
        self.use_beta1 = "betas" in optimizer.defaults
        if not self.use_beta1 and "momentum" not in optimizer.defaults:
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            )
        self.base_momentums = one_each(optimizer, base, "base_momentum")
        self.max_momentums = one_each(optimizer, top, "max_momentum")
        if last_epoch != -1:
            return
        ends = zip(optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
        for group, low, high in ends:
            self._set_momentum(group, high)
            group.update(max_momentum=high, base_momentum=low)

    def _set_momentum(self, group: dict[str, Any], value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value

    def scale_fn(self, x: float) -> float:
        """Return the height of cycle number x (or step number x)."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "exp_range":
            return float(self.gamma**x)
        return 1 / 2.0 ** (x - 1) if self.mode == "triangular2" else 1.0

    def get_lr(self) -> list[float]:
        """Return the rates of this step, and set its momentum."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        rising, ratio = x <= self.step_ratio, self.step_ratio
        height = x / ratio if rising else (x - 1) / (ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            ends = (self.optimizer.param_groups, self.base_momentums, self.max_momentums)
            for group, low, high in zip(*ends, strict=True):
                self._set_momentum(group, high - (high - low) * height)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height for low, high in pairs]

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with the attributes of a `scale_fn` that is a callable object."""
        function = self._scale_fn_custom
        rest = {
            k: v for k, v in self.__dict__.items() if k not in ("optimizer", "_scale_fn_custom")
        }
        return copy.deepcopy(rest | {"_scale_fn_custom": function and saved_function(function)})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state; `scale_fn` remains, with the saved attributes."""
        function, saved = self._scale_fn_custom, state_dict.get("_scale_fn_custom")
        super().load_state_dict(state_dict)
        if function is not None and saved:
            function.__dict__.update(saved)
        self._scale_fn_custom = function
