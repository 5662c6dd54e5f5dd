"""NumPy by hand, as fast as possible: the best form for each configuration."""

from __future__ import annotations

from benchmarks.by_hand_cnn import CNN
from benchmarks.by_hand_mlp import Twin
from benchmarks.by_hand_tiled import Tiled
from benchmarks.problem import Contender, Problem


def twin(problem: Problem) -> Contender:
    """Make the fastest form of the configuration that we know how to write."""
    if not problem.config.sizes:
        return CNN(problem)
    return Twin(problem) if problem.config.batch else Tiled(problem)
