"""One training run in a process of its own: `end_to_end` and `memory` start it.

Only the contender's library is imported. The last line printed is JSON.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
from pathlib import Path

BORN = time.time()
sys.path.insert(0, str(Path(__file__).parents[1]))


def start_time() -> float:
    """Return the Unix time at which this process started, before Python's own start, on Linux."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return BORN
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def peak() -> int:
    """Return the peak resident bytes of this process."""
    try:
        status = Path("/proc/self/status").read_text()  # getrusage counts the parent's peak too
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Train; print the seconds, steps and bytes of the training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender")
    parser.add_argument("config")
    parser.add_argument("--data", type=Path, help="folder with MNIST's four files; else noise")
    parser.add_argument("--target", type=float, default=2.0, help="test accuracy to stop at")
    parser.add_argument("--steps", type=int, default=10_000, help="at most")
    parser.add_argument("--every", type=int, default=200, help="steps between looks")
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=1, help="of the weights and the batches")
    options = parser.parse_args()

    from benchmarks.contenders import load

    cls = load(options.contender)  # before NumPy: this library may choose NumPy's BLAS core

    import numpy as np

    from benchmarks.problem import CONFIGS, make, random_data

    def read(name: str, offset: int) -> np.ndarray:
        plain = options.data / name
        packed = plain.with_name(f"{name}.gz")
        raw = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
        return np.frombuffer(raw, np.uint8, offset=offset)

    def images(name: str) -> np.ndarray:
        x = read(name, 16).astype(np.float32).reshape(-1, 784)
        x -= 33.3184
        x /= 78.5675  # the pixels' mean and standard deviation
        return x

    if options.data:
        X = images("train-images-idx3-ubyte")
        Y = read("train-labels-idx1-ubyte", 8).astype(np.int64)
        test = images("t10k-images-idx3-ubyte"), read("t10k-labels-idx1-ubyte", 8)
    else:
        X, Y = random_data(options.rows)
        test = X[:1000], Y[:1000]
    problem = make(CONFIGS[options.config], X, Y, options.seed)
    trained, accuracy, finished = cls(problem), 0.0, 0
    while accuracy < options.target and finished < options.steps:
        count = min(options.every, options.steps - finished)
        trained.run(problem.batches(count, seed=finished + options.steps * options.seed))
        finished += count
        if options.target <= 1:  # otherwise only training matters
            accuracy = float(np.mean(trained.outputs(test[0]).argmax(1) == test[1]))
    seconds = time.time() - start_time()
    figures = {"seconds": seconds, "steps": finished, "accuracy": accuracy, "peak": peak()}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
