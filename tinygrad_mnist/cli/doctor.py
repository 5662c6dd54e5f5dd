"""Describe this machine and its NumPy, measure their speed, and advise what would raise it."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

HELP = "describe NumPy, its BLAS and this machine; measure their speed"
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the option --json."""
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure for about two seconds, and print the results."""
    facts = examine_machine()
    if args.json:
        print(json.dumps(facts, indent=2))
        return 0
    for name, value in facts.items():
        for line in value if isinstance(value, list) else [value]:
            print(f"{name:16} {line}")
            name = ""
    return 0


def examine_machine() -> dict[str, Any]:
    """Return everything that `doctor` prints, in order."""
    from tinygrad_mnist import blas
    from tinygrad_mnist.train.report import environment

    about = environment()
    pool = thread_pool()
    speed = gemm_speed()
    steps = step_seconds()
    return {
        "python": about["python"],
        "numpy": about["numpy"],
        "blas": f"{about['blas']['name']} {about['blas']['version']}",
        "blas core": pool["core"],
        "blas threads": pool["threads"],
        "cores": about["cores"],
        "caches": caches(),
        "changed": f"core {blas.chosen} ({blas.reason})"
        if blas.chosen
        else f"nothing: {blas.reason}",
        "matrix product": f"{speed:.0f} GFLOP/s (float32, 1024 x 1024)",
        "memory": f"{memory_speed():.1f} GB/s (adding float32 vectors of 64 MB)",
        "op": f"{op_seconds() * 1e6:.1f} us (4 x 4 multiply, forward and backward)",
        "step": ", ".join(
            f"{1e3 * median(seconds):.2f} ms with {count} thread{'s' * (count > 1)}"
            for count, seconds in steps.items()
        )
        + " (mlp-128, a batch)",
        "mpi": mpi(),
        "load": load_average(),
        "advice": advice(pool, steps),
    }


def step_seconds() -> dict[int, list[float]]:
    """Time a step of mlp-128 with one thread, then with one per core; seconds by thread count."""
    from tinygrad_mnist.data import load_embedded
    from tinygrad_mnist.models import RECIPES
    from tinygrad_mnist.threads import get_num_threads, set_num_threads
    from tinygrad_mnist.train import Trainer
    from tinygrad_mnist.train.threads import timed

    before = get_num_threads()
    counts = sorted({1, max(before, _cores())})
    try:
        trainer = Trainer(RECIPES["mlp-128"], load_embedded())
        return dict(zip(counts, timed(trainer, counts), strict=True))
    finally:
        set_num_threads(before)


def _cores() -> int:
    """Return the number of cores that this process may use and its BLAS can be set to."""
    from tinygrad_mnist import cores
    from tinygrad_mnist.threads import blas

    return cores.available() if blas().is_known else 1


def load_average() -> str:
    """Return how many processes wanted a core in the last minute, and how many cores there are."""
    if not hasattr(os, "getloadavg"):
        return "unknown to this system"
    return f"{os.getloadavg()[0]:.1f} processes on {os.cpu_count()} cores in the last minute"


def mpi() -> str:
    """Return which MPI library the ranks of `mpiexec` would speak through, and which mpiexec."""
    from tinygrad_mnist.distributed.errors import DistBackendError
    from tinygrad_mnist.distributed.group import INSTALL, find_mpiexec, library_version, load_mpi

    try:
        import mpi4py
    except ImportError:
        return f"none: {INSTALL} for training on several processes"
    mpi4py.rc.initialize = False  # this process is to speak to nobody
    try:
        library = library_version(load_mpi())
    except DistBackendError as error:
        return str(error)
    return f"{library}, mpi4py {mpi4py.__version__}, mpiexec: {find_mpiexec() or 'none'}"


def thread_pool() -> dict[str, Any]:
    """Return the core and the threads of the loaded BLAS, as threadpoolctl reports them."""
    from tinygrad_mnist.threads import get_num_threads

    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return {"core": "unknown without threadpoolctl", "threads": get_num_threads()}
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    core = pools[0].get("architecture", "unknown") if pools else "unknown to threadpoolctl"
    return {"core": core, "threads": get_num_threads()}


def caches() -> str:
    """Return the sizes of the first core's caches, as Linux reports them."""
    sizes = []
    for index in sorted(CACHES.glob("index*")):
        level, kind, size = (
            (index / name).read_text().strip() for name in ("level", "type", "size")
        )
        if kind != "Instruction":
            sizes.append(f"L{level} {size}")
    return ", ".join(sizes) or "unknown"


def best(run: Callable[[], object], seconds: float = 0.4) -> float:
    """Repeat `run` for a time; return the seconds of the shortest, the least disturbed one."""
    run()
    shortest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest


def gemm_speed() -> float:
    """Measure the GFLOP/s of a float32 matrix product."""
    import numpy as np

    a = np.ones((1024, 1024), np.float32)
    out = np.empty_like(a)
    return 2 * 1024**3 / best(lambda: np.dot(a, a, out=out)) / 1e9


def memory_speed() -> float:
    """Measure the GB/s of an addition that reads two long vectors and writes one."""
    import numpy as np

    a = np.ones(1 << 24, np.float32)
    out = np.empty_like(a)
    return 3 * a.nbytes / best(lambda: np.add(a, a, out)) / 1e9


def op_seconds() -> float:
    """Measure the seconds of one small multiplication, forward and backward."""
    from tinygrad_mnist.ops.create import ones

    a, g = ones(4, 4, requires_grad=True), ones(4, 4)
    count = 200

    def run() -> None:
        for _ in range(count):
            a.grad = None
            (a * a).backward(g)

    return best(run) / count


def advice(pool: dict[str, Any], steps: dict[int, list[float]]) -> list[str]:
    """Return what would make this machine faster, one line per advice; never empty."""
    from tinygrad_mnist.threads import VARIABLES, blas
    from tinygrad_mnist.train.threads import pays

    words = []
    if not blas().is_known:
        words.append(
            "pip install 'tinygrad-mnist[fast]': without threadpoolctl this BLAS cannot be told "
            "how many threads to use, and tiles go on one"
        )
    variable = next((name for name in VARIABLES if os.environ.get(name)), None)
    one, every = steps[min(steps)], steps[max(steps)]
    better = max(steps) if len(steps) > 1 and pays(one, every) else 1
    if variable and better != int(pool["threads"]):
        words.append(
            f"{variable}={os.environ[variable]} fixes the threads, and {better} would be faster "
            "here and now: unset it, and each run takes the faster number"
        )
    if os.environ.get("TINYGRAD_MNIST_BLAS") == "keep":
        words.append("TINYGRAD_MNIST_BLAS=keep: unset it to let the right core be chosen")
    return words or ["nothing: this is as it should be, and each run chooses its threads"]
