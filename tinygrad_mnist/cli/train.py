"""Train a recipe, and write the model, the record of the run, plots and a report into a folder.

Ctrl-C, SIGTERM and a closed terminal stop after the present step and leave a checkpoint that
--resume continues, bit for bit.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tinygrad_mnist.cli import ranks
from tinygrad_mnist.cli.folder import (
    BEST,
    CHECKPOINT,
    MODEL,
    RECORD,
    REPORT,
    check_free,
    claim,
    claim_new,
    results_in,
)
from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.options import (
    add_data,
    add_quiet,
    batch_size,
    describe_recipe,
    hidden_sizes,
    load_data,
    recipe_of,
)
from tinygrad_mnist.cli.stop import Stop

if TYPE_CHECKING:
    from tinygrad_mnist.cli.folder import Claim
    from tinygrad_mnist.train import Evaluation, Trainer

HELP = "train a recipe, for example mlp-128"
SAVE_SECONDS = 5.0  # seconds: the most work that is lost when the process is killed

# Flags that change a field of the recipe: type and help of each.
OVERRIDES: dict[str, dict[str, Any]] = {
    "seed": {"type": int, "help": "decides the first weights and the order of images"},
    "epochs": {"type": int, "help": "epochs: passes over the training images"},
    "batch_size": {"type": batch_size, "help": "images per step, or 'full' for all of them"},
    "lr": {"type": float, "help": "learning rate"},
    "hidden": {"type": hidden_sizes, "help": "sizes of the hidden layers, like 256,128"},
    "optimizer": {"help": "SGD or Adam"},
    "momentum": {"type": float, "help": "of SGD"},
    "weight_decay": {"type": float, "help": "how much weights shrink in a step, times lr"},
    "dropout": {"type": float, "help": "the share of inputs of a layer that a step leaves out"},
    "digit": {"type": int, "help": "the digit that the neuron tells from the others"},
}
_UNSET = object()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recipe, the flags that override its fields, and the paths."""
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="see `tinygrad-mnist models`")
    overrides = parser.add_argument_group("settings of the recipe, to be changed")
    for field, how in OVERRIDES.items():
        flag = f"--{field.replace('_', '-')}"
        metavar = "SIZES" if field == "hidden" else "N"
        overrides.add_argument(flag, dest=field, default=_UNSET, metavar=metavar, **how)
    add_data(parser)
    parser.add_argument(
        "--stream",
        action="store_true",
        help="leave the images in their files (IDX, .npy, shards); the default for large ones",
    )
    parser.add_argument(
        "--window",
        metavar="N",
        type=int,
        help="stream, and shuffle N images together, which come from runs of the file",
    )
    parser.add_argument(
        "--eager", action="store_true", help="do not compile the step: slower, the same bits"
    )
    parser.add_argument(
        "--ensemble",
        metavar="K",
        type=int,
        help="train K seeds, from --seed on, in one program: a folder each, as of single runs",
    )
    parser.add_argument(
        "--threads",
        metavar="N",
        type=int,
        help="threads of the BLAS (default: whichever number is faster here; it decides last bits)",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="where to write (default: a new folder, runs/RECIPE)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the run that --out holds")
    parser.add_argument(
        "--resume", metavar="PATH", help="continue the run of a checkpoint.pkl, or of its folder"
    )
    parser.add_argument(
        "--keep",
        metavar="N",
        type=int,
        default=0,
        help="keep checkpoints: of the last N epochs, and best.pkl, the best on validation",
    )
    add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Train and test; write the model, the record, the plots and the report."""
    if args.ensemble is not None:
        from tinygrad_mnist.cli import ensemble

        return ensemble.run_members(args, overrides(args), finish)
    if args.keep < 0:
        raise UsageError(f"--keep must be at least 0, not {args.keep}")
    cores = os.cpu_count() or 1
    if args.threads is not None and not 1 <= args.threads <= cores:
        raise UsageError(f"--threads must be from 1 to {cores}, the cores here, not {args.threads}")
    work = _resumed(args) if args.resume else _new(args)
    work.trainer.threads = args.threads or work.trainer.threads
    try:
        return _run(work, args)
    finally:
        work.claim.release()


class Work(NamedTuple):
    """A run to do: its folder, claimed; its trainer; and --data as the user named it."""

    claim: Claim | ranks.NoClaim
    trainer: Trainer
    data_option: str | None

    @property
    def out(self) -> Path:
        """Return the folder."""
        return self.claim.folder


def _run(work: Work, args: argparse.Namespace) -> int:
    from tinygrad_mnist.cli.show import say
    from tinygrad_mnist.train import Diverged

    out, trainer = work.out, work.trainer
    say("recipe", describe_recipe(trainer.recipe))
    if trainer.ranks.size > 1:
        say("ranks", ranks.describe(trainer.recipe.batch_size))
    if (window := getattr(trainer, "window", None)) is not None:
        say("order", f"shuffled in windows of {window:,} images")
    try:
        signal_number = _train(work, args)
    except Diverged:  # a resumed run would diverge again
        if ranks.is_first():
            (out / CHECKPOINT).unlink()
        raise
    if signal_number is not None:
        where = f"in epoch {trainer.epoch + 1}, step {trainer.batch} of {trainer.steps_per_epoch}"
        where = where if trainer.epoch < trainer.recipe.epochs else "after the last step"
        file = sys.stderr if args.quiet else sys.stdout
        if ranks.is_first():
            print(f"stopped {where}; all of it is in {out / CHECKPOINT}", file=file)
            command = f"tinygrad-mnist train --resume {shlex.quote(str(out))}"
            print(f"continue with: {command}", file=file)
        return 128 + signal_number  # the exit code that a shell reports after this signal
    if ranks.is_first():
        finish(trainer, out, work.data_option)
    return 0


def _new(args: argparse.Namespace) -> Work:
    from tinygrad_mnist.train import trainer_for

    if args.recipe is None:
        raise UsageError("train what? name a recipe; `tinygrad-mnist models` lists them")
    recipe = recipe_of(args.recipe).replace(**overrides(args))
    if args.digit is not _UNSET and recipe_of(args.recipe).digit is None:
        raise UsageError(f"--digit is for recipes with one output; {recipe.name} tells all ten")
    if args.overwrite and not args.out:
        raise UsageError("--overwrite is for --out: without it, each run has a new folder")
    option = args.data if args.data in (None, "embedded") else os.path.abspath(args.data)
    claimed = ranks.of_first(
        lambda: claim(Path(args.out)) if args.out else claim_new(Path("runs") / recipe.name)
    )
    try:
        if not args.overwrite and ranks.is_first():
            check_free(claimed.folder)
        data = ranks.first_alone(lambda: load_data(option, _stream(args)))
        trainer = trainer_for(recipe, data, args.eager, window=args.window)
        return Work(claimed, trainer, option)
    except BaseException:
        claimed.release()
        raise


def _resumed(args: argparse.Namespace) -> Work:
    from tinygrad_mnist.train import load_model, resume

    if args.recipe is not None or overrides(args) or args.window is not None:
        raise UsageError("--resume continues a run as it was begun: leave out recipe and its flags")
    path = _checkpoint(Path(args.resume)) if ranks.is_first() else Path(args.resume)
    out = Path(args.out) if args.out else path.parent
    claimed = ranks.of_first(lambda: claim(out))
    try:
        saved = load_model(ranks.file_of_first(path))
        if saved.training is None:
            raise UsageError(f"{path}: its training is complete; there is nothing to resume")
        is_its_own = path.parent.resolve() == out.resolve() and path.name == CHECKPOINT
        if is_its_own:
            args.overwrite = False  # it continues with the existing files
        elif not args.overwrite and ranks.is_first():
            check_free(out)
        option = args.data if args.data is not None else saved.data.get("given")
        stream = _stream(args) or saved.training.get("window") is not None or None
        data = ranks.first_alone(lambda: load_data(option, stream))
        return Work(claimed, resume(saved, data, eager=args.eager), option)
    except BaseException:
        claimed.release()
        raise


def _checkpoint(path: Path) -> Path:
    """Return the checkpoint that `path` stands for. Raises UsageError where there is none."""
    if path.is_dir():
        if (path / MODEL).exists() and not (path / CHECKPOINT).exists():
            raise UsageError(f"{path}: its training is complete; there is nothing to resume")
        path = path / CHECKPOINT
    if not path.exists():
        raise UsageError(f"{path}: No such file or directory: there is no checkpoint to resume")
    return path


def _stream(args: argparse.Namespace) -> bool | None:
    """Return whether to stream; None where the size of the data decides."""
    return True if args.stream or args.window is not None else None


def overrides(args: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of the recipe that flags change, with their values."""
    return {field: value for field in OVERRIDES if (value := getattr(args, field)) is not _UNSET}


def _train(work: Work, args: argparse.Namespace) -> int | None:
    """Train to the end, saving now and then; return the number of a signal that stopped it."""
    from tinygrad_mnist.cli.progress import progress
    from tinygrad_mnist.train import save_model

    out, trainer = work.out, work.trainer
    keep = args.keep

    def save(name: str = CHECKPOINT) -> None:
        if ranks.is_first():
            save_model(out / name, trainer, checkpoint=True, data_option=work.data_option)

    with Stop(trainer.ranks):
        save()  # at once: a folder that cannot be written to should not cost an hour
        if args.overwrite and ranks.is_first():  # only once the new run is in the folder
            for path in results_in(out):
                path.unlink()
        saved = time.monotonic()
        with progress(trainer) as bar:
            for numbers in trainer.steps():
                bar.step(numbers)
                if keep and numbers and ranks.is_first():
                    save(f"epoch-{trainer.epoch:04}.pkl")
                    (out / f"epoch-{trainer.epoch - keep:04}.pkl").unlink(missing_ok=True)
                    if _is_best(trainer.history):
                        save(BEST)
                stopped = trainer.ranks.stop_signal
                if stopped:
                    save()
                    return stopped
                if time.monotonic() - saved > SAVE_SECONDS:
                    save()
                    saved = time.monotonic()
    return None


def _is_best(history: list[dict[str, Any]]) -> bool:
    """Tell whether the last epoch is the best one so far on the validation images."""
    *before, last = (numbers["validation_accuracy"] for numbers in history)
    return bool(last > max(before, default=-1))


def finish(trainer: Trainer, out: Path, data_option: str | None) -> None:
    """Test the model, write all files, and print the result and what to do next."""
    from tinygrad_mnist.cli.evaluate import show_verdict
    from tinygrad_mnist.cli.show import say
    from tinygrad_mnist.files import atomic_write
    from tinygrad_mnist.train import evaluate, run_record, save_model

    data = trainer.data
    evaluation = evaluate(trainer.model, trainer.recipe, data.test_images, data.test_labels)
    record = run_record(trainer, evaluation)
    save_model(out / MODEL, trainer, record["test"])
    atomic_write(out / RECORD, (json.dumps(record, indent=1) + "\n").encode())
    (out / CHECKPOINT).unlink(missing_ok=True)
    show_verdict(evaluation, trainer.recipe, data)
    written = [MODEL, RECORD, *_plots(trainer, evaluation, out)]
    written += _report(trainer, evaluation, record, out)
    say("wrote", f"{', '.join(written)} into {out}")
    if REPORT in written:
        say("open", f"{out / REPORT} in a browser, and draw a digit on it")
    data_flag = f" --data {shlex.quote(data_option)}" if data_option else ""
    print(f"next    tinygrad-mnist evaluate {shlex.quote(str(out / MODEL))}{data_flag}")


def _report(
    trainer: Trainer, evaluation: Evaluation, record: dict[str, Any], out: Path
) -> list[str]:
    from tinygrad_mnist.files import atomic_write
    from tinygrad_mnist.report import Run, can_render, render_report

    if not _works("report", "Jinja2", can_render, lambda: importlib.import_module("jinja2")):
        return []
    run = Run(trainer.model, trainer.recipe, trainer.data, evaluation, record, record["epochs"])
    atomic_write(out / REPORT, render_report(run).encode())
    return [REPORT]


def _plots(trainer: Trainer, evaluation: Evaluation, out: Path) -> list[str]:
    from tinygrad_mnist.train import plots

    if not _works("plots", "matplotlib", plots.can_plot, plots.import_matplotlib):
        return []
    return [path.name for path in plots.plot_run(trainer, evaluation, out)]


def _works(
    product: str, library: str, is_installed: Callable[[], bool], load: Callable[[], object]
) -> bool:
    """Tell whether a library can be imported; if not, print why its product is not written."""
    if not is_installed():
        print(f"no {product}: {library} is missing; pip install 'tinygrad-mnist[cli]'")
        return False
    try:
        load()
    except Exception as error:  # whatever fails here, the run is written and complete
        print(f"no {product}: {library} cannot be imported: {' '.join(str(error).split())}")
        return False
    return True
