"""The pictures of a run, drawn into PNG files by matplotlib (of the cli extra), without display."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.data import Mnist
from tinygrad_mnist.train.loop import Trainer
from tinygrad_mnist.train.metrics import Evaluation
from tinygrad_mnist.train.report import test_set

SHOWN = 40  # images in a grid, in rows of ten


def can_plot() -> bool:
    """Whether matplotlib is installed; it is not imported."""
    return importlib.util.find_spec("matplotlib") is not None


def plot_run(trainer: Trainer, evaluation: Evaluation, folder: Path) -> list[Path]:
    """Draw curves.png, confusion.png, digits.png and mistakes.png; returns the paths written."""
    data = trainer.data
    first = np.arange(min(SHOWN, len(data.test_labels)))
    figures = {
        "curves.png": curves(trainer.history, f"{trainer.recipe.name}, trained on {data.name}"),
        "confusion.png": confusion(evaluation, test_set(data)),
        "digits.png": grid(data, evaluation, first, f"The first of {test_set(data)}"),
        "mistakes.png": grid(
            data, evaluation, evaluation.mistakes[:SHOWN], "Most confidently wrong, "
            f"{len(evaluation.mistakes):,} mistakes on {test_set(data)}"
        ),
    }  # fmt: skip
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=100)
    return [folder / name for name in figures]


def curves(history: list[dict[str, Any]], title: str) -> Any:
    """Loss and accuracy after each epoch, on training and validation images."""
    figure = _figure(10, 4)
    epochs = [numbers["epoch"] for numbers in history]
    for axes, what in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for name, key in (("training", what), ("validation", f"validation_{what}")):
            marker = "o" if len(epochs) < 30 else ""
            axes.plot(epochs, [numbers[key] for numbers in history], marker=marker, label=name)
        axes.set(xlabel="epoch", ylabel=what)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(title)
    return figure


def confusion(evaluation: Evaluation, title: str) -> Any:
    """The confusion matrix; shades are shares of a true class, so rare classes are as readable."""
    figure = _figure(7, 6)
    axes = figure.subplots()
    counts = evaluation.confusion
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (true, answer), count in np.ndenumerate(counts):
        color = "white" if shares[true, answer] > 0.5 else "black"
        axes.text(answer, true, str(count), ha="center", va="center", color=color, fontsize=8)
    ticks = range(len(evaluation.classes))
    axes.set(xlabel="answer", ylabel="truth", xticks=ticks, yticks=ticks)
    axes.set_xticklabels(evaluation.classes)
    axes.set_yticklabels(evaluation.classes)
    axes.set_title(f"{evaluation.accuracy:.2%} of {title}", fontsize=9)
    return figure


def grid(data: Mnist, evaluation: Evaluation, which: Any, title: str) -> Any:
    """Test images with the answer and the truth above each; wrong answers in red."""
    columns = 10
    rows = max(1, -(-len(which) // columns))
    figure = _figure(columns, 1.3 * rows + 0.5)
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells:
        axes.axis("off")
    for axes, index in zip(cells, which, strict=False):
        answer, truth = evaluation.predicted[index], evaluation.labels[index]
        sure = evaluation.probabilities[index, answer]
        words = f"{evaluation.classes[answer]} ({sure:.0%})"
        if answer != truth:
            words += f"\ntruth: {evaluation.classes[truth]}"
        axes.imshow(data.test_images[index], cmap="gray_r", vmin=0, vmax=255)
        axes.set_title(words, fontsize=7, color="black" if answer == truth else "red")
    figure.suptitle(title, fontsize=9)
    return figure


def _figure(width: float, height: float) -> Any:
    """A figure that no display and no global state knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
