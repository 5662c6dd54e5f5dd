"""Values written at indices, out of place, and reductions into them."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import scattering

A, V, AT = [[1.0, 2.0], [3.0, 4.0]], [5.0, 6.0, 7.0], [0, 0, 1]


def at(*index: object) -> tuple[object, ...]:
    return tuple(i if i is None else tg.tensor(i) for i in index)


CASES = [
    Case("take", tg.take, [A, [[0, 3], [-1, 0]]], [[1, 4], [4, 1]]),
    Case("put", tg.put, [A, [3, 0], [5.0, 6.0]], [[6, 2], [3, 5]]),
    Case("put", lambda x, i, v: tg.put(x, i, v, accumulate=True), [A, [0, 0], [5.0, 6.0]],
         [[12, 2], [3, 4]]),
    Case("index_put", lambda x, v: tg.index_put(x, at([0, 1], [1, 0]), v), [A, [8.0, 9.0]],
         [[1, 8], [9, 4]]),
    Case("index_put", lambda x, v: tg.index_put(x, at([0, 0]), v, accumulate=True), [A, [8.0, 9.0]],
         [[17, 20], [3, 4]]),
    Case("index_put", lambda x, v: tg.index_put(x, at(None, [1]), v), [A, [[8.0], [9.0]]],
         [[1, 8], [3, 9]]),
    Case("index_put", lambda x, v: tg.index_put(x, (x > 2,), v), [A, [8.0, 9.0]], [[1, 2], [8, 9]]),
    Case("masked_scatter", lambda x, v: tg.masked_scatter(x, x > 2, v), [A, V], [[1, 2], [5, 6]]),
    Case("diagonal_scatter", tg.diagonal_scatter, [A, [8.0, 9.0]], [[8, 2], [3, 9]]),
    Case("diagonal_scatter", lambda x, v: tg.diagonal_scatter(x, v, 1), [A, [8.0]],
         [[1, 8], [3, 4]]),
    Case("select_scatter", lambda x, v: tg.select_scatter(x, v, 1, -1), [A, [8.0, 9.0]],
         [[1, 8], [3, 9]]),
    Case("slice_scatter", lambda x, v: tg.slice_scatter(x, v, 1, 0, 1), [A, [[8.0], [9.0]]],
         [[8, 2], [9, 4]]),
    Case("slice_scatter", lambda x, v: tg.slice_scatter(x, v, step=2), [V, [8.0, 9.0]], [8, 6, 9]),
    *(Case("scatter_reduce", lambda x, i, v, how=how: tg.scatter_reduce(x, 0, i, v, how),
           [[2.0, 3.0], AT, V], want)
      for how, want in [("sum", [13, 10]), ("prod", [60, 21]), ("mean", [13 / 3, 5]),
                        ("amax", [6, 7]), ("amin", [2, 3])]),
    *(Case("scatter_reduce", lambda x, i, v, how=how: tg.scatter_reduce(
             x, 0, i, v, how, include_self=False), [[2.0, 9.0, 1.0], AT, V], want)
      for how, want in [("sum", [11, 7, 1]), ("prod", [30, 7, 1]), ("mean", [5.5, 7, 1]),
                        ("amax", [6, 7, 1]), ("amin", [5, 7, 1])]),
    Case("scatter_reduce", lambda x, i, v: tg.scatter_reduce(x, 1, i, v, "prod"),
         [A, [[0, 0], [1, 0]], [[0.0, 2.0], [3.0, 0.0]]], [[0, 2], [0, 12]]),
    Case("index_reduce", lambda x, i, v: tg.index_reduce(x, 0, i, v, "mean"),
         [A, [1, 1], [[3.0, 4.0], [6.0, 10.0]]], [[1, 2], [4, 6]]),
    Case("index_reduce", lambda x, i, v: tg.index_reduce(x, 1, i, v, "amax"),
         [A, [0], [[5.0], [2.0]]], [[5, 2], [3, 4]]),
]  # fmt: skip
PLAIN = [
    Plain("take", tg.take, [[1, 2, 3], [2]], np.array([3])),
    Plain("scatter_reduce", lambda x, i, v: tg.scatter_reduce(x, 0, i, v, "mean"),
          [[1], [0, 0], [2, 5]], np.array([2])),
    Plain("nonzero_static", lambda x: tg.nonzero_static(x, size=3), [[0, 4, 5]], [[1], [2], [-1]]),
    Plain("nonzero_static", lambda x: tg.nonzero_static(x, size=1), [[0, 4, 5]], [[1]]),
    Plain("unravel_index", lambda i: tg.unravel_index(i, (2, 3)), [[5, 1]], ([1, 0], [2, 1])),
]  # fmt: skip
X, IX = tg.tensor(A), tg.tensor(AT)
REFUSALS = [
    Refusal("take", lambda: tg.take(X, tg.tensor([4])), IndexError, "take(float32[4], int64[1])"),
    Refusal("take floats", lambda: tg.take(X, X), RuntimeError, "Expected a long tensor"),
    Refusal("put", lambda: tg.put(X, IX, X), ShapeError, "same number of elements"),
    Refusal("put dtypes", lambda: tg.put(X, IX, IX), RuntimeError, "must have one dtype"),
    Refusal("index_put", lambda: tg.index_put(X, (None,), X), RuntimeError, "at least one of"),
    Refusal("masked_scatter", lambda: tg.masked_scatter(X, X, X), RuntimeError, "boolean masks"),
    Refusal("few", lambda: tg.masked_scatter(X, X > 0, X[0]), RuntimeError, "source has 2"),
    Refusal("diagonal", lambda: tg.diagonal_scatter(X, tg.ones(3)), ShapeError, "slice size = [2]"),
    Refusal("select", lambda: tg.select_scatter(X, X[0], 0, 2), IndexError, "index 2 out of range"),
    Refusal("slice", lambda: tg.slice_scatter(X, X[:1]), ShapeError, "slice size = [2, 2]"),
    Refusal("step", lambda: tg.slice_scatter(X, X, step=0), RuntimeError, "step must be positive"),
    Refusal("how", lambda: tg.scatter_reduce(X[0], 0, IX, X[0], "max"), RuntimeError, "got 'max'"),
    Refusal("size", lambda: tg.scatter_reduce(X[0], 0, IX, X[0], "sum"), RuntimeError, "index"),
    Refusal("index_reduce", lambda: tg.index_reduce(X, 0, IX, X, "sum"), RuntimeError, "'sum'"),
    Refusal("source", lambda: tg.index_reduce(X, 0, IX, X, "prod"), ShapeError, "3 indices into"),
    Refusal("bools", lambda: tg.index_reduce(X > 0, 0, IX, X > 0, "prod"), DTypeError, "bool"),
    Refusal("unravel", lambda: tg.unravel_index(tg.tensor([9]), (2, 3)), ValueError, "of bounds"),
]
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    scattering, CASES, PLAIN, REFUSALS
)


def test_products_have_every_derivative_at_zeros() -> None:
    x, v = (
        tg.tensor(a, dtype=tg.float64, requires_grad=True) for a in ([0.0, 2.0], [0.0, 3.0, 0.0])
    )

    def call(x: tg.Tensor, v: tg.Tensor) -> tg.Tensor:
        return tg.scatter_reduce(x, 0, tg.tensor([1, 1, 0]), v, "prod")

    assert tg.autograd.gradcheck(call, (x, v)) and tg.autograd.gradgradcheck(call, (x, v))


@pytest.mark.parametrize("how", ["amax", "amin"])
def test_extremes_that_tie_share_the_gradient(how: str) -> None:
    x, v = (tg.tensor(a, requires_grad=True) for a in ([2.0], [2.0, 2.0]))
    tg.scatter_reduce(x, 0, tg.tensor([0, 0]), v, how).backward()
    assert [*x.grad.tolist(), *v.grad.tolist()] == pytest.approx([1 / 3] * 3)


def test_in_place_forms() -> None:
    x = tg.tensor(A)
    x.index_put_((tg.tensor([0]), tg.tensor([0])), tg.tensor(9.0)).masked_scatter_(x > 3, -x)
    assert x.tolist() == [[-9, 2], [3, -2]]
    assert tg.zeros(2).put_(IX[:1], tg.ones(1)).tolist() == [1, 0]
    assert tg.ones(2).scatter_reduce_(0, IX, tg.tensor(V), "sum").tolist() == [12, 8]
    assert tg.ones(2).index_reduce_(0, IX, tg.tensor(V), "amax").tolist() == [6, 7]
