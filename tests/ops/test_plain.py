"""Calls that nobody records take a way of their own: what they give is what recorded calls give."""

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.ops import inplace

ROWS, COLUMNS = tg.tensor([2, 0, -1]), tg.tensor([1, 1, 3])
KEYS = {
    "rows": ROWS,
    "a row by a Tensor": tg.tensor(1),
    "a row by a Tensor, and a column": (tg.tensor(1), 2),
    "pairs": (ROWS, COLUMNS),
    "an int beside rows": (1, COLUMNS),
    "an int, a slice, indices": (1, slice(None), ROWS),
    "columns": (slice(None), COLUMNS),
    "the last columns": (..., COLUMNS),
    "apart": (ROWS, slice(None), COLUMNS),
    "a mask": tg.arange(60).reshape(3, 4, 5) % 7 == 0,
    "a mask of rows": tg.tensor([True, False, True]),
    "a new dimension": (None, ROWS),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys_mean_the_same(name: str) -> None:
    x, key = tg.arange(60.0).reshape(3, 4, 5), KEYS[name]
    recorded = x.clone().requires_grad_()
    assert tg.equal(x[key], recorded[key].detach())
    value = -tg.arange(1.0, x[key].numel() + 1).reshape(x[key].shape)
    for written in (7.0, value):
        plain, through_graph = x.clone(), recorded.clone()
        plain[key], through_graph[key] = written, written
        assert tg.equal(plain, through_graph.detach())


@pytest.mark.parametrize("key", [(tg.tensor([3]),), (ROWS, tg.tensor([9, 0, 0])), tg.ones(2) > 0])
def test_a_wrong_key_is_named_and_nothing_is_written(key: object) -> None:
    x = tg.zeros(3, 4)
    with pytest.raises(IndexError, match="Tensor.__getitem__|mask|out of bounds"):
        x[key]
    with pytest.raises(IndexError, match="Tensor.__setitem__|mask|out of bounds"):
        x[key] = 1.0
    assert not x.any()


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.add_(1.0), lambda x: x.mul_(x), lambda x: x.fill_(2), lambda x: x.zero_(),
        lambda x: x.copy_(tg.ones(3)), lambda x: x.clamp_(0.0, 0.5),
        lambda x: x.__setitem__(ROWS, 2.0), lambda x: x[1:].sub_(tg.ones(2), alpha=0.5),
        lambda x: x.data.add_(1.0),
    ],
)  # fmt: skip
def test_backward_notices_what_was_written(write: object) -> None:
    w, x = tg.ones(3, requires_grad=True), tg.tensor([0.25, 0.5, 0.75])
    y = (w * x).sum()
    write(x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    for _ in range(2):  # the same memory again, in the short way
        y = (w * x).sum()
        write(x)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.backward()


def test_adding_to_an_element_writes_it_once_and_right() -> None:
    x, k = tg.zeros(4, 3), tg.tensor(2)
    for _ in range(3):
        x[k] += tg.ones(3)
        x[1, 0] -= 0.5
    assert x[2].tolist() == [3, 3, 3] and x[1, 0].item() == -1.5 and x.sum().item() == 7.5
    x[0] = x[2]  # another row's view is written as any value
    assert x[0].tolist() == [3, 3, 3]


@pytest.mark.parametrize("order", ["C", "F", "strided"])
@pytest.mark.parametrize("name", ["add_", "sub_", "mul_", "div_"])
def test_arithmetic_in_place_of_any_layout(name: str, order: str) -> None:
    memory = np.arange(1.0, 49.0, dtype=np.float32).reshape(6, 8)
    own = {"C": memory, "F": memory.T, "strided": memory[::2, 1::3]}[order]
    for other in (3, 0.5, tg.from_numpy(own[:1].copy()), tg.from_numpy(own)):
        x = tg.from_numpy(np.array(own, order="K"))
        expected = getattr(x, name[:-1])(other)
        assert getattr(x, name)(other) is x and tg.equal(x, expected)


def test_no_grad_records_nothing_of_any_kind_of_op() -> None:
    w, x = tg.ones(2, 2, requires_grad=True), tg.ones(2, 2)
    layer = nn.Linear(2, 2)
    with tg.no_grad():
        for y in (w.exp(), w + x, x * w, w[0], w.t(), tg.lerp(w, x, w), layer(x), w.sum(0)):
            assert not y.requires_grad
        with tg.enable_grad():
            assert (w * x).requires_grad
        assert not (w * x).requires_grad
    assert (w * x).requires_grad and w[0].requires_grad


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [-3, -2, -1, 0, 1, 3, 4, 5, 7.0, 0.5, 2.5, 3.0])
def test_powers_of_negative_numbers(n: float, dtype: type) -> None:
    x = np.array([-3, -1.5, -0.0, 0.0, 2, -np.inf, np.inf, np.nan], dtype)
    with np.errstate(all="ignore"):
        expected = np.power(x, n)
    np.testing.assert_allclose((tg.from_numpy(x) ** n).numpy(), expected, rtol=3e-7)
    signs = np.signbit((tg.from_numpy(x) ** n).numpy())[:-1]
    assert (signs == np.signbit(expected)[:-1])[np.isfinite(x[:-1]) | (x[:-1] > 0)].all()


def test_the_first_element_by_strides_has_a_gradient() -> None:
    x = tg.arange(6.0).reshape(2, 3).requires_grad_()
    (3 * tg.as_strided(x, (), ())).backward()
    assert x.grad.tolist() == [[3, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("recorded", [False, True])
def test_a_value_at_a_mask_may_have_dimensions_of_one_in_front(recorded: bool) -> None:
    x = tg.zeros(2, 2) + tg.zeros((), requires_grad=recorded)
    x[tg.tensor([[True, False], [False, True]])] = tg.tensor([[5.0, 6.0]])
    assert x.tolist() == [[5.0, 0.0], [0.0, 6.0]]


VALUES = [0, -1, 300, 10**30, 2.5, math.nan, 1e300, True, np.float32(2), tg.tensor([1.0, 2.0])]
BASIC_KEYS: list[Any] = [0, -1, 5, (slice(None), 1), (..., 0), (), None, (0, 1), slice(2, 0)]


@pytest.mark.parametrize("dtype", [tg.float32, tg.float16, tg.int64, tg.uint8, tg.bool])
def test_a_write_at_a_basic_key_is_that_of_the_general_way(
    dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def results() -> list[str]:
        shown = []
        for key in BASIC_KEYS:
            for value in VALUES:
                x = tg.zeros(2, 2, dtype=dtype)
                try:
                    x[key] = value
                    shown.append(repr(x.tolist()))
                except Exception as error:
                    shown.append(repr(error))
        return shown

    directly = results()
    monkeypatch.setattr(inplace, "put_at_basic_key", lambda *_: False)
    assert directly == results()


def test_a_write_at_a_basic_key_is_seen_by_backward() -> None:
    x, w = tg.ones(3, 2), tg.ones(2, requires_grad=True)
    seen, other = (x[0] * w).sum(), (x[1] * w).sum()
    x[0, 1] = 2.0
    other.backward()
    with pytest.raises(RuntimeError, match="modified"):
        seen.backward()
