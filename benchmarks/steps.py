"""One training step of this library, NumPy by hand, PyTorch and JAX, beside each other.

A step gathers a mini-batch by index, goes forward, takes the loss's value, goes backward and
updates. All start from the same weights and see the same batches; losses are compared first.
Runs of other configurations into the same `--out` are put into one table.
"""

from __future__ import annotations

import tinygrad_mnist  # noqa: F401  (before NumPy: it may choose NumPy's BLAS core)

# isort: split
import sys
import time
from typing import Any

import numpy as np

from benchmarks import measure
from benchmarks.contenders import CONTENDERS, load
from benchmarks.problem import CONFIGS, ROWS, Config, Contender, NotHere, Problem, make, random_data

CHECKED = 6  # steps whose losses are compared: more than a jit needs to come to its replays
TOLERANCE = 1e-3
PYTORCH = ("torch eager", "torch fused", "torch compiled")


def ready(problem: Problem, names: list[str]) -> tuple[dict[str, Contender], dict[str, str]]:
    """Return the contenders whose losses agree, and why the others do not run."""
    built, losses, problems = {}, {}, {}
    batches = problem.batches(CHECKED)
    for name in names:
        try:
            built[name] = load(name)(problem)
            losses[name] = built[name].run(batches)
        except NotHere as reason:
            problems[name] = str(reason)
        except Exception as error:  # for example, torch.compile without a C++ compiler
            problems[name] = f"{type(error).__name__}: {str(error).splitlines()[:1]}"
    right = np.median(list(losses.values()), axis=0) if losses else None
    for name, values in losses.items():
        if not np.allclose(values, right, rtol=TOLERANCE):
            problems[name] = f"its losses differ: {values[-1]:.6f}, not {right[-1]:.6f}"
    return {name: c for name, c in built.items() if name not in problems}, problems


def measured(problem: Problem, contenders: dict[str, Contender], options: Any) -> dict[str, Any]:
    """Measure seconds per step: a list of rounds for each contender."""
    first = next(iter(contenders.values()))
    start = time.perf_counter()
    first.run(problem.batches(3))
    steps = int(options.seconds * 3 / (time.perf_counter() - start))
    batches = problem.batches(min(max(steps, 1), 1000), seed=1)

    def timed(contender: Contender) -> float:
        start = time.perf_counter()
        contender.run(batches)
        return (time.perf_counter() - start) / len(batches)

    for contender in contenders.values():  # compiles `lax.scan` for this number of steps
        timed(contender)
    figures = {name: (lambda c=c: timed(c)) for name, c in contenders.items()}
    return measure.interleave(figures, options.rounds, options.patience)


def compare(config: Config, times: dict[str, list[float]]) -> dict[str, Any]:
    """Return the ratios that matter, each with its spread, of the measured contenders."""
    torch = [name for name in PYTORCH if name in times]
    best = min(torch, key=lambda name: float(np.median(times[name])), default=None)
    pairs = {
        "jitted / twin": ("jitted", "numpy twin"),
        "pure / twin": ("pure", "numpy twin"),
        "pure over / twin": ("pure over", "numpy twin"),
        "jitted / pure": ("jitted", "pure"),
        "eager / twin": ("eager", "numpy twin"),
        "eager / naive": ("eager", "numpy naive"),
        "jitted / best torch": ("jitted", best),
        "pure / best torch": ("pure", best),
        "pure / jax blocking": ("pure", "jax blocking"),
        "jitted / jax blocking": ("jitted", "jax blocking"),
        "jitted / jax async": ("jitted", "jax async"),
        "jitted / jax scan": ("jitted", "jax scan"),
        "pure over / jax scan": ("pure over", "jax scan"),
    }
    return {
        title: measure.ratio(times[these], times[those])
        for title, (these, those) in pairs.items()
        if these in times and those in times
    }


def report(results: dict[str, Any]) -> str:
    """Return two tables: times, and ratios with their geometric mean."""
    names = [n for n in CONTENDERS if any(n in r["times"] for r in results.values())]
    times = [
        [f"{key}: {r['title']}"]
        + [measure.readable(np.median(r["times"][n])) if n in r["times"] else "-" for n in names]
        for key, r in results.items()
    ]
    titles = list(dict.fromkeys(t for r in results.values() for t in r["ratios"]))
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


def draw(axes: Any, results: dict[str, Any]) -> None:
    """Draw each contender's time over the jitted step's, one group of bars per configuration."""
    names = [n for n in CONTENDERS if any(n in r["times"] for r in results.values())]
    if not names:
        return
    base = "jitted" if "jitted" in names else names[0]
    for number, name in enumerate(names):
        bars = {
            x + number * 0.8 / len(names): measure.ratio(r["times"][name], r["times"][base])[0]
            for x, r in enumerate(results.values())
            if name in r["times"] and base in r["times"]
        }
        axes.bar(list(bars), list(bars.values()), 0.8 / len(names), label=name)
    axes.set_xticks(np.arange(len(results)) + 0.4, list(results))
    axes.set(ylabel=f"time of a step / {base}", yscale="log")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.legend(fontsize="small", ncols=2)


def main(args: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = measure.arguments(__doc__)
    parser.add_argument("--configs", type=measure.names, default=list(CONFIGS))
    parser.add_argument("--contenders", type=measure.names, default=list(CONTENDERS))
    parser.add_argument("--seconds", type=float, default=0.3, help="of a segment; default 0.3")
    parser.add_argument("--rows", type=int, default=ROWS, help="training images; default 60,000")
    options = parser.parse_args(args)
    for names, table in ((options.configs, CONFIGS), (options.contenders, CONTENDERS)):
        if unknown := set(names) - set(table):
            parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(table)}")
    X, Y = random_data(options.rows)
    results = measure.earlier("steps", options.out)
    for key in options.configs:
        problem = make(CONFIGS[key], X, Y)
        contenders, problems = ready(problem, options.contenders)
        times = measured(problem, contenders, options) if contenders else {}
        ratios = compare(CONFIGS[key], times)
        results[key] = {
            "title": CONFIGS[key].title, "times": times, "ratios": ratios, "problems": problems,
            **measure.provenance(),
        }  # fmt: skip
        print(key, {t: measure.spread(r) for t, r in ratios.items()}, file=sys.stderr, flush=True)
        del contenders  # its buffers, before the next one makes its own
    results = {key: results[key] for key in CONFIGS if key in results}
    measure.publish("steps", options.out, report(results), {"results": results})
    measure.plot("steps", options.out, lambda axes: draw(axes, results))


if __name__ == "__main__":
    main()
