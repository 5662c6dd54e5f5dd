"""Show that N ranks train as one rank does on the same global batches: every recipe, every form.

    python -m benchmarks.distributed_equality [--ranks 1 2 3 4] [--recipes mlp-10 cnn] [--steps 100]

One process trains each recipe first. Then `mpiexec` starts N ranks, which train on their parts of
the same batches: eagerly, with the jit, with pure=True, in tiles where the recipe has them, and
again with two accumulated batches and clipping. The table has the difference of the weights,
|a - b| / |b| in the 2-norm for the Tensor where it is largest, and whether the ranks' weights, and
those of a second run, are the same to the bit. Adam divides each gradient by its size, so that one
which is all rounding moves a weight as far as any other: therefore the last column has the same
measure for one rank alone, of its float32 weights from its float64 weights.

With dropout each rank draws masks of its own. So recipes with dropout are compared twice: without
it, with one rank; and with it, with one process that draws the masks of N ranks in turn.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import distributed as dist
from tinygrad_mnist import nn
from tinygrad_mnist.data import load_embedded
from tinygrad_mnist.distributed.agree import share_of
from tinygrad_mnist.distributed.group import find_mpiexec
from tinygrad_mnist.models import RECIPES, Recipe, build
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.train.loop import examples, make_optimizer

Array = np.ndarray[Any, Any]
ROWS = 1100  # training images; the recipe that takes all of them at once takes FULL
FULL = 250
FORMS = ("eager", "jit", "pure", "tiles")
MAX_NORM = 0.5
LIMITS = {"float64": 1e-12, "float32": 1e-5}


class Case(NamedTuple):
    """One way to train a recipe."""

    recipe: str
    dtype: str
    dropout: bool
    accumulated: bool
    """True if gradients of two batches are added up and clipped."""

    @property
    def key(self) -> str:
        """Return the name of the case's weights in a file."""
        return "/".join(map(str, self))


def cases(names: Sequence[str]) -> Iterator[Case]:
    """Yield the cases of the named recipes."""
    for name, dtype, accumulated in itertools.product(names, LIMITS, (False, True)):
        yield Case(name, dtype, dropout=False, accumulated=accumulated)
        if RECIPES[name].dropout:
            yield Case(name, dtype, dropout=True, accumulated=accumulated)


class Training:
    """A model, its optimizer and the batches of a case."""

    def __init__(self, case: Case, form: str, steps: int) -> None:
        recipe = RECIPES[case.recipe]
        self.recipe = recipe if case.dropout else recipe.replace(dropout=0.0)
        self.case, self.form, self.steps = case, form, steps
        tg.manual_seed(0)
        self.model = build(self.recipe).to(np.dtype(case.dtype))
        self.optimizer = make_optimizer(self.recipe, self.model)
        self.loss = getattr(F, recipe.loss)
        data = load_embedded()
        images, labels = data.train_images[:ROWS], data.train_labels[:ROWS]
        self.inputs, _, self.targets = examples(self.recipe, images, labels)
        self.inputs = self.inputs.astype(case.dtype)
        if self.targets.dtype.kind == "f":
            self.targets = self.targets.astype(case.dtype)

    def batches(self) -> Iterator[list[Array]]:
        """Yield the rows of each step's batches: one, or two to add up; the last ones are short."""
        rng = np.random.default_rng(1)
        size = self.recipe.batch_size or FULL
        for step in range(self.steps):
            rows = size if step % 10 < 9 else max(size // 3, 5)
            yield [rng.permutation(ROWS)[:rows] for _ in range(1 + self.case.accumulated)]

    def weights(self) -> Array:
        """Return all weights in one array."""
        return np.concatenate([p.detach().numpy().ravel() for p in self.model.parameters()])

    def error(self, weights: Array, expected: Array) -> float:
        """Return the largest difference of a Tensor from what is expected, relative to its norm."""
        ends = np.cumsum([p.numel() for p in self.model.parameters()])[:-1]
        pairs = zip(np.split(weights, ends), np.split(expected, ends), strict=True)
        return float(max(np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in pairs))

    def bits(self) -> bytes:
        """Return the bits of all weights."""
        return b"".join(p.detach().numpy().tobytes() for p in self.model.parameters())

    def update(self) -> None:
        """Clip the gradients where the case says so, and step."""
        if self.case.accumulated:
            nn.utils.clip_grad_norm_(self.model.parameters(), MAX_NORM)
        self.optimizer.step()


def train_alone(case: Case, steps: int, ranks: int = 1) -> Array:
    """Train in this process; with dropout, rank by rank, with the masks that each would draw."""
    run = Training(case, "eager", steps)
    for number, batches in enumerate(run.batches()):
        run.optimizer.zero_grad()
        for count, rows in enumerate(batches):
            for rank in range(ranks if case.dropout else 1):
                part = rows[share_of(len(rows), rank, ranks)] if case.dropout else rows
                bits = np.random.PCG64([0, number, count, rank])
                tg.set_rng_state(dict(bits.state))
                loss = run.loss(
                    run.model(tg.from_numpy(run.inputs[part])), tg.from_numpy(run.targets[part])
                )
                (loss * (len(part) / len(rows))).backward()
        run.update()
    return run.weights()


def train_together(case: Case, form: str, steps: int) -> Training:
    """Train on all ranks, each on its part of every batch."""
    run = Training(case, form, steps)
    network = nn.parallel.DistributedDataParallel(run.model)
    rank, size = dist.get_rank(), dist.get_world_size()

    def gradients(inputs: Any, targets: Any) -> None:
        run.loss(network(inputs), targets).backward()

    def step(inputs: Any, targets: Any) -> None:
        run.optimizer.zero_grad()
        run.loss(network(inputs), targets).backward()
        run.optimizer.step()

    one = wrapped(gradients if case.accumulated else step, form, run.recipe)
    for number, batches in enumerate(run.batches()):
        run.optimizer.zero_grad()
        for count, rows in enumerate(batches):
            part = rows[share_of(len(rows), rank, size)]
            dist.seed_rank(0, number, count)
            network.set_weight(len(part))
            last = count == len(batches) - 1
            with contextlib.nullcontext() if last else network.no_sync():
                one(tg.from_numpy(run.inputs[part]), tg.from_numpy(run.targets[part]))
        if case.accumulated:
            run.update()
    return run


def wrapped(step: Any, form: str, recipe: Recipe) -> Any:
    """Return a step in one of the jit's forms."""
    if form == "eager":
        return step
    if form == "tiles":
        return tg.jit(step, tile_rows=max(2, (recipe.batch_size or FULL) // 16))
    return tg.jit(step, pure=form == "pure")


def forms_of(case: Case) -> list[str]:
    """Return the forms of a case: tiles for recipes that have them, and one batch per step."""
    tiled = RECIPES[case.recipe].tile_rows is not None and not case.accumulated
    return [form for form in FORMS if form != "tiles" or tiled]


def compare(names: Sequence[str], steps: int, file: str) -> None:
    """Train as one rank of several, and print, on rank 0, one line of JSON per case and form."""
    dist.init_process_group()
    expected = np.load(file)
    for case in cases(names):
        for form in forms_of(case):
            run = train_together(case, form, steps)
            again = train_together(case, form, steps)
            bits = gathered(run)
            if dist.get_rank():
                continue
            wide = expected[case._replace(dtype="float64").key]
            line = {
                **case._asdict(), "form": form, "ranks": len(bits),
                "error": run.error(run.weights(), expected[case.key]),
                "own": run.error(expected[case.key], wide),
                "ranks_agree": len(set(bits)) == 1, "repeats": again.bits() == run.bits(),
            }  # fmt: skip
            print(json.dumps(line), flush=True)


def gathered(run: Training) -> list[bytes]:
    """Return the weights of every rank, as bits."""
    mine = tg.from_numpy(np.frombuffer(run.bits(), np.uint8).copy())
    everyone = [tg.zeros_like(mine) for _ in range(dist.get_world_size())]
    dist.all_gather(everyone, mine)
    return [bits.numpy().tobytes() for bits in everyone]


def measure(names: Sequence[str], steps: int, ranks: int, alone: dict[str, Array]) -> list[Any]:
    """Train alone what was not yet, then on so many ranks; return a dict per case and form."""
    weights = {}
    for case in cases(names):
        if case.dropout:
            weights[case.key] = train_alone(case, steps, ranks)
            continue
        if case.key not in alone:
            alone[case.key] = train_alone(case, steps)
        weights[case.key] = alone[case.key]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.npz"
        np.savez(file, **weights)
        command = [
            find_mpiexec() or "mpiexec", "-n", str(ranks), sys.executable, "-m",
            "benchmarks.distributed_equality", "--child", str(file), "--steps", str(steps),
            "--recipes", *names,
        ]  # fmt: skip
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def report(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a table: the largest difference of each recipe and number of ranks."""
    yield "| recipe | ranks | runs | float64 | float32 | repeats | one rank's own float32 error |"
    yield "|---|---|---|---|---|---|---|"

    def order(line: dict[str, Any]) -> tuple[str, int]:
        return line["recipe"], line["ranks"]

    for (recipe, ranks), group in itertools.groupby(sorted(lines, key=order), order):
        runs = list(group)
        worst = [max(r["error"] for r in runs if r["dtype"] == dtype) for dtype in LIMITS]
        same = all(r["ranks_agree"] and r["repeats"] for r in runs)
        own = max(r["own"] for r in runs)
        yield (
            f"| {recipe} | {ranks} | {len(runs)} | {worst[0]:.0e} | {worst[1]:.0e} | "
            f"{'the same bits' if same else 'DIFFER'} | {own:.0e} |"
        )


def wrong(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the runs that are further off than allowed, or not the same to the bit.

    In float32 a recipe may be 3 times as far from one rank as that is from its own float64 weights.
    """
    own: dict[str, float] = {}
    for line in lines:
        own[line["recipe"]] = max(line["own"], own.get(line["recipe"], 0.0))

    def is_wrong(line: dict[str, Any]) -> bool:
        limit = LIMITS[line["dtype"]]
        if line["dtype"] == "float32":
            limit = max(limit, 3 * own[line["recipe"]])
        return not (line["error"] <= limit and line["ranks_agree"] and line["repeats"])

    return [line for line in lines if is_wrong(line)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and print the table; return 1 where a difference is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--child", help="the file of expected weights: this is one of the ranks")
    args = parser.parse_args(arguments)
    if args.child:
        compare(args.recipes, args.steps, args.child)
        return 0
    alone: dict[str, Array] = {}
    lines = [r for n in args.ranks for r in measure(args.recipes, args.steps, n, alone)]
    for text in report(lines):
        print(text)
    bad = wrong(lines)
    for r in bad:
        print("above the limit, or not the same:", r, file=sys.stderr)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
