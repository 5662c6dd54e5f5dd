"""`tinygrad-mnist sweep`: the table, jobs, signals, and one line for what cannot be swept."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, Shell
from tinygrad_mnist.cli import main

needs_optuna = pytest.mark.skipif(find_spec("optuna") is None, reason="needs Optuna")
SWEEP = ("sweep", "mlp-10", "--data", "embedded", "--lr", "1e-3:1:log", "--hidden", "4:16")


def table(output: str) -> list[str]:
    """The lines of the table, without those that were printed as trials ended."""
    lines = output.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("trial  hidden"))
    return lines[first : first + 4]


@needs_optuna
def test_a_sweep_prints_a_table_and_keeps_the_best_run(
    plain_here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*SWEEP, "--epochs", "2", "--trials", "3", "--out", "a"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert len([line for line in out.splitlines() if line.startswith("trial   ")]) == 3
    assert table(out)[0].split() == ["trial", "hidden", "lr", "validation", "epochs", "state"]
    record = json.loads((plain_here / "a" / "best" / "run.json").read_text("utf-8"))
    assert f"{100 * record['epochs'][-1]['validation_accuracy']:.2f} %" in table(out)[1]
    assert main(["evaluate", "a/best", "--data", "embedded"]) == 0
    capsys.readouterr()
    assert main(command) == 0
    again = capsys.readouterr().out
    assert table(again) == table(out) and "trial   0  " not in again


def start(shell: Shell, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        shell.command(*SWEEP, "--epochs", "3000", "--no-prune", *args),
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def reports(folder: Path) -> int:
    """How many epochs were reported so far."""
    try:
        return (folder / "sweep.journal").read_text("utf-8").count('"op_code":7')
    except OSError:
        return 0


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


@needs_optuna
def test_a_signal_stops_jobs_and_loses_nothing(shell: Shell) -> None:
    process = start(shell, "--trials", "2", "--jobs", "2", "--out", "a")
    until(lambda: reports(shell.folder / "a") > 3)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped after 0 of 2 trials; all of it is in a/sweep.journal" in out
    assert "Traceback" not in out
    assert list((shell.folder / "a" / "trials").glob("*/checkpoint.pkl"))


@needs_optuna
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="looks into /proc")
def test_a_job_that_dies_is_started_again_and_none_outlives_its_parent(shell: Shell) -> None:
    process = start(shell, "--trials", "2", "--jobs", "2", "--out", "a")
    until(lambda: reports(shell.folder / "a") > 1)
    first = children(process.pid)
    os.kill(first[0], signal.SIGKILL)
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any("a job was ended by signal 9; its trial is run again" in line for line in lines)
    until(lambda: len(children(process.pid)) == 2)
    jobs = children(process.pid)
    process.kill()
    process.wait()
    process.stdout.close()

    def is_gone(pid: int) -> bool:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2][0] == "Z"
        return True

    until(lambda: all(map(is_gone, jobs)))


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("mlp-10", "--lr", "1:0.1"), "--lr 1:0.1: an inverted range"),
        (("mlp-10", "--lr", "0:1:log"), "a log range starts above 0"),
        pytest.param(("mlp-10", "--epochs", "2"), "needs a range or a list", marks=needs_optuna),
        (("mlp-11", "--lr", "0.1:1"), "no recipe 'mlp-11'"),
        (("mlp-10", "--lr", "0.1:1", "--digit", "3"), "unrecognized arguments: --digit 3"),
        (("neuron", "--hidden", "1:8"), "neuron has no hidden layer"),
        (("mlp-10", "--lr", "0.1:1", "--trials", "0"), "--trials must be at least 1, not 0"),
        (("mlp-10", "--lr", "0.1:1", "--jobs", "-1"), "--jobs must be at least 1"),
        (("mlp-10", "--lr", "0.1:1", "--trials", "2", "--jobs", "3"), "more than the 2 trials"),
        (("mlp-10", "--lr", "0.1:1", "--threads", "999"), "--threads must be from 1 to"),
    ],
)
def test_one_line_for_what_cannot_be_swept(
    flags: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", *flags, "--data", "embedded"]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1


def trained(out: Path) -> None:
    """Train a recipe into a folder."""
    flags = ("--data", "embedded", "--epochs", "1", "--out", str(out))
    assert main(["train", "neuron", *flags]) == 0


@needs_optuna
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: (folder / "a").write_text("x", "utf-8"), "--out a: a file"),
        (lambda folder: (folder / "a" / "sweep.journal").mkdir(parents=True), "Is a directory"),
        (lambda folder: trained(folder / "a"), "--out a: the folder of a single run"),
    ],
)
def test_a_folder_that_cannot_be_used(
    make: Callable[[Path], object], says: str, shell: Shell
) -> None:
    make(shell.folder)
    ran: Ran = shell(*SWEEP, "--trials", "1", "--out", "a")
    assert ran.code == 2 and says in ran.err and ran.err.count("\n") == 1
