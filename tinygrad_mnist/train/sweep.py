"""A sweep: many runs of a recipe with values that Optuna chooses, kept in one file.

The file is Optuna's journal: any number of processes append to it, and a sweep that is killed goes
on from it. A trial that was interrupted is run again under its number with its values, from its
last checkpoint. What a trial chooses depends on the seed, its number and the trials that are done.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import shutil
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinygrad_mnist.data import Mnist
from tinygrad_mnist.files import atomic_write, locked
from tinygrad_mnist.models import RecipeError
from tinygrad_mnist.train.checkpoint import data_summary, load_model, resume, save_model
from tinygrad_mnist.train.journal import SweepError, open_journal
from tinygrad_mnist.train.loop import Diverged, Trainer
from tinygrad_mnist.train.process import is_alive, this_process
from tinygrad_mnist.train.space import Space
from tinygrad_mnist.train.stream import trainer_for

__all__ = ["Row", "Stopped", "Sweep", "SweepError", "import_optuna"]

JOURNAL, BEST, TRIALS = "sweep.journal", "best", "trials"
CHECKPOINT, MODEL, SUMMARY = "checkpoint.pkl", "model.pkl", "trial.json"
NAME = "sweep"
STARTUP = 10  # trials at random, before values are chosen by what was good
SAVE_SECONDS = 5.0  # the most work that is lost when the process is killed
ATTEMPTS = 3  # of a trial whose process dies
STARTING = 60.0  # seconds within which another machine marks a trial as its own


class Stopped(Exception):
    """The sweep was asked to stop: the trial goes on when the sweep does."""


@dataclass(frozen=True)
class Row:
    """One trial as a table shows it."""

    number: int
    params: dict[str, Any]
    validation: float | None
    epochs: int
    state: str


class Sweep:
    """A sweep of a `space` of recipes on `data`, in `folder`; it is begun there, or goes on.

    `storage` is the file that several machines share, by default one in the folder. The best run,
    by validation accuracy, is kept in `folder/best`: its model, and its numbers in trial.json. Bad
    trials are ended early, if `prune`, when after two epochs they are worse than the median.
    Raises SweepError for a file that is damaged or holds another sweep, and where Optuna is not
    installed.
    """

    def __init__(
        self,
        folder: Path,
        space: Space,
        data: Mnist,
        *,
        storage: Path | None = None,
        prune: bool = True,
        threads: int = 1,
    ) -> None:
        if not space.axes:
            raise RecipeError("a sweep needs a range or a list: --lr 1e-4:1e-1:log")
        self.folder, self.space, self.data = folder, space, data
        self.path = storage or folder / JOURNAL
        self.threads = threads
        self.settings = {
            "recipe": space.recipe.to_dict(),
            "space": space.to_dict(),
            "data": data_summary(data),
            "prune": prune,
        }
        optuna = import_optuna()
        folder.mkdir(parents=True, exist_ok=True)
        self.storage = open_journal(self.path)
        self.study = self._open_study(optuna)
        self._put_back_best()

    def _open_study(self, optuna: Any) -> Any:
        """Open or create the study; compare its settings with these."""
        plain = json.loads(json.dumps(self.settings))
        pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2)
        if not self.settings["prune"]:
            pruner = optuna.pruners.NopPruner()
        with self._alone():
            try:  # creating an existing one would write a line
                study = optuna.load_study(study_name=NAME, storage=self.storage, pruner=pruner)
            except KeyError:
                study = optuna.create_study(
                    study_name=NAME, storage=self.storage, direction="maximize", pruner=pruner
                )
                study.set_user_attr("settings", plain)
        settings = study.user_attrs.get("settings")
        if settings != plain:
            raise SweepError(f"{self.path}: holds another sweep{_difference(settings, plain)}")
        return study

    def work(
        self,
        trials: int,
        is_stopped: Callable[[], bool] = lambda: False,
        show: Callable[[Row], object] = lambda row: None,
    ) -> None:
        """Run trials until there are `trials` of them, or `is_stopped()`, asked after each step."""
        while not is_stopped():
            trial = self.ask(trials)
            if trial is None:
                return
            with contextlib.suppress(Stopped):
                show(self.run(trial, is_stopped))

    def ask(self, trials: int) -> Any:
        """Begin the next trial, and return it; None if there are `trials` of them already.

        A trial that was interrupted comes first.
        """
        optuna = import_optuna()
        with self._alone():
            self.requeue()
            everyone = self.study.get_trials(deepcopy=False)
            waiting = [t.number for t in everyone if t.state.name == "WAITING"]
            if not waiting and len(everyone) >= trials:
                return None
            number = min(waiting, default=len(everyone))
            self.study.sampler = optuna.samplers.TPESampler(
                seed=self.space.recipe.seed * 1_000_003 + number, n_startup_trials=STARTUP
            )
            trial = self.study.ask()
            trial.set_user_attr("owner", this_process())
            attempts = trial.user_attrs.get("attempts", 0)
            trial.set_user_attr("attempts", attempts + 1)
            return trial

    def requeue(self) -> None:
        """Queue the trials again whose process is gone; after `ATTEMPTS` they count as failed."""
        for trial in self.study.get_trials(deepcopy=False):
            if trial.state.name == "RUNNING" and _is_stale(trial):
                died = trial.user_attrs.get("attempts", 0) >= ATTEMPTS
                self._set_state(trial, "FAIL" if died else "WAITING")

    def _set_state(self, trial: Any, state: str) -> None:
        states = import_optuna().trial.TrialState
        self.storage.set_trial_state_values(trial._trial_id, state=states[state])

    def run(self, trial: Any, is_stopped: Callable[[], bool] = lambda: False) -> Row:
        """Train a trial to its end, and record the result; return its row of the table.

        Raises Stopped, after a checkpoint, when `is_stopped()` asks for it.
        """
        states = import_optuna().trial.TrialState
        folder = self.folder / TRIALS / f"{trial.number:05}"
        folder.mkdir(parents=True, exist_ok=True)
        trial.set_user_attr("folder", str(folder.resolve()))
        try:
            trainer = self._trainer(trial, folder / CHECKPOINT)
            pruned = self._train(trial, trainer, folder / CHECKPOINT, is_stopped)
            value = trainer.history[-1]["validation_accuracy"]
            if not pruned:
                self._keep_if_best(trial.number, value, trainer, folder)
            with self._alone():
                self.study.tell(
                    trial, None if pruned else value, states.PRUNED if pruned else states.COMPLETE
                )
        except Diverged:
            trial.set_user_attr("diverged", value=True)
            self.study.tell(trial, state=states.PRUNED)
        except Stopped:
            trial.set_user_attr("attempts", 0)  # it did not die
            self._set_state(trial, "WAITING")
            raise
        shutil.rmtree(folder, ignore_errors=True)
        return self.row(self.study.get_trials(deepcopy=False)[trial.number])

    def _trainer(self, trial: Any, checkpoint: Path) -> Trainer:
        """Return the trainer of a trial, where its checkpoint stands if there is one."""
        recipe = self.space.suggest(trial)
        trainer = trainer_for(recipe, self.data)
        if checkpoint.exists():
            saved = load_model(checkpoint)
            if saved.recipe == recipe:
                trainer = resume(saved, self.data)
        trainer.threads = self.threads
        return trainer

    def _train(
        self, trial: Any, trainer: Trainer, checkpoint: Path, is_stopped: Callable[[], bool]
    ) -> bool:
        """Train, and report each epoch; return True if the trial was pruned."""
        saved = time.monotonic()
        reported = set(self.study.get_trials(deepcopy=False)[trial.number].intermediate_values)
        for numbers in trainer.steps():
            if numbers and numbers["epoch"] not in reported:
                trial.report(numbers["validation_accuracy"], numbers["epoch"])
                if trainer.epoch < trainer.recipe.epochs and trial.should_prune():
                    return True
            is_over = trainer.epoch == trainer.recipe.epochs
            if is_stopped() and not is_over:
                save_model(checkpoint, trainer, checkpoint=True)
                raise Stopped
            if time.monotonic() - saved > SAVE_SECONDS:
                save_model(checkpoint, trainer, checkpoint=True)
                saved = time.monotonic()
        return False

    def _keep_if_best(self, number: int, value: float, trainer: Trainer, folder: Path) -> None:
        """Save a run that is better than the best so far, and put it in the place of that."""
        best, old = self.folder / BEST, self.folder / f".{BEST}-before"
        with locked(self.folder / ".best.lock"):
            last = self._summary()
            if last and (last["value"], -last["number"]) > (value, -number):
                return
            save_model(folder / MODEL, trainer)
            (folder / CHECKPOINT).unlink(missing_ok=True)
            summary = {
                "number": number,
                "value": value,
                "recipe": trainer.recipe.to_dict(),
                "epochs": trainer.history,
            }
            atomic_write(folder / SUMMARY, (json.dumps(summary, indent=1) + "\n").encode())
            if best.exists():
                best.rename(old)
            folder.rename(best)
            shutil.rmtree(old, ignore_errors=True)

    def _put_back_best(self) -> None:
        """Put the best run back, if a process died while it was exchanged."""
        best, old = self.folder / BEST, self.folder / f".{BEST}-before"
        with locked(self.folder / ".best.lock"):
            if old.exists() and not best.exists():
                old.rename(best)
            shutil.rmtree(old, ignore_errors=True)

    def _summary(self) -> dict[str, Any] | None:
        """Return the number and the value of the run in `best`."""
        try:
            summary: dict[str, Any] = json.loads((self.folder / BEST / SUMMARY).read_bytes())
            return summary
        except (OSError, ValueError):
            return None

    @property
    def best(self) -> Row | None:
        """Return the best trial that ended, of all machines."""
        rows = [row for row in self.table() if row.state == "complete"]
        return rows[0] if rows else None

    @property
    def best_is_here(self) -> bool:
        """Tell whether the best trial's run is the one in this folder."""
        best, summary = self.best, self._summary()
        return best is not None and summary is not None and summary["number"] == best.number

    def best_trainer(self) -> Trainer | None:
        """Return the best run of this folder as it ended: its `.model` and its `.history`."""
        summary = self._summary()
        if summary is None:
            return None
        saved = load_model(self.folder / BEST / MODEL)
        trainer = trainer_for(saved.recipe, self.data)
        trainer.model.load_state_dict(saved.model.state_dict())
        trainer.history, trainer.epoch = summary["epochs"], saved.recipe.epochs
        trainer.threads = self.threads
        return trainer

    def table(self) -> list[Row]:
        """Return the trials: those that ended by validation accuracy, then the others."""
        rows = [self.row(trial) for trial in self.study.get_trials(deepcopy=False)]
        return sorted(
            rows, key=lambda row: (row.state != "complete", -(row.validation or 0), row.number)
        )

    def row(self, trial: Any) -> Row:
        """Return the row of a trial."""
        steps = trial.intermediate_values
        state = trial.state.name.lower()
        if trial.user_attrs.get("diverged"):
            state = "diverged"
        value = trial.values[0] if trial.values and state == "complete" else None
        if value is None and steps:
            value = steps[max(steps)]
        return Row(trial.number, dict(trial.params), value, max(steps, default=0), state)

    def is_done(self, trials: int) -> bool:
        """Tell whether `trials` trials have ended."""
        return sum(row.state not in ("running", "waiting") for row in self.table()) >= trials

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold off the other processes of this machine."""
        with locked(self.path.with_name(self.path.name + ".ask")):
            yield


def import_optuna() -> Any:
    """Import Optuna, silent but for errors. Raises SweepError, naming the extra, without it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optuna = importlib.import_module("optuna")
    except ImportError:
        raise SweepError("a sweep needs Optuna: pip install 'tinygrad-mnist[sweep]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _is_stale(trial: Any) -> bool:
    """Tell whether the process of a running trial is gone."""
    owner = trial.user_attrs.get("owner")
    if owner is None:
        return bool(time.time() - trial.datetime_start.timestamp() > STARTING)
    return bool(owner["host"] == socket.gethostname() and not is_alive(owner))


def _difference(there: Any, here: dict[str, Any]) -> str:
    """Return in words where two sweeps differ."""
    if not isinstance(there, dict):
        return ": one that this program has not begun"
    for name, value in here.items():
        other = there.get(name)
        if other == value:
            continue
        if isinstance(value, dict) and isinstance(other, dict):
            for key in {**other, **value}:
                if other.get(key) != value.get(key):
                    name, other, value = key, other.get(key, "nothing"), value.get(key, "nothing")
                    break
        return f": its {name} is {other}, not {value}; name another folder with --out"
    return ""
