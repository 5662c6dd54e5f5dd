"""The time of an import: that of a new Python which imports, less one which does nothing."""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import time

from benchmarks import measure

IMPORTS = {
    "numpy": "import numpy",
    "tinygrad_mnist": "import tinygrad_mnist",
    "tinygrad_mnist, nn, optim, jit": "from tinygrad_mnist import nn, optim, jit",
    "mygrad": "import mygrad",
    "autograd": "import autograd.numpy",
    "jax": "import jax",
    "torch": "import torch",
}


def start(code: str) -> float:
    """Measure the seconds of a Python that runs the code."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=measure.ROOT)
    return time.perf_counter() - begin


def main(args: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = measure.arguments(__doc__)
    parser.add_argument("--contenders", type=measure.names, default=list(IMPORTS))
    options = parser.parse_args(args)
    codes = {"nothing": "pass"} | {
        name: code
        for name, code in IMPORTS.items()
        if name == "numpy" or any(name.startswith(c) for c in options.contenders)
        if importlib.util.find_spec(name.partition(",")[0])
    }
    for code in codes.values():  # writes the .pyc files
        start(code)
    figures = {name: (lambda code=code: start(code)) for name, code in codes.items()}
    times = measure.interleave(figures, options.rounds, options.patience)
    python = statistics.median(times.pop("nothing"))
    net = {name: [t - python for t in some] for name, some in times.items()}
    rows = [
        [f"`{IMPORTS[name]}`", measure.readable(max(statistics.median(some), 0)),
         measure.spread(measure.ratio(some, net["numpy"]))]
        for name, some in net.items()
    ]  # fmt: skip
    text = measure.table(["import", "median", "ratio to numpy (quartiles)"], rows)
    measure.publish("imports", options.out, text, {"python": python, "seconds": net})


if __name__ == "__main__":
    main()
