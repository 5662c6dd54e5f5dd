"""What is shown while a command runs: with rich on a terminal, as plain lines elsewhere."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tinygrad_mnist.train import Trainer


def on_terminal() -> bool:
    """Whether a person is watching and rich is installed to please them."""
    return sys.stdout.isatty() and importlib.util.find_spec("rich") is not None


def say(label: str, text: str) -> None:
    """Print a line that begins with a label; a terminal gets it wrapped between words.

    >>> say("data", "mnist")
    data    mnist
    """
    lines = [text]
    if on_terminal():
        lines = textwrap.wrap(text, max(width() - 8, 20), break_on_hyphens=False) or [""]
    for line in lines:
        print(f"{label:7} {line}".rstrip(), flush=True)
        label = ""


def width() -> int:
    """How many characters fit into a line of the terminal."""
    return shutil.get_terminal_size().columns


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
    """Print rows under their columns; the first `left` columns are words, the others numbers.

    On a terminal nothing is cut in two: the last column of words is wrapped between words, and
    columns that do not fit beside the others follow in a table of their own.

    >>> show_table(["digit", "recall"], [["5", "97.0"], ["10", "9.1"]])
    digit  recall
    5        97.0
    10        9.1
    """
    room = width() if on_terminal() else 0
    for table in tables_of([columns, *rows], left, room):
        for line in table:
            print(line)


def tables_of(rows: Sequence[Sequence[str]], left: int, room: int) -> list[list[str]]:
    """The lines of one table, or of as many as it takes in `room` columns; 0 for any room.

    >>> rows = [["digit", "a", "b"], ["5", "1,000", "2,000"]]
    >>> tables_of(rows, 1, 12)
    [['digit      a', '5      1,000'], ['', 'digit      b', '5      2,000']]
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words, numbers = range(left), range(left, len(widths))
    if room and left > 1:  # a description among the words: it can be wrapped
        others = sum(widths) - widths[left - 1] + 2 * (len(widths) - 1)
        widths[left - 1] = min(widths[left - 1], max(room - others, 16))
    shown = list(words)
    if room and sum(widths[i] + 2 for i in words) > room:  # too narrow: only what names a row
        shown = [0]
    groups: list[list[int]] = [[]]
    used = start = sum(widths[i] + 2 for i in shown) - 2
    for i in numbers:
        if room and used + 2 + widths[i] > room and groups[-1]:
            groups.append([])
            used = start
        groups[-1].append(i)
        used += 2 + widths[i]
    tables = [
        [line for row in rows for line in _lines(row, [*shown, *group], widths, left)]
        for group in groups
    ]
    if len(shown) < left:  # the other words follow, each under its row's name
        listed = (f"{row[0]}: {', '.join(row[i] for i in words[1:])}" for row in rows[1:])
        fill = textwrap.TextWrapper(room, subsequent_indent="  ", break_on_hyphens=False)
        tables.append([line for text in listed for line in fill.wrap(text)])
    return [tables[0], *(["", *table] for table in tables[1:])]


def _lines(row: Sequence[str], shown: Sequence[int], widths: Sequence[int], left: int) -> list[str]:
    """One row as text: several lines where a cell of words is wrapped."""
    wrapped = {
        i: (
            textwrap.wrap(row[i], widths[i], break_long_words=False, break_on_hyphens=False) or [""]
        )
        if i < left and len(row[i]) > widths[i]
        else [row[i]]
        for i in shown
    }
    lines = []
    for k in range(max(map(len, wrapped.values()))):
        cells = [(wrapped[i][k] if k < len(wrapped[i]) else "", i) for i in shown]
        text = (c.ljust(widths[i]) if i < left else c.rjust(widths[i]) for c, i in cells)
        lines.append("  ".join(text).rstrip())
    return lines


def draw_image(image: NDArray[np.uint8], encoding: str | None) -> str:
    """A 28x28 image as text: two rows of pixels a line, in blocks where the encoding has them.

    >>> import numpy as np
    >>> print(draw_image(np.array([[0, 255, 255], [0, 0, 255]], np.uint8), "ascii"))
     \'#
    """
    marks = " \u2580\u2584\u2588"  # none, the upper, the lower, both
    try:
        marks.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        marks = " '.#"
    ink = image > 100
    pairs = ink[0::2] + 2 * ink[1::2].astype(int)
    return "\n".join("".join(marks[pair] for pair in line).rstrip() for line in pairs)


def percent(share: float) -> str:
    """A share between 0 and 1 as people read it; "-" where there is none.

    >>> percent(0.97849), percent(float("nan"))
    ('97.85 %', '-')
    """
    return "-" if share != share else f"{share:.2%}".replace("%", " %")


def epoch_line(numbers: dict[str, Any], epochs: int, room: int = 79) -> str:
    """One epoch's numbers on one line: as many of them as there is room for.

    >>> numbers = {"epoch": 2, "loss": 0.25, "accuracy": 0.9, "validation_accuracy": 0.95,
    ...            "images_per_second": 98765.0}
    >>> epoch_line(numbers, 10)
    'epoch  2/10  loss 0.2500  accuracy 90.00 %  validation 95.00 %  98,765 images/s'
    """
    parts = [
        f"epoch {numbers['epoch']:>{len(str(epochs))}}/{epochs}",
        f"loss {short(numbers['loss'])}",
        f"accuracy {percent(numbers['accuracy'])}",
        f"validation {percent(numbers['validation_accuracy'])}",
        f"{numbers['images_per_second']:,.0f} images/s",
    ]
    while len("  ".join(parts)) > room and len(parts) > 1:
        parts.pop()
    return "  ".join(parts)


def short(loss: float) -> str:
    """A loss in at most seven characters or so.

    >>> short(0.12345), short(1234.5), short(1.5e30)
    ('0.1235', '1234', '1.5e+30')
    """
    return f"{loss:.4f}" if abs(loss) < 100 else f"{loss:.4g}"


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
            print(epoch_line(numbers, self.trainer.recipe.epochs, 120), flush=True)


class Bar:
    """Lines, and below them a bar with loss, accuracy, throughput and time left."""

    def __init__(self, trainer: Trainer) -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.trainer = trainer
        columns = [
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=max(4, min(40, width() - 68))),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("accuracy {task.fields[accuracy]:.1%}"),
            TextColumn("{task.fields[rate]:,.0f} images/s"),
            TimeRemainingColumn(compact=True),
        ]
        fitting = len(columns) if width() >= 72 else 2 + (width() >= 36) + (width() >= 54)
        self.bar = RichProgress(
            *columns[:fitting],
            transient=True,
            auto_refresh=False,  # a thread of its own would take turns with the training
        )
        done = trainer.epoch * trainer.steps_per_epoch + trainer.batch
        total = trainer.recipe.epochs * trainer.steps_per_epoch
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
            line = epoch_line(numbers, self.trainer.recipe.epochs, self.bar.console.width)
            self.bar.console.print(line, highlight=False, soft_wrap=True)
        now = self.bar.get_time()
        if now - self.drawn > 0.1:
            self.drawn = now
            trainer = self.trainer
            done = trainer.epoch * trainer.steps_per_epoch + trainer.batch
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
            "loss": short(loss),
            "accuracy": accuracy,
            "rate": rate,
        }
