"""New Tensors: what they hold, in which dtype, and whose memory it is."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ops.cases import Plain, Refusal, family_tests
from tinygrad_mnist.ops import create

F32 = np.float32
PLAIN = [
    Plain("tensor", lambda: tg.tensor([[1, 2], [3, 4]]), [], np.array([[1, 2], [3, 4]])),
    Plain("tensor", lambda: tg.tensor([1, 2.5]), [], np.array([1, 2.5], F32)),
    Plain("tensor", lambda: tg.tensor(np.ones(2, np.int8)), [], np.ones(2, np.int8)),
    Plain("tensor", lambda: tg.tensor([1.7], dtype=tg.int32), [], np.array([1], np.int32)),
    Plain("as_tensor", lambda: tg.as_tensor([1.5]), [], np.array([1.5], F32)),
    Plain("as_tensor", lambda: tg.as_tensor(np.ones(1), dtype=tg.float32), [], np.ones(1, F32)),
    Plain("as_tensor", lambda x: tg.as_tensor(x, dtype=tg.int64), [[2.0]], np.array([2])),
    Plain("asarray", tg.asarray, [[2.0]], np.array([2], F32)),
    Plain("from_numpy", lambda: tg.from_numpy(np.arange(3)), [], np.arange(3)),
    Plain("from_dlpack", lambda: tg.from_dlpack(np.arange(3.0)), [], np.arange(3.0)),
    Plain("from_dlpack", tg.from_dlpack, [[1.0, 2.0]], np.array([1, 2], F32)),
    Plain("full", lambda: tg.full((2, 1), 7), [], np.array([[7], [7]])),
    Plain("full", lambda: tg.full([2], tg.tensor(0.5)), [], np.array([0.5, 0.5], F32)),
    Plain("full", lambda: tg.full(2, True), [], np.array([True, True])),
    Plain("full", lambda: tg.full(2, 1, dtype=tg.float64), [], np.ones(2)),
    Plain("zeros", lambda: tg.zeros(2, 3), [], np.zeros((2, 3), F32)),
    Plain("zeros", lambda: tg.zeros((2,), dtype=tg.int64), [], np.zeros(2, np.int64)),
    Plain("empty", lambda: tg.empty(2) * 0, [], np.zeros(2, F32)),
    Plain("ones", lambda: tg.ones([2, 3]), [], np.ones((2, 3), F32)),
    Plain("full_like", lambda x: tg.full_like(x, 3.7), [[1, 2]], np.array([3, 3])),
    Plain("zeros_like", tg.zeros_like, [[[1.0]]], np.zeros((1, 1), F32)),
    Plain("empty_like", lambda x: tg.empty_like(x) * 0, [[1, 2]], np.array([0, 0])),
    Plain("ones_like", lambda x: tg.ones_like(x, dtype=tg.float64), [[1, 2]], np.ones(2)),
    Plain("arange", lambda: tg.arange(3), [], np.array([0, 1, 2])),
    Plain("arange", lambda: tg.arange(1, 2, 0.5), [], np.array([1, 1.5], F32)),
    Plain("arange", lambda: tg.arange(3, 0, -1), [], np.array([3, 2, 1])),
    Plain("arange", lambda: tg.arange(tg.tensor(2)), [], np.array([0, 1])),
    Plain("arange", lambda: tg.arange(2, dtype=tg.float64), [], np.array([0.0, 1.0])),
    Plain("linspace", lambda: tg.linspace(0, 1, 5), [], np.linspace(0, 1, 5, dtype=F32)),
    Plain("linspace", lambda: tg.linspace(tg.tensor(0.0), 2, 2), [], np.array([0, 2], F32)),
    Plain("logspace", lambda: tg.logspace(0, 2, 3), [], np.array([1, 10, 100], F32)),
    Plain("logspace", lambda: tg.logspace(0, tg.tensor(2), 3, 2), [], np.array([1, 2, 4], F32)),
    Plain("eye", lambda: tg.eye(2), [], np.eye(2, dtype=F32)),
    Plain("eye", lambda: tg.eye(2, 3, dtype=tg.int64), [], np.eye(2, 3, dtype=np.int64)),
    Plain("new_tensor", lambda x: x.new_tensor([1, 2]), [[0.5]], np.array([1, 2], F32)),
    Plain("new_full", lambda x: x.new_full((2,), 3), [[0.5]], np.array([3, 3], F32)),
    Plain("new_zeros", lambda x: x.new_zeros(2), [[1]], np.array([0, 0])),
    Plain("new_empty", lambda x: x.new_empty(2) * 0, [[1]], np.array([0, 0])),
    Plain("new_ones", lambda x: x.new_ones((1, 2)), [[True]], np.array([[True, True]])),
    Plain("tril_indices", lambda: tg.tril_indices(2, 2), [], np.array([[0, 1, 1], [0, 0, 1]])),
    Plain("triu_indices", lambda: tg.triu_indices(2, 3, 1), [], np.array([[0, 0, 1], [1, 2, 2]])),
]  # fmt: skip
REFUSALS = [
    Refusal("from_numpy of a list", lambda: tg.from_numpy([1]), TypeError, "(got list)"),
    Refusal("from_numpy of text", lambda: tg.from_numpy(np.array("a")), TypeError, "type <U1"),
    Refusal("byte order", lambda: tg.from_numpy(np.ones(1, ">f4")), ValueError, "other byte order"),
    Refusal("arange", lambda: tg.arange(1, 2, -1), RuntimeError, "do not lead from"),
    Refusal("linspace", lambda: tg.linspace(0, 1, -1), RuntimeError, "must be non-negative"),
    Refusal("device", lambda: tg.zeros(1, device="cuda"), RuntimeError, "is not available"),
]
test_value, _, test_refusal, test_every_name_has_a_case = family_tests(
    [*create.__all__, *create.METHODS], [], PLAIN, REFUSALS
)


def test_whose_memory_it_is() -> None:
    array = np.zeros(2, np.float32)
    copy, view, same = tg.tensor(array), tg.from_numpy(array), tg.as_tensor(array)
    array[0] = 1
    assert copy.tolist() == [0, 0] and view.tolist() == same.tolist() == [1, 0]
    assert tg.as_tensor(view) is view and tg.as_tensor(view, dtype=tg.float32) is view


@pytest.mark.parametrize("make", [tg.zeros, tg.ones, tg.empty], ids=lambda f: f.__name__)
def test_a_new_tensor_may_require_grad(make: object) -> None:
    assert make(2, requires_grad=True).requires_grad and not make(2).requires_grad
