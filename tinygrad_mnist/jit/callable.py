"""JitFunction: stands in the place of a function, whichever way that is compiled."""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any


class JitFunction:
    """A compiled function: it has the name of its function, and is a method if the function is.

    Each instance of a class has a compiled method of its own, which is freed with the instance. A
    copy of a compiled function, or one that comes out of a pickle, has captured nothing yet.
    """

    __name__: str
    _refusal = "nothing captured yet"  # why there is no program

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        """Wrap `function`; `options` are passed on to copies. Raises TypeError for no callable."""
        if not callable(function):
            raise TypeError(
                f"jit compiles a function, not {function!r} of type {type(function).__name__}"
            )
        functools.update_wrapper(self, function)
        if not hasattr(self, "__name__"):  # a partial, or an object that can be called
            self.__name__ = self.__qualname__ = type(function).__name__
        self.function, self._options = function, options

    def __call__(self, *args: Any, **kw: Any) -> Any:
        """Return what the function returns."""
        raise NotImplementedError

    def over(self, batches: Iterable[Any]) -> list[Any]:
        """Call the function on each batch in turn, and return the list of the results.

        A batch is a tuple or a list of arguments, as a DataLoader gives it, or a single argument.
        Each result is the one of a single call. With `pure`, the calls after the first one save a
        part of the checks, where nothing but the function runs between them: the batches then come
        in a list, a tuple or an array. An error ends the loop; the calls before it have been made.

        >>> import tinygrad_mnist as tg
        >>> double = tg.jit(lambda x: x * 2, pure=True)
        >>> [y.item() for y in double.over([tg.tensor(1.0), tg.tensor(2.0), tg.tensor(3.0)])]
        [2.0, 4.0, 6.0]
        """
        return [self(*batch_arguments(batch)) for batch in batches]

    def programs(self) -> Sequence[Any]:
        """Return what was captured, the last one used first."""
        raise NotImplementedError

    def report(self) -> str:
        """Count the calls, buffers and bytes of each captured program."""
        rows = [f"program {i}: {program.summary()}" for i, program in enumerate(self.programs())]
        return "\n".join(rows) or f"{self.__name__}: {self._refusal}"

    def __repr__(self) -> str:
        programs = self.programs()
        if not programs:
            return f"<jit {self.__name__}: {self._refusal}>"
        return "\n".join(f"# program {i}\n" + "\n".join(p.lines()) for i, p in enumerate(programs))

    # As a method

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        binds = getattr(type(self.function), "__get__", None)
        method = binds(self.function, instance, owner) if binds is not None else None
        if method is None or instance is None or getattr(method, "__self__", None) is not instance:
            return self
        attributes = getattr(instance, "__dict__", {})
        name = f"_jit {self.__qualname__}"
        compiled = attributes.get(name)
        # A shallow copy of an instance has the first instance's method in its __dict__
        if compiled is None or compiled.function != method:
            compiled = attributes[name] = type(self)(method, **self._options)
        return compiled

    # Copies

    def __copy__(self) -> JitFunction:
        return type(self)(self.function, **self._options)

    def __deepcopy__(self, memo: dict[int, Any]) -> JitFunction:
        return type(self)(copy.deepcopy(self.function, memo), **self._options)

    def __reduce__(self) -> Any:
        function = self.function
        if isinstance(function, types.MethodType) and _is_method(self, function):
            return getattr, (function.__self__, function.__name__)
        if _is_global(self):
            return self.__qualname__
        return _again, (type(self), function, self._options)


def batch_arguments(batch: Any) -> tuple[Any, ...]:
    """Return the arguments that a batch stands for."""
    return tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)


def _is_method(compiled: JitFunction, method: types.MethodType) -> bool:
    """Tell whether the method's name, looked up on the instance, gives the compiled method."""
    of_class = getattr(type(method.__self__), method.__name__, None)
    return isinstance(of_class, JitFunction) and of_class.function is method.__func__


def _is_global(compiled: JitFunction) -> bool:
    """Tell whether the function's module has the compiled function under its name."""
    import sys

    value: Any = sys.modules.get(getattr(compiled, "__module__", ""))
    for name in compiled.__qualname__.split("."):
        value = getattr(value, name, None)
    return value is compiled


def _again(
    kind: type[JitFunction], function: Callable[..., Any], options: dict[str, Any]
) -> JitFunction:
    return kind(function, **options)
