"""Random graphs against an engine of eight lines that sums over all paths: slow, obviously right.

The state machine builds graphs step by step, with views, shared values, writes in place, blocks
without grad, detached values, hooks and several backwards; whatever it does, `.grad` and `grad()`
are what the sum over paths says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.testing.graphs import Program, programs
from tinygrad_mnist.testing.properties import prove
from tinygrad_mnist.testing.strategies import numbers

Array = Any
SHAPE = (2, 3)


class Value:
    """A value of the naive engine: an array, and for each parent how a gradient gets there."""

    def __init__(self, array: Array, *edges: tuple[Value, Callable[[Array], Array]]) -> None:
        self.array, self.edges = np.array(array, np.float64), edges


def derivative(of: Value, by: Value, g: Array) -> Array:
    """The gradient of sum(g * of) with respect to `by`: the sum over all paths."""
    total = g if of is by else np.zeros(by.array.shape)
    for parent, pull in of.edges:
        total = total + derivative(parent, by, pull(g))
    return total


def depth(value: Value) -> int:
    """How many paths lead from here: what the naive engine will have to walk."""
    return 1 + sum(depth(parent) for parent, _ in value.edges)


# Each op twice: as the package has it, and as calculus has it, for arrays of one shape.
UNARY: dict[
    str, tuple[Callable[[Any], Any], Callable[[Array], Array], Callable[[Array], Array]]
] = {
    "sin": (lambda x: x.sin(), np.sin, np.cos),
    "tanh": (lambda x: x.tanh(), np.tanh, lambda a: 1 / np.cosh(a) ** 2),
    "exp": (lambda x: (x * 0.1).exp(), lambda a: np.exp(0.1 * a), lambda a: 0.1 * np.exp(0.1 * a)),
    "square": (lambda x: x * x, np.square, lambda a: 2 * a),
    "neg": (lambda x: -x, np.negative, lambda a: -np.ones_like(a)),
    "view": (lambda x: x.reshape(-1).reshape(*SHAPE), lambda a: a, np.ones_like),
    "half": (lambda x: x / 2, lambda a: a / 2, lambda a: np.full_like(a, 0.5)),
}
BINARY: dict[str, tuple[Any, Any, Any, Any]] = {
    "add": (lambda a, b: a + b, np.add, lambda a, b: np.ones_like(a), lambda a, b: np.ones_like(a)),
    "sub": (
        lambda a, b: a - b,
        np.subtract,
        lambda a, b: np.ones_like(a),
        lambda a, b: -np.ones_like(a),
    ),
    "mul": (lambda a, b: a * b, np.multiply, lambda a, b: b, lambda a, b: a),
}


class Graphs(RuleBasedStateMachine):
    """Pairs of a Tensor and what the naive engine thinks of it."""

    nodes = Bundle("nodes")

    def __init__(self) -> None:
        super().__init__()
        self.leaves: list[tuple[Tensor, Value]] = []
        self.expected: dict[int, Array] = {}

    def keep(self, tensor: Any, value: Value) -> tuple[Any, Value]:
        assume(np.all(np.abs(value.array) < 1e6))
        assume(depth(value) < 500)
        np.testing.assert_allclose(tensor.detach().numpy(), value.array, rtol=1e-12, atol=1e-12)
        return tensor, value

    @initialize(target=nodes, values=st.lists(numbers(-2, 2), min_size=6, max_size=6))
    def start(self, values: list[float]) -> Any:
        return self.leaf(values)

    @rule(target=nodes, values=st.lists(numbers(-2, 2), min_size=6, max_size=6))
    def add_leaf(self, values: list[float]) -> Any:
        return self.leaf(values)

    def leaf(self, values: list[float]) -> Any:
        array = np.array(values).reshape(SHAPE)
        pair = (tg.tensor(array, requires_grad=True), Value(array))
        self.leaves.append(pair)
        return pair

    @rule(target=nodes, name=st.sampled_from(sorted(UNARY)), node=nodes)
    def unary(self, name: str, node: Any) -> Any:
        function, value, slope = UNARY[name]
        x, a = node
        d = slope(a.array)
        return self.keep(function(x), Value(value(a.array), (a, lambda g: g * d)))

    @rule(target=nodes, name=st.sampled_from(sorted(BINARY)), one=nodes, two=nodes)
    def binary(self, name: str, one: Any, two: Any) -> Any:
        function, value, by_a, by_b = BINARY[name]
        (x, a), (w, b) = one, two
        da, db = by_a(a.array, b.array), by_b(a.array, b.array)
        edges = (a, lambda g: g * da), (b, lambda g: g * db)
        return self.keep(function(x, w), Value(value(a.array, b.array), *edges))

    @rule(target=nodes, node=nodes, row=st.integers(0, 1))
    def broadcast_row(self, node: Any, row: int) -> Any:
        """One row for all: sliced, and un-broadcast on the way back."""
        x, a = node

        def pull(g: Array) -> Array:
            out = np.zeros(SHAPE)
            out[row] = g.sum(axis=0)
            return out

        return self.keep(x[row] + x.detach() * 0, Value(a.array[row] + np.zeros(SHAPE), (a, pull)))

    @rule(target=nodes, node=nodes)
    def normalize(self, node: Any) -> Any:
        """x minus its mean: a reduction that is broadcast back."""
        x, a = node
        return self.keep(x - x.mean(), Value(a.array - a.array.mean(), (a, lambda g: g - g.mean())))

    @rule(target=nodes, node=nodes)
    def detach(self, node: Any) -> Any:
        x, a = node
        return x.detach(), Value(a.array)

    @rule(target=nodes, node=nodes)
    def without_grad(self, node: Any) -> Any:
        x, a = node
        with tg.no_grad():
            y = x * 2.0
        assert not y.requires_grad
        return y, Value(a.array * 2)

    @rule(target=nodes, node=nodes, other=nodes)
    def write_in_place(self, node: Any, other: Any) -> Any:
        """A copy that is written: its history is the write's."""
        (x, a), (w, b) = node, other
        y = x * 1.0
        y.mul_(w)
        edges = (a, lambda g: g * b.array), (b, lambda g: g * a.array)
        return self.keep(y, Value(a.array * b.array, *edges))

    @rule(target=nodes, node=nodes, other=nodes, row=st.integers(0, 1))
    def assign_row(self, node: Any, other: Any, row: int) -> Any:
        (x, a), (w, b) = node, other
        y = x * 1.0
        y[row] = w[row]
        mask = np.zeros(SHAPE)
        mask[row] = 1
        array = np.where(mask, b.array, a.array)
        edges = (a, lambda g: g * (1 - mask)), (b, lambda g: g * mask)
        return self.keep(y, Value(array, *edges))

    @rule(node=nodes, weights=st.lists(numbers(-2, 2), min_size=6, max_size=6))
    def backward(self, node: Any, weights: list[float]) -> None:
        """All leaves' .grad grow by what the sum over paths says; the seed is left alone."""
        x, a = node
        g = np.array(weights).reshape(SHAPE)
        assume(x.requires_grad)
        seed = tg.tensor(g.copy())
        x.backward(seed, retain_graph=True)
        np.testing.assert_array_equal(seed.numpy(), g)
        for i, (_, value) in enumerate(self.leaves):
            if reaches(a, value):
                self.expected[i] = self.expected.get(i, 0.0) + derivative(a, value, g)

    @rule(node=nodes, by=nodes)
    def grad(self, node: Any, by: Any) -> None:
        """grad() of anything by anything, intermediate or leaf."""
        (x, a), (w, b) = node, by
        assume(x.requires_grad and w.requires_grad)
        g = np.ones(SHAPE)
        (gradient,) = tg.autograd.grad(x, w, tg.tensor(g), retain_graph=True, allow_unused=True)
        right = derivative(a, b, g)
        assert (gradient is None) == (not reaches(a, b))
        if gradient is not None:
            np.testing.assert_allclose(gradient.numpy(), right, rtol=1e-9, atol=1e-9)

    @rule(node=nodes, by=st.data())
    def second_order(self, node: Any, by: Any) -> None:
        """create_graph gives the same first gradients, in any order of calls."""
        x, a = node
        assume(x.requires_grad)
        tensor, value = self.leaves[by.draw(st.integers(0, len(self.leaves) - 1))]
        assume(reaches(a, value))
        (gradient,) = tg.autograd.grad(x.sum(), tensor, create_graph=True)
        right = derivative(a, value, np.ones(SHAPE))
        np.testing.assert_allclose(gradient.detach().numpy(), right, rtol=1e-9, atol=1e-9)

    @rule()
    def clear(self) -> None:
        for tensor, _ in self.leaves:
            tensor.grad = None
        self.expected.clear()

    @invariant()
    def gradients_are_the_sums_over_paths(self) -> None:
        for i, (tensor, value) in enumerate(self.leaves):
            np.testing.assert_array_equal(tensor.detach().numpy(), value.array)
            if i not in self.expected:
                assert tensor.grad is None
            else:
                np.testing.assert_allclose(
                    tensor.grad.numpy(), self.expected[i], rtol=1e-9, atol=1e-8
                )

    @invariant()
    def no_two_gradients_share_memory(self) -> None:
        arrays = [t.grad.numpy() for t, _ in self.leaves if t.grad is not None]
        arrays += [t.detach().numpy() for t, _ in self.leaves]
        for i, one in enumerate(arrays):
            assert not any(np.shares_memory(one, two) for two in arrays[:i])


def reaches(of: Value, by: Value) -> bool:
    return of is by or any(reaches(parent, by) for parent, _ in of.edges)


Graphs.TestCase.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
TestGraphs = Graphs.TestCase


@pytest.mark.fuzz
def test_graphs_for_long() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Graphs,
        settings=settings(
            max_examples=2000, stateful_step_count=40, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


# Programs over the registry, against sums over the paths of their own Jacobians


def path_sum(program: Program) -> list[Array]:
    """d sum(results) / d inputs: the naive engine on local Jacobians, by finite differences."""
    from tinygrad_mnist.ops import table
    from tinygrad_mnist.testing.gradients.numeric import flat

    arrays = [x.detach().numpy() for x in program.inputs]
    values = [Value(array) for array in arrays]
    for name, args, kw in program.steps:
        op = getattr(table, name)
        arguments = [values[i].array for i in args]
        edges = []
        for position, i in enumerate(args):
            jacobian = np.empty((np.size(op(*arguments, **kw)), arguments[position].size))
            for j in range(arguments[position].size):
                sides = []
                for sign in (1, -1):
                    moved = [a.copy() for a in arguments]
                    moved[position].reshape(-1)[j] += sign * 1e-5
                    sides.append(flat(op(*moved, **kw)))
                jacobian[:, j] = (sides[0] - sides[1]) / 2e-5
            shape = arguments[position].shape
            edges.append((values[i], lambda g, J=jacobian, s=shape: (np.ravel(g) @ J).reshape(s)))
        values.append(Value(op(*arguments, **kw), *edges))
    results = [values[i] for i in program.results]
    return [sum(derivative(r, x, np.ones(r.array.shape)) for r in results)
            for x in values[: len(arrays)]]  # fmt: skip


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(programs(max_steps=5))
def test_programs_are_the_sums_over_their_paths(program: Program) -> None:
    outputs = program(*program.inputs)
    total = sum(out.sum() for out in (outputs if isinstance(outputs, tuple) else (outputs,)))
    grads = tg.autograd.grad(total, program.inputs, allow_unused=True, materialize_grads=True)
    for g, right in zip(grads, path_sum(program), strict=True):
        room = 1e-6 * max(1.0, float(np.max(np.abs(right), initial=0.0)))
        np.testing.assert_allclose(g.numpy(), right, rtol=1e-5, atol=room)


@pytest.mark.fuzz
@settings(max_examples=3000, suppress_health_check=list(HealthCheck))
@given(programs(max_steps=12))
def test_programs_for_long(program: Program) -> None:
    """First and second order, dtype, memory and layout of larger graphs."""
    prove(program, program.inputs)
