"""OneCycleLR: one rise and one fall of the learning rate, and momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.pieces import Group, number
from tinygrad_mnist.optim.schedule import LRScheduler, check_optimizer, one_each


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down again to almost nothing, one step per batch (Smith and Topin, 2019).

    The rate rises from max_lr / div_factor to max_lr during the first `pct_start` of the steps, and
    then falls to its start divided by `final_div_factor`; `three_phase` stops at the start between.
    With `cycle_momentum`, momentum (or beta1) moves the other way, between `base_momentum` and
    `max_momentum`.
    The number of steps is `total_steps`, or `epochs * steps_per_epoch`.

    Raises ValueError for numbers out of range, when `step()` is called once too often, and when
    the optimizer has no momentum to cycle.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.Adam([tg.tensor([1.0], requires_grad=True)])
    >>> scheduler = OneCycleLR(optimizer, max_lr=0.5, epochs=3, steps_per_epoch=100)
    >>> round(scheduler.get_last_lr()[0], 6)
    0.02
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.total_steps = _steps(total_steps, epochs, steps_per_epoch)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy!r}"
            )
        self._anneal_func_type, self.cycle_momentum = anneal_strategy, cycle_momentum
        self.use_beta1 = "betas" in optimizer.defaults
        if cycle_momentum and not self.use_beta1 and "momentum" not in optimizer.defaults:
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            )
        top = float(pct_start * self.total_steps) - 1
        phases = [(top, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        if three_phase:
            phases += [
                (2 * top, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
                (self.total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
            ]
        else:
            last = self.total_steps - 1
            phases += [(last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
        self._schedule_phases: list[Group] = [
            dict(zip(names, phase, strict=True)) for phase in phases
        ]
        if last_epoch == -1:
            ends = zip(
                optimizer.param_groups,
                one_each(optimizer, max_lr, "max_lr"),
                one_each(optimizer, base_momentum, "base_momentum"),
                one_each(optimizer, max_momentum, "max_momentum"),
                strict=True,
            )
            for group, high, base, top_momentum in ends:
                start = high / div_factor
                group.update(initial_lr=start, max_lr=high, min_lr=start / final_div_factor)
                if cycle_momentum:
                    group.update(base_momentum=base, max_momentum=top_momentum)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates of this step, and set its momentum."""
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        start, phase = 0.0, self._schedule_phases[0]
        for phase in self._schedule_phases:
            if self.last_epoch <= phase["end_step"]:
                break
            if phase is not self._schedule_phases[-1]:
                start = phase["end_step"]
        share = (self.last_epoch - start) / (phase["end_step"] - start)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                value = self._between(group, phase["start_momentum"], phase["end_momentum"], share)
                if self.use_beta1:
                    group["betas"] = (value, *group["betas"][1:])
                else:
                    group["momentum"] = value
        return [
            self._between(group, phase["start_lr"], phase["end_lr"], share)
            for group in self.optimizer.param_groups
        ]

    def _between(self, group: Group, start: str, end: str, share: float) -> float:
        a, b = number(group[start]), number(group[end])
        if self._anneal_func_type == "linear":
            return (b - a) * share + a
        return b + (a - b) / 2 * (math.cos(math.pi * share) + 1)


def _steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    settings = {"total_steps": total_steps}
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        settings = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    for name, n in settings.items():
        if not isinstance(n, int) or n <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {n}")
    return math.prod(n for n in settings.values() if n is not None)
