"""Every number of an evaluation against a count by hand."""

import json

import numpy as np
import pytest

from tinygrad_mnist.train import Evaluation, confusion_matrix


def evaluation(labels: list[int], predicted: list[int], classes: int = 3) -> Evaluation:
    """Answers given with a probability of 0.8."""
    probabilities = np.full((len(labels), classes), 0.2 / (classes - 1), np.float32)
    probabilities[np.arange(len(labels)), predicted] = 0.8
    return Evaluation(tuple("abc"[:classes]), np.array(labels), probabilities)


def test_counts_by_hand() -> None:
    result = evaluation([0, 0, 1, 1, 1, 2], [0, 1, 1, 1, 0, 2])
    assert result.confusion.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 1]]
    assert result.accuracy == pytest.approx(4 / 6)
    assert result.error_rate == pytest.approx(2 / 6)
    assert result.precision == pytest.approx([1 / 2, 2 / 3, 1])
    assert result.recall == pytest.approx([1 / 2, 2 / 3, 1])
    assert result.baseline == 3 / 6
    assert result.mistakes.tolist() == [1, 4]


def test_precision_and_recall_are_not_mixed_up() -> None:
    """Everything is answered a: all of a found, and one answer in four right."""
    result = evaluation([0, 1, 1, 1], [0, 0, 0, 0], classes=2)
    assert result.recall.tolist() == [1, 0]
    assert result.precision[0] == 0.25 and np.isnan(result.precision[1])


def test_a_class_without_images_has_no_recall() -> None:
    result = evaluation([0, 1], [0, 1])
    assert np.isnan(result.recall[2])
    assert result.to_dict()["recall"] == [1, 1, None]
    json.dumps(result.to_dict(), allow_nan=False)


def test_the_most_confident_mistake_comes_first() -> None:
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.7, 0.3], [0.2, 0.8]], np.float32)
    result = Evaluation(("no", "yes"), np.array([1, 1, 1, 1]), probabilities)
    assert result.mistakes.tolist() == [1, 2, 0]


def test_rows_are_truths_and_columns_are_answers() -> None:
    counts = confusion_matrix(np.array([0, 0, 1]), np.array([1, 1, 1]), 2)
    assert counts.tolist() == [[0, 2], [0, 1]]
