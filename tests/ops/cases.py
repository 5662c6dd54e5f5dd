"""Rows of the families' tests: a name, a call, its arguments, and the value by hand or by NumPy.

Lists in the arguments become Tensors. `Case`: those of floats are differentiated, and the gradient
compared with finite differences. `Plain`: of a call that has no derivative, the value alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_mnist as tg


class Case(NamedTuple):
    """`value`: numbers in nested lists, an array, whose dtype must be met, or a tuple of both."""

    name: str
    call: Callable[..., Any]
    args: list[Any]
    value: Any


class Plain(Case):
    """A case without a derivative."""


class Refusal(NamedTuple):
    """A call that raises `error`, whose message begins with or contains `message`."""

    name: str
    call: Callable[[], Any]
    error: type[Exception]
    message: str


def family_tests(
    family: ModuleType | Iterable[str],
    cases: list[Case],
    plain: list[Plain] | None = None,
    refusals: list[Refusal] | None = None,
) -> tuple[Callable[..., None], ...]:
    """The tests of a family: values, gradients, refusals, and a case for each of its names."""
    plain, refusals = plain or [], refusals or []

    @parametrized([*cases, *plain])
    def test_value(row: Case) -> None:
        check_value(row)

    @parametrized(cases)
    def test_gradient(row: Case) -> None:
        check_gradient(row)

    @parametrized(refusals)
    def test_refusal(row: Refusal) -> None:
        with pytest.raises(row.error, match=re.escape(row.message)):
            row.call()

    def test_every_name_has_a_case() -> None:
        names = family.__all__ if isinstance(family, ModuleType) else family
        assert set(names) - {row.name for row in (*cases, *plain)} == set()

    return test_value, test_gradient, test_refusal, test_every_name_has_a_case


def parametrized(rows: list[Any]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=[row.name for row in rows])


def check_value(case: Case) -> None:
    """The value and the shape; and the dtype, where the case gives an array."""
    same(case.call(*map(as_tensor, case.args)), case.value)


def same(got: Any, want: Any) -> None:
    if isinstance(want, tuple):
        assert len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            same(one, other)
        return
    if isinstance(want, bool | str | None) or not isinstance(got, tg.Tensor):
        assert got == want and type(got) is type(want)
        return
    array = got.detach().numpy()
    if isinstance(want, np.ndarray | np.generic):
        assert array.dtype == want.dtype
    assert array.shape == np.shape(want), f"shape {array.shape}, not {np.shape(want)}"
    np.testing.assert_allclose(array, want, rtol=2e-5, atol=1e-6)


def check_gradient(case: Case) -> None:
    """The gradient of every list of floats, against finite differences, in float64."""
    args = [as_tensor(arg, tg.float64) if has_floats(arg) else as_tensor(arg) for arg in case.args]
    assert any(arg.requires_grad for arg in args if isinstance(arg, tg.Tensor))
    assert tg.autograd.gradcheck(case.call, tuple(args))


def has_floats(arg: Any) -> bool:
    return isinstance(arg, list) and np.asarray(arg).dtype.kind == "f"


def as_tensor(arg: Any, dtype: Any = None) -> Any:
    if not isinstance(arg, list):
        return arg
    return tg.tensor(arg, dtype=dtype, requires_grad=dtype is not None)
