"""Seconds from the start of the process to a test accuracy on real MNIST.

Each contender is a new process: Python starts, imports, reads the data, trains, and looks at the
test set every 200 steps. In a round, weights, batches and looks are the same for all; each round
has others, since one look more or less is often chance.
"""

from __future__ import annotations

import os
import statistics
from collections import defaultdict
from typing import Any

from benchmarks import measure
from benchmarks.contenders import CONTENDERS

CHILD = "benchmarks/child.py"
DEFAULT = ["jitted", "eager", "torch eager", "torch fused", "jax blocking", "jax scan"]


def main(args: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = measure.arguments(__doc__)
    parser.add_argument("--configs", type=measure.names, default=["D", "F"])
    parser.add_argument("--contenders", type=measure.names, default=DEFAULT)
    parser.add_argument("--data", default=os.environ.get("TINYGRAD_MNIST_DATA"))
    parser.add_argument("--target", default="0.97", help="test accuracy; default 0.97")
    parser.add_argument("--steps", default="10000", help="at most; default 10,000")
    options = parser.parse_args(args)
    if options.data is None:
        parser.error("--data FOLDER or TINYGRAD_MNIST_DATA says where MNIST's four files are")
    if unknown := set(options.contenders) - set(CONTENDERS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    results, rows = {}, []
    for config in options.configs:
        runs: dict[str, list[dict[str, Any]]] = defaultdict(list)

        def seconds(name: str, config: str = config, runs: Any = runs) -> float:
            run = measure.child(
                CHILD, name, config, "--data", options.data, "--seed", str(len(runs[name])),
                "--target", options.target, "--steps", options.steps,
            )  # fmt: skip
            runs[name].append(run)
            return float(run["seconds"])

        times, problems = measure.of_those_that_run(
            options.contenders, seconds, options.rounds, options.patience
        )
        results[config] = {"seconds": times, "runs": runs, "problems": problems}
        base = next(iter(times), "")
        rows += [
            [config, name, measure.readable(measure.quartiles(some)[1]),
             statistics.median_low(run["steps"] for run in runs[name]),
             f"{runs[name][-1]['accuracy']:.4f}",
             measure.spread(measure.ratio(times[base], some))]
            for name, some in times.items()
        ]  # fmt: skip
        rows += [[config, name, why, "-", "-", "-"] for name, why in problems.items()]
    header = ["config", "contender", "median", "median steps", "last accuracy"]
    first = options.contenders[0]
    text = measure.table([*header, f"{first} / this (quartiles)"], rows)
    measure.publish("end_to_end", options.out, text, {"results": results})


if __name__ == "__main__":
    main()
