"""Learning rates that change during training; call `scheduler.step()` after each epoch.

A schedule multiplies the present rate, so several may act on one optimizer. LambdaLR, OneCycleLR
and SequentialLR set the rate outright. `last_epoch` counts the steps; the first happens on
construction.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tinygrad_mnist.autograd.modes import as_effect
from tinygrad_mnist.optim.cyclic import CosineAnnealingWarmRestarts, CyclicLR
from tinygrad_mnist.optim.factors import (
    ChainedScheduler,
    ConstantLR,
    LambdaLR,
    MultiplicativeLR,
    PolynomialLR,
    Schedules,
    check_schedulers,
)
from tinygrad_mnist.optim.one_cycle import OneCycleLR
from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.pieces import number
from tinygrad_mnist.optim.schedule import LRScheduler, check_optimizer, one_each, set_lr

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
    "CyclicLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR",
    "MultiplicativeLR", "OneCycleLR", "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip

_LRScheduler = LRScheduler  # the name in older programs


class StepLR(LRScheduler):
    """Multiply the rate by `gamma` every `step_size` epochs.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> scheduler = StepLR(optimizer, step_size=1, gamma=0.5)
    >>> optimizer.step(), scheduler.step()
    (None, None)
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma if due else lr for lr in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        return [lr * self.gamma ** (self.last_epoch // self.step_size) for lr in self.base_lrs]


class MultiStepLR(LRScheduler):
    """Multiply the rate by `gamma` at each epoch in `milestones`.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> MultiStepLR(optimizer, milestones=[30, 80]).get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones, self.gamma = dict(Counter(milestones)), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        times = self.milestones.get(self.last_epoch, 0)
        return [lr * self.gamma**times for lr in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        times = bisect_right(sorted(Counter(self.milestones).elements()), self.last_epoch)
        return [lr * self.gamma**times for lr in self.base_lrs]


class ExponentialLR(LRScheduler):
    """Multiply the rate by `gamma` every epoch.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> ExponentialLR(optimizer, gamma=0.9).get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [lr if self.initial else lr * self.gamma for lr in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        return [lr * self.gamma**self.last_epoch for lr in self.base_lrs]


class LinearLR(LRScheduler):
    """The rate times a factor that goes from `start_factor` to `end_factor` in a straight line.

    The factor takes `total_iters` epochs, and then stays at its end. Raises ValueError unless
    0 < start_factor <= 1 and 0 <= end_factor <= 1.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> LinearLR(optimizer, start_factor=0.5).get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal "
                f"to 1, not {start_factor}"
            )
        if not 0 <= end_factor <= 1:
            raise ValueError(
                f"Ending multiplicative factor expected to be between 0 and 1, not {end_factor}"
            )
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        epoch, rise = self.last_epoch, self.end_factor - self.start_factor
        if epoch == 0:
            factor = self.start_factor
        elif self.initial or epoch > self.total_iters:
            factor = 1.0
        else:
            factor = 1 + rise / (self.total_iters * self.start_factor + (epoch - 1) * rise)
        return [lr * factor for lr in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        share = min(self.total_iters, self.last_epoch) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * share
        return [lr * factor for lr in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """Half a cosine, from the initial rate to `eta_min` in `T_max` epochs, and up again.

    lr = eta_min + (initial lr - eta_min) (1 + cos(π epoch / T_max)) / 2 (Loshchilov and Hutter,
    2017), computed from the previous rate.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> scheduler = CosineAnnealingLR(optimizer, T_max=2)
    >>> optimizer.step(), scheduler.step()
    (None, None)
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        epoch, T, low = self.last_epoch, self.T_max, self.eta_min
        if self.initial:
            return self._rates()
        if (epoch - 1 - T) % (2 * T) == 0:  # from the lowest rate: add, do not multiply
            rise = (1 - math.cos(math.pi / T)) / 2
            pairs = zip(self._rates(), self.base_lrs, strict=True)
            return [lr + (base - low) * rise for lr, base in pairs]
        factor = (1 + math.cos(math.pi * epoch / T)) / (1 + math.cos(math.pi * (epoch - 1) / T))
        return [low + (lr - low) * factor for lr in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        share = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (lr - self.eta_min) * share for lr in self.base_lrs]


class SequentialLR(Schedules):
    """One schedule after the other: the next takes over at each epoch in `milestones`.

    Raises ValueError unless there is one milestone fewer than schedules, all of one optimizer.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> warm, cool = LinearLR(optimizer, start_factor=0.5), ExponentialLR(optimizer, gamma=0.9)
    >>> SequentialLR(optimizer, [warm, cool], milestones=[5]).get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        check_schedulers("SequentialLR", schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                f"the number of milestone points, but got {len(schedulers)} schedulers and "
                f"{len(milestones)} milestones"
            )
        self.optimizer, self.last_epoch = optimizer, last_epoch + 1
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        self._restart([number(group["initial_lr"]) for group in optimizer.param_groups])

    def _restart(self, rates: list[float] | None = None) -> None:
        self.last_epoch = 0
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._restart(rates)
        self._last_lr = first.get_last_lr()

    @as_effect
    def step(self, epoch: int | None = None) -> None:
        """Advance to the next epoch, and at a milestone to the next schedule."""
        if epoch is not None:
            raise TypeError("SequentialLR.step() takes no epoch")
        self.last_epoch += 1
        position = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[position]
        if position and self._milestones[position - 1] == self.last_epoch:
            scheduler._restart()
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rate by `factor` once the metric has not improved for `patience` epochs.

    `step(metric)` takes the epoch's loss (`mode="min"`) or accuracy (`"max"`). The metric improves
    if it beats the best so far by more than `threshold`, relative or, with `threshold_mode="abs"`,
    absolute. After a reduction the schedule waits `cooldown` epochs; the rate does not go below
    `min_lr`, and a change smaller than `eps` is not made. Raises ValueError for a factor of 1 or
    more and for unknown modes.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    >>> scheduler.step(1.0), scheduler.step(1.0)
    (None, None)
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        check_optimizer(optimizer)
        if factor >= 1.0:
            raise ValueError(f"Factor should be < 1.0, not {factor}")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode!r} is unknown: 'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode!r} is unknown: 'rel' or 'abs'")
        self.optimizer = optimizer
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.min_lrs = one_each(optimizer, min_lr, "min_lr")
        self._one_min_lr = not isinstance(min_lr, (list, tuple))  # also for later groups
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = self.last_epoch = 0
        self._last_lr = self._rates()

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take the epoch's metric, a number or a Tensor of one element."""
        metric = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        better = self._better(metric)
        self.num_bad_epochs = 0 if better else self.num_bad_epochs + 1
        if better:
            self.best = metric
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._rates()

    def _better(self, metric: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        relative = self.threshold_mode == "rel"
        bar = (
            self.best * (1 - sign * self.threshold)
            if relative
            else (self.best - sign * self.threshold)
        )
        return sign * metric < sign * bar

    def _reduce(self) -> None:
        groups = len(self.optimizer.param_groups)
        if self._one_min_lr and len(self.min_lrs) < groups:
            self.min_lrs += self.min_lrs[-1:] * (groups - len(self.min_lrs))
        floors = one_each(self.optimizer, self.min_lrs, "min_lr")
        for group, low in zip(self.optimizer.param_groups, floors, strict=True):
            lr = number(group["lr"])
            lower = max(lr * self.factor, low)
            if lr - lower > self.eps:
                set_lr(group, lower)
