"""How far data parallel training scales: measured on this machine, predicted for up to 1,024 ranks.

    python -m benchmarks.distributed measure FILE   # a minute and a half for each of three parts
    python -m benchmarks.distributed report FILE    # the tables of docs/distributed.md

Measured: the seconds of a step by recipe and batch on one rank, those of an all-reduce by size on 2
ranks (and on 3 and 4, which share this machine's cores and say nothing of a network), and those of
a whole step on 2 ranks. Two numbers are fitted to the all-reduces of 2 ranks, alpha seconds for a
message and beta seconds for a byte:

    T(N, bytes) = 2 log2(N) alpha + 2 (N - 1) / N beta bytes

Predicted: a step of N ranks takes what one rank needs for its part of the batch, for packing its
gradients into one buffer, and for two all-reduces, of the gradients and of six numbers. Whole
steps of 2 ranks tell how wrong that is.
"""

from __future__ import annotations

import tinygrad_mnist as tg  # before NumPy: it may choose NumPy's BLAS core

# isort: split
import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist import distributed as dist
from tinygrad_mnist.data import Mnist, load_embedded
from tinygrad_mnist.distributed.agree import sum_numbers
from tinygrad_mnist.distributed.deaths import waiting
from tinygrad_mnist.distributed.group import ProcessGroup, find_mpiexec, world
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.nn.reducer import Reducer
from tinygrad_mnist.train import Trainer

NAMES = ("neuron", "mlp-10", "mlp-128", "mlp-532-minibatch", "mlp-100-adam", "deep", "cnn")
ROWS = (1, 4, 16, 64, 256, 1024, 4096)  # of a batch, on one rank
FLOATS = (1, 6, 100, 1_000, 10_000, 25_000, 100_000, 250_000, 420_000, 1_000_000)
BATCHES = (128, 1024, 8192)
RANKS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
HALF = 0.5  # the efficiency below which more ranks are said not to pay
NETWORKS = {  # alpha and beta of links that were not measured: assumed round numbers
    "10 Gbit/s Ethernet (assumed: 30 us, 1.25 GB/s)": (30e-6, 1 / 1.25e9),
}


def best_of(run: Callable[[], object], seconds: float) -> float:
    """Return the median seconds of a call, measured for a while."""
    run()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < 5:
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def step_of(name: str, rows: int) -> Callable[[], object]:
    """Return a step of a recipe, on this rank's part of a batch of so many rows."""
    data = load_embedded()
    repeat = -(-rows * 2 // len(data.train_labels))
    images, labels = np.repeat(data.train_images, repeat, 0), np.repeat(data.train_labels, repeat)
    whole = Mnist(images, labels, data.test_images, data.test_labels, "bench", "repeated")
    trainer = Trainer(RECIPES[name].replace(batch_size=rows), whole)
    trainer.model.train()
    order = np.arange(rows)
    return lambda: trainer._train_on(trainer._part(order))


def compute(names: Sequence[str], seconds: float) -> Iterator[dict[str, Any]]:
    """Time a step of each recipe by the rows of its batch, on one rank with one thread."""
    tg.set_num_threads(1)
    for name in names:
        count = sum(p.numel() for p in Trainer(RECIPES[name], load_embedded()).model.parameters())
        times = {rows: best_of(prepared(step_of(name, rows)), seconds) for rows in ROWS}
        packing = best_of(packing_of(name), seconds)
        yield {"recipe": name, "parameters": count, "packing": packing, "seconds": times}


class NoComm:
    """Stands for a communicator whose all-reduce takes no time."""

    def Allreduce(self, *args: Any) -> None:
        """Do nothing."""


class NoMpi:
    """Stands for MPI where nothing is sent."""

    IN_PLACE, Exception = None, RuntimeError


def packing_of(name: str) -> Callable[[], object]:
    """Return what packs a recipe's gradients into the buffer, and puts their mean back."""
    trainer = Trainer(RECIPES[name], load_embedded())
    trainer._train_on(trainer._part(np.arange(64)))
    ranks = ProcessGroup(NoComm(), [0, 1], NoMpi())
    reducer = Reducer(list(trainer.model.parameters()), ranks)
    reducer.weight = 64.0
    return reducer.average_gradients


def prepared(step: Callable[[], object]) -> Callable[[], object]:
    """Return a step that has been captured."""
    for _ in range(3):
        step()
    return step


def all_reduces(seconds: float) -> None:
    """As one rank of several: time all-reduces by size, and print them on rank 0."""
    dist.init_process_group()
    ranks, times = world(), {}
    for count in FLOATS:
        buffer = np.ones(count, np.float32)
        taken = []
        end = time.perf_counter() + seconds
        going = np.ones(1)
        while going[0]:
            dist.barrier()
            start = time.perf_counter()
            with waiting("all_reduce"):
                ranks.comm.Allreduce(ranks.mpi.IN_PLACE, buffer)
            taken.append(time.perf_counter() - start)
            going[0] = ranks.rank() == 0 and (time.perf_counter() < end or len(taken) < 20)
            sum_numbers(going)  # rank 0 decides how often
        times[4 * count] = statistics.median(taken)
    if ranks.rank() == 0:
        print(json.dumps({"ranks": ranks.size(), "seconds": times}), flush=True)


def steps(names: Sequence[str], seconds: float) -> None:
    """As one rank of several: time whole steps of each recipe, and print them on rank 0."""
    dist.init_process_group()
    for name in names:
        for rows in (128, 1024):
            step = prepared(step_of(name, rows))
            taken = []
            going, end = np.ones(1), time.perf_counter() + seconds
            while going[0]:
                start = time.perf_counter()
                step()
                taken.append(time.perf_counter() - start)
                going[0] = dist.get_rank() == 0 and time.perf_counter() < end
                sum_numbers(going)
            if dist.get_rank() == 0:
                line = {"recipe": name, "rows": rows, "seconds": statistics.median(taken)}
                print(json.dumps({"ranks": dist.get_world_size(), **line}), flush=True)


def overlap(seconds: float) -> None:
    """As one rank of 2: time products and an all-reduce one after the other, and at once."""
    dist.init_process_group()
    ranks = world()
    a = np.ones((256, 256), np.float32)
    out, buffer, into = np.empty_like(a), np.ones(420_000, np.float32), np.empty(420_000, "f4")

    def products() -> None:
        for _ in range(6):
            np.dot(a, a, out=out)

    def in_turn() -> None:
        products()
        ranks.comm.Allreduce(buffer, into)

    def at_once() -> None:
        request = ranks.comm.Iallreduce(buffer, into)
        products()
        request.Wait()

    results = {}
    for name, run in (("products", products), ("in_turn", in_turn), ("at_once", at_once)):
        taken = []
        for _ in range(max(50, int(seconds * 300))):
            dist.barrier()
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
        results[name] = statistics.median(taken)
    if ranks.rank() == 0:
        print(json.dumps(results), flush=True)


def on_ranks(count: int, part: str, *arguments: str) -> list[Any]:
    """Run a part of this file on so many ranks; return what rank 0 printed."""
    command = [find_mpiexec() or "mpiexec", "-n", str(count), sys.executable, "-m",
               "benchmarks.distributed", part, "-", *arguments]  # fmt: skip
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


# The model


def fit(times: dict[str, float]) -> tuple[float, float, list[float]]:
    """Return alpha, beta and the relative error at each size, for all-reduces of 2 ranks.

    Least squares of relative errors, as each size is to count the same.
    """
    sizes = np.array([float(size) for size in times])
    seconds = np.array(list(times.values()))
    rows = np.stack([2 * np.ones_like(sizes), sizes], 1) / seconds[:, None]
    (alpha, beta), *_ = np.linalg.lstsq(rows, np.ones_like(sizes), rcond=None)
    errors = (2 * alpha + sizes * beta) / seconds - 1
    return float(alpha), float(beta), [float(e) for e in errors]


def all_reduce_seconds(ranks: int, size: float, alpha: float, beta: float) -> float:
    """Return the seconds of an all-reduce by the model."""
    return 2 * math.log2(ranks) * alpha + 2 * (ranks - 1) / ranks * beta * size


def compute_seconds(times: dict[str, float], rows: float) -> float:
    """Return the seconds of a step on so many rows, on the line through the measured ones."""
    points = sorted((float(n), s) for n, s in times.items())
    (a, slow), (b, slower) = points[-2:]
    if rows > b:
        return slower + (slower - slow) / (b - a) * (rows - b)
    return float(np.interp(rows, [n for n, _ in points], [s for _, s in points]))


def predicted(about: dict[str, Any], batch: int, ranks: int, link: tuple[float, float]) -> float:
    """Return the seconds of a step of N ranks on a batch that they share."""
    alone = compute_seconds(about["seconds"], math.ceil(batch / ranks))
    if ranks == 1:
        return alone
    sizes = 4 * (about["parameters"] + 10), 48
    return alone + about["packing"] + sum(all_reduce_seconds(ranks, size, *link) for size in sizes)


def report(results: dict[str, Any]) -> Iterator[str]:
    """Yield the tables: what was measured, how well the model fits, and what it predicts."""
    alpha, beta, errors = fit(results["all_reduce"][0]["seconds"])
    yield from measured_tables(results)
    worst = max(map(abs, errors))
    yield (
        f"Fitted to the all-reduces of 2 ranks: alpha {1e6 * alpha:.1f} us, beta "
        f"{1e9 * beta:.2f} ns per byte ({1e-9 / beta:.1f} GB/s); relative error of a size: "
        f"{statistics.mean(map(abs, errors)):.0%} in the mean, {worst:.0%} at most."
    )
    yield ""
    yield "| recipe | batch | 1 rank, ms | 2 ranks, ms, measured | by the model | error |"
    yield "|---|---|---|---|---|---|"
    by_name = {about["recipe"]: about for about in results["compute"]}
    for line in results["steps"]:
        about = by_name[line["recipe"]]
        guess = predicted(about, line["rows"], 2, (alpha, beta))
        alone, seconds = compute_seconds(about["seconds"], line["rows"]), line["seconds"]
        yield (
            f"| {line['recipe']} | {line['rows']} | {1e3 * alone:.2f} | {1e3 * seconds:.2f} | "
            f"{1e3 * guess:.2f} | {guess / seconds - 1:+.0%} |"
        )
    links = {"links as quick as this machine's memory": (alpha, beta), **NETWORKS}
    for name, link in links.items():
        yield from ["", f"Predicted, for {name}: speed-up (efficiency).", ""]
        yield from predicted_table(results["compute"], link)


def measured_tables(results: dict[str, Any]) -> Iterator[str]:
    """Yield what was measured: steps by rows, all-reduces by size and ranks, and the overlap."""
    yield from ["Measured: milliseconds of a step on one rank, by the rows of its batch.", ""]
    yield f"| recipe | parameters | packing | {' | '.join(map(str, ROWS))} |"
    yield f"|---|---|---|{'---|' * len(ROWS)}"
    for about in results["compute"]:
        cells = " | ".join(f"{1e3 * s:.2f}" for s in about["seconds"].values())
        packing = f"{1e3 * about['packing']:.3f}"
        yield f"| {about['recipe']} | {about['parameters']:,} | {packing} | {cells} |"
    yield from ["", "Measured: microseconds of an all-reduce, by its float32 numbers.", ""]
    yield f"| ranks | {' | '.join(f'{n:,}' for n in FLOATS)} |"
    yield f"|---|{'---|' * len(FLOATS)}"
    for line in results["all_reduce"]:
        cells = " | ".join(f"{1e6 * s:.0f}" for s in line["seconds"].values())
        shared = "" if line["ranks"] == 2 else ", sharing 2 cores"
        yield f"| {line['ranks']}{shared} | {cells} |"
    both = results["overlap"]
    yield from [
        "",
        f"Measured: products alone take {1e3 * both['products']:.2f} ms, and with an all-reduce of "
        f"420,000 numbers after them {1e3 * both['in_turn']:.2f} ms; with the all-reduce begun "
        f"before them, {1e3 * both['at_once']:.2f} ms.",
        "",
    ]


def predicted_table(results: Sequence[dict[str, Any]], link: tuple[float, float]) -> Iterator[str]:
    """Yield speed-up and efficiency by recipe, batch and ranks, and where scaling stops."""
    yield f"| recipe | batch | {' | '.join(map(str, RANKS))} | pays up to | fastest at |"
    yield f"|---|---|{'---|' * len(RANKS)}---|---|"
    for about in results:
        for batch in BATCHES:
            alone = predicted(about, batch, 1, link)
            gains = {n: alone / predicted(about, batch, n, link) for n in RANKS if n <= batch}
            cells = [f"{gains[n]:.3g} ({gains[n] / n:.0%})" if n in gains else "-" for n in RANKS]
            paying = [n for n, gain in gains.items() if gain / n >= HALF]
            fastest = max(gains, key=lambda n: gains[n])
            end = str(fastest) if gains[fastest] > 1 else "1"
            yield (
                f"| {about['recipe']} | {batch} | {' | '.join(cells)} | "
                f"{max(paying, default=1)} | {end} |"
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure into a file, or report from it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["compute", "reduce", "measure", "report", "all_reduces",
                                         "steps", "overlap"])  # fmt: skip
    parser.add_argument("file", help="where the measurements are; - on a rank")
    parser.add_argument("--recipes", nargs="+", default=list(NAMES))
    parser.add_argument("--seconds", type=float, default=0.4, help="for each figure")
    args = parser.parse_args(arguments)
    if args.file == "-":
        if args.part == "steps":
            steps(args.recipes, args.seconds)
        else:
            (all_reduces if args.part == "all_reduces" else overlap)(args.seconds)
        return 0
    path = Path(args.file)
    results = json.loads(path.read_text()) if path.exists() else {}
    if args.part in ("compute", "measure"):
        results["compute"] = list(compute(args.recipes, args.seconds))
    if args.part in ("reduce", "measure"):
        more = "--seconds", str(args.seconds)
        results["all_reduce"] = [on_ranks(n, "all_reduces", *more)[0] for n in (2, 3, 4)]
        results["overlap"] = on_ranks(2, "overlap", *more)[0]
    if args.part in ("steps", "measure"):
        more = "--seconds", str(args.seconds), "--recipes", *args.recipes
        results["steps"] = on_ranks(2, "steps", *more)
    if args.part == "report":
        print("\n".join(report(json.loads(json.dumps(results)))))
    else:
        path.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
