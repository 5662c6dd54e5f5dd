"""A sweep repeats, goes on after any end, keeps the best run, and refuses what is not its own."""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tinygrad_mnist.data import Mnist
from tinygrad_mnist.models import RECIPES, RecipeError
from tinygrad_mnist.train import load_model
from tinygrad_mnist.train import sweep as module
from tinygrad_mnist.train.journal import JournalLock
from tinygrad_mnist.train.process import is_alive, this_process
from tinygrad_mnist.train.space import Space
from tinygrad_mnist.train.sweep import Row, Sweep, SweepError

needs_optuna = pytest.mark.skipif(find_spec("optuna") is None, reason="needs Optuna")
RECIPE = RECIPES["mlp-10"].replace(epochs=4)
TEXTS = {"lr": "0.001:3:log", "hidden": "2:8", "optimizer": "adam,sgd", "momentum": "0:0.9"}
TRIALS = 9


def sweep_in(folder: Path, data: Mnist, texts: dict[str, str] = TEXTS, **options: Any) -> Sweep:
    return Sweep(folder, Space(RECIPE, texts), data, **options)


@pytest.fixture(scope="module")
def whole(few: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    sweep = sweep_in(tmp_path_factory.mktemp("sweep"), few)
    sweep.work(TRIALS)
    return sweep


def stopped_after(steps: int) -> Callable[[], bool]:
    def is_stopped() -> bool:
        nonlocal steps
        steps -= 1
        return steps < 0

    return is_stopped


@needs_optuna
def test_the_table_has_every_trial_the_best_first(whole: Sweep) -> None:
    rows = whole.table()
    assert sorted(row.number for row in rows) == list(range(TRIALS))
    done = [row for row in rows if row.state == "complete"]
    assert rows[: len(done)] == done and len({row.state for row in rows[len(done) :]}) == 1
    results = [row.validation for row in done]
    assert results == sorted(results, reverse=True)
    assert any(row.state == "pruned" and row.epochs < 4 for row in rows)
    assert all(("momentum" in row.params) == (row.params["optimizer"] == "SGD") for row in rows)


@needs_optuna
def test_the_best_run_is_kept_and_no_other(whole: Sweep) -> None:
    best = whole.table()[0]
    assert whole.best == best and whole.best_is_here
    recipe = load_model(whole.folder / "best" / "model.pkl").recipe
    assert (recipe.lr, recipe.hidden) == (best.params["lr"], (best.params["hidden"],))
    assert list((whole.folder / "trials").iterdir()) == []


@needs_optuna
def test_a_sweep_that_is_stopped_again_and_again_ends_in_the_same_table(
    whole: Sweep, few: Mnist, tmp_path: Path
) -> None:
    for steps in (3, 1, 30, 11, 60):
        sweep_in(tmp_path, few).work(TRIALS, stopped_after(steps))
    sweep = sweep_in(tmp_path, few)
    assert not sweep.is_done(TRIALS)
    sweep.work(TRIALS)
    assert sweep.is_done(TRIALS)
    assert sweep.table() == whole.table()
    name = Path("best", "model.pkl")
    assert (sweep.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def die_in(folder: Path, data: Mnist, steps: int) -> None:
    """End as by SIGKILL after some steps; the children of a test may not be waited for."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    is_stopped = stopped_after(steps)

    def kill() -> bool:
        if is_stopped():
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    sweep_in(folder, data).work(TRIALS, kill)


@needs_optuna
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_killed_sweep_ends_in_the_same_table(whole: Sweep, few: Mnist, tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    for steps in (2, 40):
        process = fork.Process(target=die_in, args=(tmp_path, few, steps))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    sweep = sweep_in(tmp_path, few)
    assert [row.state for row in sweep.table()].count("running") == 1
    sweep.work(TRIALS)
    assert sweep.table() == whole.table()


def die_with_the_lock(path: Path) -> None:
    JournalLock(path).acquire()
    os.kill(os.getpid(), signal.SIGKILL)


@needs_optuna
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_process_that_dies_while_it_writes_holds_nobody_up(few: Mnist, tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path, few)
    process = multiprocessing.get_context("fork").Process(
        target=die_with_the_lock, args=(sweep.path,)
    )
    process.start()
    process.join()
    sweep.work(1)
    assert sweep.is_done(1)


@needs_optuna
def test_a_trial_whose_process_always_dies_fails_in_the_end(few: Mnist, tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path, few)
    for _ in range(module.ATTEMPTS):
        trial = sweep.ask(2)
        assert trial.number == 0
        trial.set_user_attr("owner", {**this_process(), "began": -7})  # another's number by now
    sweep.work(2)
    assert {row.number: row.state for row in sweep.table()} == {0: "fail", 1: "complete"}


@needs_optuna
def test_trials_of_another_machine_are_left_alone(few: Mnist, tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path, few)
    sweep.ask(3).set_user_attr("owner", {"host": "elsewhere", "pid": 1, "began": 0})
    sweep.work(3)
    assert {row.number: row.state for row in sweep.table()} | {0: "running"} == {
        0: "running", 1: "complete", 2: "complete"
    }  # fmt: skip


@needs_optuna
def test_a_sweep_can_be_made_longer(few: Mnist, tmp_path: Path, whole: Sweep) -> None:
    sweep_in(tmp_path, few).work(3)
    sweep_in(tmp_path, few).work(TRIALS)
    assert sweep_in(tmp_path, few).table() == whole.table()


@needs_optuna
def test_a_run_that_diverges_is_a_row(few: Mnist, tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path, few, {"lr": "1e30:1e36:log"})
    rows: list[Row] = []
    sweep.work(2, show=rows.append)
    assert [row.state for row in rows] == ["diverged"] * 2 and sweep.best is None


@needs_optuna
def test_the_seed_decides_the_choices(few: Mnist, whole: Sweep, tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path, few, {**TEXTS, "seed": "1"})
    sweep.work(1)
    assert sweep.table()[0].params != next(r for r in whole.table() if r.number == 0).params


# What is refused


@needs_optuna
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.update(texts={**TEXTS, "lr": "0.001:1:log"}), "its lr is 0.001:3:log, not"),
        (lambda s: s.update(texts={"lr": TEXTS["lr"]}), "its hidden is 2:8, not nothing"),
        (lambda s: s.update(recipe=RECIPES["mlp-128"]), "its name is mlp-10, not mlp-128"),
        (lambda s: s.update(prune=False), "its prune is True, not False"),
    ],
)
def test_the_file_of_another_sweep(
    change: Callable[[dict[str, Any]], None], says: str, whole: Sweep, few: Mnist
) -> None:
    settings: dict[str, Any] = {"texts": TEXTS, "recipe": RECIPE, "prune": True}
    change(settings)
    before = whole.path.read_bytes()
    space = Space(settings["recipe"], settings["texts"])
    with pytest.raises(SweepError, match=says):
        Sweep(whole.folder, space, few, prune=settings["prune"])
    assert whole.path.read_bytes() == before


@needs_optuna
@pytest.mark.parametrize(
    "content", [b"hello\nworld\n", b'{"a": 1}\n', b"[1]\n", b"\x00\xff\n", b"{}\n"]
)
def test_a_file_that_is_no_journal_is_left_as_it_is(
    content: bytes, few: Mnist, tmp_path: Path
) -> None:
    path = tmp_path / "sweep.journal"
    path.write_bytes(content)
    with pytest.raises(SweepError, match="line 1 is no operation"):
        sweep_in(tmp_path, few)
    assert path.read_bytes() == content


@needs_optuna
def test_a_damaged_line_in_the_middle(whole: Sweep, few: Mnist, tmp_path: Path) -> None:
    lines = whole.path.read_bytes().splitlines(keepends=True)
    for bad in (b"{...}\n", b'{"op_code": 99, "worker_id": "x"}\n', b'{"op_code": 4}\n'):
        (tmp_path / "sweep.journal").write_bytes(b"".join([*lines[:3], bad, *lines[4:]]))
        with pytest.raises(SweepError, match="damaged"):
            sweep_in(tmp_path, few)


@needs_optuna
def test_a_line_that_was_cut_off_did_not_happen(whole: Sweep, few: Mnist, tmp_path: Path) -> None:
    path = tmp_path / "sweep.journal"
    path.write_bytes(whole.path.read_bytes() + b'{"op_code": 4, "worker')
    sweep = sweep_in(tmp_path, few)
    assert sweep.table() == whole.table()
    assert path.read_bytes() == whole.path.read_bytes()


@needs_optuna
def test_a_best_run_is_put_back_after_a_crash(few: Mnist, tmp_path: Path) -> None:
    sweep = sweep_in(tmp_path, few)
    sweep.work(1)
    (tmp_path / "best").rename(tmp_path / ".best-before")
    assert sweep_in(tmp_path, few).best_is_here


def test_without_optuna_the_extra_is_named(
    few: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SweepError, match=r"pip install 'tinygrad-mnist\[sweep\]'"):
        sweep_in(tmp_path / "new", few)
    assert not (tmp_path / "new").exists()


def test_nothing_to_sweep(few: Mnist, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="needs a range or a list"):
        sweep_in(tmp_path, few, {"lr": "0.1"})


def test_a_process_is_known_by_when_it_began() -> None:
    me = this_process()
    assert is_alive(me) and is_alive({**me, "began": None})
    assert not is_alive({**me, "began": 1}) and not is_alive({**me, "pid": 2**22 + 1})
    assert json.dumps(me)
