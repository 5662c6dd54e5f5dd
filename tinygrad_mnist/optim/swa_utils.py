"""Averages of a model's parameters along its training (Izmailov et al., 2018; Polyak, 1992).

`AveragedModel` computes them, `SWALR` is the schedule for stochastic weight averaging, and
`update_bn` recomputes the moments of batch norms for the averaged model.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor, no_grad
from tinygrad_mnist.nn.layers.norm import BatchNorm
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.ops import create
from tinygrad_mnist.ops.inplace import write
from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.pieces import number
from tinygrad_mnist.optim.schedule import LRScheduler, check_optimizer, one_each

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn",
    "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip

Average = Callable[[Tensor, Tensor, Any], Tensor]
Averages = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Return the function (average, value, count) -> decay average + (1 - decay) value.

    Raises ValueError for a decay outside of [0, 1].
    """
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )

    @no_grad()
    def ema_update(average: Tensor, value: Tensor, count: Any) -> Tensor:
        return decay * average + (1 - decay) * value

    return ema_update


def get_swa_avg_fn() -> Average:
    """Return the function (average, value, count) -> average + (value - average) / (count + 1)."""

    @no_grad()
    def swa_update(average: Tensor, value: Tensor, count: Any) -> Tensor:
        moved: Tensor = average + (value - average) / (count + 1)
        return moved

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """Return `get_ema_avg_fn` for lists of Tensors, in place."""
    return _in_place(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Averages:
    """Return `get_swa_avg_fn` for lists of Tensors, in place."""
    return _in_place(get_swa_avg_fn())


def _in_place(average: Average) -> Averages:
    @no_grad()
    def update(averages: Sequence[Tensor], values: Sequence[Tensor], count: Any) -> None:
        for mean, value in zip(averages, values, strict=True):
            write(mean, average(mean, value, count))

    return update


class AveragedModel(Module):
    """A copy of a model whose parameters `update_parameters(model)` moves to the average.

    `avg_fn(average, value, count)` gives the new average, by default the mean over all updates;
    `multi_avg_fn(averages, values, count)` changes lists in place. With `use_buffers` the buffers
    are averaged too; otherwise they are those of the model at the last update.

    >>> import tinygrad_mnist as tg
    >>> model = tg.nn.Linear(1, 1, bias=False)
    >>> mean = AveragedModel(model)
    >>> for value in (1.0, 3.0):
    ...     _ = tg.nn.init.constant_(model.weight, value)
    ...     mean.update_parameters(model)
    >>> mean.module.weight.item(), mean.n_averaged.item()
    (2.0, 2)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", create.zeros((), dtype=np.int64, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kw: Any) -> Any:
        return self.module(*args, **kw)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Move the average towards the parameters of the model."""
        averages: list[Tensor] = list(self.module.parameters())
        values: list[Tensor] = list(model.parameters())
        if self.use_buffers:
            averages, values = [*averages, *self.module.buffers()], [*values, *model.buffers()]
        pairs = [(a.detach(), b.detach()) for a, b in zip(averages, values, strict=True)]
        if int(self.n_averaged) == 0:
            for average, value in pairs:
                write(average, value)
        elif self.multi_avg_fn is not None:
            for dtype in dict.fromkeys(a.dtype for a, _ in pairs):
                same = [(a, b) for a, b in pairs if a.dtype == dtype]
                self.multi_avg_fn([a for a, _ in same], [b for _, b in same], self.n_averaged)
        else:
            average_of = self.avg_fn or get_swa_avg_fn()
            for average, value in pairs:
                write(average, average_of(average, value, self.n_averaged))
        if not self.use_buffers:
            for average_buffer, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
                write(average_buffer, buffer.detach())
        write(self.n_averaged, self.n_averaged + 1)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Set the running moments of all batch norms to the means over the inputs of a loader.

    The input is the batch, or the first part of a tuple or list.
    """
    norms = [m for m in model.modules() if isinstance(m, BatchNorm)]
    if not norms:
        return
    momenta, training = [norm.momentum for norm in norms], model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for batch in loader:
        model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """From the present rate to `swa_lr` in `anneal_epochs`, by a cosine or a straight line.

    Raises ValueError for another `anneal_strategy`, or a negative number of epochs.

    >>> import tinygrad_mnist as tg
    >>> optimizer = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.5)
    >>> scheduler = SWALR(optimizer, swa_lr=0.25, anneal_epochs=1)
    >>> optimizer.step(), scheduler.step()
    (None, None)
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        for group, lr in zip(
            optimizer.param_groups, one_each(optimizer, swa_lr, "swa_lr"), strict=True
        ):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates of this step, from those of the step before."""
        step = self._step_count - 1
        step = max(1, step) if self.anneal_epochs == 0 else step
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            lr, goal = number(group["lr"]), number(group["swa_lr"])
            start = goal if before == 1 else (lr - before * goal) / (1 - before)
            rates.append(goal * now + start * (1 - now))
        return rates

    def _share(self, step: int) -> float:
        """Return the fraction of the annealing done at a step."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t
