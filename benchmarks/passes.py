"""The gain of each pass of the jit: a step captured without it, over the step with all passes.

A pass changes no bit of the losses; tiles, an option, round otherwise.
"""

from __future__ import annotations

import tinygrad_mnist  # noqa: F401  (before NumPy: it may choose NumPy's BLAS core)

# isort: split
from typing import Any

import numpy as np

from benchmarks import measure, steps
from benchmarks.ours import TILED, Pure, Untiled
from benchmarks.problem import CONFIGS, ROWS, Problem, make, random_data
from tinygrad_mnist.jit import passes

ALL, NONE, TILES = "all", "no pass", "tiles"


def captured(problem: Problem, name: str) -> tuple[Pure, list[float]]:
    """Capture the step without the pass of that name; also return its first losses."""
    off = {ALL: (), NONE: tuple(passes.NAMES), TILES: ()}.get(name, (name,))
    with passes.without(*off):
        contender = (Untiled if name == TILES else Pure)(problem)
        losses = contender.run(problem.batches(steps.CHECKED))
    return contender, losses.tolist()


def main(args: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = measure.arguments(__doc__)
    parser.add_argument("--configs", type=measure.names, default=list(CONFIGS))
    parser.add_argument("--seconds", type=float, default=0.3, help="of a segment; default 0.3")
    parser.add_argument("--rows", type=int, default=ROWS, help="training images; default 60,000")
    options = parser.parse_args(args)
    X, Y = random_data(options.rows)
    results = measure.earlier("passes", options.out)
    for key in options.configs:
        problem = make(CONFIGS[key], X, Y)
        names = [ALL, *passes.NAMES, *([TILES] if key in TILED else []), NONE]
        contenders, losses = {}, {}
        for name in names:
            contenders[name], losses[name] = captured(problem, name)
        times = steps.measured(problem, contenders, options)
        results[key] = {
            "title": CONFIGS[key].title, "times": times, **measure.provenance(),
            "changed": [n for n in names if n != TILES and losses[n] != losses[ALL]],
        }  # fmt: skip
        del contenders
    results = {key: results[key] for key in CONFIGS if key in results}
    measure.publish("passes", options.out, report(results), {"results": results})


def report(results: dict[str, Any]) -> str:
    """Return a table, one row per configuration, one column per pass; then list the passes."""
    columns = [*passes.NAMES, TILES, NONE]
    rows = [
        [f"{key}: {r['title']}", measure.readable(np.median(r["times"][ALL]))]
        + [
            measure.spread(measure.ratio(r["times"][name], r["times"][ALL]))
            if name in r["times"]
            else "-"
            for name in columns
        ]
        for key, r in results.items()
    ]
    header = ["time without / with (quartiles)", "with all", *columns]
    notes = [f"- {name}: {sentence}" for name, sentence in passes.NAMES.items()]
    changed = {key: r["changed"] for key, r in results.items() if r["changed"]}
    notes += [f"- {key}: losses changed by {', '.join(names)}" for key, names in changed.items()]
    return "\n".join([measure.table(header, rows), *notes, ""])


if __name__ == "__main__":
    main()
