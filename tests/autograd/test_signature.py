"""The parameters of a function are those that `inspect` finds, and much faster."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

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


def ours(function: Callable[..., Any]) -> list[Any]:
    """Return what this library finds: positional names, *args, keywords, and all names."""
    positional, rest, keywords = parameter_names(function)
    return [list(positional), rest, list(keywords), list(all_names(function))]


def inspected(function: Callable[..., Any]) -> list[Any]:
    """Return the same, as `inspect` finds it."""
    parameters = inspect.signature(inspect.unwrap(function)).parameters.values()
    kinds: dict[Any, list[Any]] = {}
    for p in parameters:
        kinds.setdefault(p.kind, []).append(p.name)
    (rest,) = kinds.get(inspect.Parameter.VAR_POSITIONAL, [None])
    return [
        kinds.get(inspect.Parameter.POSITIONAL_ONLY, [])
        + kinds.get(inspect.Parameter.POSITIONAL_OR_KEYWORD, []),
        rest,
        kinds.get(inspect.Parameter.KEYWORD_ONLY, []),
        [p.name for p in parameters if p.kind is not p.VAR_KEYWORD],
    ]


def test_they_are_those_that_inspect_finds() -> None:
    assert len(FUNCTIONS) > 700
    assert [(f, ours(f), inspected(f)) for f in FUNCTIONS if ours(f) != inspected(f)] == []


def test_the_defaults_of_keywords_are_found_through_a_decorator() -> None:
    assert defaults(wrapped) == {"keep": False}
    assert defaults(np.add) == {}
