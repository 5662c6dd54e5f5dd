"""The base class of learning-rate schedules; `lr_scheduler.py` has the schedules."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.modes import as_effect
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.pieces import Group, number


class LRScheduler:
    """The base of all schedules; a subclass returns the next rates in `get_lr()`.

    In `get_lr`, `last_epoch` is the number of the epoch that begins, `base_lrs` are the
    optimizer's initial rates, and `self.initial` is True in the step on construction.

    Raises TypeError if `optimizer` is not an Optimizer, KeyError if a `last_epoch` other than -1
    meets groups without `initial_lr`. Warns of a `step()` before the optimizer's first `step()`.

    >>> import tinygrad_mnist as tg
    >>> class Halve(LRScheduler):
    ...     def get_lr(self):
    ...         return [lr / 2**self.last_epoch for lr in self.base_lrs]
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> scheduler = Halve(optimizer)
    >>> optimizer.step(), scheduler.step()
    (None, None)
    >>> scheduler.get_last_lr()
    [0.25]
    """

    initial = False
    _get_lr_called_within_step = True  # read by subclasses for PyTorch

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        """Set the rates of the epoch after `last_epoch`; -1 is before the first."""
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", number(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{index}] when resuming "
                    "scheduler with last_epoch >= 0; load the optimizer's state first"
                )
        self.base_lrs = [number(group["initial_lr"]) for group in optimizer.param_groups]
        self._begin(last_epoch)

    def _begin(self, last_epoch: int = -1) -> None:
        self._step_count, self.last_epoch = 0, last_epoch
        self.initial = True
        try:
            if type(self).step is LRScheduler.step:
                self._advance()
            else:
                self.step()
        finally:
            del self.initial

    def _restart(self, rates: list[float] | None = None) -> None:
        """Start again at the first epoch, from `rates` or the initial ones."""
        rates = self.base_lrs if rates is None else rates
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            set_lr(group, lr)
        self._begin()

    def get_lr(self) -> list[float]:
        """Return the rates of epoch `last_epoch`, one for each group."""
        raise NotImplementedError(f"{type(self).__name__} must define get_lr()")

    @as_effect
    def step(self, epoch: int | None = None) -> None:
        """Advance to the next epoch, or to `epoch` by the schedule's closed formula, if any."""
        if self._step_count == 1 and not self.optimizer.stepped:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first "
                "learning rate of the schedule is never used. Call `optimizer.step()` first.",
                stacklevel=3,
            )
        self._advance(epoch)

    def _advance(self, epoch: int | None = None) -> None:
        self._step_count += 1
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
        rates = self.get_lr() if closed is None else closed()
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            set_lr(group, lr)
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [number(group["lr"]) for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """Return the rates set last, one for each group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of everything but the optimizer."""
        return {k: copy.deepcopy(v) for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the `state_dict()` of a schedule of this kind, but keep the optimizer.

        Raises ValueError if it is the state of another kind of schedule.
        """
        missing = sorted(self.state_dict().keys() - state_dict.keys())
        if missing:
            raise ValueError(f"not the state of a {type(self).__name__}: it lacks {missing}")
        self.__dict__.update(copy.deepcopy(state_dict))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} epoch {self.last_epoch}: lr {self._last_lr}>"


def set_lr(group: Group, lr: float) -> None:
    """Set a group's rate; a rate that is a Tensor is written in place."""
    if isinstance(group["lr"], Tensor):
        group["lr"]._data[...] = lr
        writes.stamp(group["lr"]._data)
    else:
        group["lr"] = lr


def one_each(optimizer: Optimizer, value: Any, name: str) -> list[Any]:
    """Return a list with one value for each group."""
    n = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * n
    if len(value) != n:
        raise ValueError(f"expected {n} {name}s, one for each parameter group, got {len(value)}")
    return list(value)


def check_optimizer(optimizer: Any) -> None:
    """Raise TypeError for anything but an Optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
