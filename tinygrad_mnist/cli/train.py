"""Train a recipe, and write the model, the record of the run and plots of it into a folder.

Ctrl-C stops after the present step and leaves a checkpoint that --resume continues, bit for bit.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.cli.main import STOPPED, UsageError
from tinygrad_mnist.cli.options import add_data, batch_size, load_data, recipe_of, sizes

if TYPE_CHECKING:
    from tinygrad_mnist.models import Recipe
    from tinygrad_mnist.train import Evaluation, Trainer

HELP = "train a recipe, for example mlp-128"
CHECKPOINT, BEST, MODEL, RECORD = "checkpoint.pkl", "best.pkl", "model.pkl", "run.json"
SAVE_SECONDS = 5.0  # at most so much work is lost when the process is killed

# Flags that change a field of the recipe: type and help of each.
OVERRIDES: dict[str, dict[str, Any]] = {
    "seed": {"type": int, "help": "decides the first weights and the order of images"},
    "epochs": {"type": int, "help": "passes over the training images"},
    "batch_size": {"type": batch_size, "help": "images a step, or 'full' for all of them"},
    "lr": {"type": float, "help": "learning rate"},
    "hidden": {"type": sizes, "help": "sizes of the hidden layers, like 256,128"},
    "digit": {"type": int, "help": "the digit that the neuron tells from the others"},
}
_UNSET = object()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The recipe, what overrides it, and where things are."""
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="see `tinygrad-mnist models`")
    overrides = parser.add_argument_group("instead of what the recipe says")
    for field, how in OVERRIDES.items():
        flag = f"--{field.replace('_', '-')}"
        metavar = "SIZES" if field == "hidden" else "N"
        overrides.add_argument(flag, dest=field, default=_UNSET, metavar=metavar, **how)
    add_data(parser)
    parser.add_argument(
        "--eager", action="store_true", help="do not compile the step: slower, the same bits"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="where to write (default: a new folder, runs/RECIPE)"
    )
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


def run(args: argparse.Namespace) -> int:
    """Train; then test, and write everything."""
    from tinygrad_mnist.train import Diverged

    if args.keep < 0:
        raise UsageError(f"--keep must be at least 0, not {args.keep}")
    trainer, out, given = _resumed(args) if args.resume else _new(args)
    out.mkdir(parents=True, exist_ok=True)
    print(f"recipe  {_describe(trainer.recipe)}", flush=True)
    try:
        finished = _train(trainer, out, given, args.keep)
    except Diverged:  # and would again
        (out / CHECKPOINT).unlink()
        raise
    if not finished:
        where = f"epoch {trainer.epoch + 1}, step {trainer.batch} of {trainer.steps_an_epoch}"
        print(f"stopped in {where}; all of it is in {out / CHECKPOINT}")
        print(f"continue with: tinygrad-mnist train --resume {shlex.quote(str(out))}")
        return STOPPED
    _finish(trainer, out, given)
    return 0


def _new(args: argparse.Namespace) -> tuple[Trainer, Path, str | None]:
    from tinygrad_mnist.train import Trainer

    if args.recipe is None:
        raise UsageError("train what? name a recipe; `tinygrad-mnist models` lists them")
    recipe = recipe_of(args.recipe).replace(**_overrides(args))
    if args.digit is not _UNSET and recipe_of(args.recipe).digit is None:
        raise UsageError(f"--digit is for recipes with one output; {recipe.name} tells all ten")
    out = Path(args.out) if args.out else _free_folder(Path("runs") / recipe.name)
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: a file; name a folder")
    if (out / CHECKPOINT).exists():
        raise UsageError(
            f"{out} holds an interrupted run; continue it with --resume {out}, "
            f"or delete {out / CHECKPOINT}"
        )
    given = args.data if args.data in (None, "embedded") else os.path.abspath(args.data)
    return Trainer(recipe, load_data(given), args.eager), out, given


def _resumed(args: argparse.Namespace) -> tuple[Trainer, Path, str | None]:
    from tinygrad_mnist.train import load_model, resume

    if args.recipe is not None or _overrides(args):
        raise UsageError("--resume continues a run as it was begun: leave out recipe and its flags")
    path = Path(args.resume)
    if path.is_dir():
        path = path / CHECKPOINT
    saved = load_model(path)
    if saved.training is None:
        raise UsageError(f"{path}: its training is complete; there is nothing to resume")
    given = args.data if args.data is not None else saved.data.get("given")
    out = Path(args.out) if args.out else path.parent
    return resume(saved, load_data(given), args.eager), out, given


def _overrides(args: argparse.Namespace) -> dict[str, Any]:
    return {field: value for field in OVERRIDES if (value := getattr(args, field)) is not _UNSET}


def _free_folder(wanted: Path) -> Path:
    """`wanted`, or wanted-2, wanted-3, ...: no run is overwritten unasked."""
    folder, number = wanted, 1
    while folder.exists():
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


def _describe(recipe: Recipe) -> str:
    batch = "full batch" if recipe.batch_size is None else f"batch {recipe.batch_size}"
    network = "-".join(map(str, recipe.layers))
    return (
        f"{recipe.name}: {network}, {recipe.optimizer}, learning rate {recipe.lr:g}, {batch}, "
        f"{recipe.epochs} epochs, seed {recipe.seed}"
    )


class _Stop:
    """Ctrl-C and SIGTERM ask to stop after the present step; asked twice, Ctrl-C stops at once."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> _Stop:
        self.before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def _train(trainer: Trainer, out: Path, given: str | None, keep: int) -> bool:
    """Train to the end, saving now and then; False when the user stopped it before."""
    from tinygrad_mnist.cli.show import progress
    from tinygrad_mnist.train import save_model

    def save(name: str = CHECKPOINT) -> None:
        save_model(out / name, trainer, checkpoint=True, given=given)

    with _Stop() as stop:
        save()  # at once: a folder that cannot be written to should not cost an hour
        saved = time.monotonic()
        with progress(trainer) as bar:
            for numbers in trainer.steps():
                bar.step(numbers)
                if keep and numbers:
                    save(f"epoch-{trainer.epoch:04}.pkl")
                    (out / f"epoch-{trainer.epoch - keep:04}.pkl").unlink(missing_ok=True)
                    if _is_best(trainer.history):
                        save(BEST)
                if stop.asked and trainer.epoch < trainer.recipe.epochs:
                    save()
                    return False
                if time.monotonic() - saved > SAVE_SECONDS:
                    save()
                    saved = time.monotonic()
    return True


def _is_best(history: list[dict[str, Any]]) -> bool:
    """Whether the last epoch was better on the validation images than each before it."""
    *before, last = (numbers["validation_accuracy"] for numbers in history)
    return bool(last > max(before, default=-1))


def _finish(trainer: Trainer, out: Path, given: str | None) -> None:
    """Test the model, write everything, and say how it did and what to do next."""
    from tinygrad_mnist.cli.evaluate import verdict
    from tinygrad_mnist.serialize import atomic_write
    from tinygrad_mnist.train import evaluate, run_record, save_model

    data = trainer.data
    evaluation = evaluate(trainer.model, trainer.recipe, data.test_images, data.test_labels)
    record = run_record(trainer, evaluation)
    save_model(out / MODEL, trainer, record["test"])
    atomic_write(out / RECORD, (json.dumps(record, indent=1) + "\n").encode())
    (out / CHECKPOINT).unlink(missing_ok=True)
    print(verdict(evaluation, trainer.recipe, data))
    written = [MODEL, RECORD, *_plots(trainer, evaluation, out)]
    print(f"wrote   {', '.join(written)} into {out}")
    data_flag = f" --data {shlex.quote(given)}" if given else ""
    print(f"next    tinygrad-mnist evaluate {shlex.quote(str(out / MODEL))}{data_flag}")


def _plots(trainer: Trainer, evaluation: Evaluation, out: Path) -> list[str]:
    from tinygrad_mnist.train.plots import can_plot, plot_run

    if not can_plot():
        print("no plots: they need matplotlib; pip install 'tinygrad-mnist[cli]'")
        return []
    return [path.name for path in plot_run(trainer, evaluation, out)]
