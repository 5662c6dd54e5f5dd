"""What a function calls its parameters, read from its code.

`inspect.signature` says the same in ten times the time, and an import asks hundreds of times.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

Parameters = tuple[tuple[str, ...], str | None, tuple[str, ...]]
HAS_ARGS = 4  # inspect.CO_VARARGS


def parameters(function: Callable[..., Any]) -> Parameters:
    """Its positional parameters, the name of its *args if it has them, its keyword-only ones.

    >>> parameters(lambda x, y=1, *rest, key=0: x)
    (('x', 'y'), 'rest', ('key',))
    """
    function = unwrapped(function)
    if not isinstance(function, FunctionType):
        return _inspected(function)
    code = function.__code__
    names, count = code.co_varnames, code.co_argcount
    end = count + code.co_kwonlyargcount
    return names[:count], names[end] if code.co_flags & HAS_ARGS else None, names[count:end]


def all_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """All of them in the order in which they are written, but for **kw."""
    positional, variadic, keywords = parameters(function)
    return (*positional, variadic, *keywords) if variadic else (*positional, *keywords)


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """What its keyword-only parameters are when a call leaves them out."""
    return getattr(unwrapped(function), "__kwdefaults__", None) or {}


def unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that decorators were put around."""
    while (inner := getattr(function, "__wrapped__", None)) is not None:
        function = inner
    return function


def _inspected(function: Callable[..., Any]) -> Parameters:
    """For what has no code of its own: a partial, an object that can be called."""
    import inspect

    known = inspect.signature(function).parameters.values()
    variadic = [p.name for p in known if p.kind is p.VAR_POSITIONAL]
    return (
        tuple(p.name for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)),
        variadic[0] if variadic else None,
        tuple(p.name for p in known if p.kind is p.KEYWORD_ONLY),
    )
