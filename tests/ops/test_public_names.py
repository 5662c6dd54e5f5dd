"""Messages, `grad_fn` and `print(step)` speak of the function that was called, not of its row."""

import re
from collections.abc import Callable
from typing import Any

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.autograd import REGISTRY
from tinygrad_mnist.jit import jit
from tinygrad_mnist.nn import functional as F

X, WIDE = tg.ones(4, 3), tg.ones(17, 5)
FAR = tg.tensor([7])
REFUSED = {
    "cross_entropy": lambda: F.cross_entropy(X, tg.zeros(5).long()),
    "cross_entropy, of a class": lambda: F.cross_entropy(X, tg.tensor([0, 1, 2, 3])),
    "linear": lambda: F.linear(X, WIDE.T.contiguous().T, tg.ones(17)),
    "linear, of a layer": lambda: F.linear(X, tg.nn.Linear(5, 17).weight, tg.ones(17)),
    "binary_cross_entropy_with_logits": lambda: F.binary_cross_entropy_with_logits(X, WIDE),
    "binary_cross_entropy": lambda: F.binary_cross_entropy(X + 1, X),
    "embedding": lambda: F.embedding(FAR, X),
    "max": lambda: tg.ones(0).max(),
    "min": lambda: tg.ones(0).min(),
    "Tensor.__getitem__": lambda: X[5],
    "Tensor.__getitem__, of pairs": lambda: X[1, 5],
    "Tensor.__getitem__, of rows": lambda: X[FAR],
    "Tensor.__getitem__, of columns": lambda: X[:, FAR],
    "Tensor.__setitem__": lambda: X.clone().__setitem__(FAR, 0.0),
    "index_select": lambda: tg.index_select(X, 0, FAR),
    "index_add": lambda: tg.index_add(X, 0, FAR, tg.ones(1, 3)),
    "scatter": lambda: tg.scatter(X, 0, tg.tensor([[7]]), 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_message_begins_with_the_name_of_the_function_that_was_called(name: str) -> None:
    call: Callable[[], Any] = REFUSED[name]
    name = name.partition(",")[0]
    with pytest.raises((RuntimeError, IndexError), match=rf"^{re.escape(name)}[(:]"):
        call()


def test_other_errors_of_an_index_keep_their_words() -> None:
    with pytest.raises(IndexError, match="^too many indices: 3 for"):
        X[FAR, 0, 0]


def test_a_step_backward_has_pytorchs_name() -> None:
    z = tg.ones(2, 3, requires_grad=True)
    steps = {
        F.binary_cross_entropy_with_logits(z, X[:2], reduction="none"):
            "BinaryCrossEntropyWithLogitsBackward0",
        F.binary_cross_entropy(z, X[:2], reduction="none"): "BinaryCrossEntropyBackward0",
        F.embedding(tg.tensor([1]), z): "EmbeddingBackward0",
        F.linear(z, tg.nn.Linear(3, 17).weight, tg.ones(17)): "LinearBackward0",
        z[0:1]: "SliceBackward0",
    }  # fmt: skip
    assert {y.grad_fn.name(): name for y, name in steps.items()} == {n: n for n in steps.values()}


def test_a_printed_step_names_public_functions() -> None:
    layer = tg.nn.Linear(3, 17)

    @jit
    def step(x: Any, t: Any) -> Any:
        loss = F.cross_entropy(layer(x), t)
        loss.backward()
        return loss.detach()

    for _ in range(3):
        step(X, tg.tensor([0, 1, 2, 3]))
    ops = re.findall(r"# (\w+)$", repr(step), re.MULTILINE)
    assert "linear" in ops and "cross_entropy" in ops
    assert not {"linear_columns", "cross_entropy_rows"} & set(ops)


def test_a_row_of_another_name_is_called_by_a_public_one() -> None:
    called = {row.called for row in REGISTRY.values() if row.called}
    assert called and all(hasattr(tg, name) or hasattr(F, name) for name in called)
    assert all(name == row.row for name, row in REGISTRY.items())
