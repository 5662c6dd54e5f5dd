"""One training step of models beyond MNIST's, in this library and in PyTorch, beside each other.

`benchmarks/zoo.py` has the models, each written once for both. All start from the same weights and
see the same rows; losses are compared first, dropout off. Each contender has a process of its own,
and these take turns. `--memory` measures peaks; `--growth` fits the growth of time and memory with
width, batch, depth, length.
"""

from __future__ import annotations

import tinygrad_mnist  # noqa: F401  (before NumPy: it may choose NumPy's BLAS core)

# isort: split
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure
from benchmarks.served import CHECKED, Served, serving
from benchmarks.training import CONTENDERS, batches, made
from benchmarks.zoo import ZOO

TOLERANCE = 1e-3
SEGMENTS = 3  # of a process that measures growth; the middle one counts
PAIRS = {
    "jitted / torch eager": ("jitted", "torch eager"),
    "eager / torch eager": ("eager", "torch eager"),
    "pure / torch eager": ("pure", "torch eager"),
    "jitted / torch compiled": ("jitted", "torch compiled"),
    "jitted / jax": ("jitted", "jax jitted"),
}
NAMES = [*CONTENDERS, "jax jitted"]
GROWTH: dict[str, dict[str, list[int]]] = {  # what grows, of which model, through which sizes
    "mlp": {"width": [256, 512, 1024, 2048], "batch": [32, 128, 512]},
    "norm": {"depth": [2, 4, 8]},
    "cnn": {"width": [16, 32, 64], "batch": [4, 8, 16]},
    "lstm": {"width": [64, 128, 256], "batch": [8, 32, 128], "depth": [1, 2, 4],
             "length": [16, 64, 256]},
    "transformer": {"width": [64, 128, 256], "batch": [4, 16, 64], "depth": [1, 2, 4],
                    "length": [32, 128, 512]},
}  # fmt: skip


def alike(running: dict[str, Served]) -> dict[str, str]:
    """Return whose losses are not those of the others."""
    losses = {contender: np.array(served.losses) for contender, served in running.items()}
    right = np.median(list(losses.values()), axis=0) if losses else np.zeros(1)
    near = {"rtol": TOLERANCE, "atol": TOLERANCE * np.abs(right).max()}
    return {
        contender: f"its losses differ: {values[-1]:.6f}, not {right[-1]:.6f}"
        for contender, values in losses.items()
        if not np.allclose(values, right, **near)
    }


def measured(contenders: dict[str, Served], options: Any) -> dict[str, list[float]]:
    """Measure seconds per step: a list of rounds for each contender."""
    figures = {}
    for contender, served in contenders.items():
        served.seconds(CHECKED)
        steps = max(1, int(options.seconds / served.seconds(1)))
        figures[contender] = partial(served.seconds, steps, cpu=options.cpu)
    return measure.interleave(figures, options.rounds, options.patience)


def compare(times: dict[str, list[float]]) -> dict[str, Any]:
    """Return the ratios that matter, each with its spread, of the measured contenders."""
    return {
        title: measure.ratio(times[these], times[those])
        for title, (these, those) in PAIRS.items()
        if these in times and those in times
    }


def report(results: dict[str, Any]) -> str:
    """Return two tables: times, and ratios with their geometric mean."""
    names = [n for n in NAMES if any(n in r["times"] for r in results.values())]
    times = [
        [ZOO[key][0]]
        + [measure.readable(np.median(r["times"][n])) if n in r["times"] else "-" for n in names]
        for key, r in results.items()
    ]
    titles = [t for t in PAIRS if any(t in r["ratios"] for r in results.values())]
    ratios = [
        [key, *(measure.spread(r["ratios"][t]) if t in r["ratios"] else "-" for t in titles)]
        for key, r in results.items()
    ]
    means = [
        measure.geometric_mean(r["ratios"][t][0] for r in results.values() if t in r["ratios"])
        for t in titles
    ]
    ratios.append(["geometric mean", *(f"{m:.2f}" for m in means)])
    notes = [f"- {k}: {n}: {why}" for k, r in results.items() for n, why in r["problems"].items()]
    return "\n".join(
        [
            measure.table(["median of a step", *names], times),
            measure.table(["ratio of medians (quartiles)", *titles], ratios),
            *(["Not timed:", "", *notes, ""] if notes else []),
        ]
    )


def child(arguments: list[str]) -> None:
    """Train one model in this process; print its time and memory as JSON."""
    from benchmarks.child import peak

    contender, name, sizes, steps = arguments
    if contender != "jax jitted":
        __import__(CONTENDERS[contender].library)
    before = resident_bytes()
    trained = made(contender, name, json.loads(sizes))
    trained.run(batches(trained.parts, CHECKED))
    rows, taken = batches(trained.parts, int(steps), seed=1), []
    for _ in range(SEGMENTS):
        start = time.perf_counter()
        trained.run(rows)
        taken.append((time.perf_counter() - start) / int(steps))
    print(json.dumps({"seconds": float(np.median(taken)), "bytes": peak() - before}))


def resident_bytes() -> int:
    """Return the resident bytes of this process, where Linux tells."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return int(status.read_text().partition("VmRSS:")[2].split()[0]) * 1024


def in_a_process(contender: str, name: str, sizes: dict[str, int], steps: int) -> dict[str, Any]:
    """Train one model in a process of its own; return its seconds per step and its bytes."""
    arguments = contender, name, json.dumps(sizes), str(steps)
    return measure.child("-m", "benchmarks.models", "--child", *arguments)


def memory(options: Any) -> tuple[str, dict[str, Any]]:
    """Measure the bytes that training adds to what the import took."""
    rows, record = [], {}
    for name in options.models:
        peaks, problems = measure.of_those_that_run(
            options.contenders,
            lambda c, name=name: float(in_a_process(c, name, {}, 20)["bytes"]),
            1,
        )
        record[name] = {"bytes": peaks, "problems": problems}
        text = [f"{peaks[c][0] / 1e6:,.0f} MB" if c in peaks else "-" for c in options.contenders]
        base = peaks.get("torch eager", [float("nan")])[0]
        rows.append([name, *text, f"{peaks.get('jitted', [float('nan')])[0] / base:.2f}"])
    header = ["memory of training", *options.contenders, "jitted / torch eager"]
    return measure.table(header, rows), record


def growth(options: Any) -> tuple[str, dict[str, Any]]:
    """Fit power laws of time and memory, for the largest half of what is measured."""
    rows, record = [], {}
    for name in options.models:
        for kind, sizes in GROWTH.get(name, {}).items():
            line: list[Any] = [name, f"{kind} {sizes[0]} to {sizes[-1]}"]
            for contender in ("jitted", "torch eager"):
                figures = [in_a_process(contender, name, {kind: s}, 8) for s in sizes]
                record[f"{name} {kind} {contender}"] = figures
                for key in ("seconds", "bytes"):
                    values = [max(figure[key], 1e-9) for figure in figures]
                    line.append(f"{float(np.polyfit(np.log(sizes), np.log(values), 1)[0]):.2f}")
            rows.append(line)
    header = ["exponents", "what grows", "jitted: time", "memory", "torch eager: time", "memory"]
    return measure.table(header, rows), record


def main(args: list[str] | None = None) -> None:
    """Measure, print, write."""
    arguments = sys.argv[1:] if args is None else args
    if arguments[:1] == ["--child"]:
        child(arguments[1:])
        return
    parser = measure.arguments(__doc__, rounds=5)
    parser.add_argument("--models", type=measure.names, default=list(ZOO))
    parser.add_argument("--contenders", type=measure.names, default=NAMES)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a segment; default 0.3")
    parser.add_argument("--cpu", action="store_true", help="measure CPU seconds, not time")
    parser.add_argument("--memory", action="store_true", help="measure peaks instead of times")
    parser.add_argument("--growth", action="store_true", help="fit exponents instead of times")
    options = parser.parse_args(arguments)
    for wanted, table in ((options.models, ZOO), (options.contenders, NAMES)):
        if unknown := set(wanted) - set(table):
            parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(table)}")
    if options.memory or options.growth:
        kind = "memory" if options.memory else "growth"
        text, record = memory(options) if options.memory else growth(options)
        measure.publish(f"models_{kind}", options.out, text, {"results": record})
        return
    results = measure.earlier("models", options.out)
    for name in options.models:
        with serving(options.contenders, name) as (running, problems):
            problems |= alike(running)
            agreed = {c: served for c, served in running.items() if c not in problems}
            times = measured(agreed, options) if agreed else {}
        ratios = compare(times)
        results[name] = {
            "times": times, "ratios": ratios, "problems": problems, **measure.provenance(),
        }  # fmt: skip
        shown = {t: measure.spread(r) for t, r in ratios.items()}
        print(name, shown, file=sys.stderr, flush=True)
    results = {name: results[name] for name in ZOO if name in results}
    measure.publish("models", options.out, report(results), {"results": results})


if __name__ == "__main__":
    main()
