"""Modules that hold others: Sequential, and the lists and dicts that only register."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import Parameter

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


class _Held(Module):
    """The base of the containers, whose contents are in one of a Module's dicts."""

    registry = "_modules"

    def _held(self) -> dict[str, Any]:
        held: dict[str, Any] = self.__dict__[self.registry]
        return held

    def _put(self, name: str, value: Any) -> None:
        if self.registry == "_parameters" and type(value) is Tensor:
            value = Parameter(value)
        self._enter(self.registry, name, value)

    def __len__(self) -> int:
        return len(self._held())

    def extra_repr(self) -> str:
        return "\n".join(
            f"({k}): Parameter containing: [{p.dtype} of size {'x'.join(map(str, p.shape))}]"
            for k, p in self._held().items()
            if self.registry == "_parameters"
        )


class _List(_Held):
    """Contents under the names "0", "1", ..., with the methods of a list."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__()
        self.extend(values)

    def _key(self, index: Any) -> str:
        size, i = len(self), operator.index(index)
        if not -size <= i < size:
            raise IndexError(f"index {i} is out of range for {size} entries")
        return list(self._held())[i]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._held().values())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._held()[self._key(index)]

    def __setitem__(self, index: int, value: Any) -> None:
        self._put(self._key(index), value)

    def __delitem__(self, index: Any) -> None:
        kept = list(self)
        del kept[index]
        self._refill(kept)

    def __add__(self, other: Iterable[Any]) -> Any:
        return type(self)(itertools.chain(self, other))

    def __iadd__(self, values: Iterable[Any]) -> Any:
        return self.extend(values)

    def _refill(self, values: list[Any]) -> None:
        self._held().clear()
        self.extend(values)

    def append(self, value: Any) -> Any:
        """Add one at the end; returns self."""
        self._put(str(len(self)), value)
        return self

    def extend(self, values: Iterable[Any]) -> Any:
        """Add several at the end; returns self."""
        for value in values:
            self.append(value)
        return self

    def insert(self, index: int, value: Any) -> Any:
        """Insert one before position `index` and rename those behind it; returns self."""
        values = list(self)
        values.insert(index, value)
        self._refill(values)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take one out."""
        value = self[index]
        del self[index]
        return value


class ModuleList(_List):
    """A list of modules that are registered; your own `forward` calls them."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__(modules or ())

    def _shown_children(self) -> Iterator[tuple[str, str]]:
        """Equal neighbours as one line: `(0-2): 3 x Linear(...)`."""
        start = 0
        for text, group in itertools.groupby(self, repr):
            count = len(list(group))
            last = start + count - 1
            key = str(start) if count == 1 else f"{start}-{last}"
            yield key, text if count == 1 else f"{count} x {text}"
            start += count


class ParameterList(_List):
    """A list of Parameters that are registered; Tensors become Parameters."""

    registry = "_parameters"


class Sequential(_List):
    """Modules called one after the other, given as arguments or as one dict of names.

    >>> from tinygrad_mnist import nn
    >>> nn.Sequential(nn.Linear(4, 2), nn.ReLU())
    Sequential(
      (0): Linear(in_features=4, out_features=2, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self._put(name, module)
        else:
            self.extend(modules)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))
        return super().__getitem__(index)

    def __add__(self, other: Iterable[Any]) -> Any:
        return type(self)(*self, *other)

    def __mul__(self, times: int) -> Any:
        _check_times(times)
        return type(self)(*list(self) * times)

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Any:
        _check_times(times)
        return self.extend(list(self) * (times - 1))


def _check_times(times: Any) -> None:
    if not isinstance(times, int):
        raise TypeError(f"a Sequential can be repeated an integer number of times, not {times!r}")
    if times <= 0:
        raise ValueError(f"a Sequential can be repeated one time or more, not {times}")


class _Dict(_Held):
    """Contents under names of your choice, with the methods of a dict."""

    def __init__(self, values: Any = None) -> None:
        super().__init__()
        self.update(values or {})

    def __getitem__(self, key: str) -> Any:
        return self._held()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._put(key, value)

    def __delitem__(self, key: str) -> None:
        delattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._held())

    def __contains__(self, key: object) -> bool:
        return key in self._held()

    def keys(self) -> Any:
        """The names."""
        return self._held().keys()

    def values(self) -> Any:
        """The contents, without their names."""
        return self._held().values()

    def items(self) -> Any:
        """The contents, as (name, value) pairs."""
        return self._held().items()

    def update(self, values: Any) -> None:
        """Add or replace, from a dict or from pairs."""
        for name, value in values.items() if hasattr(values, "items") else values:
            self[name] = value

    def pop(self, key: str) -> Any:
        """Take one out."""
        value = self[key]
        del self[key]
        return value

    def clear(self) -> None:
        """Take all out."""
        for key in list(self):
            del self[key]


class ModuleDict(_Dict):
    """A dict of modules that are registered, in the order in which they came."""

    def __init__(self, modules: Any = None) -> None:
        super().__init__(modules)


class ParameterDict(_Dict):
    """A dict of Parameters that are registered; Tensors become Parameters."""

    registry = "_parameters"

    def __init__(self, parameters: Any = None) -> None:
        super().__init__(parameters)

    def copy(self) -> ParameterDict:
        """Return another dict of the same Parameters."""
        return type(self)(list(self.items()))

    def get(self, key: str, default: Any = None) -> Any:
        """The Parameter of this name, or `default`."""
        return self._held().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the Parameter of this name; if there is none yet, `default` becomes it."""
        if key not in self:
            self[key] = default
        return self[key]

    def popitem(self) -> tuple[str, Any]:
        """Take the last one out, with its name."""
        key = next(reversed(self._held()))
        return key, self.pop(key)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Return a new dict with `default` under each of these names."""
        return type(self)([(key, default) for key in keys])

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._held())

    def __or__(self, other: Any) -> ParameterDict:
        both = self.copy()
        both.update(other)
        return both

    def __ror__(self, other: Any) -> ParameterDict:
        both = type(self)(list(other.items()))
        both.update(self)
        return both

    def __ior__(self, other: Any) -> ParameterDict:
        self.update(other)
        return self
