"""The configurations, and the data, first weights and batches that all contenders share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

Array = np.ndarray[Any, Any]
ROWS, PIXELS, CLASSES = 60_000, 784, 10


@dataclass(frozen=True)
class Config:
    """A model and its training: `sizes` of an MLP's layers, or none for the CNN."""

    name: str
    sizes: tuple[int, ...]
    batch: int | None  # None: all rows at each step
    optimizer: str
    lr: float

    @property
    def binary(self) -> bool:
        """Tell whether the model is one neuron, with binary cross-entropy."""
        return self.sizes[-1:] == (1,)

    @property
    def title(self) -> str:
        """The configuration in words."""
        model = "-".join(map(str, self.sizes)) or "CNN"
        return f"{model}, {f'batch {self.batch}' if self.batch else 'full batch'}, {self.optimizer}"

    def shapes(self) -> list[tuple[int, ...]]:
        """The parameters' shapes, in the order of `model.parameters()`."""
        weights: list[tuple[int, ...]] = [
            (o, i) for i, o in zip(self.sizes, self.sizes[1:], strict=False)
        ]
        if not self.sizes:
            weights = [(32, 1, 3, 3), (64, 32, 3, 3), (128, 9216), (10, 128)]
        return [shape for w in weights for shape in (w, w[:1])]


CONFIGS = {
    config.name: config
    for config in [
        Config("A", (784, 1), 64, "SGD", 0.1),
        Config("A-full", (784, 1), None, "SGD", 0.1),
        Config("B", (784, 10, 10), 64, "SGD", 0.1),
        Config("C", (784, 532, 10), None, "SGD", 0.1),
        Config("D", (784, 128, 10), 64, "SGD", 0.1),
        Config("E", (784, 100, 10), 200, "Adam", 1e-3),
        Config("F", (784, 256, 128, 64, 10), 128, "Adam", 1e-3),
        Config("G", (), 64, "Adam", 1e-3),
    ]
}
BETAS, EPS = (0.9, 0.999), 1e-8


class Problem(NamedTuple):
    config: Config
    X: Array  # (rows, 784) float32
    Y: Array  # (rows,) int64; for one neuron (rows, 1) float32
    weights: list[Array]

    def batches(self, count: int, seed: int = 0) -> Array:
        """Draw rows to train on, (count, batch) int64; (count, 0) where a step takes all rows."""
        rng = np.random.default_rng([seed, 1])
        return rng.integers(0, len(self.X), (count, self.config.batch or 0))


class Contender(Protocol):
    """One library's way to train, starting from `Problem.weights`."""

    def run(self, batches: Array) -> Array:
        """Make one step for each row of `batches`, in order; return their losses."""

    def outputs(self, x: Array) -> Array:
        """Return the logits for rows of pixels."""


class Stepwise:
    """A contender that gives each step's loss before the next begins."""

    def step(self, idx: Array) -> float:
        """Train on the rows `idx`, and return the loss."""
        raise NotImplementedError

    def run(self, batches: Array) -> Array:
        step = self.step
        return np.array([step(idx) for idx in batches])


class NotHere(Exception):
    """A contender cannot run this configuration; the message gives the reason."""


def random_data(rows: int = ROWS) -> tuple[Array, Array]:
    """Draw noise of MNIST's shape, and labels: the data do not matter for speed."""
    rng = np.random.default_rng(0)
    return rng.random((rows, PIXELS), dtype=np.float32), rng.integers(0, CLASSES, rows)


def make(config: Config, X: Array, Y: Array, seed: int = 1) -> Problem:
    """Make the problem with PyTorch's default initial weights (uniform, +-1/sqrt(fan in))."""
    rng = np.random.default_rng(seed)
    weights, bound = [], 1.0
    for shape in config.shapes():
        bound = np.prod(shape[1:]) ** -0.5 if len(shape) > 1 else bound
        weights.append(rng.uniform(-bound, bound, shape).astype(np.float32))
    return Problem(config, X, (Y == 3).astype(np.float32)[:, None] if config.binary else Y, weights)
