"""`train --stream`: the same model, resumable, and one line for what cannot be streamed."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.ahead import ahead
from tests.cli.conftest import Ran, Shell
from tinygrad_mnist.cli import main
from tinygrad_mnist.data import load_embedded
from tinygrad_mnist.train import load_model

SMALL = ("mlp-10", "--data", "digits", "--epochs", "1")


def write_digits(folder: Path) -> None:
    """Write 800 digits in two shards, and 100 to test."""
    data = load_embedded()
    folder.mkdir()
    for number in (0, 1):
        np.save(folder / f"train-images-{number}.npy", data.train_images[number::10][:400])
        np.save(folder / f"train-labels-{number}.npy", data.train_labels[number::10][:400])
    np.save(folder / "test-images.npy", data.test_images[::10])
    np.save(folder / "test-labels.npy", data.test_labels[::10])


@pytest.fixture
def digits(tmp_path: Path) -> None:
    write_digits(tmp_path / "digits")


def weights(path: Path) -> list[bytes]:
    return [p.detach().numpy().tobytes() for p in load_model(path).model.parameters()]


def test_a_streamed_run_is_the_run(
    digits: None, plain_here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, flags in (("memory", ()), ("stream", ("--stream",))):
        assert main(["train", *SMALL, *flags, "--out", name]) == 0
        assert (", streamed" in capsys.readouterr().out) == bool(flags)
    both = [weights(plain_here / name / "model.pkl") for name in ("memory", "stream")]
    assert both[0] == both[1]
    record = json.loads((plain_here / "stream" / "run.json").read_text("utf-8"))
    assert record["data"]["trained_on"] == 733 and "streamed" in record["data"]["source"]
    assert main(["evaluate", "stream", "--data", "digits"]) == 0


@ahead
def stopped_stream(folder: Path) -> tuple[list[Ran], Path]:
    """A stopped run that draws from windows, its continuation with others, and its checkpoint."""
    write_digits(folder / "digits")
    shell = Shell(folder)
    run = ("train", *SMALL, "--epochs", "400", "--window", "100")
    stopped = shell.until(signal.SIGTERM, *run, "--out", "run")
    again = shell.inside("train", "--resume", "run", "--window", "50")
    return [stopped, again], folder / "run" / "checkpoint.pkl"


def test_a_stopped_stream_of_windows_goes_on(stopped_stream: tuple[list[Ran], Path]) -> None:
    (stopped, again), checkpoint = stopped_stream
    assert "stopped in epoch" in stopped.out and stopped.code == 143
    training = load_model(checkpoint).training
    assert training is not None and training["window"] == 100
    assert again.code == 2


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("mlp-10", "--data", "embedded", "--stream"), "a stream needs files"),
        (("mlp-532", "--data", "digits", "--stream"), "--batch-size 64"),
        (("mlp-10", "--data", "digits", "--window", "0"), "a window has at least 1 image, not 0"),
    ],
)
def test_one_line_for_what_cannot_be_streamed(
    digits: None,
    plain_here: Path,
    flags: tuple[str, ...],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", *flags]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1
