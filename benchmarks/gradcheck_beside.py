"""The checker beside each library's own, on the same calls: catches, false alarms, cost.

    python -m benchmarks.gradcheck_beside [torch|jax|autograd ...] [--calls N]

Each call is checked as it is, and with each kind of error planted into the derivative: every input
passes through a function that returns it, and whose own derivative is wrong. Both checkers run with
their defaults in float64, in reverse mode, first order. A planted error counts where it changes a
gradient by more than 1e-9. The names that fail without a planted error are printed: where a
library's own derivative is wrong, which the census shows, that is no false alarm. PyTorch's calls
are those of its database of operators, the others' are smooth points of the census.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from benchmarks.census.judge import judge
from benchmarks.census.namespaces import LIBRARIES, takes
from benchmarks.census.points import ABOVE, HALF, MIXED, Call, ramp
from tinygrad_mnist.testing import gradcheck
from tinygrad_mnist.testing.gradients.problem import Problem
from tinygrad_mnist.testing.libraries.door import library_named

Function = Callable[..., Any]

ERRORS: dict[str, Callable[[Any], Any]] = {
    "a factor of 1.001": lambda g: g * 1.001,
    "a factor of 1.00001": lambda g: g * 1.00001,
    "the wrong sign": lambda g: -g,
    "one element lost": lambda g: g * (np.arange(g.size).reshape(g.shape) > 0),
}
SMOOTH = [Call((x,)) for x in (HALF, MIXED, ABOVE, ramp(2, 3), ramp(2, 2))] + [
    Call((HALF, ABOVE)), Call((ramp(2, 3), ramp(3, start=0.9))), Call((ramp(2, 3), ramp(3, 2))),
]  # fmt: skip


def torch_through(error: Function) -> Function:
    """Make the function x -> x with an error in its derivative."""
    import torch

    class Through(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return torch.from_numpy(np.asarray(error(g.numpy())))

    return Through.apply  # type: ignore[no-any-return]


def jax_through(error: Function) -> Function:
    import jax

    @jax.custom_vjp
    def through(x: Any) -> Any:
        return x

    through.defvjp(lambda x: (x, None), lambda _, g: (error(g),))
    return through  # type: ignore[no-any-return]


def autograd_through(error: Function) -> Function:
    from autograd.extend import defvjp, primitive

    @primitive
    def through(x: Any) -> Any:
        return np.array(x)

    defvjp(through, lambda y, x: error)
    return through  # type: ignore[no-any-return]


def torch_check(function: Function, arrays: Any) -> bool:
    import torch

    xs = tuple(torch.from_numpy(x.copy()).requires_grad_() for x in arrays)
    return bool(torch.autograd.gradcheck(function, xs, raise_exception=False))


def jax_check(function: Function, arrays: Any) -> bool:
    from jax.test_util import check_grads

    try:
        check_grads(function, arrays, order=1, modes=["rev"])
    except AssertionError:
        return False
    return True


def autograd_check(function: Function, arrays: Any) -> bool:
    from autograd.test_util import check_grads

    try:
        check_grads(function, modes=["rev"], order=1)(*arrays)
    except AssertionError:
        return False
    return True


THEIRS: dict[str, tuple[str, Function, Function]] = {
    "torch": ("torch.autograd.gradcheck", torch_check, torch_through),
    "jax": ("jax.test_util.check_grads", jax_check, jax_through),
    "autograd": ("autograd.test_util.check_grads", autograd_check, autograd_through),
}


def calls(library: str) -> Iterator[tuple[str, Function, Any]]:
    """Yield functions of one to three arrays, each with arrays to call it on."""
    yielded: Counter[str] = Counter()
    for name, function, offered in LIBRARIES[library][1]():
        points: Iterable[Call] = filter(takes(function), SMOOTH)
        if library == "torch":
            points = islice(offered, 1)
        for call in points:
            verdict = judge(LIBRARIES[library][0], function, call)
            if verdict is None or not verdict.compared or yielded[name] == 3:
                continue
            if verdict.kind in ("none offered", "raises", "wrong shape"):
                continue
            yielded[name] += 1
            yield name, function, call.args


def gradients(library: str, function: Function, arrays: Any) -> list[Any] | None:
    """Return the gradients of the outputs' sum; None where one is not finite."""
    problem = Problem(function, arrays, library_named(library))
    trace = problem.trace()
    seeds = [np.ones_like(problem.library.to_numpy(out)) for out in trace.outputs]
    grads = problem.pulled(trace, seeds)
    return grads if all(np.isfinite(g).all() for g in grads) else None


def compare(library: str, most: int) -> None:
    """Print a table for one library."""
    label, check, through = THEIRS[library]
    who = {"this checker": ours(library), label: check}
    counts: Counter[tuple[str, str]] = Counter()
    visible: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    tried, names = 0, set()
    blamed: dict[str, list[str]] = {checker: [] for checker in who}
    for name, function, arrays in calls(library):
        if tried == most:
            break
        right = quiet(library, gradients, library, function, arrays)
        if right is None or not any(np.abs(g).max(initial=0) > 1e-9 for g in right):
            continue
        tried += 1
        names.add(name)
        for checker, run in who.items():
            start = time.perf_counter()
            passed = quiet(library, run, function, arrays)
            spent[checker] += time.perf_counter() - start
            if not passed:
                counts[checker, "a right derivative is blamed"] += 1
                blamed[checker].append(name)
        for kind, error in ERRORS.items():
            wrong = through(error)
            spoilt = through_each(wrong, function)
            other = quiet(library, gradients, library, spoilt, arrays)
            if other is None or all(
                np.allclose(a, b, 1e-9, 1e-9) for a, b in zip(right, other, strict=True)
            ):
                continue
            visible[kind] += 1
            for checker, run in who.items():
                counts[checker, kind] += quiet(library, run, spoilt, arrays) is False
    versions = f"{library} {importlib.metadata.version(library)}"
    print(f"\n{versions}: {tried} calls of {len(names)} functions\n")
    print(f"| | {' | '.join(who)} |\n|---|{'---|' * len(who)}")
    for kind in ERRORS:
        shares = [f"{counts[c, kind]} of {visible[kind]}" for c in who]
        print(f"| {kind} is caught | {' | '.join(shares)} |")
    row = "a right derivative is blamed"
    print(f"| {row} | {' | '.join(f'{counts[c, row]} of {tried}' for c in who)} |")
    times = [f"{1e3 * spent[c] / max(tried, 1):.1f}" for c in who]
    print(f"| milliseconds per right call | {' | '.join(times)} |")
    for checker, functions in blamed.items():
        print(f"\nblamed by {checker}: {', '.join(sorted(set(functions))) or 'none'}", flush=True)


def ours(library: str) -> Function:
    adapter = LIBRARIES[library][0]
    return lambda f, arrays: gradcheck(f, arrays, library=adapter, raise_exception=False)


def through_each(wrong: Function, function: Function) -> Function:
    """Make the function that passes every input through `wrong` first."""
    return lambda *xs: function(*map(wrong, xs))


def quiet(library: str, run: Function, *args: Any) -> Any:
    """Return the result of `run` without warnings; None where it raises."""
    with warnings.catch_warnings(), library_named(library).session(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return run(*args)
        except Exception:
            return None


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradcheck_beside")
    parser.add_argument("libraries", nargs="*", help=", ".join(THEIRS))
    parser.add_argument("--calls", type=int, default=1000, help="at most so many per library")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    for library in options.libraries or THEIRS:
        compare(library, options.calls)


if __name__ == "__main__":
    main()
