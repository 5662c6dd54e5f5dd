"""`train RECIPE --ensemble K`: K seeds in one program, each written as a run of its own."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.cli import ranks
from tinygrad_mnist.cli.folder import CHECKPOINT, check_free, claim, claim_new, results_in
from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.options import describe_recipe, load_data, recipe_of

if TYPE_CHECKING:
    from tinygrad_mnist.train import Trainer
    from tinygrad_mnist.train.ensemble import Ensemble

Finish = Callable[["Trainer", Path, str | None], None]
ALONE = ("resume", "keep", "stream", "window")  # flags of train that an ensemble does not have


def run_members(args: argparse.Namespace, changes: dict[str, Any], finish: Finish) -> int:
    """Train the members, and write and test each by `finish`; return 1 if one diverged."""
    from tinygrad_mnist.cli.show import say
    from tinygrad_mnist.train.ensemble import Ensemble

    recipe = _recipe(args, changes)
    named = args.data if args.data in (None, "embedded") else os.path.abspath(args.data)
    folder = Path(args.out) if args.out else None
    claimed = claim(folder) if folder else claim_new(Path("runs") / f"{recipe.name}-ensemble")
    try:
        members = [claimed.folder / f"seed-{recipe.seed + i}" for i in range(args.ensemble)]
        for member in members:
            if not args.overwrite:
                check_free(member)
        data = load_data(named, stream=False)
        threads = args.threads or 1
        ensemble = Ensemble(recipe, data, args.ensemble, eager=args.eager, threads=threads)
        say("recipe", f"{describe_recipe(recipe)} to {recipe.seed + args.ensemble - 1}")
        stopped = _train(ensemble)
        if stopped is not None:
            _save(ensemble, members, named)
            return 128 + stopped
        return _write(ensemble, members, named, finish)
    finally:
        claimed.release()


def _recipe(args: argparse.Namespace, changes: dict[str, Any]) -> Any:
    """Return the recipe of the first member; UsageError for flags that do not go together."""
    if ranks.is_one_of_many():
        raise UsageError("--ensemble trains on one rank: leave out mpiexec")
    for name in ALONE:
        if getattr(args, name):
            raise UsageError(f"--{name} is for a single run, not for --ensemble")
    if args.recipe is None:
        raise UsageError("train what? name a recipe; `tinygrad-mnist models` lists them")
    if args.ensemble < 1:
        raise UsageError(f"--ensemble must be at least 1, not {args.ensemble}")
    recipe = recipe_of(args.recipe)
    if "digit" in changes and recipe.digit is None:
        raise UsageError(f"--digit is for recipes with one output; {recipe.name} tells all ten")
    if args.overwrite and not args.out:
        raise UsageError("--overwrite is for --out: without it, each run has a new folder")
    return recipe.replace(**changes)


def _train(ensemble: Ensemble) -> int | None:
    """Train to the end; return the number of a signal that stopped it."""
    from tinygrad_mnist.cli.show import percentage
    from tinygrad_mnist.cli.stop import Stop

    with Stop() as stop:
        for epoch in ensemble.steps():
            if stop.asked is not None:
                return stop.asked
            if epoch is None:
                continue
            results = [m.history[-1]["validation_accuracy"] for m in _alive(ensemble).values()]
            words = f"{percentage(min(results))} to {percentage(max(results))}"
            print(f"epoch {epoch}/{ensemble.recipe.epochs}  validation {words}", flush=True)
    return None


def _save(ensemble: Ensemble, folders: list[Path], named: str | None) -> None:
    """Write a checkpoint of each member, from which it goes on as a single run."""
    from tinygrad_mnist.train import save_model

    ensemble.hand_over()
    for number, member in _alive(ensemble).items():
        folders[number].mkdir(parents=True, exist_ok=True)
        for path in results_in(folders[number]):  # with --overwrite
            path.unlink()
        save_model(folders[number] / CHECKPOINT, member, checkpoint=True, data_option=named)
    where = f"in epoch {ensemble.epoch + 1}"
    where = where if ensemble.epoch < ensemble.recipe.epochs else "after the last step"
    print(f"stopped {where}; each member left a checkpoint")
    print(f"continue one with: tinygrad-mnist train --resume {shlex.quote(str(folders[0]))}")


def _alive(ensemble: Ensemble) -> dict[int, Trainer]:
    """Return the members that have not diverged, by number."""
    return {i: m for i, m in enumerate(ensemble.members) if i not in ensemble.diverged}


def _write(ensemble: Ensemble, folders: list[Path], named: str | None, finish: Finish) -> int:
    """Write and test each member, and print a table."""
    from tinygrad_mnist.cli.show import percentage, say, show_table
    from tinygrad_mnist.train import evaluate

    rows, accuracies, data = [], [], ensemble.data
    for number, member in _alive(ensemble).items():
        folders[number].mkdir(parents=True, exist_ok=True)
        for path in results_in(folders[number]):  # with --overwrite
            path.unlink()
        with contextlib.redirect_stdout(io.StringIO()):
            finish(member, folders[number], named)
        result = evaluate(member.model, member.recipe, data.test_images, data.test_labels)
        accuracies.append(result.accuracy)
        validation = percentage(member.history[-1]["validation_accuracy"])
        rows.append([str(member.recipe.seed), validation, percentage(result.accuracy)])
    show_table(["seed", "validation", "test"], rows)
    mean = sum(accuracies) / len(accuracies)
    say("test", f"mean {percentage(mean)}, from {percentage(min(accuracies))} to "
                f"{percentage(max(accuracies))}, of the {len(data.test_labels):,} test images "
                f"of {data.name}")  # fmt: skip
    for number, where in ensemble.diverged.items():
        print(f"seed {ensemble.members[number].recipe.seed} diverged {where}: not written")
    say("wrote", f"{len(rows)} runs into {folders[0].parent}")
    return 1 if ensemble.diverged else 0
