"""The cost of one op beside PyTorch: add, mul, matmul of 4x4 float32, forward and backward."""

from __future__ import annotations

import tinygrad_mnist as tg  # before NumPy: it may choose NumPy's BLAS core

# isort: split
import operator
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import measure

OPS = {"add": operator.add, "mul": operator.mul, "matmul": operator.matmul}
CHAIN = 20  # ops per graph, over which the fixed cost of backward() is spread, as in a network


def chain(op: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    for _ in range(CHAIN):
        a = op(a, b)
    return a


def seconds(run: Callable[[], Any], repeats: int) -> float:
    """Measure the seconds of one op of the chain."""
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats / CHAIN


def runs(op: Callable[[Any, Any], Any], a: Any, b: Any, seed: Any) -> dict[str, Any]:
    """Return the runs: forward alone, recorded; forward and backward to both operands."""

    def forward_and_backward() -> None:
        chain(op, a, b).backward(seed)
        a.grad = b.grad = None

    return {"forward": lambda: chain(op, a, b), "forward+backward": forward_and_backward}


def main(args: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = measure.arguments(__doc__)
    parser.add_argument("--repeats", type=int, default=1000, help="chains a segment")
    parser.add_argument("--contenders", type=measure.names, default=["ours", "torch"])
    options = parser.parse_args(args)
    values = np.random.default_rng(0).random((2, 4, 4), dtype=np.float32) / 4
    ones = np.ones_like(values[0])
    makers: dict[str, Callable[..., Any]] = {"ours": tg.tensor}
    if "torch" in options.contenders:
        try:
            import torch
        except ImportError:
            print("torch is not installed")
        else:
            makers["torch"] = torch.tensor
    rows, results = [], {}
    for name, op in OPS.items():
        runs_of = {
            who: runs(op, *(make(v, requires_grad=True) for v in values), make(ones))
            for who, make in makers.items()
        }
        for passes in ("forward", "forward+backward"):
            contenders = {
                who: (lambda f=m[passes]: seconds(f, options.repeats)) for who, m in runs_of.items()
            }
            for run in contenders.values():
                run()
            times = measure.interleave(contenders, options.rounds, options.patience)
            results[f"{name} {passes}"] = times
            ratio = measure.ratio(times["ours"], times.get("torch", times["ours"]))
            medians = [measure.readable(float(np.median(t))) for t in times.values()]
            rows.append([name, passes, *medians, measure.spread(ratio)])
    text = measure.table(["op", "", *makers, "ours / torch (quartiles)"], rows)
    measure.publish("ops", options.out, text, {"seconds": results})


if __name__ == "__main__":
    main()
