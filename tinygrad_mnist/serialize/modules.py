"""Whole modules in a file: each module's class by name, its plain attributes, its Tensors.

Reading a module calls none of its code: its constructor is skipped, and its attributes come from
the file. The classes are the library's own, or, with `weights_only=False`, those that the program
has in memory already; a file can neither import nor define one.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops.arguments import device
from tinygrad_mnist.serialize.guard import FormatError

PACKAGE = __name__.partition(".")[0]
# Where the library's own classes and functions are looked up, by name
PAGES = (
    f"{PACKAGE}.nn",
    f"{PACKAGE}.compat.private",
    f"{PACKAGE}.nn.parallel",
    f"{PACKAGE}.compat.scripting",
)
FUNCTIONS = (f"{PACKAGE}.nn.functional", PACKAGE)
REGISTRIES = ("_parameters", "_buffers", "_modules")
INSTEAD = "save(model.state_dict()), build the model as before, and load_state_dict()"
Encode = Callable[..., object]


def has_registries(value: object) -> bool:
    """Tell whether the value is an nn.Module, without importing `nn`."""
    return all(name in getattr(value, "__dict__", ()) for name in REGISTRIES)


class Parts:
    """The parts of a module: modules and Tensors, each once and by its number."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self.modules: list[Any] = []
        self.tensors: list[Any] = []
        self._number: dict[int, int] = {}
        self._alive: list[Any] = []  # an id is unique only while its object lives

    def tensor(self, tensor: Tensor) -> int:
        """Return the number of a Tensor."""
        if id(tensor) not in self._number:
            self._number[id(tensor)] = len(self.tensors)
            self._alive.append(tensor)
            registered = type(tensor).__name__ == "Parameter"
            self.tensors.append(("tuple", registered, self._encode(tensor, "a Parameter")))
        return self._number[id(tensor)]

    def module(self, module: Any, where: str) -> int:
        """Return the number of a module; TypeError names the part that cannot be written."""
        if id(module) in self._number:
            return self._number[id(module)]
        number = self._number[id(module)] = len(self.modules)
        self._alive.append(module)
        self.modules.append(None)
        if module.__dict__.get("_hooks") is not None and any(module._hooks.values()):
            raise TypeError(f"{where} has hooks, which are functions: {INSTEAD}")
        attributes = {}
        for name, value in module.__dict__.items():
            if name not in (*REGISTRIES, "_hooks", "_transient"):
                attributes[name] = self._encode(value, f"{where}.{name}", 1, self.special)
        registries = {
            registry: {name: self._part(value, f"{where}.{name}")
                       for name, value in module.__dict__[registry].items()}
            for registry in REGISTRIES
        }  # fmt: skip
        self.modules[number] = {
            "class": name_of_class(type(module)), "attributes": attributes,
            "transient": sorted(module._transient), **registries,
        }  # fmt: skip
        return number

    def _part(self, value: Any, where: str) -> int | None:
        if value is None:
            return None
        return self.tensor(value) if isinstance(value, Tensor) else self.module(value, where)

    def special(self, value: Any, where: str) -> object:
        """Encode an attribute that is not plain data as (kind, ...); None for plain data."""
        if isinstance(value, Tensor):
            return "held tensor", self.tensor(value)
        if has_registries(value):
            return "held module", self.module(value, where)
        if isinstance(value, device):
            return "device", str(value)
        if isinstance(value, np.dtype):
            return "dtype", value.name
        name = getattr(value, "__name__", "")
        if callable(value) and _function(name) is value:
            return "function", name
        if callable(value):
            raise TypeError(f"{where} is {value!r}, which a file cannot store: {INSTEAD}")
        return None


def encode_module(module: Any, where: str, encode_plain: Encode) -> object:
    """Encode a module as ("module", its parts)."""
    parts = Parts(encode_plain)
    first = parts.module(module, where)
    return "module", first, parts.modules, parts.tensors


def name_of_class(kind: type) -> str:
    """Return `nn.Linear` for a class of the library's own, `module:Class` for another."""
    if kind.__module__.startswith(f"{PACKAGE}."):
        return f"nn.{kind.__name__}"
    return f"{kind.__module__}:{kind.__qualname__}"


def _function(name: str) -> Any:
    """Return the library's public function of a name, None if there is none."""
    for page in FUNCTIONS:
        function = getattr(import_module(page), name, None) if name.isidentifier() else None
        if isinstance(function, types.FunctionType) and not name.startswith("_"):
            return function
    return None


def class_named(name: str, weights_only: bool | None, allowed: list[Any], file: str) -> Any:
    """Return the class that a file names; FormatError where it is missing or not allowed."""
    if name.startswith("nn."):
        for page in PAGES:
            kind = getattr(import_module(page), name[3:], None)
            if _is_module_class(kind):
                return kind
        raise FormatError(f"{file}: holds a module of class {name}, which this release lacks")
    for kind in allowed:
        if isinstance(kind, type) and name_of_class(kind) == name and _is_module_class(kind):
            return kind
    if weights_only is not False:
        raise FormatError(
            f"{file}: holds a whole module of class {name}. Read it with weights_only=False, which "
            f"takes the class from this program's memory; better, {INSTEAD}"
        )
    module, _, path = name.partition(":")
    value: Any = sys.modules.get(module)
    for part in path.split("."):
        value = getattr(value, part, None)
    if not _is_module_class(value):
        raise FormatError(
            f"{file}: holds a module of class {path}, which {module!r} does not define in this "
            f"program: import or define it before load(); better, {INSTEAD}"
        )
    return value


def _is_module_class(kind: Any) -> bool:
    """Tell whether a class is a subclass of nn.Module without a `__new__` of its own."""
    base = import_module(f"{PACKAGE}.nn.module").Module
    has_plain_new = getattr(kind, "__new__", None) == object.__new__
    return isinstance(kind, type) and issubclass(kind, base) and has_plain_new


def decode_module(
    node: tuple[Any, ...], decode: Encode, find: Callable[[str], Any], fail: Any
) -> Any:
    """Make the module of ("module", number, modules, tensors), whose Tensors `decode` reads."""
    match node:
        case ("module", int(first), list(modules), list(tensors)):
            pass
        case _:
            return fail("a module without its parts")
    parameter = import_module(f"{PACKAGE}.nn.parameter").Parameter
    own_tensors = []
    for entry in tensors:
        match entry:
            case ("tuple", bool(registered), encoded):
                value = decode(encoded)
            case _:
                return fail("a module's Tensor that is something else")
        if not isinstance(value, Tensor):
            return fail("a module's Tensor that is something else")
        own_tensors.append(parameter(value._data, value.requires_grad) if registered else value)
    instances = []
    for part in modules:
        if not isinstance(part, dict) or not isinstance(part.get("class"), str):
            return fail("a module without a class")
        instances.append(object.__new__(find(part["class"])))

    def part_at(values: list[Any], number: Any) -> Any:
        if type(number) is not int or not 0 <= number < len(values):
            return fail("a module's part that is not in the file")
        return values[number]

    def special(value: Any) -> Any:
        match value:
            case ("held tensor", number):
                return part_at(own_tensors, number)
            case ("held module", number):
                return part_at(instances, number)
            case ("device", str(name)):
                return device(name)
            case ("dtype", str(name)) if name in np.sctypeDict:
                return np.dtype(name)
            case ("function", str(name)) if _function(name) is not None:
                return _function(name)
        return fail("an attribute of an unknown kind")

    for module, part in zip(instances, modules, strict=True):
        attributes = part.get("attributes")
        if not isinstance(attributes, dict):
            return fail("a module without attributes")
        if any(not isinstance(name, str) or name in RESERVED for name in attributes):
            return fail("a module's attribute that no module has")
        transient = part.get("transient")
        if not isinstance(transient, list):
            return fail("a module without its buffers' names")
        module.__dict__.update(training=True, _hooks=None, _transient=set(map(str, transient)))
        for name, value in attributes.items():
            module.__dict__[name] = decode(value, special)
        for registry, values in zip(REGISTRIES, (own_tensors, own_tensors, instances), strict=True):
            numbers = part.get(registry)
            if not isinstance(numbers, dict):
                return fail("a module without its registries")
            module.__dict__[registry] = {
                str(name): None if n is None else part_at(values, n) for name, n in numbers.items()
            }
    return part_at(instances, first)


RESERVED = {*REGISTRIES, "_hooks", "_transient"}
