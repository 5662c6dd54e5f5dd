"""Training on a terminal, as a person sees it: nothing is left over, nothing wraps or flickers."""

import contextlib
import itertools
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ahead import ahead
from tests.cli.conftest import WITHOUT_PLOTS, Ran, Shell
from tests.cli.screen import Terminal
from tinygrad_mnist.cli import live, main, progress
from tinygrad_mnist.models import RECIPES

EMBEDDED = ("--data", "embedded")
EPOCHS, STEPS = 4, 30


class FakeTrainer:
    """The numbers of a run, without the run."""

    def __init__(self) -> None:
        self.recipe = RECIPES["mlp-10"].replace(epochs=EPOCHS)
        self.steps_per_epoch = STEPS
        self.epoch = self.batch = 0
        self.history: list[dict[str, float]] = []
        self.step_loss = math.nan

    @property
    def sums(self) -> dict[str, float]:
        return {"images": 64 * self.batch, "seconds": 0.001 * self.batch}

    @property
    def running_loss(self) -> float:
        return self.step_loss

    running_accuracy = 0.9

    def take_step(self) -> dict[str, float] | None:
        done = self.epoch * STEPS + self.batch
        self.step_loss = 2.0 * 0.97**done
        self.batch += 1
        if self.batch < STEPS:
            return None
        self.epoch, self.batch = self.epoch + 1, 0
        numbers = {
            "epoch": self.epoch, "loss": self.step_loss, "accuracy": 0.9, "validation_loss": 0.3,
            "validation_accuracy": 0.95, "images_per_second": 64000.0,
        }  # fmt: skip
        self.history.append(numbers)
        return numbers


@pytest.fixture(autouse=True)
def colourful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal with colours, whatever this process runs on."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


class Clock:
    """Seconds that pass with each look at the clock: 0.09."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        self.seconds += 0.09
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(live, "time", clock)
    return clock


def show(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, widths: dict[int, int] | None = None,
    encoding: str = "utf-8",
) -> Iterator[Terminal]:  # fmt: skip
    """Show a run, changing the width before the given steps; yield the terminal after each step."""
    trainer = FakeTrainer()
    with terminal.stream(encoding) as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        with progress.progress(trainer) as display:  # type: ignore[arg-type]
            for step in range(EPOCHS * STEPS):
                if widths and step in widths:
                    terminal.resize(widths[step])
                display.step(trainer.take_step())
                terminal.update()
                yield terminal
        terminal.update()
        yield terminal


@pytest.mark.usefixtures("clock")
def test_one_line_shows_all_that_one_wants_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(80)
    shown = show(terminal, monkeypatch)
    middle = next(itertools.islice(shown, STEPS + STEPS // 2, None)).text.splitlines()
    assert len(middle) == 2
    assert middle[0] == (
        "epoch 1/4  loss 0.8268  accuracy 90.00 %  val loss 0.3000  val accuracy 95.00 %"
    )
    assert re.fullmatch(
        r"epoch 2/4 [▁▂▃▄▅▆▇█]{3,}·+  loss 0\.\d{4}  accuracy 90.00 %  64k images/s  0:\d\d left",
        middle[1],
    )
    curve = re.search("[▁▂▃▄▅▆▇█]+", middle[1])
    assert curve and list(curve[0]) == sorted(curve[0], reverse=True) and curve[0][0] == "█"
    *_, last = shown
    end = last.text.splitlines()
    assert [line[:9] for line in end] == [f"epoch {k}/4" for k in (1, 2, 3, 4)]
    assert all("val accuracy 95.00 %" in line for line in end)
    terminal.close()


def test_nothing_flickers_and_few_bytes_are_written(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(80)
    for _ in show(terminal, monkeypatch):
        pass
    raw = terminal.raw
    assert b"\x1b[?25" not in raw, "the cursor is hidden: a killed process would not show it again"
    erased = re.findall(rb"(.)\x1b\[\d*[JK](.)", raw[:-5], re.DOTALL)
    assert {after for _, after in erased} == {b"\r"}, "erased before it is drawn over"
    assert b"\r" not in {before for before, _ in erased}
    drawn = len(re.findall(rb"\r(?!\n)", raw))
    assert EPOCHS < drawn <= 4 * clock.seconds + EPOCHS + 2
    assert len(raw) / clock.seconds < 500
    terminal.close()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("reflows", [False, True])
@pytest.mark.parametrize("widths", [{40: 20, 70: 100}, {35: 50, 45: 30, 55: 25}, {2: 20}])
def test_a_resize_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, widths: dict[int, int], reflows: bool
) -> None:
    """Below the lines of the epochs there is one line, in every width, until the end."""
    terminal = Terminal(80, reflows=reflows)
    settle = {step + k for step in widths for k in range(8)}  # until it is drawn again
    for step, _ in enumerate(show(terminal, monkeypatch, widths)):
        if step % 3 == 0 and step not in settle:
            text = terminal.text
            assert sum("left" in line or "·" in line for line in text.splitlines()) <= 1, text
    assert "left" not in terminal.text and "·" not in terminal.text
    assert terminal.screen.cursor.x == 0 and not terminal.screen.cursor.hidden
    terminal.close()


@pytest.mark.parametrize("reflows", [False, True])
@pytest.mark.parametrize(("before", "after"), [(80, 30), (80, 79), (30, 80), (200, 41)])
def test_the_first_drawing_after_a_resize_draws_all(
    monkeypatch: pytest.MonkeyPatch, before: int, after: int, reflows: bool
) -> None:
    """A wrapped rest is gone at once, and not only when all is drawn again after a second."""
    monkeypatch.setattr(live.time, "monotonic", lambda: 0.0)
    terminal = Terminal(before, reflows=reflows)
    line = live.Live()
    with terminal.stream() as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        line.draw([("loss 0.25 ".ljust(199, "#"), "")])
        terminal.resize(after)
        text = "loss 0.24 ".ljust(199, "#")
        line.draw([(text, "")])
    terminal.update()
    assert terminal.text == text[: after - 1]
    terminal.close()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("columns", [1, 9, 20, 40, 41, 80, 200])
def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    terminal = Terminal(columns)
    wanted = "3/4" if columns <= 40 else "epoch 3/4"
    for step, _ in enumerate(show(terminal, monkeypatch)):
        if step == 2 * STEPS + 10 and columns >= 9:
            *above, last = terminal.text.splitlines()
            assert len(above) == 2 and last.startswith(wanted)
            assert len(last) < columns
    terminal.close()


@pytest.mark.usefixtures("clock")
def test_columns_narrows_and_never_widens(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, expected in (("30", 30), ("200", 60)):
        monkeypatch.setenv("COLUMNS", columns)
        terminal = Terminal(60)
        some = itertools.islice(show(terminal, monkeypatch), 0, None, 9)
        longest = max(len(line) for screen in some for line in screen.text.splitlines())
        assert expected - 12 < longest < expected
        terminal.close()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_without_block_characters_it_is_drawn_in_ascii(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    terminal = Terminal(80)
    for step, _ in enumerate(show(terminal, monkeypatch, encoding=encoding)):
        if step == 2 * STEPS:
            assert re.search(r"epoch 3/4 [#*+=:.\-_]{3,} +loss ", terminal.text), terminal.text
    assert terminal.raw.isascii() and b"\\u" not in terminal.raw
    terminal.close()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "0", "FORCE_COLOR": "1"}, False),
    ],
)
def test_no_color_is_obeyed_unless_it_is_empty(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], coloured: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal(80)
    for _ in show(terminal, monkeypatch):
        pass
    assert (re.search(rb"\x1b\[\d*m", terminal.raw) is not None) == coloured
    assert b"\r" in terminal.raw.replace(b"\r\n", b""), "the line moves all the same"
    terminal.close()


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    monkeypatch.setenv("TERM", term)
    terminal = Terminal(80)
    for _ in show(terminal, monkeypatch):
        pass
    assert b"\x1b" not in terminal.raw and terminal.raw.count(b"\n") == EPOCHS
    terminal.close()


@pytest.mark.usefixtures("clock")
def test_another_program_owns_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `&`, a line per epoch appears among what is typed, and nothing is drawn over it."""
    monkeypatch.setattr(live, "in_foreground", lambda: False)
    terminal = Terminal(80)
    for _ in show(terminal, monkeypatch):
        pass
    assert b"\x1b" not in terminal.raw and terminal.raw.count(b"\n") == EPOCHS
    terminal.close()


def test_an_error_erases_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(80)
    trainer = FakeTrainer()

    def fail() -> None:
        with progress.progress(trainer) as display:  # type: ignore[arg-type]
            for _ in range(STEPS + 1):
                display.step(trainer.take_step())
            terminal.update()
            assert "left" in terminal.text
            raise ZeroDivisionError

    with terminal.stream() as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        with pytest.raises(ZeroDivisionError):
            fail()
    terminal.update()
    assert len(terminal.text.splitlines()) == 1
    terminal.close()


@contextlib.contextmanager
def started(folder: Path, columns: int, *args: str) -> Iterator[tuple[Terminal, subprocess.Popen]]:
    """A terminal on which a command runs; both are gone in the end."""
    shell, terminal = Shell(folder, WITHOUT_PLOTS), Terminal(columns)
    environment = shell.environment | {"TERM": "xterm-256color"}
    environment.pop("COLUMNS")
    with subprocess.Popen(
        shell.command(*args), cwd=folder, env=environment, start_new_session=True,
        stdin=terminal.theirs, stdout=terminal.theirs, stderr=terminal.theirs,
    ) as process:  # fmt: skip
        try:
            yield terminal, process
        finally:
            process.kill()
            terminal.close()


@dataclass
class Left:
    """The end of a run, and the terminal that it leaves."""

    code: int
    text: str
    column: int
    hidden: bool


@ahead
def left_behind(folder: Path) -> dict[int, Left]:
    """The terminals of runs that are ended by signals."""
    left = {}
    for number in (signal.SIGINT, signal.SIGKILL):
        args = ("train", "deep", *EMBEDDED, "--epochs", "10000", "--out", str(int(number)))
        with started(folder, 80, *args) as (terminal, process):
            terminal.wait(lambda text: "left" in text and "epoch     2/" in text)
            process.send_signal(number)
            code = process.wait(60)
            terminal.update()
            cursor = terminal.screen.cursor
            left[int(number)] = Left(code, terminal.text, cursor.x, cursor.hidden)
    return left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_leaves_a_usable_terminal(
    left_behind: dict[int, Left], number: signal.Signals
) -> None:
    left = left_behind[number]
    assert not left.hidden and left.column == 0
    if number != signal.SIGKILL:
        assert left.code == 128 + number
        again = f"continue with: tinygrad-mnist train --resume {int(number)}"
        assert left.text.splitlines()[-1] == again and " left" not in left.text


@ahead
def on_20_columns(folder: Path) -> str:
    """All that a run shows on a terminal of 20 columns."""
    args = ("train", "neuron", *EMBEDDED, "--epochs", "2", "--out", "run")
    with started(folder, 20, *args) as (terminal, process):
        terminal.wait(lambda text: "next" in text)
        assert process.wait(60) == 0
        return terminal.text


def test_a_whole_run_on_a_narrow_terminal(on_20_columns: str) -> None:
    assert [line for line in on_20_columns.splitlines() if line.startswith(("1/2", "2/2"))]
    assert "accuracy" in on_20_columns


@ahead
def quiet(folder: Path) -> list[Ran]:
    """A run that is to be quiet, and a second one into the same folder."""
    args = ("train", "neuron", *EMBEDDED, "--epochs", "1", "--out", "run")
    shell = Shell(folder, WITHOUT_PLOTS)
    first = shell(*args, "--quiet")
    assert (folder / "run" / "model.pkl").exists()
    return [first, shell.inside(*args, "-q")]


def test_quiet_prints_nothing_but_errors(quiet: list[Ran]) -> None:
    assert quiet[0] == Ran(0, "", "")
    assert quiet[1].code == 2 and quiet[1].err.count("\n") == 1


def test_a_quiet_run_that_is_stopped_says_how_to_go_on(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tinygrad_mnist.train import Trainer

    step = Trainer._train_on

    def interrupted(trainer: Trainer, rows: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        step(trainer, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "_train_on", interrupted)
    assert main(["train", "deep", *EMBEDDED, "-q", "--out", str(tmp_path)]) == 130
    captured = capsys.readouterr()
    assert captured.out == "" and "train --resume" in captured.err
