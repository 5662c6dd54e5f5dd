"""Diagonals and triangles."""

import numpy as np

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.ops import diagonal

M = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
CUBE = np.arange(12.0).reshape(2, 2, 3)
CASES = [
    Case("diagonal", tg.diagonal, [M], [1, 5]),
    Case("diagonal", lambda x: tg.diagonal(x, 1), [M], [2, 6]),
    Case("diagonal", lambda x: tg.diagonal(x, -1, 1, 2), [CUBE.tolist()], [[3], [9]]),
    Case("diag", tg.diag, [[1.0, 2.0]], [[1, 0], [0, 2]]),
    Case("diag", lambda x: tg.diag(x, -1), [[1.0]], [[0, 0], [1, 0]]),
    Case("diag", lambda x: tg.diag(x, 1), [M], [2, 6]),
    Case("diag_embed", tg.diag_embed, [[[1.0, 2.0], [3.0, 4.0]]],
         [[[1, 0], [0, 2]], [[3, 0], [0, 4]]]),
    Case("diag_embed", lambda x: tg.diag_embed(x, 1), [[1.0, 2.0]],
         [[0, 1, 0], [0, 0, 2], [0, 0, 0]]),
    Case("diag_embed", lambda x: tg.diag_embed(x, 0, 0, 2), [[[1.0, 2.0], [3.0, 4.0]]],
         [[[1, 0], [3, 0]], [[0, 2], [0, 4]]]),
    Case("diagflat", tg.diagflat, [[[1.0], [2.0]]], [[1, 0], [0, 2]]),
    Case("trace", lambda x: tg.trace(x), [M], 6),
    Case("tril", tg.tril, [M], [[1, 0, 0], [4, 5, 0]]),
    Case("tril", lambda x: tg.tril(x, 1), [M], [[1, 2, 0], [4, 5, 6]]),
    Case("triu", tg.triu, [M], [[1, 2, 3], [0, 5, 6]]),
    Case("triu", lambda x: tg.triu(x, 1), [M], [[0, 2, 3], [0, 0, 6]]),
]  # fmt: skip
PLAIN = [
    Plain("diag_embed", tg.diag_embed, [[[]]], np.zeros((1, 0, 0), np.float32)),
    Plain("trace", tg.trace, [[[1, 2], [3, 4]]], np.int64(5)),
]
REFUSALS = [
    Refusal("one dim twice", lambda: tg.diagonal(tg.ones(2, 2), 0, 1, -1), RuntimeError,
            "diagonal dimensions cannot be identical 1, -1"),
    Refusal("diag", lambda: tg.diag(tg.ones(1, 1, 1)), RuntimeError, "not 3 dimensions"),
    Refusal("trace", lambda: tg.trace(tg.ones(2)), RuntimeError, "expected a matrix"),
    Refusal("tril", lambda: tg.tril(tg.ones(2)), RuntimeError, "at least 2 dimensions"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    diagonal, CASES, PLAIN, REFUSALS
)


def test_diagonal_is_a_view_and_diag_a_copy() -> None:
    x = tg.zeros(2, 2)
    x.diagonal().fill_(1)
    assert x.tolist() == [[1, 0], [0, 1]]
    x.diag().fill_(5)
    assert x.tolist() == [[1, 0], [0, 1]]
