"""`mpiexec -n N tinygrad-mnist train`: one rank prints and writes, all of them stop together."""

import contextlib
import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from tests.distributed.conftest import Finish, Start
from tinygrad_mnist.data import load_embedded, load_mnist
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.train import Trainer, fit, load_model, resume, save_model
from tinygrad_mnist.train.stream import trainer_for

TRAIN = ("-W", "default", "-m", "tinygrad_mnist", "train")
# The last batch has 17 images. A rectifier's input that is almost 0 may change its sign with the
# rounding, and then the weights come apart by 1e-3: tanh has no such place.
RECIPE = RECIPES["mlp-10"].replace(epochs=2, batch_size=50, activation="tanh")


def test_a_checkpoint_goes_on_with_other_ranks(tmp_path: Path, on_ranks: Finish) -> None:
    data = load_embedded()
    trainer = Trainer(RECIPE, data)
    for _, _ in zip(trainer.steps(), range(30), strict=False):
        pass
    save_model(tmp_path / "checkpoint.pkl", trainer, checkpoint=True, data_option="embedded")
    done = on_ranks(3, *TRAIN, "--resume", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("epoch 2/2") == 1 and "\nranks   3, each" in done.stdout
    expected, model = fit(RECIPE, data), load_model(tmp_path / "model.pkl").model
    for p, q in zip(model.parameters(), expected.model.parameters(), strict=True):
        a, b = p.detach().numpy(), q.detach().numpy()
        assert np.linalg.norm(a - b) < 1e-5 * np.linalg.norm(b)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["ranks"] == 3
    ours, theirs = record["epochs"][-1], expected.history[-1]
    assert abs(ours["loss"] - theirs["loss"]) < 1e-5
    assert ours["validation_accuracy"] == theirs["validation_accuracy"]


def test_a_signal_stops_all_ranks_with_a_checkpoint(tmp_path: Path, start: Start) -> None:
    out = tmp_path / "run"
    process = start(2, *TRAIN, "deep", "--epochs", "9999", "--data", "embedded", "--out", str(out))
    written: set[int] = set()
    while len(written) < 2:  # at the second one, the other rank has made steps, too
        assert process.poll() is None, process.communicate()
        with contextlib.suppress(FileNotFoundError):
            written.add((out / "checkpoint.pkl").stat().st_mtime_ns)
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + signal.SIGTERM, ""), printed
    assert "stopped in epoch" in printed and "--resume" in printed
    assert [path.name for path in out.iterdir()] == ["checkpoint.pkl"]
    trainer = resume(load_model(out / "checkpoint.pkl"), load_embedded())
    before = trainer.epoch, trainer.batch
    next(trainer.steps())
    assert (trainer.epoch, trainer.batch) > before


@pytest.mark.parametrize(
    ("of_rank_1", "words"),
    [
        (["--batch-size", "1"], "a batch of 1 is too small for 2 ranks: give --batch-size"),
        (["--seed", "7"], "the recipe of rank 1 differs from that of rank 0"),
        (["--data", "nowhere"], "rank 1: tinygrad-mnist: "),
    ],
)
def test_an_error_is_one_line(
    tmp_path: Path, on_ranks: Finish, of_rank_1: list[str], words: str
) -> None:
    both = "--batch-size" in of_rank_1
    base = ["train", "mlp-10", "--data", "embedded", "--out", str(tmp_path / "run")]
    code = (
        "import sys; from tinygrad_mnist.distributed.launch import launch; "
        "from tinygrad_mnist.cli import main; "
        f"sys.exit(main({base!r} + ({of_rank_1!r} if launch().rank or {both} else [])))"
    )
    done = on_ranks(2, "-W", "default", "-c", code)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert words in line


@pytest.mark.parametrize("flags", [[], ["--stream"], ["--window", "128"]])
def test_ranks_that_have_no_image_left(tmp_path: Path, on_ranks: Finish, flags: list[str]) -> None:
    """The last batch has fewer images than there are ranks, and so have the validation images."""
    digits, names = load_embedded(), ("train-images", "train-labels", "test-images", "test-labels")
    for name in names:
        np.save(tmp_path / f"{name}.npy", getattr(digits, name.replace("-", "_"))[:11])
    out = tmp_path / "run"
    options = ["--data", str(tmp_path), "--epochs", "2", "--batch-size", "4", "--out", str(out)]
    done = on_ranks(3, *TRAIN, "mlp-10", *options, *flags)
    assert (done.returncode, done.stderr) == (0, "")
    recipe = RECIPES["mlp-10"].replace(epochs=2, batch_size=4)
    data = load_mnist(tmp_path, stream=bool(flags))
    alone = trainer_for(recipe, data, window=int(flags[1]) if flags[1:] else None)
    for _ in alone.steps():
        pass
    ours = load_model(out / "model.pkl").model.state_dict()
    for name, expected in alone.model.state_dict().items():
        difference = ours[name].numpy() - expected.numpy()
        assert np.linalg.norm(difference) < 1e-5 * np.linalg.norm(expected.numpy())
    record = json.loads((out / "run.json").read_text())["epochs"][-1]
    assert abs(record["loss"] - alone.history[-1]["loss"]) < 1e-5
