"""Every op of the registry, captured and replayed with its backward: the bits of eager."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import tinygrad_mnist as tg
from tests.properties.domains import ROWS, Call, op_named
from tinygrad_mnist.autograd import REGISTRY, Tensor

few_examples = settings(max_examples=3, suppress_health_check=list(HealthCheck))
DETERMINISTIC = [name for name in ROWS if not REGISTRY[name].draws]


def differentiated(name: str, call: Call) -> list[bool]:
    """Return the arguments that the op has a rule for."""
    row = REGISTRY[name]
    rules = row.rules * len(call.args) if row.variadic else row.rules
    return [
        ROWS[name].order > 0
        and rule is not None
        and isinstance(arg, np.ndarray)
        and arg.dtype.kind == "f"
        for arg, rule in zip(call.args, rules, strict=False)
    ]


def step_of(name: str, call: Call, leaves: list[Tensor]) -> Any:
    """Make a step that adds the inputs to leaves of zeros, calls the op and goes backward."""
    smooth = differentiated(name, call)
    op = op_named(name)

    def step(*inputs: Tensor) -> tuple[Tensor, ...]:
        for leaf in leaves:
            leaf.grad = None
        at = iter(leaves)
        args = [arg + next(at) if s else arg for arg, s in zip(inputs, smooth, strict=True)]
        y = op(*args, **call.kw)
        if y.requires_grad:
            (y * y).sum().backward()
        return y.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)

    return step


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_a_replay_gives_the_bits_of_eager(name: str) -> None:
    @few_examples
    @given(ROWS[name].calls)
    def check(call: Call) -> None:
        if not call.args or not all(isinstance(arg, np.ndarray) for arg in call.args):
            return
        smooth = differentiated(name, call)
        zeros = [np.zeros_like(a) for a, s in zip(call.args, smooth, strict=True) if s]
        results = []
        for jitted in (False, True):
            leaves = [tg.from_numpy(z.copy()).requires_grad_() for z in zeros]
            step = step_of(name, call, leaves)
            step = tg.jit(step, pure=True) if jitted else step
            given_ = [tg.from_numpy(np.array(a)) for a in call.args]
            with np.errstate(all="ignore"):
                results.append([[t.numpy().tobytes() for t in step(*given_)] for _ in range(4)])
            if jitted:
                assert len(step.programs()) == 1
        assert results[0] == results[1]

    check()
