"""Steps of models beside busy processes that begin after the training has.

Each row is a process of its own: it trains alone, then beside so many busy loops, then alone again.
`one thread` is what a machine that is known to be busy would be told; PyTorch is there as a peer.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import tinygrad_mnist  # noqa: F401  before NumPy: it may choose NumPy's BLAS core
from benchmarks.training import batches, made

ROWS = {
    "jitted": ("jitted", {}),
    "jitted, one thread": ("jitted", {"OPENBLAS_NUM_THREADS": "1"}),
    "torch eager": ("torch eager", {}),
}
SETTLING = 0.25  # of each phase: what comes sooner after a change is not counted


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep so many cores busy meanwhile."""
    loops = [subprocess.Popen([sys.executable, "-c", "while 1: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measured(contender: str, model: str, loops: int, seconds: float) -> None:
    """Print the medians and means of a step in ms: alone, beside the loops, alone again."""
    training = made(contender, model)
    rows = batches(training.parts, 100)
    training.run(rows[:10])
    cells = []
    for count in (0, loops, 0):
        with busy_loops(count):
            times, start, number = [], time.perf_counter(), 0
            while time.perf_counter() < start + seconds or len(times) < 4:
                before, number = time.perf_counter(), (number + 1) % len(rows)
                training.run(rows[number : number + 1])
                times.append((time.perf_counter() - before) * 1e3)
        counted = times[int(len(times) * SETTLING) :]
        cells.append(f"{statistics.median(counted):.3g} ({statistics.mean(counted):.3g})")
    print(" | ".join(cells))


def main(arguments: list[str] | None = None) -> None:
    """Print a table of the models' steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="lenet,transformer", help="names of benchmarks.models")
    parser.add_argument("--contenders", default=";".join(ROWS), help="rows, separated by ;")
    parser.add_argument("--loops", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each phase")
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.row:
        measured(*options.row, options.loops, options.seconds)
        return
    print(f"| ms a step: median (mean) | alone | beside {options.loops} | alone again |")
    print("| :-- | --: | --: | --: |")
    for model in options.models.split(","):
        for row in options.contenders.split(";"):
            contender, variables = ROWS[row]
            command = [sys.executable, "-m", "benchmarks.beside", "--row", contender, model]
            command += ["--loops", str(options.loops), "--seconds", str(options.seconds)]
            ran = subprocess.run(
                command, env=os.environ | variables, stdout=subprocess.PIPE, text=True, check=True
            )
            print(f"| {model}, {row} | {ran.stdout.strip()} |", flush=True)


if __name__ == "__main__":
    main()
