"""Test a model: accuracy, error rate, precision and recall of each class, confusion matrix.

A model file carries its recipe, so nothing else is needed.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tinygrad_mnist.cli.options import add_data, load_data, load_saved

if TYPE_CHECKING:
    from tinygrad_mnist.data import Mnist
    from tinygrad_mnist.models import Recipe
    from tinygrad_mnist.train import Evaluation

HELP = "test a model file on the test images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model and the data."""
    parser.add_argument("model", metavar="MODEL", help="model.pkl, or the folder that holds it")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Print everything that is counted."""
    from tinygrad_mnist.cli.show import percent, show_table
    from tinygrad_mnist.train import evaluate

    saved = load_saved(args.model)
    data = load_data(args.data)
    print(f"model   {saved.recipe.name}, trained on {saved.data['name']}")
    evaluation = evaluate(saved.model, saved.recipe, data.test_images, data.test_labels)
    print(verdict(evaluation, saved.recipe, data))
    if data.name == "mnist-5k-embedded" and saved.data["name"] == "mnist":
        print(
            "beware  the embedded digits are among the images it was trained on: "
            "this flatters it; test it on MNIST's own test images"
        )
    confusion, names = evaluation.confusion, evaluation.classes
    counts = [f"{count:,}" for count in confusion.sum(1)]
    precision, recall = map(percent, evaluation.precision), map(percent, evaluation.recall)
    print()
    show_table(
        ["class", "precision", "recall", "images"],
        list(zip(names, precision, recall, counts, strict=True)),
    )
    print()
    show_table(
        ["truth \\ answer", *names],
        [[name, *map(str, row)] for name, row in zip(names, confusion, strict=True)],
    )
    return 0


def verdict(evaluation: Evaluation, recipe: Recipe, data: Mnist) -> str:
    """The result, with what it was measured on; for a neuron, beside what needs no neuron."""
    from tinygrad_mnist.cli.show import percent
    from tinygrad_mnist.train import measured_on

    line = (
        f"test    {percent(evaluation.accuracy)} right, error rate "
        f"{percent(evaluation.error_rate)}, on {measured_on(data)}"
    )
    if recipe.digit is None:
        return line
    return (
        f"{line}\n        recall on {recipe.digit}: {percent(evaluation.recall[1])}, precision: "
        f"{percent(evaluation.precision[1])}; always saying no would be "
        f"{percent(1 - evaluation.labels.mean())} right"
    )
