"""Every op of the registry, from every side: a new op without a row in domains.py fails here."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.domains import ROWS, Call, op_named
from tests.properties.examples import same_examples
from tinygrad_mnist.autograd import REGISTRY, Tensor
from tinygrad_mnist.testing.properties import prove
from tinygrad_mnist.testing.strategies import arrays, tensor_on

KNOWN = [name for name in REGISTRY if name in ROWS]
# Hypothesis knows a test by its source, and would try an example that one op fails for all of them.
each_op = settings(database=None, suppress_health_check=list(HealthCheck))


def test_every_op_has_a_row_and_every_row_an_op() -> None:
    missing, stale = set(REGISTRY) - set(ROWS), set(ROWS) - set(REGISTRY)
    assert not missing, f"give these a row in domains.py: {missing}"
    assert not stale, f"these rows of domains.py describe no op: {stale}"


def recorded(name: str, call: Call) -> tuple[Any, list[Any]]:
    """The op as a function of its arrays, and the arrays as Tensors where it has a rule."""
    op, row = op_named(name), REGISTRY[name]
    rules = row.rules * len(call.args) if row.variadic else row.rules
    smooth = ROWS[name].order > 0
    args = [
        tensor_on(arg, smooth and rule is not None and arg.dtype.kind == "f")
        for arg, rule in zip(call.args, rules, strict=False)
    ]
    if not args:  # made of settings alone: a new generator for each call, or two calls differ
        return lambda: op(**call.kw), []
    through = ROWS[name].through or (lambda a: a)
    return lambda *arrays: op(*map(through, arrays), **call.kw), args


def check_op(name: str, examples: int) -> None:
    """Value, first and second order, dtype, memory, mutation, layout; 0-d and empty are drawn."""
    like, through = ROWS[name].like, ROWS[name].through or (lambda a: a)

    @settings(each_op, max_examples=examples)
    @given(ROWS[name].calls)
    def check(call: Call) -> None:
        function, args = recorded(name, call)
        value = None if like is None else lambda *inputs: like(*map(through, inputs), **call.kw)
        second = ROWS[name].order > 1
        prove(function, args, value, second_order=second, float32="dtype" not in call.kw)
        if args and not REGISTRY[name].draws:
            raw = op_named(name)(*map(through, call.args), **call.kw)
            assert type(raw) is not Tensor, "an op given ndarrays returns ndarrays"
            assert np.array_equal(raw, function(*args)._data, equal_nan=raw.dtype.kind == "f")

    check()


@pytest.mark.parametrize("name", KNOWN)
def test_op(name: str) -> None:
    check_op(name, 2 if ROWS[name].parts else 4)  # those with parts take any shape: see below


@pytest.mark.fuzz
@pytest.mark.parametrize("name", KNOWN)
def test_op_for_long(name: str) -> None:
    check_op(name, 500)


def shaped(shape: tuple[int, ...], how: dict[str, Any]) -> Any:
    return arrays(shape, **how)


@pytest.mark.parametrize("name", [name for name in KNOWN if ROWS[name].parts])
def test_elementwise_op_at_the_edges(name: str) -> None:
    """0-d, empty, square and broadcast arguments, whatever the strategies happen to draw."""
    parts = ROWS[name].parts
    calls = [[shape] * len(parts) for shape in ((), (0,), (2, 0), (2, 2))]
    if len(parts) > 1:
        calls.append([(2, 1), (1, 3), ()][: len(parts)])
    drawn = st.tuples(*(st.tuples(*map(shaped, call, parts)) for call in calls))
    for args in same_examples(drawn, 2)[-1]:  # the first example is all zeros
        function, tensors = recorded(name, Call(args, {}))
        assert function(*tensors).shape == np.broadcast_shapes(*map(np.shape, args))
        prove(function, tensors, ROWS[name].like, second_order=ROWS[name].order > 1)


@pytest.mark.parametrize("name", [name for name in KNOWN if ROWS[name].like is None])
def test_creation(name: str) -> None:
    """A Tensor made of settings alone: shape, dtype, and no gradient."""

    @settings(each_op, max_examples=12)
    @given(ROWS[name].calls)
    def check(call: Call) -> None:
        out = op_named(name)(*call.args, **call.kw)
        if not call.args:
            assert out.shape == call.kw.get("shape", (call.kw.get("n"),))
            assert out.dtype == call.kw.get("dtype", np.int64)
        elif "count" in call.kw:
            assert out.shape == (call.kw["count"], len(call.args[0])) and out.dtype == np.int64
        else:
            assert out.shape == call.args[0].shape and out.dtype == call.args[0].dtype

    check()
