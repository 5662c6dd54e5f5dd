"""This library, as a user writes it: eager and jitted."""

from __future__ import annotations

import itertools

import tinygrad_mnist as tg  # before NumPy: it may choose NumPy's BLAS core
from tinygrad_mnist import nn, optim
from tinygrad_mnist.nn import functional as F

# isort: split
import numpy as np

from benchmarks.problem import Array, Problem, Stepwise


def network(sizes: tuple[int, ...]) -> nn.Sequential:
    if not sizes:
        return nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 32, 3), nn.ReLU(),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
        )  # fmt: skip
    layers: list[nn.Module] = []
    for i, o in itertools.pairwise(sizes):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Eager(Stepwise):
    def __init__(self, problem: Problem) -> None:
        config = self.config = problem.config
        self.model = model = network(config.sizes)
        with tg.no_grad():
            for p, w in zip(model.parameters(), problem.weights, strict=True):
                p.copy_(tg.from_numpy(w))
        optimizer = getattr(optim, config.optimizer)(model.parameters(), lr=config.lr)
        X, Y = tg.from_numpy(problem.X), tg.from_numpy(problem.Y)
        criterion = F.binary_cross_entropy_with_logits if config.binary else F.cross_entropy

        def train(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        by_index = self.compiled(lambda idx: train(X[idx], Y[idx]))
        all_rows = self.compiled(train)
        if config.batch:
            self.step = lambda idx: by_index(tg.from_numpy(idx)).item()
        else:
            self.step = lambda idx: all_rows(X, Y).item()

    def compiled(self, step: object) -> object:
        return step

    def outputs(self, x: Array) -> Array:
        with tg.no_grad():
            return self.model(tg.from_numpy(x)).numpy()


TILED = ("A-full", "C", "G")  # a batch does not fit into a cache


class Jitted(Eager):
    """The default form; a configuration with tiles uses the pure form."""

    def compiled(self, step: object) -> object:
        return tg.jit(step, tile_rows="auto" if self.config.name in TILED else None)


class Pure(Eager):
    """Replayed without running the function."""

    def compiled(self, step: object) -> object:
        return tg.jit(step, pure=True, tile_rows="auto")


class Over(Pure):
    """Replayed for all batches in one call, which gives the losses at the end."""

    def compiled(self, step: object) -> object:
        self.compiled_steps = [*getattr(self, "compiled_steps", []), super().compiled(step)]
        return self.compiled_steps[-1]

    def run(self, batches: Array) -> Array:
        by_index, _ = self.compiled_steps
        return np.array([loss.item() for loss in by_index.over(list(batches))])


class Untiled(Eager):
    """Pure without tiles, to measure the gain of tiles."""

    def compiled(self, step: object) -> object:
        return tg.jit(step, pure=True)
