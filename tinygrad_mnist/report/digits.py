"""The test digits that a report shows, and the one picture that contains them all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.report.png import data_uri, sheet
from tinygrad_mnist.report.run import Run

COLUMNS = 40  # digits side by side in the picture
GALLERY, MISTAKES = 60, 40


class Digits:
    """The digits that a report shows; the picture contains each once, however often it is shown."""

    def __init__(self, run: Run, per_cell: int) -> None:
        """Choose the gallery, the mistakes, and at most `per_cell` for each cell of the matrix."""
        self.run = run
        self._position_of: dict[int, int] = {}  # position in the picture, by number of test image
        evaluation = run.evaluation
        self.gallery = self._tiles(np.arange(min(GALLERY, len(evaluation.labels))))
        self.mistakes = self._tiles(evaluation.mistakes[:MISTAKES])
        self.cells = {
            f"{truth},{answer}": [tile["place"] for tile in self._tiles(members)]
            for truth, answer, members in self._members(per_cell)
        }
        self.columns = COLUMNS

    def _members(self, most: int) -> list[tuple[int, int, NDArray[np.intp]]]:
        """Return the images of each cell: the most certain wrong, the least certain right ones."""
        evaluation = self.run.evaluation
        certainty = evaluation.probabilities.max(1)
        cells = []
        for truth, answer in np.argwhere(evaluation.confusion):
            own = np.flatnonzero((evaluation.labels == truth) & (evaluation.predicted == answer))
            order = np.argsort(
                certainty[own] if truth == answer else -certainty[own], kind="stable"
            )
            cells.append((int(truth), int(answer), own[order[:most]]))
        return cells

    def _tiles(self, numbers: NDArray[np.intp]) -> list[dict[str, Any]]:
        return [self._tile(int(number)) for number in numbers]

    def _tile(self, number: int) -> dict[str, Any]:
        """Return the entry of one test image in the page."""
        evaluation = self.run.evaluation
        position = self._position_of.setdefault(number, len(self._position_of))
        answer, truth = int(evaluation.predicted[number]), int(evaluation.labels[number])
        shares = evaluation.probabilities[number]
        return {
            "place": position,
            "left": position % COLUMNS,
            "top": position // COLUMNS,
            "number": number,
            "answer": evaluation.classes[answer],
            "truth": evaluation.classes[truth],
            "right": answer == truth,
            "share": float(shares[answer]),
            "of_truth": float(shares[truth]),
        }

    def tiles(self) -> list[list[Any]]:
        """Return per position in the picture: the image's number, truth, answer and probability."""
        tiles = (self._tile(number) for number in self._position_of)
        return [[t["number"], t["truth"], t["answer"], round(t["share"], 4)] for t in tiles]

    def picture(self) -> str:
        """Return the picture as a data: address."""
        return data_uri(sheet(self.run.data.test_images[list(self._position_of)], COLUMNS))

    @property
    def rows(self) -> int:
        """Return the number of rows of digits in the picture."""
        return -(-len(self._position_of) // COLUMNS)
