"""What is shown while a command runs: with rich on a terminal, as plain lines elsewhere."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tinygrad_mnist.train import Trainer


def on_terminal() -> bool:
    """Whether a person is watching and rich is installed to please them."""
    return sys.stdout.isatty() and importlib.util.find_spec("rich") is not None


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
    """Print rows under their columns; the first `left` columns are words, the others numbers.

    >>> show_table(["digit", "recall"], [["5", "97.0"], ["10", "9.1"]])
    digit  recall
    5        97.0
    10        9.1
    """
    if on_terminal():
        _show_rich_table(columns, rows, left)
        return
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _show_rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table, markup=False)


def percent(share: float) -> str:
    """A share between 0 and 1 as people read it; "-" where there is none.

    >>> percent(0.97849), percent(float("nan"))
    ('97.85 %', '-')
    """
    return "-" if share != share else f"{share:.2%}".replace("%", " %")


def epoch_line(numbers: dict[str, Any], epochs: int) -> str:
    """One epoch's numbers on one line."""
    return (
        f"epoch {numbers['epoch']:>{len(str(epochs))}}/{epochs}"
        f"  loss {numbers['loss']:.4f}  accuracy {percent(numbers['accuracy'])}"
        f"  validation loss {numbers['validation_loss']:.4f}"
        f"  accuracy {percent(numbers['validation_accuracy'])}"
        f"  {numbers['images_per_second']:,.0f} images/s"
    )


class Progress(Protocol):
    """What training is told to: every step, and the numbers of every epoch."""

    def __enter__(self) -> Progress:
        """Begin."""
        ...

    def __exit__(self, *exception: object) -> None:
        """Leave the terminal as it was."""
        ...

    def step(self, numbers: dict[str, Any] | None) -> None:
        """A step is over, and with it an epoch if there are `numbers`."""
        ...


def progress(trainer: Trainer) -> Progress:
    """A bar on a terminal, lines elsewhere."""
    return Bar(trainer) if on_terminal() else Lines(trainer)


class Lines:
    """A line for each epoch."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def step(self, numbers: dict[str, Any] | None) -> None:
        """Print the numbers, if an epoch is over."""
        if numbers is not None:
            print(epoch_line(numbers, self.trainer.recipe.epochs), flush=True)


class Bar:
    """Lines, and below them a bar with loss, accuracy, throughput and time left."""

    def __init__(self, trainer: Trainer) -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.trainer = trainer
        self.bar = RichProgress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]:.2%}"),
            TextColumn("{task.fields[rate]:,.0f} images/s"),
            TimeRemainingColumn(compact=True),
            transient=True,
            auto_refresh=False,  # a thread of its own would take turns with the training
        )
        done = trainer.epoch * trainer.steps_an_epoch + trainer.batch
        total = trainer.recipe.epochs * trainer.steps_an_epoch
        self.task = self.bar.add_task("", total=total, completed=done, **self._fields())
        self.drawn = 0.0

    def __enter__(self) -> Bar:
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def step(self, numbers: dict[str, Any] | None) -> None:
        """Move the bar, drawing it ten times a second at most."""
        if numbers is not None:
            line = epoch_line(numbers, self.trainer.recipe.epochs)
            self.bar.console.print(line, highlight=False)
        now = self.bar.get_time()
        if now - self.drawn > 0.1:
            self.drawn = now
            trainer = self.trainer
            done = trainer.epoch * trainer.steps_an_epoch + trainer.batch
            self.bar.update(self.task, completed=done, refresh=True, **self._fields())

    def _fields(self) -> dict[str, Any]:
        trainer, sums = self.trainer, self.trainer.sums
        if trainer.batch == 0 and trainer.history:  # an epoch has just ended
            last = trainer.history[-1]
            loss, accuracy, rate = last["loss"], last["accuracy"], last["images_per_second"]
        else:
            loss, accuracy = trainer.running_loss, trainer.running_accuracy
            rate = sums["images"] / sums["seconds"] if sums["seconds"] else 0.0
        epoch = min(trainer.epoch + 1, trainer.recipe.epochs)
        return {
            "epoch": f"{epoch}/{trainer.recipe.epochs}",
            "loss": loss,
            "accuracy": accuracy,
            "rate": rate,
        }
