"""The parameters of a function are those that `inspect` finds, and much faster."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.autograd import REGISTRY
from tinygrad_mnist.autograd.signature import all_names, defaults, parameter_names
from tinygrad_mnist.nn import functional as F


class Rule:
    def __call__(self, g: Any, *, axis: int = 1) -> Any:
        return g


def settings(x: Any, /, y: Any = 1, *rest: Any, axis: Any, keep: bool = False, **kw: Any) -> Any:
    local = x
    return local


@functools.wraps(settings)
def wrapped(*args: Any, **kw: Any) -> Any:
    return settings(*args, **kw)


ODD = [settings, wrapped, functools.partial(settings, axis=2), Rule(), Rule().__call__]
KERNELS = [op.kernel for op in REGISTRY.values() if not isinstance(op.kernel, np.ufunc)]
PUBLIC = [getattr(page, name) for page in (tg, F) for name in dir(page)]
FUNCTIONS = [*ODD, *KERNELS, *filter(inspect.isfunction, PUBLIC)]


@pytest.mark.parametrize(
    "function", FUNCTIONS, ids=lambda f: getattr(f, "__name__", type(f).__name__)
)
def test_they_are_those_that_inspect_finds(function: Callable[..., Any]) -> None:
    inspected = inspect.signature(inspect.unwrap(function)).parameters.values()
    kinds: dict[Any, list[str]] = {}
    for p in inspected:
        kinds.setdefault(p.kind, []).append(p.name)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ours = parameter_names(function)
    assert list(ours[0]) == [name for kind in positional for name in kinds.get(kind, [])]
    assert [ours[1]] == kinds.get(inspect.Parameter.VAR_POSITIONAL, [None])
    assert list(ours[2]) == kinds.get(inspect.Parameter.KEYWORD_ONLY, [])
    assert list(all_names(function)) == [p.name for p in inspected if p.kind is not p.VAR_KEYWORD]


def test_the_defaults_of_keywords_are_found_through_a_decorator() -> None:
    assert defaults(wrapped) == {"keep": False}
    assert defaults(np.add) == {}
