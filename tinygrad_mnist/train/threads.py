"""choose_threads(): the number of threads of a run, chosen by timing some of its steps.

The number is chosen once, kept in checkpoints and in the run's record, and decides the last bits:
so a run that is resumed keeps it, and `--threads` repeats one. A variable such as
OPENBLAS_NUM_THREADS wins.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.random import get_rng_state, set_rng_state
from tinygrad_mnist.threads import get_num_threads, is_set_by_user, set_num_threads

WORTH = 20_000  # training images: a shorter run ends before a choice pays
WARM, ROUNDS, SECONDS = 2, 5, 0.02  # slow first steps; rounds per number; a round's least time
CLEARLY = 0.9  # more threads have to take this share of the time of one, or less
HOPELESS = 4.0  # more threads are dropped when they take this many times as long
STEADY = 2.0  # one round alone may be much longer, as with threads that wait for others


class Run(Protocol):
    """The parts of a `Trainer` that a copy needs."""

    recipe: Any
    training: Any
    model: Any
    optimizer: Any
    step: Any
    ranks: Any

    @property
    def gathers(self) -> bool:
        """Tell whether the step takes the indices of a batch."""
        ...

    tile_rows: int | None

    def compile(self) -> None:
        """Compile the step for this run."""


def choose_threads(trainer: Run) -> int:
    """Time some steps of a copy of the run with one thread, and with all; return the better number.

    The run is not changed, nor are its random numbers.
    """
    most = get_num_threads()
    if most == 1 or is_set_by_user() or trainer.ranks.size > 1:  # ranks share the cores already
        return most
    if len(trainer.training.labels) < WORTH:
        return 1
    before = get_rng_state()
    try:
        one, every = timed(trainer, [1, most])
    finally:
        set_num_threads(most)
        set_rng_state(before)
    return most if pays(one, every) else 1


def pays(one: list[float], every: list[float]) -> bool:
    """Tell whether all threads are clearly and steadily faster than one, by the seconds of each."""
    usual = float(np.median(every))
    return bool(usual <= CLEARLY * np.median(one) and sorted(every)[-2:][0] <= STEADY * usual)


def timed(trainer: Run, counts: list[int]) -> list[list[float]]:
    """Return the seconds per step, in each round, for each number of threads."""
    steps = []
    for count in counts:
        set_num_threads(count)
        step = _step_of_copy(trainer)
        for _ in range(3):  # eager, captured, replayed
            step()
        steps.append(step)
    start = time.perf_counter()
    steps[0]()
    repeats = max(1, int(SECONDS / (time.perf_counter() - start)))
    rounds: list[list[float]] = []
    while len(rounds) < WARM + ROUNDS:
        rounds.append(
            [_seconds(step, count, repeats) for count, step in zip(counts, steps, strict=True)]
        )
        if rounds[-1][-1] > HOPELESS * rounds[-1][0]:
            rounds[:-1] = []
            break
    return [list(taken) for taken in zip(*rounds[-ROUNDS:], strict=True)]


def _seconds(step: Callable[[], object], count: int, repeats: int) -> float:
    """Return the seconds per step with `count` threads, over `repeats` steps."""
    set_num_threads(count)
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - start) / repeats


def _step_of_copy(trainer: Run) -> Any:
    """Return one step, on the first rows, of a trainer with a model and optimizer of its own."""
    twin = copy.copy(trainer)
    twin.model, twin.optimizer = copy.deepcopy((trainer.model, trainer.optimizer))
    twin.compile()
    recipe = trainer.recipe
    rows = recipe.batch_size or 2 * (trainer.tile_rows or len(trainer.training.labels))
    if not trainer.gathers:
        whole = (
            from_numpy(trainer.training.inputs[:rows]),
            from_numpy(trainer.training.targets[:rows]),
        )
        return lambda: twin.step(*whole)
    index = from_numpy(np.arange(rows))
    return lambda: twin.step(index)
