"""A view of one element is a copy: x[0].add_(1) leaves x as it was (a NumPy scalar is no view)."""

from collections.abc import Callable
from typing import Any

import pytest

import tinygrad_mnist as tg

WAYS: dict[str, Callable[[Any], Any]] = {
    "x[0]": lambda x: x[0],
    "x[-3]": lambda x: x[-3],
    "x[0, ...]": lambda x: x[0, ...],
    "x[..., 0]": lambda x: x[..., 0],
    "x[Tensor]": lambda x: x[tg.tensor(0)],
    "select": lambda x: x.select(0, 0),
    "unbind": lambda x: x.unbind()[0],
    "iteration": lambda x: next(iter(x)),
    "x[0:1][0]": lambda x: x[0:1][0],
    "narrow and squeeze": lambda x: x.narrow(0, 0, 1).squeeze(),
    "of a matrix": lambda x: x.reshape(3, 1)[0, 0],
    "of a cube": lambda x: x.reshape(3, 1, 1)[0, 0, 0],
    "split": lambda x: x.split(1)[0][0],
    "diagonal": lambda x: x.expand(1, 3).diagonal()[0],
    "transposed": lambda x: x.reshape(3, 1).T[0, 0],
}
WRITES: dict[str, Callable[[Any], Any]] = {
    "add_": lambda v: v.add_(1),
    "fill_": lambda v: v.fill_(1),
    "copy_": lambda v: v.copy_(tg.tensor(1.0)),
    "+=": lambda v: v.__iadd__(1),
    "v[...] =": lambda v: v.__setitem__(..., 1.0),
    "v[()] =": lambda v: v.__setitem__((), 1.0),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("way", WAYS)
def test_writing_an_element_writes_the_vector(way: str, write: str) -> None:
    x = tg.zeros(3)
    WRITES[write](WAYS[way](x))
    assert x.tolist() == [1, 0, 0]


@pytest.mark.parametrize("dtype", ["int64", "int32", "float16", "float64", "uint8"])
def test_counts_are_counted_in_every_dtype(dtype: str) -> None:
    counts = tg.zeros(3, dtype=dtype)
    for k in (0, 2, 2):
        counts[k].add_(1)
    assert counts.tolist() == tg.tensor([1, 0, 2]).to(dtype).tolist()


def test_a_parameter_is_written_through_an_element() -> None:
    bias = tg.nn.Linear(2, 3).bias
    with tg.no_grad():
        bias[0].fill_(1)
        for element in bias[1:]:
            element.zero_()
    assert bias.tolist() == [1, 0, 0]


def test_a_row_of_what_was_expanded_is_written() -> None:
    x = tg.zeros(3)
    x.expand(2, 3)[0].add_(1)
    x.expand(2, 3)[1, 2].add_(1)
    assert x.tolist() == [1, 1, 2]


def test_what_shares_its_elements_is_not_written() -> None:
    x = tg.zeros(3)
    for write in (
        lambda: x.expand(2, 3).add_(1),
        lambda: x.expand(2, 3).__setitem__(..., tg.ones(2, 3)),
        lambda: x[:1].expand(3).fill_(2),
        lambda: x.expand(2, 3)[:, 1].zero_(),
    ):
        with pytest.raises(RuntimeError, match="single memory location"):
            write()
    assert x.tolist() == [0, 0, 0]


def test_an_element_that_was_written_is_not_used_as_it_was() -> None:
    x = tg.tensor([2.0, 3.0])
    w = tg.tensor(1.0, requires_grad=True)
    y = x[0] * w
    x.mul_(2)
    with pytest.raises(RuntimeError, match="inplace"):
        y.backward()
