"""Errors planted into the rules of the derivative table, to see whether they are found.

`python -m tests.testing.planted` prints, for each kind of error, in how many of the calls that it
changed it was caught; the figures of docs/prove-your-gradient.md come from there.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from tests.properties.domains import ROWS, Call
from tests.properties.examples import same_examples
from tests.properties.test_registry import recorded
from tinygrad_mnist.autograd import REGISTRY, Tensor, grad
from tinygrad_mnist.autograd.tensor import unwrap, wrap
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.create import tensor
from tinygrad_mnist.testing.gradients.problem import same_layout
from tinygrad_mnist.testing.properties import prove
from tinygrad_mnist.testing.strategies import tensor_on

Rule = Callable[..., Any]
Sabotage = Callable[[Rule], Rule]


def factor(by: float) -> Sabotage:
    return lambda rule: lambda *args: rule(*args) * by


def transposed(rule: Rule) -> Rule:
    def wrong(g: Any, saved: Any, shape: Any, i: int) -> Any:
        gi = rule(g, saved, shape, i)
        return gi.mT if gi.ndim >= 2 and gi.shape[-1] == gi.shape[-2] else gi

    return wrong


def picked(rule: Rule) -> Rule:
    """A broadcast dimension of which the first element is taken, instead of the sum."""

    def wrong(g: Any, saved: Any, shape: Any, i: int) -> Any:
        gi = rule(g, saved, shape, i)
        if gi.shape == shape or 0 in gi.shape:
            return gi
        ones = tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)
        return table.slice(gi, key=(0,) * (gi.ndim - len(shape)) + ones)

    return wrong


def forgetful(rule: Rule) -> Rule:
    """A second derivative that is lost: what was kept has no history."""

    def wrong(g: Any, saved: Any, shape: Any, i: int) -> Any:
        cut = tuple(wrap(v._data) if isinstance(v, Tensor) else v for v in saved)
        return rule(g, cut, shape, i)

    return wrong


def upcast(rule: Rule) -> Rule:
    def wrong(*args: Any) -> Any:
        gi = rule(*args)
        return gi if isinstance(gi, Tensor) else np.asarray(gi, np.float64)

    return wrong


def aliased(rule: Rule) -> Rule:
    """All gradients of one shape are computed into one buffer, which is handed out."""

    def wrong(g: Any, saved: Any, shape: Any, i: int) -> Any:
        gi = rule(g, saved, shape, i)
        if isinstance(gi, Tensor) or gi.shape != shape:  # the engine's sum over it is a new array
            return gi
        HANDED_OUT[0] = HANDED_OUT[0] or gi.size > 0
        buffer = BUFFERS.setdefault((gi.shape, gi.dtype), np.empty(gi.shape, gi.dtype))
        buffer[...] = gi
        return buffer

    return wrong


BUFFERS: dict[Any, Any] = {}
HANDED_OUT = [False]


def overwriting(rule: Rule) -> Rule:
    """Memory saved for backward is used as scratch."""

    def wrong(*args: Any) -> Any:
        gi = np.array(rule(*args)) if not isinstance(args[0], Tensor) else rule(*args)
        for value in args[1][:-1]:
            array = unwrap(value)
            if isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.flags.writeable:
                array += 1
        return gi

    return wrong


KINDS: dict[str, Sabotage] = {
    "a factor of 1.001": factor(1.001),
    "a factor of 1.00001": factor(1.00001),
    "the wrong sign": factor(-1.0),
    "a transposed result": transposed,
    "a broadcast dimension not summed": picked,
    "a second derivative lost": forgetful,
    "a float64 upcast": upcast,
    "a gradient in shared memory": aliased,
    "a kept array overwritten": overwriting,
}


@contextmanager
def planted(name: str, index: int, kind: Sabotage) -> Iterator[None]:
    """The op's rule for one of its inputs, sabotaged."""
    row = REGISTRY[name]
    rules = list(row.rules)
    rules[index] = kind(rules[index])
    before, row.rules = row.rules, tuple(rules)
    try:
        yield
    finally:
        row.rules = before


def inputs_with_rules(name: str) -> list[int]:
    return [i for i, rule in enumerate(REGISTRY[name].rules) if rule is not None]


def fingerprint(function: Any, args: list[Any], second: bool) -> list[Any]:
    """Outputs, gradients (if asked for, of second order alone), and what became of inputs."""
    leaves = [tensor_on(a._data.copy(), a.requires_grad) for a in args]
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    rng = np.random.default_rng(1)

    def pulled(tensors: list[Tensor], create_graph: bool) -> list[Tensor]:
        live = [t for t in tensors if t.requires_grad]
        weights = [tensor(rng.uniform(0.5, 1.5, t.shape)) for t in live]
        if not live:
            return [leaf * 0 for leaf in wanted]
        return list(grad(live, wanted, weights, create_graph=create_graph, materialize_grads=True))

    out = function(*leaves)
    first = pulled([out], second)
    tensors = [out, *leaves, *(pulled(first, False) if second else first)]
    return [t._data.copy() for t in tensors]


def matters(name: str, index: int, kind: Sabotage, function: Any, args: list[Any]) -> bool:
    """Tell whether the error makes a difference in this call, in more than the last bits."""
    if kind is aliased:
        HANDED_OUT[0] = False
        with planted(name, index, kind):
            fingerprint(function, args, False)
        return HANDED_OUT[0]
    if kind is upcast:
        return index < len(args) and args[index].requires_grad and args[index]._data.size > 0
    right = fingerprint(function, args, kind is forgetful)
    with planted(name, index, kind):
        wrong = fingerprint(function, args, kind is forgetful)
    pairs = zip(right, wrong, strict=True)
    return not all(np.allclose(a, b, 1e-9, 1e-12, equal_nan=True) for a, b in pairs)


@cache
def calls_of(name: str, examples: int, start: int) -> list[Call]:
    """The same examples for each kind of error and each input."""
    return same_examples(ROWS[name].calls, examples, start)


def fresh(call: Call) -> Call:
    """The call with arrays of its own, for an error may overwrite them."""
    return Call(tuple(same_layout(arg, arg.dtype) for arg in call.args), call.kw)


def caught(name: str, index: int, kind: Sabotage, examples: int, start: int) -> tuple[int, int]:
    """In how many calls the error made a difference, and in how many of those it was caught."""
    changed = detected = 0
    twice = ROWS[name].order > 1
    if kind is forgetful and not twice:  # there is no second derivative to lose
        return 0, 0
    for call in calls_of(name, examples, start):
        function, args = recorded(name, fresh(call))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not matters(name, index, kind, function, args):
                continue
            changed += 1
            with planted(name, index, kind):
                try:
                    prove(function, args, second_order=twice, float32="dtype" not in call.kw)
                except Exception:
                    detected += 1
    return changed, detected


def main(examples: int = 20, only: str = "") -> None:
    names = sorted(name for name in REGISTRY if name in ROWS)
    print(f"{'planted':34} {'ops':>4} {'inputs':>7} {'calls':>6} {'caught':>7} {'rate':>8}")
    for label, kind in KINDS.items():
        if only not in label:
            continue
        changed = number_caught = inputs = 0
        ops = set()
        missed = []
        for name in names:
            for index in inputs_with_rules(name):
                some, right = caught(name, index, kind, examples, start=len(label))
                changed, number_caught = changed + some, number_caught + right
                inputs += some > 0
                ops |= {name} if some else set()
                if some > right:
                    missed.append(f"{name}.{REGISTRY[name].params[index]} {some - right}/{some}")
        rate = f"{100 * number_caught / max(1, changed):.1f} %"
        print(f"{label:34} {len(ops):4} {inputs:7} {changed:6} {number_caught:7} {rate:>8}")
        if missed:
            print("    missed:", ", ".join(missed))


if __name__ == "__main__":
    main(*(int(word) if word.isdigit() else word for word in sys.argv[1:]))
