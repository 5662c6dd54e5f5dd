"""op(): a row of the table that cannot be right is refused when it is declared."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.autograd import REGISTRY, op
from tinygrad_mnist.autograd.op import ShapeError


def kernel(a: Any, b: Any, *, axis: int = 0) -> Any:
    return a * b


def stacked(*xs: Any, axis: int = 0) -> Any:
    return np.stack(xs, axis)


def seeded(a: Any, *, g: Any = None) -> Any:
    return a


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (
            lambda: op(np.divide, a=lambda g, c: g / c, b=lambda g, a: g),
            "divide: the rule for 'a' names 'c'; it may name g, y, shape, a, b",
        ),
        (
            lambda: op(np.multiply, a=lambda g, c: g * c),
            "multiply: the rule for 'a' names 'c'; it may name g, y, shape, a, b",
        ),
        (
            lambda: op(np.exp, x=lambda g, out: g * out),
            "exp: the rule for 'x' names 'out'; it may name g, y, shape, x",
        ),
        (
            lambda: op(np.multiply, w=lambda g, a: g * a),
            "multiply: a rule for 'w', which is not an input of it; its inputs are a, b",
        ),
        (
            lambda: op(np.exp, a=lambda g: g, b=lambda g: g),
            "exp: a rule for 'a', which is not an input of it; its inputs are x",
        ),
        (
            lambda: op(kernel, a=lambda g, i: g),
            "kernel: the rule for 'a' names 'i'; it may name g, y, shape, a, b, axis",
        ),
        (
            lambda: op(stacked, xs=lambda g, n: g),
            "stacked: the rule for 'xs' names 'n'; it may name g, y, shape, i, xs, axis",
        ),
        (
            lambda: op(kernel, a=lambda g, r: g * r, residual={"r": lambda a, c: a * c}),
            "kernel: the definition of 'r' names 'c'; it may name a, b, axis",
        ),
        (
            lambda: op(kernel, a=2.0),
            "kernel: the rule for 'a' must be a function or None, not float",
        ),
        (
            lambda: op(kernel, a=lambda g, b, axes: g * b),
            "kernel: the rule for 'a' names 'axes'; it may name g, y, shape, a, b, axis",
        ),
        (
            lambda: op(kernel, c=lambda g: g),
            "kernel: a rule for 'c', which is not an input of it; its inputs are a, b",
        ),
        (
            lambda: op(kernel, axis=lambda g: g),
            "kernel: a rule for 'axis', which is not an input of it; its inputs are a, b",
        ),
        (
            lambda: op(np.negative, y=lambda g: -g),
            "negative: 'y' has a meaning in rules; rename the input",
        ),
        (
            lambda: op(np.negative, shape=lambda g: -g),
            "negative: 'shape' has a meaning in rules; rename the input",
        ),
        (
            lambda: op(kernel, a=lambda b, g: g * b),
            "kernel: the first parameter of the rule for 'a' must be g, the incoming gradient",
        ),
    ],
)
def test_a_bad_row_says_what_is_wrong(declare: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError) as error:
        declare()
    assert str(error.value) == message


def test_an_op_takes_and_returns_what_it_is_given() -> None:
    scale = op(kernel, a=lambda g, b: g * b, b=lambda g, a: g * a)
    array = scale(np.ones(2), np.ones(2))
    assert type(array) is np.ndarray
    tensor = scale(tg.tensor([1.0, 2.0]), np.ones(2, np.float32))
    assert isinstance(tensor, Tensor) and not tensor.requires_grad


def test_declaring_an_op_of_your_own_is_one_line() -> None:
    softsign = op(lambda x: x / (1 + abs(x)), x=lambda g, x: g / ((1 + abs(x)) * (1 + abs(x))))
    x = tg.tensor(np.array([-2.0, 0.5, 3.0]), requires_grad=True)
    assert tg.autograd.gradcheck(softsign, x) and tg.autograd.gradgradcheck(softsign, x)


def test_only_what_a_needed_rule_names_is_kept() -> None:
    keep = op(kernel, a=lambda g, b: g * b, b=lambda g, a: g * a)
    a, b = tg.tensor(np.ones(2), requires_grad=True), tg.tensor(np.ones(2))
    saved = keep(a, b)._node.saved
    assert saved[0] is None and saved[1] is b._data and saved[2] is None
    assert (a + a)._node.saved == ()
    y = a.exp()
    assert y._node.saved[0] is None and y._node.saved[1] is y._data


def test_the_bits_of_a_raw_call_are_those_of_a_recorded_one() -> None:
    x = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    raw = tg.ops.table.softmax(x, axis=1)
    recorded = tg.ops.table.softmax(tg.tensor(x, requires_grad=True), axis=1)
    assert raw.tobytes() == recorded.detach().numpy().tobytes()


def test_a_common_value_is_computed_once_for_all_rules() -> None:
    seen: list[Any] = []
    product = op(
        kernel,
        common={"twice": lambda g, b, axis: seen.append(axis) or g * b * 2},
        a=lambda g, twice: twice,
        b=lambda g, a, twice: twice + a,
    )
    a, b = tg.tensor([2.0], requires_grad=True), tg.tensor([3.0], requires_grad=True)
    product(a, b, axis=4).backward()
    assert (a.grad.item(), b.grad.item(), seen) == (6.0, 8.0, [4])
    with pytest.raises(TypeError, match="kernel: the definition of 'twice' names 'c'; it may name"):
        op(kernel, common={"twice": lambda g, c: g}, a=lambda g, twice: twice)


def test_a_rule_may_name_a_setting_that_the_call_left_out() -> None:
    x = tg.tensor(np.ones((2, 3)), requires_grad=True)
    tg.ops.table.sum(x).backward()
    assert x.grad.shape == (2, 3)


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: tg.ones(2, 3) @ tg.ones(4, 5), ["matmul", "[2, 3]", "[4, 5]"]),
        (lambda: tg.ones(2, 3) + tg.ones(4), ["add", "[2, 3]", "[4]"]),
        (lambda: tg.ops.table.reshape(tg.ones(2, 3), shape=(4,)), ["reshape", "[2, 3]", "(4,)"]),
    ],
)
def test_a_shape_error_names_the_op_and_the_shapes(call: Any, names: list[str]) -> None:
    with pytest.raises(ShapeError) as error:
        call()
    assert isinstance(error.value, RuntimeError | ValueError)
    assert all(name in str(error.value) for name in names)


def test_grad_fn_has_a_readable_name() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    assert (x * 2).grad_fn.name() == "MulBackward0"
    assert repr((x * 2).grad_fn) == "<MulBackward0>"
    assert x.grad_fn is None and x.is_leaf and not (x * 2).is_leaf
    (parent, _), *_ = (x.exp() * 2).grad_fn.next_functions
    assert parent.name() == "ExpBackward0"


def test_every_row_is_documented_and_named() -> None:
    for name, row in REGISTRY.items():
        assert row.row == name and row.name == (row.called or name)
        assert repr(row).startswith(f"<op {name}(")
