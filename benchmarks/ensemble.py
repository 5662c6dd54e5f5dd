"""The cost of an ensemble: the time of a step of K members together, beside a single run's.

    python -m benchmarks.ensemble --sizes 1,4,16 --recipes mlp-10,mlp-128

prints, for each recipe and K, the time per step of one member, and how many times faster that is
than the single run: above 1 the ensemble pays.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.measure import interleave
from tinygrad_mnist.data import load_embedded
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.train import Trainer
from tinygrad_mnist.train.ensemble import Ensemble

WARM = 5  # steps: eager, captured, replayed


def main(argv: list[str] | None = None) -> None:
    """Measure, and print a row for each recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1,4,16,64")
    parser.add_argument("--recipes", default="neuron,mlp-10,mlp-128,deep,mlp-532-minibatch")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.15, help="per round, of each, at least")
    args = parser.parse_args(argv)
    data = load_embedded()
    sizes = [int(size) for size in args.sizes.split(",")]
    head = " | ".join(f"K = {size}" for size in sizes)
    print(f"| recipe | layers | batch | single run, µs per step | {head} |")
    print("|---" * (4 + len(sizes)) + "|")
    for name in args.recipes.split(","):
        recipe = RECIPES[name].replace(epochs=10**6)
        trainer = Trainer(recipe, data)
        trainer.threads = 1
        loops: dict[str, Iterator[object]] = {"single": trainer.steps()}
        loops |= {str(size): Ensemble(recipe, data, size).steps() for size in sizes}
        times = {key: 1e6 * float(np.median(taken)) for key, taken in measured(loops, args).items()}
        cells = [
            f"{times[str(size)] / size:.0f} ({times['single'] * size / times[str(size)]:.1f}x)"
            for size in sizes
        ]
        layers, batch = "-".join(map(str, recipe.layers)), recipe.batch_size
        print(f"| `{name}` | {layers} | {batch} | {times['single']:.0f} | {' | '.join(cells)} |")


def measured(
    loops: dict[str, Iterator[object]], args: argparse.Namespace
) -> dict[str, list[float]]:
    """Return the seconds per step of each loop, in each round."""

    def seconds(key: str) -> float:
        start, steps, taken = time.perf_counter(), 0, 0.0
        while taken < args.seconds:
            next(loops[key])
            steps, taken = steps + 1, time.perf_counter() - start
        return taken / steps

    for loop in loops.values():
        for _ in range(WARM):
            next(loop)
    return interleave({key: lambda key=key: seconds(key) for key in loops}, args.rounds)


if __name__ == "__main__":
    main()
