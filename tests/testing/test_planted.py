"""The tester is tested: each kind of error, planted into rules of the table, is caught."""

import pytest

from tests.testing.planted import (
    KINDS,
    aliased,
    caught,
    forgetful,
    inputs_with_rules,
    picked,
    planted,
    upcast,
)
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
    changed = number_caught = 0
    examples = 30 if kind == "a transposed result" else 3
    for name in OPS.get(kind, CURVED[:6] + STRAIGHT[:6]):
        for index in inputs_with_rules(name):
            some, right = caught(name, index, KINDS[kind], examples, start=0)
            changed, number_caught = changed + some, number_caught + right
    assert changed >= 5
    if kind == "a factor of 1.00001":
        assert number_caught >= 0.9 * changed
    else:
        assert number_caught == changed


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", KINDS)
def test_planted_errors_are_caught_in_every_op(kind: str) -> None:
    changed = number_caught = 0
    for name in REGISTRY:
        for index in inputs_with_rules(name):
            some, right = caught(name, index, KINDS[kind], examples=100, start=1)
            changed, number_caught = changed + some, number_caught + right
    rate = f"{number_caught / changed:.2%}"
    print(f"\n{kind}: caught in {number_caught:,} of {changed:,} calls ({rate})")
    assert number_caught >= 0.98 * changed


def test_a_planted_error_is_gone_afterwards() -> None:
    before = REGISTRY["mul"].rules
    with planted("mul", 0, KINDS["the wrong sign"]):
        assert REGISTRY["mul"].rules is not before
    assert REGISTRY["mul"].rules is before
    assert {aliased, forgetful, picked, upcast} <= set(KINDS.values())
