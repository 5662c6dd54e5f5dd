"""Say what this machine and its NumPy are, how fast they are, and what would make them faster."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HELP = "NumPy, its BLAS and this machine: what they are, how fast, and advice"
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure for about two seconds, and print."""
    found = examine()
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    for name, value in found.items():
        for line in value if isinstance(value, list) else [value]:
            print(f"{name:16} {line}")
            name = ""
    return 0


def examine() -> dict[str, Any]:
    """Everything that `doctor` prints, in its order."""
    from tinygrad_mnist import blas
    from tinygrad_mnist.train.report import environment

    about = environment()
    pool = thread_pool()
    speed = gemm_speed()
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
        "advice": advice(pool),
    }


def thread_pool() -> dict[str, Any]:
    """The core and the threads of the BLAS that is loaded; what threadpoolctl knows of it."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        missing = "unknown without threadpoolctl"
        return {"core": missing, "threads": os.environ.get("OPENBLAS_NUM_THREADS", missing)}
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    if not pools:
        return {"core": "unknown to threadpoolctl", "threads": "unknown to threadpoolctl"}
    return {"core": pools[0].get("architecture", "unknown"), "threads": pools[0]["num_threads"]}


def caches() -> str:
    """The sizes of the first core's caches, as Linux gives them."""
    sizes = []
    for index in sorted(CACHES.glob("index*")):
        level, kind, size = (
            (index / name).read_text().strip() for name in ("level", "type", "size")
        )
        if kind != "Instruction":
            sizes.append(f"L{level} {size}")
    return ", ".join(sizes) or "unknown"


def best(run: Callable[[], object], seconds: float = 0.4) -> float:
    """The shortest of the runs that fit into a time, in seconds: the least disturbed one."""
    run()
    shortest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest


def gemm_speed() -> float:
    """GFLOP/s of a float32 matrix product."""
    import numpy as np

    a = np.ones((1024, 1024), np.float32)
    out = np.empty_like(a)
    return 2 * 1024**3 / best(lambda: np.dot(a, a, out=out)) / 1e9


def memory_speed() -> float:
    """GB/s of an addition that reads two long vectors and writes one."""
    import numpy as np

    a = np.ones(1 << 24, np.float32)
    out = np.empty_like(a)
    return 3 * a.nbytes / best(lambda: np.add(a, a, out)) / 1e9


def op_seconds() -> float:
    """Seconds for one small multiplication, recorded and gone back through."""
    from tinygrad_mnist.ops.create import ones

    a, g = ones(4, 4, requires_grad=True), ones(4, 4)
    count = 200

    def run() -> None:
        for _ in range(count):
            a.grad = None
            (a * a).backward(g)

    return best(run) / count


def advice(pool: dict[str, Any]) -> list[str]:
    """What would help on this machine; never empty."""
    words = []
    if "threadpoolctl" in str(pool["core"]):
        words.append(
            "pip install 'tinygrad-mnist[fast]': recipes with tiles then use a thread for each "
            "core, and the BLAS core and its threads are shown here"
        )
    cores = os.cpu_count() or 1
    if str(pool["threads"]) == "1" and cores > 1:
        words.append(f"the BLAS has one thread on {cores} cores: unset OPENBLAS_NUM_THREADS")
    if os.environ.get("TINYGRAD_MNIST_BLAS") == "keep":
        words.append("TINYGRAD_MNIST_BLAS=keep: unset it to let the right core be chosen")
    return words or ["nothing: this is as it should be"]
