"""Functions of lists of Tensors, which optimizers call: values and what is written as PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.compat.foreach import NAMES, PREFIX, foreach

torch = pytest.importorskip("torch")


def tensors(t: Any, more: float = 0.0) -> list[Any]:
    return [t.tensor([0.5 + more, 0.25]), t.tensor([[0.75]])]


def pairs(t: Any) -> list[tuple[Any, ...]]:
    return [(tensors(t, 1),), (2.0,), ([1.0, 2.0],)]


def triples(t: Any) -> list[tuple[Any, ...]]:
    pair = (tensors(t, 1), tensors(t, 2))
    return [pair, (*pair, 0.5), (*pair, [0.5, 2.0])]


PAIRED = "add sub mul div maximum minimum clamp_min clamp_max"
ARGUMENTS: dict[str, Any] = {
    **dict.fromkeys(
        ["add", "sub", "mul", "div", "maximum", "minimum", "clamp_min", "clamp_max"], pairs
    ),
    "addcdiv": triples,
    "addcmul": triples,
    "lerp": lambda t: [(tensors(t, 1), 0.25), (tensors(t, 1), tensors(t))],
    "pow": lambda t: [(2.0,), ([2.0, 3.0],)],
    "copy": lambda t: [(tensors(t, 1),)],
    "norm": lambda t: [(), (1,)],
}


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("end", ["", "_"])
def test_functions_of_lists_are_pytorchs(name: str, end: str) -> None:
    full = f"{PREFIX}{name}{end}"
    if not hasattr(torch, full):
        pytest.skip("PyTorch has no such function")
    for i in range(len(ARGUMENTS.get(name, lambda t: [()])(tg))):
        values = []
        for t in (tg, torch):
            own, args = tensors(t), ARGUMENTS.get(name, lambda t: [()])(t)[i]
            result = getattr(t, full)(own, *args)
            values.append([x.numpy() for x in (*result, *own)])
        for ours, theirs in zip(*values, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_a_factor_goes_by_name() -> None:
    own = tensors(tg)
    tg._foreach_add_(own, tensors(tg), alpha=2)
    assert own[0].tolist() == [1.5, 0.75]
    tg._foreach_addcmul_(own, tensors(tg), tensors(tg), value=4.0)
    assert own[0].tolist() == [2.5, 1.0]


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(RuntimeError, match="same number of tensors, got 2 and 1"):
        tg._foreach_add(tensors(tg), tensors(tg)[:1])
    with pytest.raises(AttributeError, match="_foreach_nothing"):
        _ = tg._foreach_nothing


def test_zero_has_no_form_out_of_place() -> None:
    assert not hasattr(torch, "_foreach_zero")
    with pytest.raises(AttributeError, match="_foreach_zero"):
        foreach("_foreach_zero")
