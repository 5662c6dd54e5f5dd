"""gradcheck beside torch.autograd.gradcheck on the same functions: false alarms, catches, cost.

    python -m benchmarks.gradcheck_beside_torch [SAMPLES]

Cost: the same functions written in both libraries, medians of interleaved rounds. Alarms and
catches: PyTorch's own functions from its database of ops, with PyTorch's derivatives: right, and
then wrong by a factor of 1.001; SAMPLES calls of each op. Both run with their defaults in float64.
"""

import contextlib
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.autograd import Function, gradcheck
from tinygrad_mnist.autograd.tensor import wrap

LARGEST = 40  # elements of all inputs, and of all outputs


class Bridge(Function):
    """A PyTorch function, and PyTorch's derivative of it times a factor, for our Tensors."""

    @staticmethod
    def forward(ctx: Any, call: Any, factor: float, *inputs: Tensor) -> Any:
        ctx.inputs = [torch.from_numpy(x.detach().numpy().copy()).requires_grad_() for x in inputs]
        ctx.outputs, ctx.factor = call(*ctx.inputs), factor
        return tuple(wrap(y.detach().numpy()) for y in ctx.outputs)

    @staticmethod
    def backward(ctx: Any, *gs: Tensor) -> Any:
        live = [
            (y, torch.from_numpy(g.detach().numpy().copy()))
            for y, g in zip(ctx.outputs, gs, strict=True)
            if y.requires_grad
        ]
        ys, seeds = zip(*live, strict=True)
        grads = torch.autograd.grad(ys, ctx.inputs, seeds, retain_graph=True, allow_unused=True)
        return None, None, *(None if g is None else Tensor(g.numpy() * ctx.factor) for g in grads)


class Scale(torch.autograd.Function):
    """Multiplies the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Any, factor: float) -> Any:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.factor, None


def calls(samples: int) -> Iterator[tuple[str, Callable[..., Any], list[Any]]]:
    """Names, functions of Tensors that require grad, and such Tensors."""
    for entry in op_db:
        if not entry.supports_autograd or torch.float64 not in entry.supported_dtypes("cpu"):
            continue
        with contextlib.suppress(Exception):
            found = list(entry.sample_inputs("cpu", torch.float64, requires_grad=True))
            for sample in found[:: -(-len(found) // samples)]:
                if made := function_of(entry, sample):
                    yield (entry.name, *made)


def function_of(entry: Any, sample: Any) -> tuple[Callable[..., Any], list[Any]] | None:
    """The sample's call as a function of the Tensors in it that require grad."""
    given = [sample.input, *sample.args]
    places = [i for i, a in enumerate(given) if torch.is_tensor(a) and a.requires_grad]
    inputs = [given[i].detach() for i in places]
    if not inputs or sum(x.numel() for x in inputs) > LARGEST:
        return None

    def call(*xs: Any) -> tuple[Any, ...]:
        args = list(given)
        for i, x in zip(places, xs, strict=True):
            args[i] = x
        y = sample.output_process_fn_grad(entry.op(*args, **sample.kwargs))
        found = y if isinstance(y, (tuple, list)) else (y,)
        floats = [o for o in found if torch.is_tensor(o)]
        return tuple(o for o in floats if o.is_floating_point() or o.is_complex())

    one, two = ([y.detach() for y in call(*inputs)] for _ in range(2))
    random = any(not torch.equal(a, b) for a, b in zip(one, two, strict=True))
    whole = [y for y in one if y.dtype == torch.float64 and y.layout == torch.strided]
    if random or len(whole) != len(one) or not one or sum(y.numel() for y in one) > LARGEST:
        return None
    finite = all(bool(torch.isfinite(t).all()) for t in (*one, *inputs))
    live = all(y.requires_grad for y in call(*(x.clone().requires_grad_() for x in inputs)))
    return (call, inputs) if finite and live else None


def ours(call: Any, inputs: list[Any], factor: float) -> bool:
    xs = tuple(Tensor(x.numpy().copy(), requires_grad=True) for x in inputs)
    return gradcheck(lambda *xs: Bridge.apply(call, factor, *xs), xs, raise_exception=False)


def theirs(call: Any, inputs: list[Any], factor: float) -> bool:
    xs = tuple(x.clone().requires_grad_() for x in inputs)
    return bool(torch.autograd.gradcheck(
        lambda *xs: call(*(Scale.apply(x, factor) for x in xs)), xs, raise_exception=False
    ))  # fmt: skip


def model(lib: Any) -> Callable[..., Any]:
    return lambda x, w, v: lib.log_softmax(lib.tanh(x @ w) @ v, 1)


COSTS: dict[str, tuple[Callable[[Any], Callable[..., Any]], list[tuple[int, ...]]]] = {
    "exp of 3 x 4": (lambda lib: lib.exp, [(3, 4)]),
    "relu of 3 x 4": (lambda lib: lib.relu, [(3, 4)]),
    "matmul 4 x 5 x 3": (lambda lib: lib.matmul, [(4, 5), (5, 3)]),
    "two layers, 5 x 6 x 8 x 3": (model, [(5, 6), (6, 8), (8, 3)]),
    "sum of 100 squares": (lambda lib: lambda x: (x * x).sum(), [(100,)]),
}


def cost(rounds: int = 9) -> None:
    """Milliseconds a check, ours and PyTorch's, each in its own library."""
    print(f"{'milliseconds':28} {'':>6} {'ours':>9} {'PyTorch':>9} {'ratio':>6}")
    for name, (build, shapes) in COSTS.items():
        arrays = [np.random.default_rng(i).normal(size=s) for i, s in enumerate(shapes)]
        mine = tuple(Tensor(a, requires_grad=True) for a in arrays)
        other = tuple(torch.tensor(a, requires_grad=True) for a in arrays)
        for fast in (False, True):
            spent: dict[str, list[float]] = {"ours": [], "theirs": []}
            for _ in range(rounds):
                for who, check, function, inputs in (
                    ("ours", gradcheck, build(tg), mine),
                    ("theirs", torch.autograd.gradcheck, build(torch), other),
                ):
                    start = time.perf_counter()
                    assert check(function, inputs, fast_mode=fast)
                    spent[who].append(1e3 * (time.perf_counter() - start))
            a, b = (float(np.median(spent[who])) for who in ("ours", "theirs"))
            print(f"{name:28} {'fast' if fast else 'full':>6} {a:9.2f} {b:9.2f} {a / b:6.2f}")


def main(samples: int = 3) -> None:
    torch.set_num_threads(1)
    cost()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    np.seterr(all="ignore")
    counts = {(who, what): 0 for who in ("ours", "theirs") for what in ("alarms", "caught", "s")}
    cases, names, visible = 0, set(), 0
    alarms: dict[str, list[str]] = {"ours": [], "theirs": []}
    for name, call, inputs in calls(samples):
        cases += 1
        names.add(name)
        xs = [x.clone().requires_grad_() for x in inputs]
        grads = torch.autograd.grad([y.sum() for y in call(*xs)], xs, allow_unused=True)
        seen = any(
            g is not None and bool(g.abs().max() > 1e-9) for g in grads if g is None or g.numel()
        )
        visible += seen
        for who, check in (("ours", ours), ("theirs", theirs)):
            start = time.perf_counter()
            try:
                right = check(call, inputs, 1.0)
            except Exception as error:
                right = False
                name = f"{name} ({type(error).__name__})"
            counts[who, "s"] += time.perf_counter() - start
            if not right:
                counts[who, "alarms"] += 1
                alarms[who].append(name)
            with contextlib.suppress(Exception):
                counts[who, "caught"] += seen and not check(call, inputs, 1.001)
    print(f"{cases} calls of {len(names)} ops; {visible} of them with a gradient above 1e-9")
    for who in ("ours", "theirs"):
        print(
            f"{who:7} false alarms {counts[who, 'alarms']:4}, factor 1.001 caught "
            f"{counts[who, 'caught']:4} ({counts[who, 'caught'] / visible:.1%}), "
            f"{counts[who, 's']:.1f} s"
        )
    for who, found in alarms.items():
        print(f"{who}: alarms in {sorted(set(found))}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
