"""Schedules that multiply the rate by a factor, and several schedules at once."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_mnist.autograd.modes import as_effect
from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.schedule import LRScheduler, check_optimizer, one_each


class FunctionLR(LRScheduler):
    """The base of schedules by functions of the epoch, which are saved and loaded here."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.lr_lambdas = one_each(optimizer, lr_lambda, "lr_lambda")
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(
                    f"lr_lambda should be a function, but got {type(function).__name__}"
                )
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with None for each plain function."""
        rest = {k: v for k, v in self.__dict__.items() if k not in ("optimizer", "lr_lambdas")}
        return copy.deepcopy(rest | {"lr_lambdas": list(map(saved_function, self.lr_lambdas))})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state; the functions remain, with the saved attributes."""
        functions = self.lr_lambdas
        super().load_state_dict(state_dict)
        for function, saved in zip(functions, self.lr_lambdas, strict=True):
            if saved is not None:
                function.__dict__.update(saved)
        self.lr_lambdas = functions


def saved_function(function: Any) -> dict[str, Any] | None:
    """Return the attributes of a callable object; None for a plain function."""
    return (
        None
        if isinstance(function, types.FunctionType)
        else dict(getattr(function, "__dict__", {}))
    )


class LambdaLR(FunctionLR):
    """lr = initial lr * f(epoch); `lr_lambda` is f, or a list with one for each group.

    Of the functions, `state_dict()` saves only the attributes of callable objects.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch)).get_last_lr()
    [0.5]
    """

    def get_lr(self) -> list[float]:
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [lr * function(self.last_epoch) for lr, function in pairs]


class MultiplicativeLR(FunctionLR):
    """Multiply the rate by f(epoch) every epoch; `lr_lambda` is f, or a list of them.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> scheduler = MultiplicativeLR(optimizer, lambda epoch: 0.5)
    >>> optimizer.step(), scheduler.step()
    (None, None)
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def get_lr(self) -> list[float]:
        if self.initial:
            return self._rates()
        pairs = zip(self._rates(), self.lr_lambdas, strict=True)
        return [lr * function(self.last_epoch) for lr, function in pairs]


class ConstantLR(LRScheduler):
    """The rate times `factor` for `total_iters` epochs, then the rate itself.

    Raises ValueError unless 0 <= factor <= 1.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> ConstantLR(optimizer, factor=0.5).get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(
                f"Constant multiplicative factor expected to be between 0 and 1, not {factor}"
            )
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        factor = 1.0
        if self.last_epoch == 0:
            factor = self.factor
        elif self.last_epoch == self.total_iters:
            factor = 1 / self.factor
        return [lr * factor for lr in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        factor = self.factor if self.last_epoch < self.total_iters else 1.0
        return [lr * factor for lr in self.base_lrs]


class PolynomialLR(LRScheduler):
    """lr = initial lr * (1 - epoch / total_iters)^power, and 0 from `total_iters` on.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> scheduler = PolynomialLR(optimizer, total_iters=2)
    >>> optimizer.step(), scheduler.step()
    (None, None)
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        epoch, n = self.last_epoch, self.total_iters
        if self.initial or epoch > n:
            return self._rates()
        factor = ((1.0 - epoch / n) / (1.0 - (epoch - 1) / n)) ** self.power
        return [lr * factor for lr in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        share = min(self.total_iters, self.last_epoch) / self.total_iters
        return [lr * (1.0 - share) ** self.power for lr in self.base_lrs]


class Schedules(LRScheduler):
    """The base of schedules made of schedules, whose states are saved and loaded here."""

    _schedulers: list[LRScheduler]

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with the state of each schedule in it."""
        rest = {k: v for k, v in self.__dict__.items() if k not in ("optimizer", "_schedulers")}
        states = [scheduler.state_dict() for scheduler in self._schedulers]
        return copy.deepcopy(rest) | {"_schedulers": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state, and the state of each schedule in it."""
        schedulers = self._schedulers
        super().load_state_dict(state_dict)
        for scheduler, state in zip(schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)
        self._schedulers = schedulers


def check_schedulers(name: str, schedulers: Sequence[Any], optimizer: Any) -> None:
    """Raise an error unless all are schedules of one optimizer, with steps without arguments."""
    if not schedulers:
        raise ValueError(f"{name} expects at least one scheduler, but got no scheduler")
    for index, scheduler in enumerate(schedulers):
        kind = type(scheduler).__name__
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(f"{name} takes schedulers; at index {index} is a {kind}")
        if any(cls.__name__ == "ReduceLROnPlateau" for cls in type(scheduler).__mro__):
            raise ValueError(
                f"{name} does not support `ReduceLROnPlateau`, whose step() needs a metric; there "
                f"is one at index {index}"
            )
        if scheduler.optimizer is not optimizer:
            raise ValueError(
                f"{name} expects all schedulers to belong to the same optimizer; the {kind} at "
                f"index {index} has another"
            )


class ChainedScheduler(Schedules):
    """Several schedules that step together, so that their factors multiply.

    Raises ValueError for no schedules, and for schedules of several optimizers.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> both = [ConstantLR(optimizer, 0.5), PolynomialLR(optimizer)]
    >>> ChainedScheduler(both).get_last_lr()
    [0.25]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        first = getattr(schedulers[0], "optimizer", None) if schedulers else None
        self.optimizer: Any = first if optimizer is None else optimizer
        check_schedulers("ChainedScheduler", schedulers, self.optimizer)
        self._schedulers = list(schedulers)
        self._last_lr = self._rates()

    @as_effect
    def step(self) -> None:  # type: ignore[override]
        """Advance each schedule to the next epoch."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._rates()
