"""NumPy by hand for a step over all rows: tiles of them on threads, gradients summed at the end."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.by_hand_mlp import Backprop, Parameters
from benchmarks.by_hand_naive import logits
from benchmarks.by_hand_parts import Team, aligned, bound, make, seed, update
from benchmarks.problem import Array, Problem, Stepwise

TILE = 1000  # rows


class Neuron(Backprop):
    """A neuron for data in main memory, which BLAS reads twice as fast row by row."""

    def product(self, w: Array, h: Array, z: Array) -> tuple[Any, ...]:
        return np.vecdot, h, w[0], z[0]


class Worker:
    """One thread's rows, a tile at a time."""

    def __init__(self, problem: Problem, P: Parameters, rows: slice) -> None:
        config, X, Y, _ = problem
        self.gradient, self.loss = aligned(P.flat.size), aligned()
        each, kind, backprops = seed(config, len(X)), Neuron if config.binary else Backprop, {}
        self.calls = [partial(self.gradient.fill, 0), partial(self.loss.fill, 0)]
        for start in range(rows.start, rows.stop, TILE):
            tile = slice(start, min(start + TILE, rows.stop))
            count = tile.stop - start
            if count not in backprops:
                backprops[count] = kind(config, P, count, each)
            backprop = backprops[count]
            part = backprop.gradient.flat
            self.calls += bound(backprop.calls(X[tile], Y[tile]))
            self.calls.append(partial(np.add, self.loss, backprop.loss, self.loss))
            self.calls.append(partial(np.add, self.gradient, part, self.gradient))


class Tiled(Stepwise):
    def __init__(self, problem: Problem) -> None:
        config, X, _, weights = problem
        self.P = Parameters(config, weights)
        self.team, self.rows = Team(), len(X)
        self.workers = [Worker(problem, self.P, at) for at in self.team.shares(len(X))]
        self.gradient = self.workers[0].gradient
        self.update = update(config, self.P.flat, self.gradient)

    def step(self, idx: Array) -> float:
        self.team.do(make, [worker.calls for worker in self.workers])
        for worker in self.workers[1:]:
            self.gradient += worker.gradient
        self.update()
        return sum(float(worker.loss) for worker in self.workers) / self.rows

    def run(self, batches: Array) -> Array:
        with self.team.alone():
            return super().run(batches)

    def outputs(self, x: Array) -> Array:
        return logits(self.P.arrays, x)
