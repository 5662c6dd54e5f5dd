"""Show a training run: a line per epoch and, on a terminal, a line below that moves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tinygrad_mnist.cli.draw import LEVELS, sparkline
from tinygrad_mnist.cli.live import Live, Segment
from tinygrad_mnist.cli.show import percentage
from tinygrad_mnist.cli.terminal import CYAN, DIM, can_print, on_terminal

if TYPE_CHECKING:
    from tinygrad_mnist.train import Trainer

INTERVAL = 0.25  # seconds between two drawings
BINS = 240  # of the loss curve: divides well by the widths of most sparklines
NARROW = 40  # characters: in a narrower line, numbers stand without their names
SPARK = range(8, 41)  # the characters that a sparkline may have
LINE = 120  # characters of an epoch's line where the output is no terminal


class Progress(Protocol):
    """The display of a training run: receives each step, and the numbers of each epoch."""

    def __enter__(self) -> Progress:
        """Start the display."""
        ...

    def __exit__(self, *exception: object) -> None:
        """Restore the terminal."""
        ...

    def step(self, numbers: dict[str, Any] | None) -> None:
        """Record the end of a step and, with `numbers`, of an epoch."""
        ...


def progress(trainer: Trainer) -> Progress:
    """Return a display that moves on a terminal, lines elsewhere."""
    return Moving(trainer) if on_terminal() else Lines(trainer)


class Lines:
    """One line per epoch."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def step(self, numbers: dict[str, Any] | None) -> None:
        """Print the numbers, if an epoch is over."""
        if numbers is not None:
            print(epoch_line(numbers, self.trainer.recipe.epochs, LINE), flush=True)


class Moving:
    """One line per epoch, and below them the run so far, drawn a few times per second."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.live = Live()
        self.total = trainer.recipe.epochs * trainer.steps_per_epoch
        self.curve = LossCurve(trainer.history, trainer.recipe.epochs)
        self.first = self._done()
        self.start = self.drawn = time.monotonic()

    def __enter__(self) -> Moving:
        return self

    def __exit__(self, *exception: object) -> None:
        self.live.clear()

    def step(self, numbers: dict[str, Any] | None) -> None:
        """Record the loss; print an epoch's line; draw, if it is time."""
        self.curve.add((self._done() - 1) / self.total, self.trainer.step_loss)
        now = time.monotonic()
        if numbers is None and now - self.drawn < INTERVAL:
            return
        self.drawn, room = now, self.live.room
        line = epoch_line(numbers, self.trainer.recipe.epochs, room) if numbers else ""
        self.live.draw(run_line(self._state(now), self.curve, room), above=line)

    def _done(self) -> int:
        """Return the number of finished steps of the run."""
        return self.trainer.epoch * self.trainer.steps_per_epoch + self.trainer.batch

    def _state(self, now: float) -> State:
        trainer, done = self.trainer, self._done()
        last = trainer.history[-1] if trainer.history else {}
        loss, accuracy = trainer.running_loss, trainer.running_accuracy
        rate = trainer.sums["images"] / (trainer.sums["seconds"] or 1)
        if trainer.batch == 0 and last:  # an epoch has just ended
            loss, accuracy, rate = last["loss"], last["accuracy"], last["images_per_second"]
        return State(
            min(trainer.epoch + 1, trainer.recipe.epochs), trainer.recipe.epochs, done / self.total,
            loss, accuracy, last.get("validation_accuracy"), rate,
            (now - self.start) / max(done - self.first, 1) * (self.total - done),
        )  # fmt: skip


class LossCurve:
    """The loss over a whole run, as its mean in each of BINS equal parts."""

    def __init__(self, history: Sequence[dict[str, Any]], epochs: int) -> None:
        """Begin with the mean loss of each epoch that an earlier process has trained."""
        self.sums, self.counts = [0.0] * BINS, [0] * BINS
        for i, numbers in enumerate(history):
            for k in range(i * BINS // epochs, (i + 1) * BINS // epochs):
                self.sums[k], self.counts[k] = numbers["loss"], 1

    def add(self, share: float, loss: float) -> None:
        """Add the loss of a step; `share` of the run was over when the step began."""
        k = min(int(share * BINS), BINS - 1)
        self.sums[k] += loss
        self.counts[k] += 1

    def means(self, cells: int) -> list[float]:
        """Return the mean loss in each cell, when the run is cut into so many, up to the present.

        A cell in which no step has ended repeats the one before.

        >>> curve = LossCurve([], 1)
        >>> curve.add(0.0, 4.0), curve.add(0.1, 2.0), curve.add(0.6, 1.0)
        (None, None, None)
        >>> curve.means(4)
        [3.0, 3.0, 1.0]
        """
        edges = [k * BINS // cells for k in range(cells + 1)]
        means: list[float] = []
        for low, high in pairwise(edges):
            count = sum(self.counts[low:high])
            if count:
                means.append(sum(self.sums[low:high]) / count)
            elif means and any(self.counts[high:]):
                means.append(means[-1])
        return means


class State(NamedTuple):
    """The numbers of a run that its line shows."""

    epoch: int
    """The present one, from 1."""
    epochs: int
    done: float
    """The share of all steps."""
    loss: float
    accuracy: float
    """On training images, like the loss: the mean of the present epoch so far."""
    val: float | None
    """The accuracy on validation images after the last epoch; None in the first."""
    rate: float
    """Images per second."""
    left: float
    """Seconds."""


def run_line(state: State, curve: LossCurve, room: int) -> list[Segment]:
    """Return the line of a run in `room` characters: as much as they hold, by its importance.

    >>> state = State(3, 10, 0.25, 0.1234, 0.971, 0.968, 123456.0, 83.0)
    >>> curve = LossCurve([{"loss": 0.5}, {"loss": 0.25}], 10)
    >>> curve.add(0.2, 0.125)
    >>> for room in (79, 50, 30, 19):
    ...     print("".join(text for text, _ in run_line(state, curve, room)))
    epoch 3/10 █▃▁········  loss 0.1234  accuracy 97.10 %  123k images/s  1:23 left
    epoch 3/10 █▇▅▁···········  loss 0.1234  1:23 left
    3/10 █▃▁········  0.1234  1:23
    3/10  0.1234  1:23
    """
    named = room >= NARROW
    epoch = f"{'epoch ' * named}{state.epoch}/{state.epochs}"
    parts = {
        "loss": f"{'loss ' * named}{short(state.loss)}",
        "accuracy": f"{'accuracy ' * named}{percentage(state.accuracy)}",
        "val": f"val {percentage(state.val)}" if state.val is not None else "",
        "rate": f"{_rounded(state.rate)} images/s",
        "left": f"{duration(state.left)}{' left' * named}",
    }
    free = room - len(epoch)
    chosen = set()
    for name, least in (
        ("loss", 0), ("left", 0), ("accuracy", SPARK[0]), ("rate", SPARK[0]), ("val", SPARK[0]),
    ):  # fmt: skip
        cost = len(parts[name]) + 2
        if parts[name] and cost + least < free:
            chosen.add(name)
            free -= cost
    texts = [text for name, text in parts.items() if name in chosen]
    tail = "".join(f"  {text}" for text in texts)
    cells = min(free - 1, SPARK[-1])
    if cells < SPARK[0]:
        return [(epoch + tail, "")]
    drawn = sparkline(curve.means(cells))[:cells]
    rest = ("·" if can_print(LEVELS) else " ") * (cells - len(drawn))
    return [(f"{epoch} ", ""), (drawn, CYAN), (rest, DIM), (tail, "")]


def epoch_line(numbers: dict[str, Any], epochs: int, room: int = 79) -> str:
    """Return one epoch's numbers on one line; where there is no room, not all.

    >>> numbers = {"epoch": 2, "loss": 0.25, "accuracy": 0.9, "validation_loss": 0.2,
    ...            "validation_accuracy": 0.95, "images_per_second": 8765.0}
    >>> print(epoch_line(numbers, 5, 120))
    epoch 2/5  loss 0.2500  accuracy 90.00 %  val loss 0.2000  val accuracy 95.00 %  8,765 images/s
    >>> print(epoch_line(numbers, 5, 79))
    epoch 2/5  loss 0.2500  accuracy 90.00 %  val loss 0.2000  val accuracy 95.00 %
    >>> print(epoch_line(numbers, 5, 19))
    2/5  val 95.00 %
    """
    named = room >= NARROW
    parts = {
        "epoch": f"{'epoch ' * named}{numbers['epoch']:>{len(str(epochs))}}/{epochs}",
        "loss": f"loss {short(numbers['loss'])}",
        "accuracy": f"accuracy {percentage(numbers['accuracy'])}",
        "val loss": f"val loss {short(numbers['validation_loss'])}",
        "val accuracy": f"val {'accuracy ' * named}{percentage(numbers['validation_accuracy'])}",
        "rate": f"{numbers['images_per_second']:,.0f} images/s",
    }
    for name in ("rate", "val loss", "accuracy", "loss", "val accuracy"):
        if len("  ".join(parts.values())) <= room:
            break
        del parts[name]
    return "  ".join(parts.values())


def short(loss: float) -> str:
    """Return a loss in at most seven characters or so.

    >>> short(0.12345), short(1234.5), short(1.5e30)
    ('0.1235', '1234', '1.5e+30')
    """
    return f"{loss:.4f}" if abs(loss) < 100 else f"{loss:.4g}"


def duration(seconds: float) -> str:
    """Return a time as minutes and seconds, after hours if there are any.

    >>> duration(5.2), duration(83), duration(3723)
    ('0:05', '1:23', '1:02:03')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _rounded(rate: float) -> str:
    """Return a rate in five characters: the last digits change too fast to be read."""
    return f"{rate / 1000:.0f}k" if rate >= 10_000 else f"{rate:,.0f}"
