"""Kill a rank of a training run in every way, and see how soon the job ends and what is left.

    python -m benchmarks.distributed_deaths

Two ranks train; after a hundred steps one of them dies, at a moment that the kind of death names.
The table has the seconds from that moment until `mpiexec` has returned, the exit code, and whether
the last checkpoint can be resumed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinygrad_mnist import distributed as dist
from tinygrad_mnist import files
from tinygrad_mnist.cli import main as command
from tinygrad_mnist.cli import train as train_command
from tinygrad_mnist.data import load_embedded
from tinygrad_mnist.distributed.group import find_mpiexec
from tinygrad_mnist.train import Trainer, load_model, resume

STEPS = 100  # before the death
DIED = "died"  # the file with the moment


def kill_with(number: int) -> Callable[[Any, Path], None]:
    """Return a death by a signal to this process itself."""

    def die(trainer: Any, folder: Path) -> None:
        note(folder)
        os.kill(os.getpid(), number)

    return die


def note(folder: Path) -> None:
    """Write down that now is the moment."""
    (folder / DIED).write_text(str(time.time()))


def in_forward(trainer: Any, folder: Path) -> None:
    """Be killed in the next forward."""
    trainer.model.register_forward_pre_hook(lambda *_: kill_with(signal.SIGKILL)(trainer, folder))


def raising(trainer: Any, folder: Path) -> None:
    """Raise an exception in the next forward."""

    def fail(*_: Any) -> None:
        note(folder)
        raise ZeroDivisionError("in forward")

    trainer.model.register_forward_pre_hook(fail)


def in_all_reduce(trainer: Any, folder: Path) -> None:
    """Be killed half a second later, while this rank waits in the all-reduce."""
    threading.Timer(0.5, kill_with(signal.SIGKILL), (trainer, folder)).start()


def in_saving(trainer: Any, folder: Path) -> None:
    """Be killed when the next checkpoint is written and not yet in its place."""
    files.os.replace = lambda *_: kill_with(signal.SIGKILL)(trainer, folder)  # type: ignore[attr-defined]


def returning(trainer: Any, folder: Path) -> None:
    """Leave the program in good order, while the other goes on."""
    note(folder)
    sys.exit(0)


# The rank that dies, and how
DEATHS: dict[str, tuple[int, Callable[[Any, Path], None]]] = {
    "SIGKILL in forward": (1, in_forward),
    "SIGKILL in the all-reduce": (1, in_all_reduce),
    "SIGKILL of rank 0 while it saves": (0, in_saving),
    "segmentation fault": (1, kill_with(signal.SIGSEGV)),
    "an exception in forward": (1, raising),
    "an early return": (1, returning),
    "SIGTERM": (1, kill_with(signal.SIGTERM)),
    "SIGINT": (0, kill_with(signal.SIGINT)),
}


def run(kind: str, folder: Path) -> int:
    """As a rank: train, and die if it is this rank's turn."""
    victim, die = DEATHS[kind]
    count = 0
    plain = Trainer._train_on

    def train_on(trainer: Any, rows: Any) -> None:
        nonlocal count
        count += 1
        if count == STEPS and dist.get_rank() == victim:
            die(trainer, folder)
        if count == STEPS and die is in_all_reduce and dist.get_rank() != victim:
            time.sleep(5)
        plain(trainer, rows)

    Trainer._train_on = train_on  # type: ignore[method-assign]
    train_command.SAVE_SECONDS = 0.05
    out = ["--out", str(folder / "run"), "--data", "embedded", "--eager"]
    return command(["train", "mlp-128", "--epochs", "9999", *out])


def measure(kind: str) -> str:
    """Return the row of a kind of death."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = subprocess.run(
            [find_mpiexec() or "mpiexec", "-n", "2", sys.executable, "-m",
             "benchmarks.distributed_deaths", "--child", kind, name],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        seconds = time.time() - float((folder / DIED).read_text())
        saved = load_model(folder / "run" / "checkpoint.pkl")
        trainer = resume(saved, load_embedded(), eager=True)
        at = trainer.epoch * trainer.steps_per_epoch + trainer.batch
        next(trainer.steps())
    words = [line for line in done.stderr.splitlines() if line.startswith("rank")]
    last = words[-1] if words else "-"
    return f"| {kind} | {seconds:.2f} | {done.returncode} | {last} | resumes after step {at} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each kind of death."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", nargs=2, metavar=("KIND", "FOLDER"))
    args = parser.parse_args(arguments)
    if args.child:
        return run(args.child[0], Path(args.child[1]))
    print("| death | seconds | exit code | last line of the ranks | checkpoint |")
    print("|---|---|---|---|---|")
    for kind in DEATHS:
        print(measure(kind), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
