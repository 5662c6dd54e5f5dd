"""Dense layers as functions."""

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import linear

X, W, B = [[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0], [9.0, 1.0]], [1.0, 2.0, 3.0]
Y = [[18, 25, 14], [40, 55, 34]]
CASES = [
    Case("linear", F.linear, [X, W, B], Y),
    Case("linear", F.linear, [X, W], [[17, 23, 11], [39, 53, 31]]),
    Case("linear", F.linear, [X[0], W, B], Y[0]),
    Case("linear", F.linear, [[X], W, B], [Y]),
    Case("linear", F.linear, [X, W[0]], [17, 39]),
    Case("linear", lambda x, w, b: F.linear(x, w, b.sum()), [X, W[0], [0.5]], [17.5, 39.5]),
    Case("linear", lambda x, w: F.linear(x, w.t().contiguous().t()), [X, W],
         [[17, 23, 11], [39, 53, 31]]),
    Case("bilinear", F.bilinear,
         [[[1.0, 2.0]], [[3.0, 4.0, 5.0]], [[[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]]],
         [[1 * (3 + 10) + 2 * (4 + 5)]]),
    Case("bilinear", F.bilinear, [[[1.0]], [[2.0]], [[[3.0]]], [4.0]], [[10]]),
    Case("embedding", lambda w, i: F.embedding(i, w), [W, [[0, 2], [2, 1]]],
         [[W[0], W[2]], [W[2], W[1]]]),
    *(Case("embedding_bag", lambda w, how=how: F.embedding_bag(
             tg.tensor([0, 1, 1]), w, tg.tensor([0, 1, 3]), mode=how), [X], want)
      for how, want in [("sum", [[1, 2], [6, 8], [0, 0]]), ("mean", [[1, 2], [3, 4], [0, 0]]),
                        ("max", [[1, 2], [3, 4], [0, 0]])]),
    Case("embedding_bag", lambda w: F.embedding_bag(tg.tensor([[0, 1], [1, 1]]), w), [X],
         [[2, 3], [3, 4]]),
    Case("embedding_bag", lambda w: F.embedding_bag(tg.tensor([[0, 1], [1, 1]]), w, padding_idx=0),
         [X], [[3, 4], [3, 4]]),
    Case("embedding_bag", lambda w: F.embedding_bag(
            tg.tensor([[0, 1], [1, 1]]), w, padding_idx=1, mode="max"), [X], [[1, 2], [0, 0]]),
    Case("embedding_bag", lambda w, share: F.embedding_bag(
            tg.tensor([0, 1]), w, tg.tensor([0, 2]), mode="sum", per_sample_weights=share,
            include_last_offset=True), [X, [2.0, 1.0]], [[5, 8]]),
]  # fmt: skip
PLAIN = [
    Plain("one_hot", lambda i: F.one_hot(i, 3), [[0, 2]], np.array([[1, 0, 0], [0, 0, 1]])),
    Plain("one_hot", F.one_hot, [[[1], [0]]], np.array([[[0, 1]], [[1, 0]]])),
]
ONES = tg.ones(2, 3)
BAGS = tg.tensor([[0, 1]])
REFUSALS = [
    Refusal("mode", lambda: F.embedding_bag(BAGS, tg.ones(2, 2), mode="min"), ValueError, "'min'"),
    Refusal("weights of a mean", lambda: F.embedding_bag(
                BAGS, tg.ones(2, 2), per_sample_weights=tg.ones(1, 2)), ValueError, "mode='mean'"),
    Refusal("no offsets", lambda: F.embedding_bag(BAGS[0], tg.ones(2, 2)), ValueError, "offsets"),
    Refusal("offsets", lambda: F.embedding_bag(BAGS[0], tg.ones(2, 2), tg.tensor([1])),
            RuntimeError, "begin at 0"),
    Refusal("features", lambda: F.linear(ONES, tg.ones(4, 2)), ShapeError,
            "the input has 3 features, the weight is for 2"),
    Refusal("features of a stack", lambda: F.linear(tg.ones(1, 2, 3), tg.ones(4, 2)), ShapeError,
            "the input's last dimension must be the weight's second"),
    Refusal("dtypes", lambda: F.linear(ONES, ONES.double()), DTypeError, "got float32 and float64"),
    Refusal("one_hot of floats", lambda: F.one_hot(ONES), RuntimeError, "not float32"),
    Refusal("one_hot", lambda: F.one_hot(tg.tensor([3]), 2), ShapeError, "must be from 0 to 1"),
    Refusal("embedding of floats", lambda: F.embedding(ONES, ONES), DTypeError, "not float32"),
    Refusal("embedding", lambda: F.embedding(tg.tensor([2]), ONES), IndexError, "for 2 rows"),
    Refusal("padding_idx", lambda: F.embedding(tg.tensor([0]), ONES, 2), ValueError,
            "padding_idx 2 is not within 2 rows"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    linear, CASES, PLAIN, REFUSALS
)


@pytest.mark.parametrize("padding", [1, -2])
def test_the_padding_row_gets_no_gradient(padding: int) -> None:
    w = tg.tensor(W, requires_grad=True)
    F.embedding(tg.tensor([0, 1, 1]), w, padding_idx=padding).sum().backward()
    assert w.grad.tolist() == [[1, 1], [0, 0], [0, 0]]


def test_a_gradient_scaled_by_how_often_a_row_is_used() -> None:
    w = tg.tensor(W, requires_grad=True)
    y = F.embedding(tg.tensor([0, 1, 1]), w, scale_grad_by_freq=True)
    y.sum().backward()
    assert y.tolist() == [W[0], W[1], W[1]]
    assert w.grad.tolist() == [[1, 1], [1, 1], [0, 0]]


def test_max_norm_shrinks_the_rows_that_are_used() -> None:
    w = tg.tensor([[3.0, 4.0], [30.0, 40.0], [0.3, 0.4]])
    F.embedding(tg.tensor([0, 2]), w, max_norm=1.0)
    assert np.allclose(w.numpy(), [[0.6, 0.8], [30, 40], [0.3, 0.4]])


def test_frequencies_leave_infinite_rows_as_they_are() -> None:
    w = tg.tensor([[np.inf, 1.0], [np.nan, -np.inf]], requires_grad=True)
    rows = F.embedding(tg.tensor([0, 0, 1]), w, scale_grad_by_freq=True)
    np.testing.assert_array_equal(rows.detach().numpy(), w.detach().numpy()[[0, 0, 1]])
    rows.sum().backward()
    assert w.grad.tolist() == [[1, 1], [1, 1]]


def test_padding_keeps_infinities_out_of_a_bag_and_of_its_gradients() -> None:
    w = tg.tensor([[np.inf, np.nan], [3.0, 4.0]], requires_grad=True)
    share = tg.tensor([[np.nan, 2.0]], requires_grad=True)
    bags = F.embedding_bag(BAGS, w, mode="sum", per_sample_weights=share, padding_idx=0)
    assert bags.tolist() == [[6, 8]]
    bags.sum().backward()
    assert w.grad.tolist() == [[0, 0], [2, 2]] and share.grad.tolist() == [[0, 7]]


def test_the_maximum_of_empty_bags_alone_has_a_gradient() -> None:
    w = tg.tensor(X, requires_grad=True)
    bags = F.embedding_bag(tg.tensor([[1], [1]]), w, mode="max", padding_idx=1)
    bags.sum().backward()
    assert bags.tolist() == w.grad.tolist() == [[0, 0], [0, 0]]
