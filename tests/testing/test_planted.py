"""The tester is tested: each kind of error, planted into rules of the table, is caught."""

import pytest

from tests.testing.planted import KINDS, aliased, caught, forgetful, picked, places, planted, upcast
from tinygrad_mnist.autograd import REGISTRY

CURVED = [
    "mul",
    "div",
    "exp",
    "log",
    "tanh",
    "softmax",
    "logsumexp",
    "matmul",
    "cross_entropy_rows",
    "pow",
]
STRAIGHT = ["add", "where", "relu", "sum", "reshape", "take", "linear", "conv", "amax"]
SQUARE = ["mul", "sin", "matmul", "where", "permute"]
BROADCAST = ["add", "mul", "div", "where", "broadcast_to"]
OPS = {"a transposed result": SQUARE, "a broadcast dimension not summed": BROADCAST}
OPS["a second derivative lost"] = CURVED


@pytest.mark.parametrize("kind", KINDS)
def test_planted_errors_are_caught(kind: str) -> None:
    """Every call in which the error makes a difference, not only one of many."""
    changed = found = 0
    examples = 30 if kind == "a transposed result" else 5
    for name in OPS.get(kind, CURVED[:6] + STRAIGHT[:6]):
        for place in places(name):
            some, right = caught(name, place, KINDS[kind], examples, start=0)
            changed, found = changed + some, found + right
    assert changed >= 5
    if kind == "a factor of 1.00001":
        assert found >= 0.9 * changed
    else:
        assert found == changed


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", KINDS)
def test_planted_errors_are_caught_in_every_op(kind: str) -> None:
    changed = found = 0
    for name in REGISTRY:
        for place in places(name):
            some, right = caught(name, place, KINDS[kind], examples=100, start=1)
            changed, found = changed + some, found + right
    print(f"\n{kind}: caught in {found:,} of {changed:,} calls ({found / changed:.2%})")
    assert found >= 0.98 * changed


def test_a_planted_error_is_gone_afterwards() -> None:
    before = REGISTRY["mul"].rules
    with planted("mul", 0, KINDS["the wrong sign"]):
        assert REGISTRY["mul"].rules is not before
    assert REGISTRY["mul"].rules is before
    assert {aliased, forgetful, picked, upcast} <= set(KINDS.values())
