"""The pictures of a run, as PNG files by matplotlib (of the cli extra); needs no display."""

from __future__ import annotations

import importlib
import importlib.util
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.data import Mnist
from tinygrad_mnist.files import atomic_write
from tinygrad_mnist.train.loop import Trainer
from tinygrad_mnist.train.metrics import Evaluation
from tinygrad_mnist.train.report import measured_on

SHOWN, COLUMNS = 40, 10  # images in a grid
WIDTH, HEIGHT = 40, 46  # of a cell, in pixels: the image, below its caption


def can_plot() -> bool:
    """Tell whether matplotlib is installed, without importing it."""
    return importlib.util.find_spec("matplotlib") is not None


def import_matplotlib() -> None:
    """Import matplotlib without MPLBACKEND, which may name a backend that needs a display."""
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        importlib.import_module("matplotlib.figure")
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


def plot_run(trainer: Trainer, evaluation: Evaluation, folder: Path) -> list[Path]:
    """Draw curves.png, confusion.png, digits.png and mistakes.png; return the paths written."""
    import_matplotlib()
    data = trainer.data
    first = np.arange(min(SHOWN, len(data.test_labels)))
    figures = {
        "curves.png": plot_curves(
            trainer.history, f"{trainer.recipe.name}, trained on {data.name}"
        ),
        "confusion.png": confusion(evaluation, measured_on(data)),
        "digits.png": grid(data, evaluation, first, f"The first of {measured_on(data)}"),
        "mistakes.png": grid(
            data, evaluation, evaluation.mistakes[:SHOWN], "Most confidently wrong, "
            f"{len(evaluation.mistakes):,} mistakes on {measured_on(data)}"
        ),
    }  # fmt: skip
    for name, figure in figures.items():
        atomic_write(folder / name, partial(figure.savefig, format="png", dpi=100))
    return [folder / name for name in figures]


def plot_curves(history: list[dict[str, Any]], title: str) -> Any:
    """Draw loss and accuracy after each epoch, on training and validation images."""
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
    """Draw the confusion matrix; shades are shares of a true class, so rare classes show too."""
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
    """Draw test images with the answer and the truth above each; wrong answers in red."""
    rows = max(1, -(-len(which) // COLUMNS))
    figure = _figure(COLUMNS, rows * HEIGHT / WIDTH + 0.4)
    axes = figure.subplots()  # one for all: forty take seconds to draw
    sheet = np.zeros((rows * HEIGHT, COLUMNS * WIDTH), np.uint8)
    for position, index in enumerate(which):
        top = position // COLUMNS * HEIGHT + HEIGHT - 28
        left = position % COLUMNS * WIDTH + 6
        sheet[top : top + 28, left : left + 28] = data.test_images[index]
        words, color = _caption(evaluation, index)
        axes.text(left + 14, top - 1, words, color=color, fontsize=7, ha="center", va="bottom")
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255)
    axes.axis("off")
    figure.suptitle(title, fontsize=9)
    return figure


def _caption(evaluation: Evaluation, index: int) -> tuple[str, str]:
    """Return the caption and its colour: the answer in black, or answer and truth in red."""
    answer, truth = evaluation.predicted[index], evaluation.labels[index]
    words = f"{evaluation.classes[answer]} ({evaluation.probabilities[index, answer]:.0%})"
    if answer == truth:
        return words, "black"
    return f"{words}\ntruth: {evaluation.classes[truth]}", "red"


def _figure(width: float, height: float) -> Any:
    """Return a figure that is in no display and no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
