"""The growth of cost with depth, width, batch and parameters: exponents of fitted power laws."""

from __future__ import annotations

import tinygrad_mnist as tg  # before NumPy: it may choose NumPy's BLAS core

# isort: split
import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import measure
from tinygrad_mnist import nn, optim


def depth(ops: int) -> Callable[[], None]:
    """Make a chain of `ops` ops on 4x4 arrays, forward and backward."""
    a, b = tg.ones(4, 4, requires_grad=True), tg.ones(4, 4)

    def run() -> None:
        x = a
        for _ in range(ops):
            x = x + b
        x.sum().backward()
        a.grad = None

    return run


def network(width: int = 64, batch: int = 64) -> Callable[[], None]:
    """Make a step of three square layers."""
    model = nn.Sequential(*(nn.Linear(width, width) for _ in range(3)))
    x = tg.ones(batch, width)

    def run() -> None:
        model(x).sum().backward()
        model.zero_grad()

    return run


def parameters(count: int) -> Callable[[], None]:
    """Make a step of Adam on `count` parameters."""
    p = nn.Parameter(tg.zeros(count))
    p.grad = tg.ones(count)
    return optim.Adam([p]).step


KINDS: dict[str, tuple[Callable[[int], Callable[[], None]], list[int]]] = {
    "depth": (depth, [1_000, 3_162, 10_000, 31_623, 100_000]),
    "width": (lambda n: network(width=n), [256, 512, 1024, 2048]),
    "batch": (lambda n: network(batch=n), [1024, 4096, 16384]),
    "parameters": (parameters, [100_000, 1_000_000, 10_000_000]),
}


def seconds(run: Callable[[], None]) -> float:
    """Measure one run, after a collection of garbage."""
    gc.collect()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def exponent(sizes: list[int], times: list[float]) -> float:
    """Fit the power law time = c * size**k in logarithms; return k."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def main(args: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = measure.arguments(__doc__)
    parser.add_argument("--kinds", type=measure.names, default=list(KINDS))
    parser.add_argument("--shrink", type=int, default=1, help="divide all sizes by this")
    options = parser.parse_args(args)
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    rows, results = [], {}
    for kind in options.kinds:
        make, sizes = KINDS[kind]
        sizes = [max(size // options.shrink, 1) for size in sizes]
        runs: dict[str, Any] = {str(size): make(size) for size in sizes}
        for run in runs.values():
            run()
        figures = {size: (lambda run=run: seconds(run)) for size, run in runs.items()}
        times = measure.interleave(figures, options.rounds, options.patience)
        medians = [float(np.median(some)) for some in times.values()]
        rounds = [exponent(sizes, list(some)) for some in zip(*times.values(), strict=True)]
        low, _, high = measure.quartiles(rounds)
        fit = (exponent(sizes, medians), low, high)
        results[kind] = {"seconds": times, "exponent": fit}
        ends = " to ".join(f"{size:,}" for size in (sizes[0], sizes[-1]))
        took = " to ".join(measure.readable(medians[end]) for end in (0, -1))
        rows.append([kind, ends, took, measure.spread(fit)])
    text = measure.table(["what grows", "from to", "median time", "exponent (quartiles)"], rows)
    measure.publish("scaling", options.out, text, {"results": results})


if __name__ == "__main__":
    main()
