"""Train a recipe with many values of its settings, which Optuna chooses, and keep the best run.

A flag takes a range (1e-4:1e-1, 1e-4:1e-1:log, 32:512:32), a list (32,64,128) or one value.
Ctrl-C stops after the present step; the same command goes on from there, and so does any other
process or machine that names the same folder or --storage.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.options import add_data, load_data, recipe_of

if TYPE_CHECKING:
    from tinygrad_mnist.train.sweep import Row, Sweep

HELP = "train a recipe with many settings, and keep the best run"
HELPS = {
    "lr": "learning rate, for example 1e-4:1e-1:log",
    "hidden": "sizes of the hidden layers: a range for each, or a list like 64,256x128",
    "batch_size": "images per step",
    "epochs": "passes over the training images",
    "momentum": "of SGD",
    "weight_decay": "how much weights shrink in a step, times lr",
    "dropout": "the share of inputs of a layer that a step leaves out",
    "optimizer": "adam,sgd",
    "activation": "relu,tanh,sigmoid",
    "schedule": "constant,cosine",
    "seed": "of the runs and of the choices",
}
SHOWN = 20  # rows of the table
WAIT = 0.2  # seconds between looks at the jobs
PLOT = "trials.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recipe, a flag for each setting, and the options of the sweep."""
    parser.add_argument("recipe", metavar="RECIPE", help="see `tinygrad-mnist models`")
    space = parser.add_argument_group("settings: a range, a list or one value")
    for field, words in HELPS.items():
        space.add_argument(f"--{field.replace('_', '-')}", dest=field, metavar="VALUES", help=words)
    parser.add_argument(
        "--trials", metavar="N", type=int, default=20, help="how many runs, in all (default: 20)"
    )
    parser.add_argument(
        "--jobs", metavar="K", type=int, default=1, help="how many at a time (default: 1)"
    )
    parser.add_argument(
        "--threads", metavar="N", type=int, default=1, help="BLAS threads per job (default: 1)"
    )
    add_data(parser)
    parser.add_argument(
        "--out", metavar="DIR", help="the folder of the sweep (default: runs/sweep-RECIPE)"
    )
    parser.add_argument(
        "--storage", metavar="FILE", help="the file that machines share (default: in the folder)"
    )
    parser.add_argument(
        "--no-prune", action="store_true", help="run each trial to its end, even a bad one"
    )
    parser.add_argument("--job", type=int, help=argparse.SUPPRESS)  # a job of the process N


def run(args: argparse.Namespace) -> int:
    """Run the trials, and show the table, the plot and the best run."""
    _check(args)
    sweep = _open(args)
    if args.job is not None:
        return _work(sweep, args, lambda: os.getppid() != args.job)
    if not sweep.is_done(args.trials):
        code = _in_jobs(sweep, args) if args.jobs > 1 else _work(sweep, args, lambda: False)
        if code:
            return code
    _show(sweep, args)
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raise UsageError for numbers that make no sense."""
    cores = os.cpu_count() or 1
    for name, least in (("trials", 1), ("jobs", 1), ("threads", 1)):
        if getattr(args, name) < least:
            raise UsageError(f"--{name} must be at least {least}, not {getattr(args, name)}")
    if args.jobs > args.trials:
        raise UsageError(f"--jobs {args.jobs} is more than the {args.trials} trials")
    if args.threads > cores:
        raise UsageError(f"--threads must be from 1 to {cores}, the cores here, not {args.threads}")


def _open(args: argparse.Namespace) -> Sweep:
    """Load the data, and begin the sweep or go on with it."""
    from tinygrad_mnist.cli.folder import RECORD
    from tinygrad_mnist.train.space import Space
    from tinygrad_mnist.train.sweep import Sweep, import_optuna

    recipe = recipe_of(args.recipe)
    texts = {field: text for field in HELPS if (text := getattr(args, field)) is not None}
    space = Space(recipe, texts)
    import_optuna()
    folder = Path(args.out) if args.out else Path("runs") / f"sweep-{recipe.name}"
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder}: a file; name a folder")
    if (folder / RECORD).exists():
        raise UsageError(f"--out {folder}: the folder of a single run; name another")
    hidden = contextlib.redirect_stdout(io.StringIO())  # a job's parent has shown it
    with hidden if args.job is not None else contextlib.nullcontext():
        data = load_data(args.data)
    return Sweep(
        folder,
        space,
        data,
        storage=Path(args.storage) if args.storage else None,
        prune=not args.no_prune,
        threads=args.threads,
    )


def _complete_best(sweep: Sweep, named: str | None) -> None:
    """Write what `train` writes of a run: test it, and add the record, plots and the report."""
    from tinygrad_mnist.cli.folder import RECORD
    from tinygrad_mnist.cli.train import finish

    folder, trainer = sweep.folder / "best", sweep.best_trainer()
    if trainer is not None and not (folder / RECORD).exists():
        with contextlib.redirect_stdout(io.StringIO()):
            finish(trainer, folder, named)


def _work(sweep: Sweep, args: argparse.Namespace, is_orphan: Callable[[], bool]) -> int:
    """Run trials in this process; return the exit code, 0 unless a signal stopped them."""
    from tinygrad_mnist.cli.stop import Stop

    with Stop() as stop:
        sweep.work(args.trials, lambda: stop.asked is not None or is_orphan(), _show_row)
    if stop.asked is None:
        return 0
    if args.job is None:
        _show_stopped(sweep, args)
    return 128 + stop.asked


def _in_jobs(sweep: Sweep, args: argparse.Namespace) -> int:
    """Run trials in several processes; start one again that a signal has ended."""
    from tinygrad_mnist.cli.stop import Stop

    jobs = [_start(args) for _ in range(args.jobs)]
    code = 0
    try:
        with Stop() as stop:
            forwarded = False
            while jobs:
                if (stop.asked or code) and not forwarded:
                    forwarded = True
                    for job in jobs:
                        job.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    jobs[0].wait(WAIT)
                ended = [job for job in jobs if job.poll() is not None]
                jobs = [job for job in jobs if job not in ended]
                code = code or max([0, *(job.returncode for job in ended)])
                killed = [job for job in ended if job.returncode < 0]
                if killed and not (stop.asked or code):
                    number = -killed[0].returncode
                    print(f"a job was ended by signal {number}; its trial is run again", flush=True)
                    jobs += [_start(args) for _ in killed]
    finally:
        for job in jobs:  # after a second Ctrl-C
            job.kill()
            job.wait()
    if stop.asked is not None:
        _show_stopped(sweep, args)
        return 128 + stop.asked
    return code


def _start(args: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Start a job: the same command, which knows its parent. A terminal's Ctrl-C spares it."""
    command = [sys.executable, "-m", "tinygrad_mnist", "sweep", args.recipe]
    for name in (*HELPS, "trials", "threads", "data", "out", "storage"):
        if (value := getattr(args, name)) is not None:
            command.append(f"--{name.replace('_', '-')}={value}")
    command += ["--no-prune"] * args.no_prune + [f"--job={os.getpid()}"]
    return subprocess.Popen(command, start_new_session=True)


def _show_row(row: Row) -> None:
    print(f"trial {row.number:>3}  {_result(row)}  {_settings(row)}", flush=True)


def _result(row: Row) -> str:
    from tinygrad_mnist.cli.show import percentage

    result = percentage(float("nan") if row.validation is None else row.validation)
    ended = "" if row.state == "complete" else f", {row.state} after {row.epochs}"
    return f"validation {result}{ended}"


def _settings(row: Row) -> str:
    from tinygrad_mnist.train.space import spell_value

    return "  ".join(f"{name} {spell_value(value)}" for name, value in row.params.items())


def _show_stopped(sweep: Sweep, args: argparse.Namespace) -> None:
    ended = sum(row.state not in ("running", "waiting") for row in sweep.table())
    print(f"stopped after {ended} of {args.trials} trials; all of it is in {sweep.path}")
    print("the same command goes on")


def _show(sweep: Sweep, args: argparse.Namespace) -> None:
    """Print the table, draw the plot, and name the best run."""
    from tinygrad_mnist.cli.show import percentage, say, show_table
    from tinygrad_mnist.train.space import spell_value

    rows = sweep.table()
    names = sorted({name for row in rows for name in row.params})
    columns = ["trial", *names, "validation", "epochs", "state"]
    show_table(
        columns,
        [
            [
                str(row.number),
                *(spell_value(row.params[n]) if n in row.params else "-" for n in names),
                "-" if row.validation is None else percentage(row.validation),
                str(row.epochs),
                row.state,
            ]
            for row in rows[:SHOWN]
        ],
    )
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN} more")
    if _plot(sweep, rows):
        say("plot", str(sweep.folder / PLOT))
    _complete_best(sweep, args.data)
    if (best := sweep.best) is None:
        print("no trial has come to its end: try a range of lower learning rates")
        return
    if not sweep.best_is_here:
        owner: Any = sweep.study.trials[best.number].user_attrs
        host, folder = owner["owner"]["host"], Path(owner["folder"]).parents[1]
        say("best", f"trial {best.number}, which ran on {host}: {folder / 'best'} there")
        return
    folder = sweep.folder / "best"
    say("best", f"trial {best.number}, {_result(best)}: {folder}")
    data = f" --data {shlex.quote(args.data)}" if args.data else ""
    print(f"next    tinygrad-mnist evaluate {shlex.quote(str(folder))}{data}")


def _plot(sweep: Sweep, rows: list[Row]) -> bool:
    """Draw the trials, if matplotlib is there."""
    from tinygrad_mnist.train.plots import can_plot, import_matplotlib

    if not can_plot():
        print("no plot: it needs matplotlib; pip install 'tinygrad-mnist[cli]'")
        return False
    try:
        import_matplotlib()
    except Exception as error:  # whatever fails here, the sweep is complete
        print(f"no plot: matplotlib cannot be imported: {' '.join(str(error).split())}")
        return False
    from tinygrad_mnist.train.sweep_plot import plot_trials

    plot_trials(rows, sweep.space, sweep.folder / PLOT)
    return True
