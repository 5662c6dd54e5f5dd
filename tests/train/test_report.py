"""The record of a run, and its pictures, say what was measured on what."""

import json
from pathlib import Path

import pytest

from tinygrad_mnist import __version__
from tinygrad_mnist.data import Mnist
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.train import Evaluation, Trainer, evaluate, fit, measured_on, run_record

RECIPE = RECIPES["mlp-10"].replace(epochs=2, seed=3)


@pytest.fixture(scope="module")
def trained(few: Mnist) -> Trainer:
    return fit(RECIPE, few)


@pytest.fixture(scope="module")
def result(trained: Trainer, few: Mnist) -> Evaluation:
    return evaluate(trained.model, RECIPE, few.test_images, few.test_labels)


def test_a_record_holds_everything_that_decided_the_result(
    trained: Trainer, result: Evaluation
) -> None:
    record = json.loads(json.dumps(run_record(trained, result), allow_nan=False))
    assert record["seed"] == 3
    assert record["recipe"]["name"] == "mlp-10"
    assert record["parameters"] == 784 * 10 + 10 + 10 * 10 + 10
    assert record["data"]["source"] == "a part of the embedded subset"
    assert record["data"]["trained_on"] + record["data"]["validated_on"] == 400
    assert record["environment"]["tinygrad_mnist"] == __version__
    assert record["environment"]["blas"]["name"]
    assert [epoch["epoch"] for epoch in record["epochs"]] == [1, 2]
    assert record["test"]["accuracy"] == result.accuracy
    assert record["test"]["data"] == "custom"
    assert record["test"]["images"] == 100


def test_no_other_test_set_can_be_taken_for_mnists(few: Mnist, embedded: Mnist) -> None:
    assert measured_on(few) == "the 100 test images of custom (not MNIST's 10,000)"
    assert "1,000 test images of mnist-5k-embedded (not MNIST's 10,000)" in measured_on(embedded)


def test_the_plots_are_png_files(trained: Trainer, result: Evaluation, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from tinygrad_mnist.train.plots import plot_run

    paths = plot_run(trained, result, tmp_path)
    names = ["curves.png", "confusion.png", "digits.png", "mistakes.png"]
    assert [path.name for path in paths] == names
    assert all(path.read_bytes().startswith(b"\x89PNG\r\n") for path in paths)


def test_the_plots_show_the_numbers(trained: Trainer, result: Evaluation, few: Mnist) -> None:
    pytest.importorskip("matplotlib")
    from tinygrad_mnist.train import plots

    axes = plots.plot_curves(trained.history, "title").axes
    drawn = [line.get_ydata().tolist() for line in axes[0].get_lines()]
    assert drawn[1] == [numbers["validation_loss"] for numbers in trained.history]

    cells = [int(text.get_text()) for text in plots.confusion(result, "title").axes[0].texts]
    assert cells == result.confusion.ravel().tolist()

    wrong = result.mistakes[:3]
    captions = [text.get_text() for text in plots.grid(few, result, wrong, "title").axes[0].texts]
    answers, truths = result.predicted[wrong], few.test_labels[wrong]
    for caption, answer, truth in zip(captions, answers, truths, strict=True):
        assert caption.startswith(f"{answer} (") and caption.endswith(f"truth: {truth}")


def test_a_model_without_mistakes_is_plotted(few: Mnist, result: Evaluation) -> None:
    pytest.importorskip("matplotlib")
    from tinygrad_mnist.train import plots

    plots.grid(few, result, result.mistakes[:0], "none")
