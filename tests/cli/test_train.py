"""`train`: what it prints and writes, that flags override the recipe, and how it is stopped."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.ahead import ahead
from tests.cli.conftest import WITHOUT_PLOTS, Ran, Shell, Trained
from tinygrad_mnist.cli import main
from tinygrad_mnist.cli.stop import Stop
from tinygrad_mnist.serialize import load

EMBEDDED = ("--data", "embedded")
SMALL = ("deep", *EMBEDDED, "--hidden", "16")


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the libraries of plots and reports were not installed: they take seconds."""
    monkeypatch.setattr("tinygrad_mnist.train.plots.can_plot", lambda: False)
    monkeypatch.setattr("tinygrad_mnist.report.can_render", lambda: False)


needs_no_plots = pytest.mark.usefixtures("no_plots")


def test_it_prints_a_line_an_epoch_and_what_the_result_was_measured_on(trained: Trained) -> None:
    lines = trained.ran.out.splitlines()
    assert trained.ran.code == 0 and trained.ran.err == ""
    assert lines[0].startswith("data    mnist-5k-embedded: 4,000 train / 1,000 test images")
    assert lines[1].startswith("recipe  mlp-10: 784-12-10, SGD, learning rate 0.2, batch 50")
    assert lines[2].startswith("epoch 1/2  loss ") and "images/s" in lines[2]
    assert lines[3].startswith("epoch 2/2  loss ")
    assert "1,000 test images of mnist-5k-embedded (not MNIST's 10,000)" in lines[4]
    assert lines[-1] == "next    tinygrad-mnist evaluate run/model.pkl --data embedded"


def test_it_writes_the_model_the_record_the_plots_and_the_report(trained: Trained) -> None:
    names = sorted(path.name for path in trained.folder.iterdir())
    plots = ["confusion.png", "curves.png", "digits.png", "mistakes.png"]
    assert names == sorted([*plots, "model.pkl", "report.html", "run.json"])


def test_flags_override_the_recipe(trained: Trained) -> None:
    record = json.loads((trained.folder / "run.json").read_text())
    recipe = record["recipe"]
    assert (recipe["seed"], recipe["batch_size"], recipe["lr"]) == (7, 50, 0.2)
    assert recipe["hidden"] == [12]
    assert len(record["epochs"]) == 2
    assert record["data"]["name"] == record["test"]["data"] == "mnist-5k-embedded"
    assert f"{record['test']['accuracy']:.2%}".replace("%", " %") in trained.ran.out


@needs_no_plots
def test_the_same_seed_writes_the_same_bytes(trained: Trained, tmp_path: Path) -> None:
    """The whole file: weights, recipe and results."""
    args = ["--epochs", "2", "--seed", "7", "--batch-size", "50", "--hidden", "12", "--lr", "0.2"]
    assert main(["train", "mlp-10", *EMBEDDED, *args, "--out", str(tmp_path)]) == 0
    again = (tmp_path / "model.pkl").read_bytes()
    assert again == (trained.folder / "model.pkl").read_bytes()


@needs_no_plots
def test_a_neurons_accuracy_stands_beside_what_needs_no_neuron(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["train", "neuron", *EMBEDDED, "--digit", "3", "--epochs", "1"]
    assert main([*args, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "recall on 3: " in out
    assert "always saying no would have an accuracy of 90.00 %" in out


@needs_no_plots
def test_a_full_batch_is_one_step_an_epoch(tmp_path: Path) -> None:
    args = ["train", "mlp-10", *EMBEDDED, "--batch-size", "full", "--epochs", "1"]
    assert main([*args, "--out", str(tmp_path)]) == 0
    assert load(tmp_path / "model.pkl")["recipe"]["batch_size"] is None


@needs_no_plots
def test_without_out_no_run_overwrites_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in "01":
        assert main(["train", "neuron", *EMBEDDED, "--epochs", "1", "--seed", seed]) == 0
    assert load("runs/neuron/model.pkl")["recipe"]["seed"] == 0
    assert load("runs/neuron-2/model.pkl")["recipe"]["seed"] == 1


ENDLESS = ("train", *SMALL, "--epochs", "100000", "--out", "run")


@ahead
def stopped(folder: Path) -> list[Ran]:
    """A run that is stopped by Ctrl-C, and what is then said of its checkpoint."""
    shell = Shell(folder)
    return [
        shell.until(signal.SIGINT, *ENDLESS),
        shell.inside("evaluate", "run/checkpoint.pkl", *EMBEDDED),
    ]


def test_a_stopped_run_leaves_a_checkpoint_and_says_where(stopped: list[Ran]) -> None:
    run, evaluated = stopped
    assert (run.code, run.err) == (130, "")
    assert "all of it is in run/checkpoint.pkl" in run.out
    assert run.out.splitlines()[-1] == "continue with: tinygrad-mnist train --resume run"
    assert evaluated.code == 0
    assert "accuracy " in evaluated.out and "an interrupted run, after" in evaluated.out


@needs_no_plots
def test_an_interrupted_run_resumes_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C after the 40th step, and again after the 70th, of 87."""
    from tinygrad_mnist.train import Trainer

    args = ["train", *SMALL, "--epochs", "3", "--out"]
    assert main([*args, str(tmp_path / "whole")]) == 0

    step, count = Trainer._train_on, 0

    def interrupted(trainer: Trainer, rows: object) -> None:
        nonlocal count
        count += 1
        if count in (40, 70):
            os.kill(os.getpid(), signal.SIGINT)
        step(trainer, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "_train_on", interrupted)
    out = tmp_path / "in-three"
    assert main([*args, str(out)]) == 130
    assert "epoch 2, step 11 of 29" in capsys.readouterr().out
    assert main(["train", "--resume", str(out)]) == 130
    assert main(["train", "--resume", str(out / "checkpoint.pkl")]) == 0
    assert count == 87
    whole = (tmp_path / "whole" / "model.pkl").read_bytes()
    assert (out / "model.pkl").read_bytes() == whole
    assert not (out / "checkpoint.pkl").exists()


@needs_no_plots
def test_ctrl_c_in_the_last_step_stops_before_the_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tinygrad_mnist.train import Trainer

    args = ["train", *SMALL, "--epochs", "1", "--batch-size", "full", "--out"]
    assert main([*args, str(tmp_path / "whole")]) == 0
    step = Trainer._train_on

    def interrupted(trainer: Trainer, rows: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        step(trainer, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "_train_on", interrupted)
    out = tmp_path / "in-two"
    assert main([*args, str(out)]) == 130
    assert "stopped after the last step; all of it is in" in capsys.readouterr().out
    assert not (out / "model.pkl").exists()
    assert main(["train", "--resume", str(out)]) == 0
    whole = (tmp_path / "whole" / "model.pkl").read_bytes()
    assert (out / "model.pkl").read_bytes() == whole


def test_ctrl_c_in_the_last_step_of_an_ensemble_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tinygrad_mnist.train.ensemble import Ensemble

    steps = Ensemble.steps

    def interrupted(ensemble: Ensemble) -> Iterator[int | None]:
        for epoch in steps(ensemble):
            if ensemble.epoch == ensemble.recipe.epochs:
                os.kill(os.getpid(), signal.SIGINT)
            yield epoch

    monkeypatch.setattr(Ensemble, "steps", interrupted)
    args = ["train", "mlp-10", *EMBEDDED, "--epochs", "1", "--batch-size", "500", "--ensemble", "2"]
    assert main([*args, "--out", str(tmp_path)]) == 130
    assert "stopped after the last step; each member" in capsys.readouterr().out


@ahead
def killed(folder: Path) -> tuple[bytes, bytes]:
    """The models of a run and of one that is killed twice, while it saves after every step."""
    save_always = "from tinygrad_mnist.cli import train; train.SAVE_SECONDS = 0"
    shell = Shell(folder, f"{save_always}; {WITHOUT_PLOTS}")
    args = ["train", *SMALL, "--epochs", "3", "--out"]
    for command in ([*args, "killed"], ["train", "--resume", "killed"]):
        shell.until(signal.SIGKILL, *command)
    ran = shell.all((*args, "whole"), ("train", "--resume", "killed"))
    assert [each.code for each in ran] == [0, 0]
    whole, killed = ((folder / out / "model.pkl").read_bytes() for out in ("whole", "killed"))
    return whole, killed


def test_a_run_killed_again_and_again_ends_in_the_same_bytes(killed: tuple[bytes, bytes]) -> None:
    assert killed[0] == killed[1]


@needs_no_plots
def test_checkpoints_are_kept_on_request(tmp_path: Path) -> None:
    args = ["train", "mlp-10", *EMBEDDED, "--epochs", "5", "--keep", "2", "--out", str(tmp_path)]
    assert main(args) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [*("best.pkl", "epoch-0004.pkl", "epoch-0005.pkl", "model.pkl", "run.json")]

    epochs = json.loads((tmp_path / "run.json").read_text())["epochs"]
    best = max(epochs, key=lambda numbers: numbers["validation_accuracy"])
    assert load(tmp_path / "best.pkl")["training"]["epoch"] == best["epoch"]


@needs_no_plots
@pytest.mark.parametrize("recipe", ["deep", "mlp-532-minibatch"])  # Adam and dropout, momentum
def test_an_earlier_epoch_can_be_resumed(recipe: str, tmp_path: Path) -> None:
    args = ["train", recipe, *SMALL[1:], "--epochs", "3", "--keep", "3", "--out", str(tmp_path)]
    assert main(args) == 0
    whole = (tmp_path / "model.pkl").read_bytes()
    again = tmp_path / "again"
    assert main(["train", "--resume", str(tmp_path / "epoch-0001.pkl"), "--out", str(again)]) == 0
    assert (again / "model.pkl").read_bytes() == whole


def test_a_second_ctrl_c_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tinygrad_mnist.train import Trainer

    def hang(trainer: Trainer, rows: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    monkeypatch.setattr(Trainer, "_train_on", hang)
    assert main(["train", "deep", *EMBEDDED, "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "tinygrad-mnist: stopped\n"
    assert (tmp_path / "checkpoint.pkl").exists()


def test_an_interrupted_run_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoint.pkl").write_bytes(b"precious")
    assert main(["train", "neuron", *EMBEDDED, "--out", str(tmp_path)]) == 2
    assert "--resume" in capsys.readouterr().err
    assert (tmp_path / "checkpoint.pkl").read_bytes() == b"precious"


def test_a_run_that_diverges_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["train", "mlp-128", *EMBEDDED, "--lr", "1e9", "--out", str(tmp_path)]
    assert main(args) == 1
    assert "try a learning rate below 1e+09" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_it_trains_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("rich", "matplotlib", "PIL", "jinja2"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["train", "neuron", *EMBEDDED, "--epochs", "1", "--out", "run"]) == 0
    out = capsys.readouterr().out
    assert "pip install 'tinygrad-mnist[cli]'" in out
    assert "wrote   model.pkl, run.json into run" in out
    assert main(["evaluate", "run", *EMBEDDED]) == 0
    for command in (["predict", "run", "digit.png"], ["report", "run"]):
        assert main(command) == 2
        assert "tinygrad-mnist[cli]" in capsys.readouterr().err


def test_training_moves_the_weights(trained: Trained) -> None:
    """Not merely the file of an untrained model."""
    weights = load(trained.folder / "model.pkl")["model"]
    assert np.abs(weights["0.weight"].numpy()).max() > 1 / 28


def test_a_signal_that_another_rank_has_told_of_may_arrive_late() -> None:
    """The rank has stopped already: the signal, as any other of the job's, is to end nothing."""

    class Two:
        size, signal, stop_signal = 2, 0, 0

    before = signal.getsignal(signal.SIGTERM)
    try:
        for agreed_on, left in ((signal.SIGTERM, signal.SIG_IGN), (0, before)):
            ranks = Two()
            with Stop(ranks):  # type: ignore[arg-type]
                ranks.stop_signal = agreed_on
            assert signal.getsignal(signal.SIGTERM) == left
            signal.signal(signal.SIGTERM, before)
    finally:
        signal.signal(signal.SIGTERM, before)
