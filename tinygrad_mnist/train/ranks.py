"""The ranks of a training run: which rows are this one's, and what all of them add up.

`batch_size` is that of the whole job. Each rank computes on its part of each batch, and all take
the same step. A run on one rank passes through here unchanged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist import nn
from tinygrad_mnist.distributed import get_rank, get_world_size, is_initialized, seed_rank
from tinygrad_mnist.distributed.agree import check_same, code_digest, digest, share_of, sum_numbers
from tinygrad_mnist.models import Recipe, RecipeError
from tinygrad_mnist.nn.parallel import DistributedDataParallel

SAMPLE = 1024  # rows that the ranks compare of data that stays in its files


class Ranks:
    """This process among all that train together: itself alone, unless `mpiexec` started more."""

    def __init__(self) -> None:
        several = is_initialized() and get_world_size() > 1
        self.rank, self.size = (get_rank(), get_world_size()) if several else (0, 1)
        self.signal = 0  # one that this rank got, and that is to stop all ranks
        self._agreed = 0

    @property
    def stop_signal(self) -> int:
        """Return the signal at which all ranks stop after the present step; 0 for none."""
        return self.signal if self.size == 1 else self._agreed

    def check(self, recipe: Recipe, data: Any) -> None:
        """Raise RecipeError for fewer images than ranks, DistError where the ranks disagree."""
        if self.size == 1:
            return
        rows = len(data.train_labels) if recipe.batch_size is None else recipe.batch_size
        if rows < self.size:
            raise RecipeError(
                f"a batch of {rows} is too small for {self.size} ranks: give --batch-size at least "
                f"{self.size}, or mpiexec at most -n {rows}"
            )
        parts = data.train_images, data.train_labels, data.test_images, data.test_labels
        images = map(_sample, parts) if data.is_streamed else parts
        check_same(
            {
                "code": code_digest(),
                "recipe": digest(repr(recipe)),
                "data": digest(data.name, *images),
            }
        )

    def network(self, model: nn.Module) -> DistributedDataParallel | None:
        """Return the model with gradients averaged over the ranks; None alone."""
        return None if self.size == 1 else DistributedDataParallel(model)

    def part(self, count: int) -> slice:
        """Return this rank's part of so many rows."""
        return share_of(count, self.rank, self.size)

    def rows(self, rows: NDArray[np.intp] | None) -> NDArray[np.intp] | None:
        """Return this rank's part of a batch; None, for all rows, stays None."""
        if self.size == 1 or rows is None:
            return rows
        return rows[self.part(len(rows))]

    def begin_step(self, recipe: Recipe, epoch: int, batch: int) -> None:
        """Make the random numbers of a step depend on (seed, epoch, batch, rank) alone.

        So a checkpoint holds the random state of every number of ranks.
        """
        if self.size > 1 and recipe.dropout:
            seed_rank(recipe.seed, epoch, batch)

    def end_step(self, loss: float, correct: int, images: int) -> tuple[float, int, int]:
        """Return a step's mean loss, correct answers and images over all ranks.

        The ranks agree here, too, on whether a signal has asked to stop.
        """
        if self.size == 1:
            return loss, correct, images
        stops = [self.signal, bool(self.signal)]
        numbers = np.array([loss * images if images else 0.0, correct, images, *stops])
        sum_numbers(numbers)
        total, right, count, signals, asked = numbers.tolist()
        self._agreed = int(signals / asked) if asked else 0
        return total / count, int(right), int(count)

    def check_weights(self, model: nn.Module) -> None:
        """Raise DistError where the weights of the ranks have come apart."""
        if self.size > 1:
            check_same({"weights": digest(*(p._data for p in model.parameters()))})


def _sample(stored: Any) -> NDArray[Any]:
    """Return up to `SAMPLE` evenly spaced rows of an array in files, which may be too large."""
    count = len(stored)
    rows = np.linspace(0, max(count - 1, 0), min(count, SAMPLE)).astype(np.intp)
    sample: NDArray[Any] = np.asarray(stored[rows])
    return sample
