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
    """Add the model and the data."""
    parser.add_argument("model", metavar="MODEL", help="model.pkl, or the folder that holds it")
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Print all numbers of the evaluation."""
    from tinygrad_mnist.cli.show import percentage, say, show_table
    from tinygrad_mnist.train import evaluate

    saved = load_saved(args.model)
    data = load_data(args.data)
    evaluation = evaluate(saved.model, saved.recipe, data.test_images, data.test_labels)
    show_verdict(evaluation, saved.recipe, data)
    if data.name == "mnist-5k-embedded" and saved.data["name"] == "mnist":
        say(
            "beware",
            "the embedded digits are among the images it was trained on: this flatters it; test "
            "it on MNIST's own test images",
        )
    confusion, names = evaluation.confusion, evaluation.classes
    counts = [f"{count:,}" for count in confusion.sum(1)]
    precision, recall = map(percentage, evaluation.precision), map(percentage, evaluation.recall)
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


def show_verdict(evaluation: Evaluation, recipe: Recipe, data: Mnist) -> None:
    """Print the result and what it was measured on; for one neuron, beside the trivial answer's."""
    from tinygrad_mnist.cli.show import percentage, say
    from tinygrad_mnist.train import measured_on

    right, wrong = percentage(evaluation.accuracy), percentage(evaluation.error_rate)
    say("test", f"accuracy {right}, error rate {wrong}, on {measured_on(data)}")
    if recipe.digit is None:
        return
    recall, precision = percentage(evaluation.recall[1]), percentage(evaluation.precision[1])
    always_no = percentage(1 - evaluation.labels.mean())
    say("", f"recall on {recipe.digit}: {recall}, precision: {precision}")
    say("", f"always saying no would have an accuracy of {always_no}")
