"""Which test digits a report shows, and the one picture that holds them all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.report.png import data_uri, sheet
from tinygrad_mnist.report.run import Run

COLUMNS = 40  # digits side by side in the picture
GALLERY, MISTAKES = 60, 40


class Digits:
    """The digits that a report shows; each is in its picture once, however often it is shown."""

    def __init__(self, run: Run, a_cell: int) -> None:
        """Choose the gallery, the mistakes, and at most `a_cell` for each cell of the matrix."""
        self.run = run
        self._place: dict[int, int] = {}  # a test image's number: where it is in the picture
        evaluation = run.evaluation
        self.gallery = self._tiles(np.arange(min(GALLERY, len(evaluation.labels))))
        self.mistakes = self._tiles(evaluation.mistakes[:MISTAKES])
        self.cells = {
            f"{truth},{answer}": [tile["place"] for tile in self._tiles(members)]
            for truth, answer, members in self._members(a_cell)
        }
        self.columns = COLUMNS

    def _members(self, most: int) -> list[tuple[int, int, NDArray[np.intp]]]:
        """The images of each cell: of wrong answers the surest, of right ones the least sure."""
        evaluation = self.run.evaluation
        sure = evaluation.probabilities.max(1)
        found = []
        for truth, answer in np.argwhere(evaluation.confusion):
            own = np.flatnonzero((evaluation.labels == truth) & (evaluation.predicted == answer))
            order = np.argsort(sure[own] if truth == answer else -sure[own], kind="stable")
            found.append((int(truth), int(answer), own[order[:most]]))
        return found

    def _tiles(self, numbers: NDArray[np.intp]) -> list[dict[str, Any]]:
        return [self._tile(int(number)) for number in numbers]

    def _tile(self, number: int) -> dict[str, Any]:
        """One test image as the page shows it."""
        evaluation = self.run.evaluation
        place = self._place.setdefault(number, len(self._place))
        answer, truth = int(evaluation.predicted[number]), int(evaluation.labels[number])
        shares = evaluation.probabilities[number]
        return {
            "place": place,
            "left": place % COLUMNS,
            "top": place // COLUMNS,
            "number": number,
            "answer": evaluation.classes[answer],
            "truth": evaluation.classes[truth],
            "right": answer == truth,
            "share": float(shares[answer]),
            "of_truth": float(shares[truth]),
        }

    def tiles(self) -> list[list[Any]]:
        """For each place of the picture: the image's number, its truth, answer and probability."""
        tiles = (self._tile(number) for number in self._place)
        return [[t["number"], t["truth"], t["answer"], round(t["share"], 4)] for t in tiles]

    def picture(self) -> str:
        """The picture, as a data: address."""
        return data_uri(sheet(self.run.data.test_images[list(self._place)], COLUMNS))

    @property
    def rows(self) -> int:
        """How many rows of digits the picture has."""
        return -(-len(self._place) // COLUMNS)
