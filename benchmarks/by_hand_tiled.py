"""NumPy by hand for a step over all rows: tiles of them on threads, gradients summed at the end."""

from __future__ import annotations

import numpy as np

from benchmarks.by_hand import Backprop
from benchmarks.by_hand_naive import logits
from benchmarks.by_hand_parts import Team, aligned, cut, seed, update
from benchmarks.problem import Array, Problem, Stepwise

TILE = 500  # rows


class Worker:
    """One thread's rows, a tile at a time."""

    def __init__(self, problem: Problem, P: list[Array], rows: slice) -> None:
        config, X, Y, _ = problem
        starts = range(rows.start, rows.stop, TILE)
        cuts = [slice(start, min(start + TILE, rows.stop)) for start in starts]
        self.tiles = [(X[at], Y[at]) for at in cuts]
        each = seed(config, len(X))
        self.backprops = {n: Backprop(config, P, n, each) for n in {len(x) for x, _ in self.tiles}}
        self.gradient = aligned(sum(p.size for p in P))

    def __call__(self) -> float:
        self.gradient.fill(0)
        loss = 0.0
        for x, y in self.tiles:
            backprop = self.backprops[len(x)]
            loss += backprop(x, y)
            np.add(self.gradient, backprop.gradient, self.gradient)
        return loss


class Tiled(Stepwise):
    def __init__(self, problem: Problem) -> None:
        config, X, _, weights = problem
        flat = aligned(sum(w.size for w in weights))
        self.P = cut(flat, config.shapes())
        for p, w in zip(self.P, weights, strict=True):
            p[...] = w
        self.team, self.rows = Team(), len(X)
        self.workers = [Worker(problem, self.P, at) for at in self.team.shares(len(X))]
        self.gradient = self.workers[0].gradient
        self.update = update(config, flat, self.gradient)

    def step(self, idx: Array) -> float:
        losses = self.team.do(Worker.__call__, self.workers)
        for worker in self.workers[1:]:
            self.gradient += worker.gradient
        self.update()
        return sum(losses) / self.rows

    def run(self, batches: Array) -> Array:
        with self.team.alone():
            return super().run(batches)

    def outputs(self, x: Array) -> Array:
        return logits(self.P, x)
