"""Shared by all benchmarks: interleaved timing, ratios with their spread, files of results."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LIBRARIES = ("numpy", "torch", "jax", "mygrad", "autograd", "scikit-learn", "threadpoolctl")
PAUSE = 0.25  # seconds, in which the threads of the last contender stop spinning (OpenBLAS: 0.13)
DISTURBED = 0.05  # the share of a core that others may use in a round that counts
# New processes write .pyc files, as if the checkout were installed: else each compiles again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def interleave(
    contenders: dict[str, Callable[[], float]], rounds: int, patience: float = 0
) -> dict[str, list[float]]:
    """Measure each contender once per round, every other round in reverse order.

    A contender returns its own figure: seconds per step, bytes, or another. For the first
    `patience` seconds, a round in which other processes computed is left out.
    """
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    until, number = time.monotonic() + patience, 0
    while number < rounds:
        wait_until_idle(until)
        start, other_seconds, figured = time.monotonic(), cpu_of_others(), {}
        for name in list(contenders)[:: -1 if number % 2 else 1]:
            time.sleep(PAUSE)
            figured[name] = contenders[name]()
        disturbed = cpu_of_others() - other_seconds > DISTURBED * (time.monotonic() - start)
        if disturbed and time.monotonic() < until:
            continue
        number += 1
        for name, figure in figured.items():
            figures[name].append(figure)
    return figures


def wait_until_idle(until: float) -> None:
    """Sleep while other processes compute, but not beyond that time."""
    while time.monotonic() < until:
        other_seconds = cpu_of_others()
        time.sleep(5 * PAUSE)
        if cpu_of_others() - other_seconds <= DISTURBED * 5 * PAUSE:
            return


def cpu_of_others() -> float:
    """Return the CPU seconds of all other processes so far; 0 on other systems than Linux."""
    try:
        ticks = [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    except OSError:
        return 0.0
    idle, waiting = ticks[3:5]
    return (sum(ticks) - idle - waiting) / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def of_those_that_run(
    keys: Sequence[str], figure: Callable[[str], float], rounds: int, patience: float = 0
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Return interleaved figures of the processes that finish, and why the others did not."""
    problems = {}
    for name in keys:  # also warms the file cache
        try:
            figure(name)
        except RuntimeError as error:
            problems[name] = str(error)
    running = {name: (lambda name=name: figure(name)) for name in keys if name not in problems}
    return interleave(running, rounds, patience), problems


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def ratio(these: Sequence[float], those: Sequence[float]) -> tuple[float, float, float]:
    """Return the ratio of medians, and the quartiles of the ratios round by round."""
    low, _, high = quartiles([a / b for a, b in zip(these, those, strict=True)])
    return statistics.median(these) / statistics.median(those), low, high


def spread(r: tuple[float, float, float]) -> str:
    """Return a ratio as text: `0.52 (0.49-0.56)`."""
    return f"{r[0]:.2f} ({r[1]:.2f}-{r[2]:.2f})"


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean; NaN without ratios."""
    values = list(values)
    return statistics.geometric_mean(values) if values else float("nan")


def readable(seconds: float) -> str:
    """Return a time as text, in a suitable unit."""
    for scale, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def environment() -> dict[str, Any]:
    """Describe the machine, its load, and the versions."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    cpu = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (model := re.search(r"model name\s*: (.*)", cpuinfo.read_text())):
        cpu = model[1]
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
        "variables": {k: v for k, v in os.environ.items() if k.startswith(("OPENBLAS", "OMP_"))},
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }


def arguments(doc: str, rounds: int = 9) -> argparse.ArgumentParser:
    """Make a parser with the options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=rounds, help="default %(default)s")
    parser.add_argument(
        "--patience", type=float, default=0, help="seconds to repeat disturbed rounds; default 0"
    )
    parser.add_argument("--out", type=Path, help="folder for the JSON, the table and the plot")
    return parser


def names(text: str) -> list[str]:
    """Split an option's comma-separated names."""
    return [name.strip() for name in text.split(",") if name.strip()]


def publish(name: str, out: Path | None, markdown: str, record: dict[str, Any]) -> None:
    """Print the table; with `out`, also write it and all figures behind it."""
    print(markdown)
    if out is None:
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.md").write_text(markdown)
    record = {**provenance(), **record}
    (out / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")


def provenance() -> dict[str, Any]:
    """Describe the origin of figures, to be written beside them."""
    return {"command": sys.argv[1:], "environment": environment()}


def earlier(name: str, out: Path | None) -> dict[str, Any]:
    """Read the results of an earlier run in the folder; without one there are none."""
    file = out / f"{name}.json" if out else None
    if file is None or not file.exists():
        return {}
    results: dict[str, Any] = json.loads(file.read_text())["results"]
    return results


def plot(name: str, out: Path | None, draw: Callable[[Any], None]) -> None:
    """Draw on matplotlib axes and write the PNG, if there is matplotlib and an `out`."""
    if out is None:
        return
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no plot: pip install matplotlib")
        return
    figure = Figure(figsize=(9, 5), layout="constrained")
    draw(figure.subplots())
    figure.savefig(out / f"{name}.png", dpi=120)


def child(*args: str) -> dict[str, Any]:
    """Run this Python on the arguments in a new process; return the JSON of its last line.

    Raises RuntimeError with its stderr when it fails.
    """
    completed = subprocess.run([sys.executable, *args], capture_output=True, text=True, cwd=ROOT)
    if completed.returncode:
        raise RuntimeError((completed.stderr.strip().splitlines() or ["no message"])[-1])
    result: dict[str, Any] = json.loads(completed.stdout.splitlines()[-1])
    return result
