"""Train one recipe from several seeds in one program: the products of all members are batched.

Member i is the run of seed + i, with its own first weights, validation images, order of images and
dropout: what it learns equals that of a run by itself, to rounding. A small network spends most of
a step between the products; here all members share that time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist import nn
from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.data import Mnist, batches
from tinygrad_mnist.jit import jit
from tinygrad_mnist.models import Recipe, RecipeError
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.ops import join, table
from tinygrad_mnist.ops.arguments import call_recorded
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.random import Generator, get_rng_state, rng_of
from tinygrad_mnist.threads import blas, get_num_threads, set_num_threads
from tinygrad_mnist.train.loop import Diverged, chosen, examples, make_optimizer, make_scheduler
from tinygrad_mnist.train.stream import StreamedTrainer


class Ensemble:
    """The training of `size` seeds of a recipe on data in memory; `members` are their trainers.

    Raises RecipeError for a size below 1, a recipe with convolutions or with all images in one
    step, and data that is streamed.

    >>> from tinygrad_mnist.data import load_embedded
    >>> from tinygrad_mnist.models import RECIPES
    >>> ensemble = Ensemble(RECIPES["mlp-10"].replace(epochs=2), load_embedded(), size=3)
    >>> for epoch in ensemble.steps():
    ...     if epoch is not None:
    ...         print(epoch, [len(member.history) for member in ensemble.members])
    1 [1, 1, 1]
    2 [2, 2, 2]
    """

    def __init__(
        self, recipe: Recipe, data: Mnist, size: int, eager: bool = False, threads: int = 1
    ) -> None:
        _check(recipe, data, size)
        self.recipe, self.data, self.threads = recipe, data, threads
        seeds = range(recipe.seed, recipe.seed + size)
        self.members = [Member(recipe.replace(seed=seed), data, threads) for seed in seeds]
        self.model = StackedMlp(
            [member.model for member in self.members],
            [member.generator for member in self.members],
        )
        self.optimizer = make_optimizer(recipe, self.model)
        self.scheduler = make_scheduler(recipe, self.optimizer)
        every = examples(recipe, np.asarray(data.train_images), np.asarray(data.train_labels))
        self._inputs, self._targets = from_numpy(every.inputs), from_numpy(every.targets)
        self._labels = every.labels
        self._loss = getattr(F, recipe.loss)
        self.step: Any = self._step if eager else jit(self._step, pure=True)
        self.epoch = 0
        self.diverged: dict[int, str] = {}  # members whose loss is no longer finite, and where

    def _step(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step of each member, on its rows (size, batch); return losses and outputs."""
        self.optimizer.zero_grad()
        outputs = self.model(self._inputs[rows])
        size, count = rows.shape
        targets = self._targets[rows]
        flat = targets.reshape(size * count, *targets.shape[2:])
        each = self._loss(outputs.reshape(size * count, -1), flat, reduction="none")
        losses = each.reshape(size, -1).mean(1)
        losses.sum().backward()  # none depends on the weights of another
        self.optimizer.step()
        return losses.detach(), outputs.detach()

    def steps(self) -> Iterator[int | None]:
        """Train to the last epoch; yield its number after the last step of an epoch, else None.

        Raises Diverged when no member has a finite loss any more.
        """
        self.model.train()
        before = get_num_threads()
        if blas().is_known:
            set_num_threads(self.threads)
        try:
            while self.epoch < self.recipe.epochs:
                orders = self._orders()
                for number, rows in enumerate(orders):
                    self._train_on(rows)
                    if number + 1 == len(orders):
                        self._end_epoch()
                    yield self.epoch if number + 1 == len(orders) else None
        finally:
            set_num_threads(before)

    def _orders(self) -> list[NDArray[np.intp]]:
        """Return the rows (size, batch) of each step of this epoch."""
        columns = []
        for member in self.members:
            rng = np.random.default_rng([member.recipe.seed, 1 + self.epoch])
            size = member.recipe.batch_size or 1
            order = batches(len(member.rows), size, rng)
            columns.append([member.rows[part] for part in order])
        return [np.stack(rows) for rows in zip(*columns, strict=True)]

    def _train_on(self, rows: NDArray[np.intp]) -> None:
        start = time.perf_counter()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            losses, outputs = self.step(from_numpy(rows))
        labels, seconds = self._labels[rows], time.perf_counter() - start
        for number, member in enumerate(self.members):
            value = float(losses.numpy()[number])
            if not math.isfinite(value) and number not in self.diverged:
                self.diverged[number] = f"in epoch {self.epoch + 1}, step {member.batch + 1}"
            right = chosen(outputs.numpy()[number]) == labels[number]
            member.batch += 1
            member.sums["loss"] += value * len(right)
            member.sums["correct"] += int(np.count_nonzero(right))
            member.sums["images"] += len(right)
            member.sums["seconds"] += seconds / len(self.members)
        if len(self.diverged) == len(self.members):
            raise Diverged(
                f"the loss of every member became infinite, of the first one {self.diverged[0]}: "
                f"try a learning rate below {self.recipe.lr:g}"
            )

    def _end_epoch(self) -> None:
        """Hand the weights to the members, which validate; begin the next epoch."""
        self.model.copy_to([member.model for member in self.members])
        schedule, lr = self.scheduler, self.optimizer.param_groups[0]["lr"]
        if schedule is not None:
            schedule.step()
        for number, member in enumerate(self.members):
            member.optimizer.param_groups[0]["lr"] = lr
            if number not in self.diverged:
                member.end_epoch()
        self.epoch += 1

    def hand_over(self) -> None:
        """Hand weights, optimizer and schedule to the members, for checkpoints of single runs."""
        self.model.copy_to([member.model for member in self.members])
        state = self.optimizer.state_dict()
        for number, member in enumerate(self.members):
            parts = {
                k: _part(values, number, is_bias=k % 2 == 1) for k, values in state["state"].items()
            }
            member.optimizer.load_state_dict({**state, "state": parts})
            if self.scheduler is not None:
                member.schedule_state = self.scheduler.state_dict()


class Member(StreamedTrainer):
    """The run of one seed, whose steps the ensemble takes. `generator` draws its dropout."""

    def __init__(self, recipe: Recipe, data: Mnist, threads: int) -> None:
        super().__init__(recipe, data, eager=True)
        self.threads, self.scheduler = threads, None
        self.schedule_state: dict[str, Any] | None = None
        self.generator = Generator()
        self.generator.set_state(get_rng_state())  # where its first weights ended

    def state_dict(self) -> dict[str, Any]:
        """Return the state from which a single run goes on."""
        state = super().state_dict()
        return {**state, "scheduler": self.schedule_state, "random": self.generator.get_state()}


class StackedMlp(nn.Module):
    """Multi-layer perceptrons of one shape, as one: inputs (size, N, 784), (size, N, outputs).

    `generators` hold where each one's random numbers stand; its dropout draws from there.
    """

    def __init__(self, models: list[nn.Sequential], generators: list[Generator]) -> None:
        super().__init__()
        self._layers, self._generators = list(models[0]), generators
        for number, layers in enumerate(zip(*models, strict=True)):
            if isinstance(layers[0], nn.Linear):  # transposed, as the product takes them
                weights = [layer.weight.detach().numpy().T for layer in layers]
                biases = [layer.bias.detach().numpy() for layer in layers]
                setattr(self, f"weight{number}", nn.Parameter(from_numpy(np.stack(weights))))
                setattr(self, f"bias{number}", nn.Parameter(from_numpy(np.stack(biases)[:, None])))

    def forward(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self._layers):
            if isinstance(layer, nn.Linear):
                x = x @ getattr(self, f"weight{number}") + getattr(self, f"bias{number}")
            elif isinstance(layer, nn.Dropout):
                x = self._dropout(x, layer.p) if self.training else x
            else:
                x = layer(x)
        return x

    def _dropout(self, x: Tensor, p: float) -> Tensor:
        shape, dtype = x.shape[1:], x.dtype
        masks = [
            call_recorded(table.dropout_mask, shape=shape, p=p, dtype=dtype, rng=rng_of(generator))
            for generator in self._generators
        ]
        return x * join.stack(masks)

    def copy_to(self, models: list[nn.Sequential]) -> None:
        """Copy the weights into the models that they were taken from."""
        for number, layer in enumerate(self._layers):
            if isinstance(layer, nn.Linear):
                weight = getattr(self, f"weight{number}").detach().numpy()
                bias = getattr(self, f"bias{number}").detach().numpy()
                for index, model in enumerate(models):
                    target: Any = model[number]
                    target.weight.data.copy_(from_numpy(weight[index].T.copy()))
                    target.bias.data.copy_(from_numpy(bias[index, 0].copy()))


def _part(state: dict[str, Any], number: int, *, is_bias: bool) -> dict[str, Any]:
    """Return one member's part of what the optimizer keeps for a stack of weights or biases."""

    def part(value: Any) -> Any:
        if getattr(value, "ndim", 0) != 3:
            return value
        return value[number, 0] if is_bias else value[number].T

    return {name: part(value) for name, value in state.items()}


def _check(recipe: Recipe, data: Mnist, size: int) -> None:
    if size < 1:
        raise RecipeError(f"an ensemble has at least 1 member, not {size}")
    if recipe.channels:
        raise RecipeError(
            f"{recipe.name} has convolutions; an ensemble is of linear layers alone, "
            "as mlp-128 or deep"
        )
    if recipe.batch_size is None:
        raise RecipeError(
            f"{recipe.name} takes all images in one step, too many for an ensemble; "
            "set a batch size: --batch-size 64"
        )
    if data.is_streamed:
        raise RecipeError("an ensemble needs its images in memory: leave out --stream")
