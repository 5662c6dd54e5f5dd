"""Indexing: keys in brackets as NumPy reads them, gathers and scatters, order and search."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.ops import index

M = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
V = [3.0, 1.0, 2.0]
CASES = [
    Case("gather", lambda x, i: tg.gather(x, 1, i), [M, [[2, 0], [1, 1]]], [[3, 1], [5, 5]]),
    Case("gather", lambda x, i: tg.gather(x, 0, i), [V, [2, 0]], [2, 3]),
    Case("scatter_add", lambda x, i, s: tg.scatter_add(x, 1, i, s),
         [M, [[0, 0], [2, 1]], [[1.0, 2.0], [3.0, 4.0]]], [[4, 2, 3], [4, 9, 9]]),
    Case("scatter_add", lambda x, i, s: tg.scatter_add(x, 0, i, s), [M, [[1]], [[7.0]]],
         [[1, 2, 3], [11, 5, 6]]),
    Case("scatter_add", lambda x, i, s: tg.scatter_add(x.sum(), 0, i, s),
         [V, [0, 0], [1.0, 2.0]], 9),
    Case("scatter", lambda x, i, s: tg.scatter(x, 1, i, s), [M, [[0], [2]], [[7.0], [8.0]]],
         [[7, 2, 3], [4, 5, 8]]),
    Case("scatter", lambda x, i: tg.scatter(x, 0, i, 9), [M, [[1, 0, 1]]], [[1, 9, 3], [9, 5, 9]]),
    Case("scatter", lambda x, i: tg.scatter(x.sum(), 0, i, 9) * x, [V, [0]], [27, 9, 18]),
    Case("scatter", lambda x, i, s: tg.scatter(x.sum(), 0, i, s), [V, [0], [2.5]], 2.5),
    Case("scatter", lambda x, i, s: tg.scatter(x, 0, i, s, reduce="add"), [V, [1, 1], [1.0, 2.0]],
         [3, 4, 2]),
    Case("scatter", lambda x, i: tg.scatter(x, 0, i, 2, reduce="add"), [V, [1, 1]], [3, 5, 2]),
    Case("index_select", lambda x, i: tg.index_select(x, 1, i), [M, [2, 0]], [[3, 1], [6, 4]]),
    Case("index_select", lambda x, i: tg.index_select(x.sum(), 0, i), [V, [0]], 6),
    Case("index_add", lambda x, i, s: tg.index_add(x, 1, i, s, alpha=2),
         [M, [0, 0], [[1.0, 2.0], [3.0, 4.0]]], [[7, 2, 3], [18, 5, 6]]),
    Case("index_add", lambda x, i, s: tg.index_add(x, 0, i, s), [V, [2], [1.0]], [3, 1, 3]),
    Case("index_add", lambda x, i, s: tg.index_add(x.sum(), 0, i, s, alpha=2), [V, [0], [1.0]], 8),
    Case("index_copy", lambda x, i, s: tg.index_copy(x, 1, i, s), [M, [2], [[7.0], [8.0]]],
         [[1, 2, 7], [4, 5, 8]]),
    Case("index_copy", lambda x, i, s: tg.index_copy(x.sum(), 0, i, s), [V, [0], [2.0]], 2),
    Case("index_fill", lambda x, i: tg.index_fill(x, 1, i, 0), [M, [0, 2]], [[0, 2, 0], [0, 5, 0]]),
    Case("masked_fill", lambda x, m: tg.masked_fill(x, m, -1), [V, [True, False, True]],
         [-1, 1, -1]),
    Case("masked_fill", lambda x, m: tg.masked_fill(x, m, tg.tensor(2)), [V, [True, False, False]],
         [2, 1, 2]),
    Case("masked_select", tg.masked_select, [M, [True, False, True]], [1, 3, 4, 6]),
    Case("sort", lambda x: tg.sort(x).values, [V], [1, 2, 3]),
    Case("sort", lambda x: tg.sort(x, 0, descending=True).values, [M], M[::-1]),
    Case("topk", lambda x: tg.topk(x, 2).values, [V], [3, 2]),
    Case("topk", lambda x: tg.topk(x, 1, 0, largest=False).values, [M], [[1, 2, 3]]),
    Case("take_along_dim", lambda x, i: tg.take_along_dim(x, i, 1), [M, [[0], [-1]]], [[1], [6]]),
    Case("take_along_dim", lambda x, i: tg.take_along_dim(x, i, 0), [M, [[1, 0, 1]]], [[4, 2, 6]]),
    Case("take_along_dim", tg.take_along_dim, [M, [5, 0]], [6, 1]),
    Case("repeat_interleave", lambda x: tg.repeat_interleave(x, 2), [V], [3, 3, 1, 1, 2, 2]),
    Case("repeat_interleave", lambda x, n: tg.repeat_interleave(x, n, 1), [M, [1, 0, 2]],
         [[1, 3, 3], [4, 6, 6]]),
    Case("repeat_interleave", lambda x: tg.repeat_interleave(x.sum(), 2), [V], [6, 6]),
]  # fmt: skip
PLAIN = [
    Plain("gather", lambda x: tg.gather(x, 0, tg.zeros(0, dtype=tg.int64)), [M], []),
    Plain("sort", tg.sort, [[2, 1, 2]], (np.array([1, 2, 2]), np.array([1, 0, 2]))),
    Plain("sort", lambda x: tg.sort(x.sum()), [[2, 1]], (np.int64(3), np.int64(0))),
    Plain("argsort", tg.argsort, [V], np.array([1, 2, 0])),
    Plain("argsort", lambda x: tg.argsort(x, descending=True), [[1, 2, 1]], np.array([1, 0, 2])),
    Plain("topk", lambda x: tg.topk(x, 2), [[1, 3, 2]], (np.array([3, 2]), np.array([1, 2]))),
    Plain("topk", lambda x: tg.topk(x.sum(), 1), [[1, 3]], (np.int64(4), np.int64(0))),
    Plain("nonzero", tg.nonzero, [[[0, 1], [2, 0]]], np.array([[0, 1], [1, 0]])),
    Plain("nonzero", lambda x: tg.nonzero(x, as_tuple=True), [[0, 5]], (np.array([1]),)),
    Plain("argwhere", tg.argwhere, [[0, 5, 6]], np.array([[1], [2]])),
    Plain("unique", tg.unique, [[3, 1, 3]], np.array([1, 3])),
    Plain("unique", lambda x: tg.unique(x, return_inverse=True, return_counts=True), [[3, 1, 3]],
          (np.array([1, 3]), np.array([1, 0, 1]), np.array([1, 2]))),
    Plain("unique", lambda x: tg.unique(x, dim=0), [[[1, 2], [1, 2]]], np.array([[1, 2]])),
]  # fmt: skip
X = tg.ones(2, 3)
ROWS = tg.tensor([0, 0])
REFUSALS = [
    Refusal("too many indices", lambda: X[ROWS, 0, 0], IndexError, "too many indices: 3 for"),
    Refusal("float index", lambda: X[tg.ones(1)], IndexError, "integer or bool, not float32"),
    Refusal("text", lambda: X["a"], IndexError, "integers, not str"),
    Refusal("mask", lambda: X[tg.tensor([True])], IndexError, "does not match"),
    Refusal("out of bounds", lambda: X[ROWS, ROWS + 3], IndexError, "index 3 is out of"),
    Refusal("gather ndim", lambda: tg.gather(X, 0, ROWS), RuntimeError, "has 1 dimensions"),
    Refusal("gather size", lambda: tg.gather(X, 0, tg.zeros(1, 9).long()), RuntimeError,
            "the index of shape [1, 9] does not fit in [2, 3]"),
    Refusal("negative gather", lambda: tg.gather(X, 0, tg.tensor([[-1]])), IndexError, "negative"),
    Refusal("scatter", lambda: tg.scatter(X, 0, ROWS, 1, reduce="mul"), RuntimeError, "not 'mul'"),
    Refusal("index_select", lambda: tg.index_select(X, 0, tg.tensor([[0]])), IndexError, "vector"),
    Refusal("index_add", lambda: tg.index_add(X, 0, ROWS, tg.ones(1, 3)), RuntimeError,
            "2 indices into [2, 3] along 0 do not go with a source of [1, 3]"),
    Refusal("mask dtype", lambda: tg.masked_fill(X, X, 0), RuntimeError, "boolean masks"),
    Refusal("masked_fill", lambda: tg.masked_fill(X, X > 0, ROWS), RuntimeError, "not 1-D"),
    Refusal("topk", lambda: tg.topk(X, 4), RuntimeError, "k out of range: 4 of 3"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    index, CASES, PLAIN, REFUSALS
)

CUBE = np.arange(24.0).reshape(2, 3, 4)
MASK = np.array([[True, False, True], [False, False, True]])
KEYS = [
    0, -1, (0, 1), (0, 1, 2), np.s_[1:], np.s_[:, ::2], np.s_[..., 0], np.s_[None, 0], None,
    [1, 0], ([0, 1], [2, 0]), np.s_[:, [0, 2]], np.s_[0, [0, 2]], np.s_[:, [0, 2], 1:],
    np.s_[[0, 1], :, [3, 0]], MASK, np.s_[MASK, 1], np.s_[:, MASK[0]], np.s_[..., [1, 1]], [],
    np.int64(1), np.array([[0, 1], [1, 1]]), True, np.s_[None, [1]],
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_a_key_in_brackets_picks_what_numpy_picks(key: object) -> None:
    """PyTorch differs where an int stands beside arrays apart; such a key is not here."""
    x = tg.tensor(CUBE, requires_grad=True)
    numpy_key = np.zeros(0, int) if isinstance(key, list) and not key else key
    got = x[key]
    assert np.array_equal(got.detach().numpy(), CUBE[numpy_key])
    got.sum().backward()
    times = np.zeros_like(CUBE)
    np.add.at(times, numpy_key, 1)
    assert np.array_equal(x.grad.numpy(), times)


def test_keys_of_tensors() -> None:
    x = tg.tensor(CUBE)
    rows, mask = tg.tensor([1, 1]), tg.tensor(MASK)
    assert np.array_equal(x[rows].numpy(), CUBE[[1, 1]])
    assert np.array_equal(x[mask].numpy(), CUBE[MASK])
    assert np.array_equal(x[tg.tensor(1)].numpy(), CUBE[1])
    assert np.array_equal(x[tg.tensor(True)].numpy(), CUBE[None])
    assert x[tg.tensor(False)].shape == (0, 2, 3, 4)


@pytest.mark.parametrize("key", [k for k in KEYS if not (isinstance(k, list) and not k)], ids=str)
def test_a_write_in_brackets_writes_what_numpy_writes(key: object) -> None:
    want = CUBE.copy()
    want[key] = -1
    x = tg.tensor(CUBE)
    x[key] = -1
    assert np.array_equal(x.numpy(), want)
    value = np.arange(want[key].size, dtype=float).reshape(want[key].shape)
    want[key] = value
    x[key] = value
    assert np.array_equal(x.numpy(), want)


def test_a_recorded_write_in_brackets_passes_the_gradient_to_the_value() -> None:
    value = tg.tensor([1.0, 2.0], requires_grad=True)
    x = tg.zeros(3) * 1
    x[tg.tensor([0, 2])] = value
    (x * tg.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.tolist() == [1, 0, 2] and value.grad.tolist() == [1, 100]


@pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.float32])
@pytest.mark.parametrize("shape", [(40, 50), (10, 5, 40), (2, 0, 3)])
def test_the_elements_that_are_not_zero_are_those_of_numpy(shape: Any, dtype: Any) -> None:
    """Also those of many elements, and in another order of memory."""
    array = (np.random.default_rng(0).integers(-1, 2, shape) * 0.5).astype(dtype)
    array[array > 0.4] = np.nan if dtype == np.float32 else 1
    for x in (array, array.T, array[:, ::-1]):
        np.testing.assert_array_equal(tg.tensor(x).nonzero(), np.argwhere(x))
        for ours, theirs in zip(tg.from_numpy(x).nonzero(as_tuple=True), x.nonzero(), strict=True):
            assert ours.dtype == tg.int64
            np.testing.assert_array_equal(ours, theirs)


FROM_THE_FRONT: dict[str, Callable[[Any, Any], Any]] = {
    "index_select": lambda x, i: x.index_select(0, i),
    "index_select along 1": lambda x, i: x.index_select(1, i),
    "index_select of a number": lambda x, i: x[0, 0].index_select(0, i * 3),
    "index_add": lambda x, i: x.index_add(0, i, x[:1]),
    "index_add to a number": lambda x, i: x[0, 0].index_add(0, i * 3, x[0, :1]),
    "index_copy": lambda x, i: x.index_copy(1, i, x[:, :1]),
    "index_copy of a number": lambda x, i: x[0, 0].index_copy(0, i[0] * 3, x[0, 0]),
    "index_reduce": lambda x, i: x.index_reduce(0, i, x[:1], "amax"),
    "gather": lambda x, i: x.gather(0, i.reshape(1, 1)),
    "gather of a number": lambda x, i: x[0, 0].gather(0, i[0] * 3),
    "take_along_dim": lambda x, i: tg.take_along_dim(x, i),
    "scatter": lambda x, i: x.scatter(0, i.reshape(1, 1), x),
    "scatter of a number": lambda x, i: x.scatter(1, i.reshape(1, 1), 1.0),
    "scatter into a number": lambda x, i: x[0, 0].scatter(0, i[0] * 3, 1.0),
    "scatter_add": lambda x, i: x.scatter_add(0, i.reshape(1, 1), x),
    "scatter, added": lambda x, i: x.scatter(0, i.reshape(1, 1), x, reduce="add"),
    "scatter_reduce": lambda x, i: x.scatter_reduce(0, i.reshape(1, 1), x, "mean"),
    "scatter_reduce of a number": lambda x, i: x[0, 0].scatter_reduce(0, i[0] * 3, x[0, 0], "sum"),
    "scatter_": lambda x, i: x.clone().scatter_(0, i.reshape(1, 1), x),
    "index_add_": lambda x, i: x.clone().index_add_(0, i, x[:1]),
}


@pytest.mark.parametrize("pure", [None, False, True], ids=["eager", "jit", "pure"])
@pytest.mark.parametrize("name", FROM_THE_FRONT)
def test_no_index_counts_from_the_end(name: str, pure: bool | None) -> None:
    call = FROM_THE_FRONT[name]
    step = call if pure is None else tg.jit(call, pure=pure)
    x = tg.arange(9.0).reshape(3, 3)
    for _ in range(4):
        assert step(x, tg.tensor([0])).equal(call(x, tg.tensor([0])))
    for wrong in (-1, -3, 30):
        for kind in (IndexError, RuntimeError):  # PyTorch has the one here, and the other there
            with pytest.raises(kind, match=r"index -?\d+ is out of"):
                step(x, tg.tensor([wrong]))
    assert step(x, tg.tensor([0])).equal(call(x, tg.tensor([0])))


WRAPS: dict[str, Callable[[Any, Any], Any]] = {
    "index_fill": lambda x, i: x.index_fill(0, i, 7.0),
    "take": lambda x, i: x.take(i),
    "put": lambda x, i: x.put(i, x[0, :1]),
    "index_put": lambda x, i: x.index_put((i,), x[0, 0]),
    "getitem": lambda x, i: x[i],
    "take_along_dim": lambda x, i: tg.take_along_dim(x, i.reshape(1, 1), 0),
}


@pytest.mark.parametrize("name", WRAPS)
def test_an_index_that_counts_from_the_end(name: str) -> None:
    call, x = WRAPS[name], tg.arange(9.0).reshape(3, 3)
    front = 8 if name in ("take", "put") else 2
    assert call(x, tg.tensor([-1])).equal(call(x, tg.tensor([front])))
    for wrong in (-10, 9):
        with pytest.raises(IndexError):
            call(x, tg.tensor([wrong]))


def test_index_put_takes_numbers_among_its_indices():
    x, nine = tg.arange(6.0).view(2, 3), tg.tensor(9.0)
    one, two = tg.tensor(1), tg.tensor(2)
    assert x.index_put((tg.tensor([0]), two), nine).tolist() == [[0, 1, 9], [3, 4, 5]]
    assert x.index_put((one,), nine).tolist() == [[0, 1, 2], [9, 9, 9]]
    assert x.index_put((one, two), nine, accumulate=True).tolist() == [[0, 1, 2], [3, 4, 14]]
    for indices in ((tg.tensor([0]), tg.tensor(7)), (tg.tensor(5),)):
        with pytest.raises(IndexError, match="out of bounds"):
            x.index_put(indices, nine)


def test_an_index_of_another_rank_is_refused():
    x, one, square = tg.arange(6.0).view(2, 3), tg.tensor(1), tg.tensor([[0, 1], [1, 0]])
    for call in (
        lambda: x.gather(0, one),
        lambda: x.scatter(0, one, 3.0),
        lambda: x.scatter_add(0, one, tg.tensor(3.0)),
        lambda: x.scatter_reduce(0, one, tg.tensor(3.0), "prod"),
    ):
        with pytest.raises(RuntimeError, match="the index has 0 dimensions, the tensor 2"):
            call()
    for call in (
        lambda: x.index_select(0, square),
        lambda: x.index_add(0, square, tg.ones(4, 3)),
        lambda: x.index_copy(0, square, tg.ones(4, 3)),
        lambda: x.index_fill(0, square, 5.0),
        lambda: x.index_reduce(0, square, tg.ones(4, 3), "mean"),
    ):
        with pytest.raises(IndexError, match="supposed to be a vector"):
            call()
