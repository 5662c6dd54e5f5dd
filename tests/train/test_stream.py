"""Training on files gives the bits of training in memory, and needs little of it."""

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from benchmarks.streaming import make_sparse
from tests.ahead import ahead, pythons
from tinygrad_mnist.data import DataError, Mnist, load_mnist
from tinygrad_mnist.models import RECIPES, RecipeError
from tinygrad_mnist.train import (
    StreamedTrainer,
    Trainer,
    evaluate,
    fit,
    load_model,
    resume,
    save_model,
    trainer_for,
)
from tinygrad_mnist.train.stream import BlockRows

ROOT = Path(__file__).parents[2]
RECIPE = RECIPES["mlp-100-adam"].replace(hidden=(8,), epochs=2, batch_size=16)


@pytest.fixture(scope="module")
def folder(few: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 400 + 100 digits of `few` as .npy files, those for training in three shards."""
    made = tmp_path_factory.mktemp("digits")
    for number, part in enumerate((slice(0, 90), slice(90, 100), slice(100, 400))):
        np.save(made / f"train-images-{number}.npy", few.train_images[part])
        np.save(made / f"train-labels-{number}.npy", few.train_labels[part])
    np.save(made / "test-images.npy", few.test_images)
    np.save(made / "test-labels.npy", few.test_labels)
    return made


def run(trainer: Trainer, steps: int | None = None) -> Trainer:
    for number, _ in enumerate(trainer.steps(), 1):
        if number == steps:
            break
    return trainer


def bits(trainer: Trainer) -> bytes:
    return b"".join(p.detach().numpy().tobytes() for p in trainer.model.parameters())


def numbers(trainer: Trainer) -> list[dict[str, float]]:
    timed = {"seconds", "images_per_second"}
    return [{k: v for k, v in epoch.items() if k not in timed} for epoch in trainer.history]


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        RECIPES["neuron"].replace(epochs=2),
        RECIPES["deep"].replace(hidden=(16,), epochs=2),
        RECIPES["cnn"].replace(channels=(4,), hidden=(8,), epochs=1),
    ],
    ids=lambda recipe: recipe.name,
)
def test_a_stream_ends_in_the_bits_of_memory(recipe, folder: Path) -> None:
    in_memory = fit(recipe, load_mnist(folder))
    streamed = run(trainer_for(recipe, load_mnist(folder, stream=True)))
    assert isinstance(streamed, StreamedTrainer) and not isinstance(in_memory, StreamedTrainer)
    assert bits(streamed) == bits(in_memory)
    assert numbers(streamed) == numbers(in_memory)


@pytest.mark.parametrize("window", [None, 37, 1000])
def test_a_stopped_stream_goes_on_to_the_same_bits(
    window: int | None, folder: Path, tmp_path: Path
) -> None:
    """At its first step, at the end of an epoch, and in the next one."""
    data = load_mnist(folder, stream=True)
    whole = run(trainer_for(RECIPE, data, window=window))
    for steps in (1, 23, 30):
        stopped = run(trainer_for(RECIPE, data, window=window), steps)
        save_model(tmp_path / "checkpoint.pkl", stopped, checkpoint=True)
        resumed = run(resume(load_model(tmp_path / "checkpoint.pkl"), data))
        assert bits(resumed) == bits(whole), steps
        assert numbers(resumed) == numbers(whole), steps


def test_windows_read_ahead_and_not_are_the_same_and_mix(folder: Path) -> None:
    data = load_mnist(folder, stream=True)
    trainers = [run(StreamedTrainer(RECIPE, data, window=64, read_ahead=on)) for on in (0, 1)]
    assert bits(trainers[0]) == bits(trainers[1])
    assert bits(trainers[0]) != bits(run(StreamedTrainer(RECIPE, data)))


def test_images_to_validate_on_are_not_trained_on(folder: Path) -> None:
    trainer = StreamedTrainer(RECIPE, load_mnist(folder, stream=True), window=64)
    training, validation = trainer.training.inputs, trainer.validation.inputs
    rows = [set(part.rows[:].tolist()) for part in (training, validation)]
    assert rows[0] | rows[1] == set(range(400)) and not rows[0] & rows[1]
    drawn = np.concatenate(list(trainer._groups(0)))
    assert set(drawn.tolist()) == rows[0] and len(drawn) == len(training)


def test_rows_of_blocks_with_a_short_last_one() -> None:
    rows = BlockRows(np.array([3, 0]), block=4, count=14)
    assert rows[:].tolist() == [0, 1, 2, 3, 12, 13] and len(rows) == 6
    assert rows[3:5].tolist() == [3, 12]


def test_a_file_that_changes_stops_the_training_and_the_thread(folder: Path) -> None:
    data = load_mnist(folder, stream=True)
    steps = StreamedTrainer(RECIPE, data).steps()
    next(steps)
    shard = folder / "train-images-1.npy"
    before = shard.stat().st_mtime_ns
    os.utime(shard, ns=(0, 0))
    try:
        with pytest.raises(DataError, match=r"train-images-1\.npy: changed since"):
            for _ in steps:
                pass
    finally:
        os.utime(shard, ns=(before, before))
    assert not [t for t in threading.enumerate() if t.name == "read-ahead"]


def test_test_images_in_a_file_are_evaluated_in_parts(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr("tinygrad_mnist.data.digits.TEST_BYTES", 0)
    streamed, in_memory = load_mnist(folder, stream=True), load_mnist(folder)
    trainer = Trainer(RECIPE, in_memory)
    results = [
        evaluate(trainer.model, RECIPE, data.test_images, data.test_labels).to_dict()
        for data in (streamed, in_memory)
    ]
    assert not isinstance(streamed.test_images, np.ndarray) and results[0] == results[1]


def test_what_cannot_be_streamed(folder: Path, few: Mnist) -> None:
    data = load_mnist(folder, stream=True)
    with pytest.raises(RecipeError, match="mlp-532 takes all images in one step.*--batch-size 64"):
        trainer_for(RECIPES["mlp-532"], data)
    with pytest.raises(RecipeError, match="a window has at least 1 image, not 0"):
        trainer_for(RECIPE, data, window=0)
    with pytest.raises(RecipeError, match="a window is for data that is streamed"):
        trainer_for(RECIPE, few, window=64)


@ahead
def peak(folder: Path) -> int:
    """The most memory that a training on 20 GB has used, in MiB."""
    make_sparse(folder, 20 * 10**9 // 784)
    call = f"train_once({str(folder)!r}, 'neuron', None, 300)"
    (ran,) = pythons(f"from benchmarks.streaming import train_once; {call}", cwd=ROOT)
    return int(ran.stdout.partition("VmHWM ")[2].partition(" MiB")[0])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_twenty_gigabytes_are_trained_on_in_a_fraction_of_one(peak: int) -> None:
    assert peak < 600
