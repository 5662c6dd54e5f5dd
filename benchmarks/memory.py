"""Peak resident memory of training, each contender in a process of its own.

The training images alone, 60,000 x 784 float32, are 188 MB of each figure.
"""

from __future__ import annotations

from benchmarks import measure
from benchmarks.contenders import CONTENDERS

CHILD = "benchmarks/child.py"
DEFAULT = ["jitted", "eager", "numpy twin", "torch eager", "jax blocking"]


def main(args: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = measure.arguments(__doc__, rounds=3)
    parser.add_argument("--configs", type=measure.names, default=["D", "F", "G"])
    parser.add_argument("--contenders", type=measure.names, default=DEFAULT)
    parser.add_argument("--steps", default="100")
    parser.add_argument("--rows", default="60000", help="training images; default 60,000")
    options = parser.parse_args(args)
    if unknown := set(options.contenders) - set(CONTENDERS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    results, rows = {}, []
    for config in options.configs:

        def peak(name: str, config: str = config) -> float:
            arguments = "--steps", options.steps, "--rows", options.rows
            return float(measure.child(CHILD, name, config, *arguments)["peak"])

        peaks, problems = measure.of_those_that_run(
            options.contenders, peak, options.rounds, options.patience
        )
        results[config] = {"bytes": peaks, "problems": problems}
        base = next(iter(peaks), "")
        rows += [
            [config, name, f"{measure.quartiles(some)[1] / 1e6:,.0f} MB",
             measure.spread(measure.ratio(peaks[base], some))]
            for name, some in peaks.items()
        ]  # fmt: skip
        rows += [[config, name, why, "-"] for name, why in problems.items()]
    first = options.contenders[0]
    text = measure.table(["config", "contender", "peak", f"{first} / this (quartiles)"], rows)
    measure.publish("memory", options.out, text, {"results": results})


if __name__ == "__main__":
    main()
