"""Measures on test images: accuracy, error rate, precision, recall, confusion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist import nn
from tinygrad_mnist.data import StoredArray
from tinygrad_mnist.models import Recipe
from tinygrad_mnist.train.loop import Floats, Images, Ints, predict


def confusion_matrix(
    labels: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: int
) -> Ints:
    """Count the images by true class (row) and answer (column).

    >>> confusion_matrix(np.array([0, 1, 1, 1]), np.array([0, 1, 0, 1]), classes=2)
    array([[1, 0],
           [1, 2]])
    """
    cells = np.bincount(labels * classes + predicted, minlength=classes**2)
    return np.asarray(cells, np.int64).reshape(classes, classes)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's answers beside the truth, and every number that follows from them.

    A class without images has a recall of nan, a class that was never answered a precision of nan.
    """

    classes: tuple[str, ...]
    labels: Ints  # (N,), indices into classes
    probabilities: Floats  # (N, classes)

    @cached_property
    def predicted(self) -> NDArray[np.intp]:
        """Return the most probable class of each image."""
        best: NDArray[np.intp] = self.probabilities.argmax(1)
        return best

    @cached_property
    def confusion(self) -> Ints:
        """Return the counts: one row per true class, one column per answer."""
        return confusion_matrix(self.labels, self.predicted, len(self.classes))

    @property
    def accuracy(self) -> float:
        """Return the share of images that were answered right."""
        return float(np.mean(self.predicted == self.labels))

    @property
    def error_rate(self) -> float:
        """Return the share of images that were answered wrong."""
        return float(np.mean(self.predicted != self.labels))

    @property
    def precision(self) -> NDArray[np.float64]:
        """Return for each class the share of its answers that are right."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(0))

    @property
    def recall(self) -> NDArray[np.float64]:
        """Return for each class the share of its images that are answered right."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(1))

    @property
    def baseline(self) -> float:
        """Return the accuracy of always answering the most frequent class."""
        return float(self.confusion.sum(1).max() / len(self.labels))

    @property
    def mistakes(self) -> NDArray[np.intp]:
        """Return the images answered wrong, the most confident answer first."""
        wrong = np.flatnonzero(self.predicted != self.labels)
        return wrong[np.argsort(-self.probabilities[wrong].max(1), kind="stable")]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers in built-in types, None for nan."""
        return {
            "images": len(self.labels),
            "accuracy": self.accuracy,
            "error_rate": self.error_rate,
            "baseline": self.baseline,
            "classes": list(self.classes),
            "precision": [None if np.isnan(p) else float(p) for p in self.precision],
            "recall": [None if np.isnan(r) else float(r) for r in self.recall],
            "confusion": self.confusion.tolist(),
        }


def evaluate(
    model: nn.Module, recipe: Recipe, images: Images | StoredArray, labels: Ints
) -> Evaluation:
    """Evaluate the model on uint8 images (N, 28, 28) with labels (N,)."""
    truth = labels if recipe.digit is None else (labels == recipe.digit).astype(np.int64)
    return Evaluation(recipe.classes, truth, predict(model, images))


def _shares(part: Ints, whole: Ints) -> NDArray[np.float64]:
    shares = np.full(len(part), np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares
