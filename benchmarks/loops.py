"""Loops over the parts of an array, here and in PyTorch: does backward grow as the loop does?

A hand-written recurrent layer reads x[:, t] and writes y[:, t] step by step. Where each part's
gradient is an array of the whole's size, backward takes the square of the number of steps. The
exponent says how backward's time grows with the steps: 1 is as the loop, 2 its square. Values and
gradients are compared first.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import tinygrad_mnist  # noqa: F401  (before NumPy: it may choose the BLAS core)

# isort: split
import numpy as np

LIBRARIES = ("tinygrad_mnist", "torch")
STEPS = (64, 256)
REPEATS = 5
Case = Callable[[Any, Any, Any, int], Any]


def read_steps(t: Any, x: Any, w: Any, n: int) -> Any:
    return sum(((x[:, i] * 0.5).tanh().sum() for i in range(n)), t.zeros(()))


def stacked(t: Any, x: Any, w: Any, n: int) -> Any:
    return t.stack([x[:, i] * 0.5 for i in range(n)], 1).sum()


def written(t: Any, x: Any, w: Any, n: int) -> Any:
    y = t.zeros(32, n, 64)
    for i in range(n):
        y[:, i] = w[:32] * x[:, 0]
    return y.sum()


def recurrent(t: Any, x: Any, w: Any, n: int) -> Any:
    y = t.zeros(n + 1, 32, 64)
    for i in range(n):
        y[i + 1] = (x[:, i] + y[i].clone()) * 0.5
    return y.sum()


def added(t: Any, x: Any, w: Any, n: int) -> Any:
    y = t.zeros(n, 32, 64)
    for i in range(n):
        y[i] += w[:32]
    return (y * x.transpose(0, 1)).sum()


def embedded(t: Any, x: Any, w: Any, n: int) -> Any:
    index = t.arange(32) * 37
    look = t.nn.functional.embedding
    return sum((look((index + i) % 2000, w).sum() for i in range(n)), t.zeros(()))


def diagonals(t: Any, x: Any, w: Any, n: int) -> Any:
    square = (x[0] @ w[:n].t() * 0.01).tanh()
    return sum((square.diagonal(i).sum() for i in range(n)), t.zeros(()))


CASES: dict[str, Case] = {
    "x[:, i] is read": read_steps,
    "x[:, i] is read and stacked": stacked,
    "y[:, i] = ...": written,
    "y[i + 1] = f(x[:, i], y[i])": recurrent,
    "y[i] += ...": added,
    "rows of an embedding": embedded,
    "diagonals": diagonals,
}


def seconds(t: Any, case: Case, steps: int) -> list[float]:
    """Return a loss, the sum of its gradient's sizes, and the seconds of both ways."""
    rng = np.random.default_rng(0)
    figures, size = [], 0.0
    arrays = [rng.random(shape, dtype=np.float32) for shape in ((32, steps, 64), (2000, 64))]
    for _ in range(REPEATS):
        x, w = (t.from_numpy(a.copy()).requires_grad_() for a in arrays)
        start = time.perf_counter()
        loss = case(t, x, w, steps)
        middle = time.perf_counter()
        loss.backward()
        figures.append((middle - start, time.perf_counter() - middle))
        grads = [p.grad.numpy() for p in (x, w) if p.grad is not None]
        size = sum(float(np.abs(g.astype(np.float64)).sum()) for g in grads)
    forward, backward = (statistics.median(column) for column in zip(*figures, strict=True))
    return [loss.item(), size, forward, backward]


def serve(library: str) -> None:
    """Measure one library, in this process."""
    t = importlib.import_module(library)
    for name, case in CASES.items():
        print(json.dumps([name, [seconds(t, case, steps) for steps in STEPS]]), flush=True)


def main() -> None:
    """Measure both libraries, each in a process of its own, and print them beside each other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    measured = []
    for library in LIBRARIES:
        command = [sys.executable, "-m", "benchmarks.loops", "--serve", library]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        measured.append(dict(map(json.loads, done.stdout.splitlines())))
    few, many = STEPS
    print(f"ms of backward at {few} and {many} steps, and the exponent; forward at {many}")
    for name in CASES:
        ours, theirs = (results[name] for results in measured)
        for a, b in zip(ours, theirs, strict=True):
            assert np.allclose(a[:2], b[:2], rtol=1e-3), f"{name}: results differ"
        columns = []
        for rows in (ours, theirs):
            back = [row[3] for row in rows]
            growth = math.log(back[1] / back[0], many / few)
            columns.append(
                f"{back[0] * 1e3:7.2f} {back[1] * 1e3:7.2f} {growth:4.1f} {rows[1][2] * 1e3:7.2f}"
            )
        print(f"{name:30s} | {columns[0]} | {columns[1]}")


if __name__ == "__main__":
    main()
