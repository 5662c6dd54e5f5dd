"""Names: the objects that a function finds around it - globals, closure, defaults - by name.

A program of a pure function holds the objects that the names stood for when it was captured. Under
the contract the names are bound for good; a check is cheap, so it is made before each replay.
"""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter, is_
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.jit.callable import JitFunction
from tinygrad_mnist.nn import Module

NUMBERS = (bool, int, float, complex, str, bytes, np.generic)
LIBRARY = ("tinygrad_mnist.", "numpy.")
MOST = 64  # objects to look into, and entries of each

contents = attrgetter("cell_contents")
OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__")


class Names:
    """The objects around a function, and around those that it calls by name."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.objects: list[Any] = []  # every object that was found
        self.parts: list[Part] = []
        self._seen: set[int] = set()
        self._look_into(function, ())
        self.parts = merged(self.parts)

    def hold(self) -> bool:
        """Tell whether each name stands for the same object as before, or for an equal number."""
        for get, keys, values in self.parts:
            try:
                same = all(map(is_, map(get, keys), values))
            except (ValueError, LookupError):  # an empty cell, a shorter list
                return False
            if not same and not self._equal(get, keys, values):
                return False
        return True

    def bound(self) -> bool:
        """Tell whether each name that stands for no number still stands for its object."""
        for get, keys, values in self.parts:
            for key, value in zip(keys, values, strict=True):
                try:
                    now = get(key)
                except (ValueError, LookupError):
                    return False
                if now is not value and not isinstance(value, NUMBERS):
                    return False
        return True

    def _equal(self, get: Callable[[Any], Any], keys: Iterable[Any], values: list[Any]) -> bool:
        now = list(map(get, keys))
        for number, (value, before) in enumerate(zip(now, values, strict=True)):
            if value is not before and not same_number(value, before):
                return False
            values[number] = value  # recognised by identity the next time
        return True

    # Finding

    def _part(self, get: Callable[[Any], Any], keys: Iterable[Any], words: Words) -> None:
        all_keys = tuple(keys)
        if not all_keys:
            return
        values = []
        for key in all_keys:
            try:
                values.append(get(key))
            except (ValueError, LookupError):
                return
        self.parts.append((get, all_keys, values))
        for value in values:
            self._look_into(value, words)

    def _look_into(self, value: Any, words: Words) -> None:
        if isinstance(value, (*NUMBERS, type(None))) or id(value) in self._seen:
            return
        if len(self._seen) >= MOST:
            return
        self._seen.add(id(value))
        self.objects.append(value)
        if isinstance(value, types.FunctionType):
            if not _of_library(value):
                self._function(value)
        elif isinstance(value, types.MethodType):
            self._look_into(value.__func__, ())
            self._attributes(value.__self__, words_of(getattr(value.__func__, "__code__", None)))
        elif isinstance(value, functools.partial):
            self._part(lambda i: value.args[i], range(len(value.args)), words)
            self._part(value.keywords.get, value.keywords, words)
            self._look_into(value.func, words)
        elif isinstance(value, JitFunction):
            self._look_into(value.function, words)
        elif isinstance(value, Module):
            for module in value.modules():
                self._look_into(type(module).forward, ())
                self._lists_of(module)
        else:
            call = getattr(type(value), "__call__", None)  # noqa: B004  (its code is looked into)
            if isinstance(call, types.FunctionType) and not _of_library(value):
                self._look_into(call, ())
                words = (*words, *words_of(call.__code__))
            self._attributes(value, words)

    def _lists_of(self, module: Module) -> None:
        """Look into a module's plain lists and dicts, whose changes nobody counts."""
        words = words_of(getattr(type(module).forward, "__code__", None))
        for value in [v for v in vars(module).values() if type(v) in (list, dict)]:
            self._attributes(value, words)

    def _function(self, function: types.FunctionType) -> None:
        code = function.__code__
        words = words_of(code)
        self._part(function.__globals__.get, globals_of(code), words)
        self._part(contents, function.__closure__ or (), words)
        self._part(attribute, [(function, name) for name in OF_FUNCTIONS], ())
        for value in function.__defaults__ or ():
            self._look_into(value, words)
        keywords = function.__kwdefaults__ or {}
        self._part(keywords.get, keywords, words)

    def _attributes(self, value: Any, words: Words) -> None:
        """Look into what a function takes by name from an object, class, module, dict or list."""
        if isinstance(value, (np.ndarray, Tensor)) or _of_library(value):
            return
        if type(value) in (list, tuple):
            if len(value) <= MOST:
                self._part(lambda _: len(value), (0,), words)
                self._part(value.__getitem__, range(len(value)), words)
        elif type(value) is dict:
            self._part(value.get, [w for w in words if w in value], words)
        elif (inside := getattr(value, "__dict__", None)) is not None:
            self._part(inside.get, [w for w in words if w in inside], words)
            for name in words:
                method = getattr(type(value), name, None) if name not in inside else None
                if isinstance(method, types.FunctionType):
                    self._look_into(method, words)
                    self._attributes_once(value, words_of(method.__code__))

    def _attributes_once(self, value: Any, words: Words) -> None:
        inside = getattr(value, "__dict__", {})
        looked_up = {key for get, keys, _ in self.parts if getattr(get, "__self__", None) is inside
                 for key in keys}  # fmt: skip
        self._part(inside.get, [w for w in words if w in inside and w not in looked_up], words)


def attribute(key: tuple[Any, str]) -> Any:
    """Return an attribute of an object."""
    return getattr(*key)


Words = tuple[str, ...]
Part = tuple[Callable[[Any], Any], tuple[Any, ...], list[Any]]


def merged(parts: Iterable[Part]) -> list[Part]:
    """Return the parts, merged into one for each place where names are looked up."""
    lookups: dict[Any, Part] = {}
    for get, keys, values in parts:
        where = getattr(get, "__self__", get)
        key = id(where), getattr(get, "__name__", "")
        _, before, values_before = lookups.get(key, (get, (), []))
        new_indices = [i for i, k in enumerate(keys) if not any(k is b for b in before)]
        lookups[key] = (
            get,
            (*before, *(keys[i] for i in new_indices)),
            [*values_before, *(values[i] for i in new_indices)],
        )
    return list(lookups.values())


def _of_library(value: Any) -> bool:
    """Tell whether a value or its class is this library's or NumPy's: other guards follow those."""
    if isinstance(value, types.ModuleType):
        where = value.__name__
    else:
        where = getattr(value, "__module__", None) or ""
        if not isinstance(where, str):
            return False
    return f"{where}.".startswith(LIBRARY) or where in ("builtins", "math", "functools")


@functools.lru_cache(maxsize=512)
def globals_of(code: types.CodeType) -> Words:
    """Return the global names that code, and any code inside it, looks up."""
    names = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    for inner in _inner(code):
        names.update(globals_of(inner))
    return tuple(sorted(names))


@functools.lru_cache(maxsize=512)
def words_of(code: types.CodeType | None) -> Words:
    """Return the names and strings in code, by which it may ask an object or a dict for values."""
    if code is None:
        return ()
    words = {*code.co_names, *(c for c in code.co_consts if isinstance(c, str))}
    for inner in _inner(code):
        words.update(words_of(inner))
    return tuple(sorted(words))


def _inner(code: types.CodeType) -> Iterator[types.CodeType]:
    return (c for c in code.co_consts if isinstance(c, types.CodeType))


def same_number(a: Any, b: Any) -> bool:
    """Tell whether two values are the same number or text, in type and sign of a zero too."""
    if type(a) is not type(b) or not isinstance(a, NUMBERS):
        return False
    if isinstance(a, np.generic):
        return bool(a.dtype == b.dtype and a.tobytes() == b.tobytes())
    return repr(a) == repr(b) if isinstance(a, (float, complex)) else bool(a == b)
