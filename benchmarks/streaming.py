"""Training on images that stay in their files: memory, and how long a step waits for its batch.

    python -m benchmarks.streaming --gigabytes 20

makes a sparse IDX set of that size (it takes no room on the disk), trains one epoch of a recipe on
it, and prints the most memory that the process held, as Linux reports it in /proc/self/status. Then
it trains on a set that is in the page cache, with and without read-ahead, and with the images in
memory, and prints the time of a step and how much of it the step waited.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.measure import interleave
from tinygrad_mnist.data import load_embedded, load_mnist
from tinygrad_mnist.data.idx import encode_idx
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.train import StreamedTrainer, Trainer, trainer_for

PIXELS = 28 * 28
TEST = 1_000  # images


def make_sparse(folder: Path, images: int) -> None:
    """Write the four IDX files, the training ones as a real header before a hole."""
    real = load_embedded()
    _write_sparse(folder / "train-images-idx3-ubyte", (images, 28, 28))
    _write_sparse(folder / "train-labels-idx1-ubyte", (images,))
    for name, array in (
        ("t10k-images-idx3-ubyte", real.test_images[:TEST]),
        ("t10k-labels-idx1-ubyte", real.test_labels[:TEST].astype(np.uint8)),
    ):
        header, items = encode_idx(array)
        (folder / name).write_bytes(header + items.tobytes())


def _write_sparse(path: Path, shape: tuple[int, ...]) -> None:
    header, _ = encode_idx(np.empty((0, *shape[1:]), np.uint8))
    path.write_bytes(header[:4] + shape[0].to_bytes(4, "big") + header[8:])
    os.truncate(path, len(header) + math.prod(shape))


def held_memory() -> dict[str, int]:
    """Return MiB: the most held so far (VmHWM), and now anonymous (RssAnon) and of files."""
    status = Path("/proc/self/status").read_text("ascii")
    return {
        name: int(match[1]) // 1024
        for name in ("VmHWM", "RssAnon", "RssFile")
        if (match := re.search(rf"{name}:\s+(\d+) kB", status))
    }


def train_once(folder: str, recipe_name: str, window: int | None, steps: int | None) -> None:
    """Train one epoch, or some steps of it, and print the memory held."""
    recipe = RECIPES[recipe_name].replace(epochs=1)
    trainer = trainer_for(recipe, load_mnist(folder, stream=True), window=window)
    start, taken = time.perf_counter(), 0
    for _ in trainer.steps():
        taken += 1
        if taken == steps:
            break
    seconds = time.perf_counter() - start
    rate = taken * (recipe.batch_size or 1) / seconds
    memory = ", ".join(f"{name} {mib} MiB" for name, mib in held_memory().items())
    print(f"{recipe_name}: {taken:,} steps, {rate:,.0f} images/s, {memory}", flush=True)


def waiting(folder: Path, recipe_name: str, images: int, rounds: int) -> None:
    """Print the time of a step with the images in memory, streamed, and without read-ahead."""
    recipe = RECIPES[recipe_name].replace(epochs=10**6)
    in_memory, streamed = load_mnist(folder, stream=False), load_mnist(folder, stream=True)
    trainers = {
        "in memory": Trainer(recipe, in_memory),
        "streamed": StreamedTrainer(recipe, streamed),
        "streamed, windows": StreamedTrainer(recipe, streamed, window=8192),
        "streamed, no read-ahead": StreamedTrainer(recipe, streamed, read_ahead=False),
    }
    loops = {name: trainer.steps() for name, trainer in trainers.items()}
    count = max(1, images // (recipe.batch_size or 1))

    def seconds(name: str) -> float:
        start = time.perf_counter()
        for _ in range(count):
            next(loops[name])
        return (time.perf_counter() - start) / count

    times = interleave({name: lambda name=name: seconds(name) for name in loops}, rounds)
    for loop in loops.values():
        loop.close()
    print(f"| {recipe_name}, batch {recipe.batch_size} | µs per step | beside in memory |")
    print("|---|---|---|")
    base = float(np.median(times["in memory"]))
    for name, taken in times.items():
        median = float(np.median(taken))
        print(f"| {name} | {1e6 * median:.0f} | {median / base:.2f} |")


def main(argv: list[str] | None = None) -> None:
    """Run the parts that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=0, help="size of the sparse set")
    parser.add_argument("--recipe", default="mlp-128")
    parser.add_argument("--window", type=int, help="images; default: the trainer's own choice")
    parser.add_argument("--steps", type=int, help="default: a whole epoch")
    parser.add_argument("--images", type=int, default=60_000, help="of the set for the waiting")
    parser.add_argument("--rounds", type=int, default=0, help="of the waiting; 0: not measured")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if args.gigabytes:
            make_sparse(folder, int(args.gigabytes * 1e9) // PIXELS)
            call = f"train_once({made!r}, {args.recipe!r}, {args.window}, {args.steps})"
            code = f"from benchmarks.streaming import train_once; {call}"
            subprocess.run([sys.executable, "-c", code], check=True)  # its memory alone
        if args.rounds:
            make_sparse(folder, args.images)
            waiting(folder, args.recipe, args.images // 4, args.rounds)


if __name__ == "__main__":
    main()
