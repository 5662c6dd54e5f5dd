"""The names of a function's parameters, read from its code.

`inspect.signature` takes ten times as long, and importing the package asks hundreds of times.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

Parameters = tuple[tuple[str, ...], str | None, tuple[str, ...]]
HAS_ARGS = 4  # inspect.CO_VARARGS


def parameter_names(function: Callable[..., Any]) -> Parameters:
    """Return the positional parameters, the name of *args or None, and the keyword-only ones.

    >>> parameter_names(lambda x, y=1, *rest, key=0: x)
    (('x', 'y'), 'rest', ('key',))
    """
    function = undecorated(function)
    if not isinstance(function, FunctionType):
        return _inspected(function)
    code = function.__code__
    names, count = code.co_varnames, code.co_argcount
    end = count + code.co_kwonlyargcount
    return names[:count], names[end] if code.co_flags & HAS_ARGS else None, names[count:end]


def all_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of all parameters in their order, without **kw."""
    positional, variadic, keywords = parameter_names(function)
    return (*positional, variadic, *keywords) if variadic else (*positional, *keywords)


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the defaults of the keyword-only parameters, by name."""
    return getattr(undecorated(function), "__kwdefaults__", None) or {}


def undecorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that decorators were put around."""
    while (inner := getattr(function, "__wrapped__", None)) is not None:
        function = inner
    return function


def _inspected(function: Callable[..., Any]) -> Parameters:
    """Ask `inspect`, for a callable without code of its own: a partial, an object."""
    import inspect

    inspected = inspect.signature(function).parameters.values()
    variadic = [p.name for p in inspected if p.kind is p.VAR_POSITIONAL]
    return (
        tuple(p.name for p in inspected if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)),
        variadic[0] if variadic else None,
        tuple(p.name for p in inspected if p.kind is p.KEYWORD_ONLY),
    )
