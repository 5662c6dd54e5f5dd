"""Eager ops at three sizes, in this library and in PyTorch, each in a process of its own, by turns.

A hundred functions that PyTorch's users call, forward alone, and forward and backward, on 64,
12,288 and 262,144 elements; layers on images as they come in public programs. Values are compared
first. It tells which op is slow for its size, where whole models only tell that something is.
"""

from __future__ import annotations

import argparse
import importlib
import json
import operator
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import tinygrad_mnist  # before NumPy: it may choose NumPy's BLAS core

# isort: split
import numpy as np

from benchmarks import measure

SHAPES = {"64": (2, 4, 8), "12,288": (16, 16, 48), "262,144": (32, 64, 128)}
LIBRARIES = ("tinygrad_mnist", "torch")
SECONDS, REPEATS = 0.02, 5  # of one figure, and how often it is taken
Case = Callable[[], Any]


class Inputs:
    """Tensors of one library, the same numbers in each."""

    def __init__(self, t: Any, b: int, n: int, c: int) -> None:
        rng = np.random.default_rng(0)

        def tensor(*shape: int, low: float = -0.5) -> Any:
            values = rng.random(shape, dtype=np.float32) + np.float32(low)
            return t.from_numpy(values).requires_grad_()

        self.x, self.y, self.p = tensor(b, n, c), tensor(b, n, c), tensor(b, n, c, low=0.5)
        self.w, self.v, self.z, self.m = tensor(c, c), tensor(c), tensor(b, c, n), tensor(b * n, c)
        self.q = tensor(b, 4, n, c // 4)
        self.labels = t.from_numpy(rng.integers(0, c, b * n))
        self.rows = t.from_numpy(rng.integers(0, b * n, b * n))
        self.numbers = t.arange(b * n)
        self.mask = t.from_numpy(rng.random((b, n, c)) > 0.5)
        self.seen = t.tril(t.ones(n, n)) == 0


def elementwise(t: Any, i: Inputs) -> Iterator[tuple[str, Case]]:
    f, x, y, p = t.nn.functional, i.x, i.y, i.p
    yield "x + y", lambda: x + y
    yield "x + row", lambda: x + i.v
    yield "x * y", lambda: x * y
    yield "x / y", lambda: x / p
    for n in (2, 3, -1, 0.5):
        base = p if n == 0.5 else x if n > 0 else p
        yield f"x ** {n}", partial(operator.pow, base, n)
    for name in ("exp", "tanh", "sigmoid", "relu", "abs", "sin", "neg"):
        yield name, getattr(x, name)
    for name in ("log", "sqrt", "rsqrt"):
        yield name, getattr(p, name)
    for name in ("leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "logsigmoid", "mish",
                 "hardtanh", "hardswish", "softsign"):  # fmt: skip
        yield name, partial(getattr(f, name), x)
    yield "gelu tanh", lambda: f.gelu(x, approximate="tanh")
    yield "clamp", lambda: x.clamp(-0.3, 0.3)
    yield "where", lambda: t.where(i.mask, x, y)
    yield "masked_fill", lambda: x.masked_fill(i.mask, -1e9)
    yield "maximum", lambda: t.maximum(x, y)


def reductions(t: Any, i: Inputs) -> Iterator[tuple[str, Case]]:
    f, x, m = t.nn.functional, i.x, i.m
    for name in ("sum", "mean", "std", "norm", "max"):
        yield name, getattr(x, name)
    for name in ("sum", "var", "amax", "prod", "logsumexp", "cumsum", "softmax", "log_softmax"):
        yield f"{name} of rows", partial(getattr(i.p, name), -1)
    yield "sum of columns", lambda: x.sum(0)
    yield "softmax of columns", lambda: x.softmax(1)
    yield "sort", lambda: x.sort(-1)[0]
    yield "topk", lambda: x.topk(2, -1)[0]
    yield "cross_entropy", lambda: f.cross_entropy(m, i.labels)
    yield "mse_loss", lambda: f.mse_loss(x, i.y)
    yield "smooth_l1_loss", lambda: f.smooth_l1_loss(x, i.y)
    yield "bce with logits", lambda: f.binary_cross_entropy_with_logits(x, i.mask.float())
    yield "cosine_similarity", lambda: f.cosine_similarity(x, i.y, dim=-1)
    yield "cdist", lambda: t.cdist(x, i.y)
    yield "layer_norm", lambda: f.layer_norm(x, x.shape[2:], i.v, i.v)
    yield "batch_norm", lambda: f.batch_norm(m, None, None, i.v, i.v, training=True)
    yield "group_norm", lambda: f.group_norm(i.z, 4)


def shapes(t: Any, i: Inputs) -> Iterator[tuple[str, Case]]:
    f, x, m, q = t.nn.functional, i.x, i.m, i.q
    yield "stack @ matrix", lambda: x @ i.w
    yield "stack @ stack", lambda: x @ i.z
    yield "linear", lambda: f.linear(x, i.w, i.v)
    yield "einsum", lambda: t.einsum("bnc,cd->bnd", x, i.w)
    yield "transpose", lambda: x.transpose(1, 2).contiguous()
    yield "cat", lambda: t.cat([x, i.y], -1)
    yield "stack", lambda: t.stack([x, i.y])
    yield "slice", lambda: x[:, 1:]
    yield "rows by index", lambda: m[i.rows]
    yield "numbers by index", lambda: m[i.numbers, i.labels]
    yield "gather", lambda: m.gather(1, i.labels[:, None])
    yield "embedding", lambda: f.embedding(i.rows, m)
    yield "pad reflect", lambda: f.pad(x, (1, 1), mode="reflect")
    yield "interpolate", lambda: f.interpolate(q, scale_factor=2)
    yield "bilinear", lambda: f.interpolate(q, scale_factor=2, mode="bilinear")
    yield "attention", lambda: f.scaled_dot_product_attention(q, q, q, is_causal=True)
    yield (
        "attention by hand",
        lambda: ((q @ q.transpose(-2, -1)) * 0.3).masked_fill(i.seen, -1e9).softmax(-1) @ q,
    )


def images(t: Any, _: Inputs) -> Iterator[tuple[str, Case]]:
    f, rng = t.nn.functional, np.random.default_rng(0)

    def tensor(*shape: int) -> Any:
        return t.from_numpy(rng.random(shape, dtype=np.float32) - 0.5).requires_grad_()

    for name, call, size, weight, settings in (
        ("conv1d of one pixel", f.conv1d, (2, 512, 30), (512, 512, 1), {}),
        ("conv1d dilated", f.conv1d, (32, 25, 400), (25, 25, 7), {"padding": 24, "dilation": 4}),
        ("conv2d 3x3", f.conv2d, (16, 64, 16, 16), (64, 64, 3, 3), {"padding": 1}),
        ("conv2d deep", f.conv2d, (4, 256, 8, 8), (256, 256, 3, 3), {"padding": 1}),
        ("conv2d strided", f.conv2d, (16, 128, 8, 8), (256, 128, 4, 4),
         {"padding": 1, "stride": 2}),
        ("conv2d depthwise", f.conv2d, (16, 64, 16, 16), (64, 1, 3, 3),
         {"padding": 1, "groups": 64}),
        ("conv2d in groups of four", f.conv2d, (32, 128, 16, 16), (128, 4, 3, 3),
         {"padding": 1, "groups": 32}),
        ("conv2d first", f.conv2d, (64, 1, 28, 28), (10, 1, 5, 5), {}),
        ("conv_transpose2d", f.conv_transpose2d, (16, 256, 4, 4), (256, 128, 4, 4),
         {"padding": 1, "stride": 2}),
        ("max_pool2d", lambda x, _: f.max_pool2d(x, 2), (64, 32, 28, 28), (1,), {}),
        ("avg_pool2d", lambda x, _: f.avg_pool2d(x, 2), (64, 32, 28, 28), (1,), {}),
    ):  # fmt: skip
        x, w = tensor(*size), tensor(*weight)
        yield name, partial(call, x, w, **settings)


FAMILIES = {"elementwise": elementwise, "reductions": reductions, "shapes": shapes}


def cases(t: Any) -> Iterator[tuple[str, Case]]:
    for size, shape in SHAPES.items():
        inputs = Inputs(t, *shape)
        for family in FAMILIES.values():
            yield from ((f"{name}, {size}", case) for name, case in family(t, inputs))
    yield from images(t, inputs)


def both_ways(t: Any, case: Case) -> Case:
    slope = t.ones_like(case().detach())

    def call() -> None:
        case().backward(slope)

    return call


def seconds(call: Case) -> float:
    call()
    start = time.perf_counter()
    call()
    count = max(1, min(500, int(SECONDS / max(time.perf_counter() - start, 1e-7))))
    figures = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(count):
            call()
        figures.append((time.perf_counter() - start) / count)
    return statistics.median(figures)


def serve(library: str) -> None:
    """Answer each name of a case with a value, and the seconds of both ways."""
    t = importlib.import_module(library)
    by_name = dict(cases(t))
    for line in sys.stdin:
        case = by_name[json.loads(line)]
        value = float(np.abs(case().detach().numpy().astype(np.float64)).sum())
        print(json.dumps([value, seconds(case), seconds(both_ways(t, case))]), flush=True)


def asked(process: Any, name: str) -> list[float]:
    print(json.dumps(name), file=process.stdin, flush=True)
    return json.loads(process.stdout.readline())  # type: ignore[no-any-return]


def main() -> None:
    """Measure all cases whose name holds a word, and print them, the slowest first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the names of the cases")
    parser.add_argument("--above", type=float, default=0.0, help="ratio from which on to print")
    parser.add_argument("--library", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.library:
        serve(options.library)
        return
    names = [name for name, _ in cases(tinygrad_mnist) if options.only in name]
    command = [sys.executable, "-m", "benchmarks.sizes", "--library"]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = {}
    for library in LIBRARIES:
        running[library] = subprocess.Popen([*command, library], cwd=measure.ROOT, **pipes)
    rows = []
    for name in names:
        ours, theirs = (asked(running[library], name) for library in LIBRARIES)
        if not np.isclose(ours[0], theirs[0], rtol=1e-3, atol=1e-3):
            raise SystemExit(f"{name}: the values differ: {ours[0]:.6g}, not {theirs[0]:.6g}")
        ratios = [a / b for a, b in zip(ours[1:], theirs[1:], strict=True)]
        rows.append((ratios[1], name, ratios[0], ours[1:], theirs[1:]))
    for process in running.values():
        process.communicate()
    header = ["op", "forward", "ours", "torch", "forward, backward", "ours", "torch"]
    print(
        measure.table(
            header,
            (
                [name, f"{first:.2f}", *(measure.readable(times[0]) for times in (ours, theirs)),
                 f"{ratio:.2f}", *(measure.readable(times[1]) for times in (ours, theirs))]
                for ratio, name, first, ours, theirs in sorted(rows, reverse=True)
                if ratio >= options.above
            ),
        )
    )  # fmt: skip
    for size in (*SHAPES, ""):
        some = [row[0] for row in rows if row[1].endswith(f", {size}") or not size]
        if some:
            mean = measure.geometric_mean(some)
            print(f"geometric mean{f' at {size}' if size else ''}: {mean:.2f}")


if __name__ == "__main__":
    main()
