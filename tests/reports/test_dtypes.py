"""Integers and bools: each result has PyTorch's dtype, or both refuse: see `dtypes.json`."""

import json
import warnings

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.reports.dtype_programs import PATH, table

# What stays different, as docs/differences-from-pytorch.md says: more is accepted than in PyTorch.
ACCEPTED = {
    *(f"{name}: bool" for name in ("dot", "einsum", "alpha")),
    "cdist: float16",
    *(f"one_hot: {dtype}" for dtype in ("uint8", "int32")),
    *(f"{name}: uint8" for name in ("any", "all", "hardtanh F")),
}


def ours() -> dict[str, str]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return table(tg)


def test_every_dtype_is_pytorchs() -> None:
    expected, found = json.loads(PATH.read_text()), ours()
    assert found.keys() == expected.keys()
    wrong = {k: (found[k], v) for k, v in expected.items() if found[k] != v and k not in ACCEPTED}
    assert not wrong
    assert len(expected) > 3000


def test_the_table_is_what_pytorch_says() -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert table(torch) == json.loads(PATH.read_text())


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_integers_are_not_divided_by_zero(dtype: str) -> None:
    x = tg.tensor([5, 0]).to(dtype)
    for call in (
        lambda: x // 0,
        lambda: x % 0,
        lambda: x // x,
        lambda: tg.remainder(x, x),
        lambda: tg.div(x, 0, rounding_mode="floor"),
        lambda: tg.div(x, 0, rounding_mode="trunc"),
        lambda: x.clone().floor_divide_(0),
        lambda: 5 // x,
    ):
        with pytest.raises((RuntimeError, ZeroDivisionError), match="divided by 0"):
            call()
    assert (tg.tensor([5.0]) // 0).item() == float("inf")


def test_the_class_makes_floats_and_the_function_keeps_integers() -> None:
    assert tg.Tensor([1, 2]).dtype == tg.Tensor([True]).dtype == tg.float32
    assert tg.Tensor().dtype == tg.float32
    assert tg.tensor([1, 2]).dtype == tg.int64
    assert tg.Tensor(np.array([1, 2])).dtype == tg.float32
    assert tg.Tensor(tg.tensor([1, 2])).dtype == tg.int64


@pytest.mark.parametrize("way", ["long", "int", "bool", "to", "type_as", "byte", "short"])
def test_integers_do_not_require_grad(way: str) -> None:
    x = tg.tensor([1.5, 2.0], requires_grad=True)
    args = {"to": (tg.int64,), "type_as": (tg.tensor([1]),)}.get(way, ())
    y = getattr(x * 2, way)(*args)
    assert not y.requires_grad and y.dtype.kind in "iub"
    assert (x * 2).double().requires_grad


def test_numbers_do_not_widen() -> None:
    x = tg.tensor([1.0, 2.0])
    for y in (tg.xlogy(x, 2), tg.xlogy(2, x), tg.sinc(x), tg.lerp(x, x, 0.3), tg.nansum(x)):
        assert y.dtype == tg.float32
