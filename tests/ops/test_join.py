"""Joining and splitting."""

import numpy as np

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.ops import join

A, B = [[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]
V = [1.0, 2.0, 3.0, 4.0, 5.0]
CASES = [
    *(Case(f, lambda a, b, f=f: getattr(tg, f)([a, b]), [A, B], [[1, 2], [3, 4], [5, 6]])
      for f in ("cat", "concat", "concatenate")),
    Case("cat", lambda a: tg.cat([a, a], -1), [B], [[5, 6, 5, 6]]),
    Case("cat", lambda a: tg.cat([tg.zeros(0), a]), [A], A),
    Case("stack", lambda a, b: tg.stack([a, b]), [[1.0], [2.0]], [[1], [2]]),
    Case("stack", lambda a, b: tg.stack([a, b], -1), [V, V], [[v, v] for v in V]),
    Case("atleast_1d", lambda x: tg.atleast_1d(x.sum()), [V], [15]),
    Case("atleast_1d", lambda x: tg.atleast_1d(x, x.sum()), [V], (V, [15])),
    Case("atleast_2d", tg.atleast_2d, [V], [V]),
    Case("atleast_2d", lambda x: tg.atleast_2d([x]), [V], ([V],)),
    Case("hstack", lambda a, b: tg.hstack([a, b]), [V, [6.0]], [*V, 6]),
    Case("hstack", lambda a: tg.hstack([a, a]), [B], [[5, 6, 5, 6]]),
    Case("vstack", lambda a: tg.vstack([a, a]), [V], [V, V]),
    Case("row_stack", lambda a, b: tg.row_stack([a, b]), [A, B], [*A, *B]),
    Case("broadcast_tensors", tg.broadcast_tensors, [B, [[1.0], [2.0]]],
         ([[5, 6], [5, 6]], [[1, 1], [2, 2]])),
    Case("split", lambda x: tg.split(x, 2), [V], ([1, 2], [3, 4], [5])),
    Case("split", lambda x: tg.split(x, [1, 4]), [V], ([1], [2, 3, 4, 5])),
    Case("split_with_sizes", lambda x: tg.split_with_sizes(x, [1, 1], 1), [A],
         ([[1], [3]], [[2], [4]])),
    Case("chunk", lambda x: tg.chunk(x, 3), [V], ([1, 2], [3, 4], [5])),
    Case("tensor_split", lambda x: tg.tensor_split(x, 2), [V], ([1, 2, 3], [4, 5])),
    Case("tensor_split", lambda x: tg.tensor_split(x, (1, 3)), [V], ([1], [2, 3], [4, 5])),
    Case("tensor_split", lambda x: tg.tensor_split(x, tg.tensor([1]), 1), [A],
         ([[1], [3]], [[2], [4]])),
    Case("unbind", tg.unbind, [A], ([1, 2], [3, 4])),
    Case("unbind", lambda x: tg.unbind(x, -1), [A], ([1, 3], [2, 4])),
    Case("roll", lambda x: tg.roll(x, 2), [V], [4, 5, 1, 2, 3]),
    Case("roll", lambda x: tg.roll(x, -1), [A], [[2, 3], [4, 1]]),
    Case("roll", lambda x: tg.roll(x, (1, 1), (0, 1)), [A], [[4, 3], [2, 1]]),
    Case("roll", lambda x: tg.roll(x, 2, 1), [A], A),
    Case("meshgrid", tg.meshgrid, [[1.0, 2.0], [3.0]], ([[1], [2]], [[3], [3]])),
    Case("meshgrid", lambda a, b: tg.meshgrid([a, b], indexing="xy"), [[1.0, 2.0], [3.0]],
         ([[1, 2]], [[3, 3]])),
]  # fmt: skip
PLAIN = [
    Plain("cat", lambda a, b: tg.cat([a, b]), [[1, 2], [0.5]], np.array([1, 2, 0.5], np.float32)),
    Plain("cat", lambda: tg.cat([tg.zeros(0), tg.zeros(0)]), [], np.zeros(0, np.float32)),
    Plain("stack", lambda: tg.stack([np.float32(1), np.float32(2)]), [], [1, 2]),
    Plain("split", lambda: tg.split(tg.zeros(0), 2), [], ([],)),
    Plain("meshgrid", lambda: tg.meshgrid(tg.tensor(2)), [], ([2],)),
]
X = tg.ones(2, 3)
REFUSALS = [
    Refusal("cat of nothing", lambda: tg.cat([]), ShapeError, "non-empty list"),
    Refusal("cat of numbers", lambda: tg.cat([tg.tensor(1.0)]), RuntimeError, "use stack()"),
    Refusal(
        "cat", lambda: tg.cat([X, tg.ones(2, 4)]), ShapeError, "cat(float32[2, 3], float32[2, 4]"
    ),
    Refusal(
        "stack",
        lambda: tg.stack([X, X[0]]),
        ShapeError,
        "got [torch.Size([2, 3]), torch.Size([3])]",
    ),
    Refusal("split sizes", lambda: tg.split(X, [1, 2]), RuntimeError, "to sum exactly to 2"),
    Refusal("split", lambda: tg.split(X, 0), RuntimeError, "a positive split_size, but got 0"),
    Refusal("chunk", lambda: tg.chunk(X, 0), RuntimeError, "greater than 0, got: 0"),
    Refusal("roll", lambda: tg.roll(X, (1, 2), 0), RuntimeError, "2 shifts for 1 dims"),
    Refusal("roll a number", lambda: tg.roll(tg.tensor(1), 1, 0), IndexError, "has no dimension 0"),
    Refusal("meshgrid", lambda: tg.meshgrid(X[0], indexing="ji"), RuntimeError, "not 'ji'"),
]
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    join, CASES, PLAIN, REFUSALS
)


def test_pieces_are_views() -> None:
    x = tg.zeros(4)
    for pieces in (x.split(2), x.chunk(2), x.tensor_split(2), x.unbind()):
        pieces[0].add_(1)
    assert x.tolist() == [4, 3, 0, 0]
