"""Modules that hold other modules: Sequential, and the lists and dicts that only register."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import Parameter

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


class _Container(Module):
    """The base of the containers, whose contents are in one of a Module's dicts."""

    registry = "_modules"

    def _contents(self) -> dict[str, Any]:
        contents: dict[str, Any] = self.__dict__[self.registry]
        return contents

    def _put(self, name: str, value: Any) -> None:
        if self.registry == "_parameters" and type(value) is Tensor:
            value = Parameter(value)
        self._enter(self.registry, name, value)

    def __len__(self) -> int:
        return len(self._contents())

    def extra_repr(self) -> str:
        return "\n".join(
            f"({k}): Parameter containing: [{p.dtype} of size {'x'.join(map(str, p.shape))}]"
            for k, p in self._contents().items()
            if self.registry == "_parameters"
        )


class _List(_Container):
    """A container of values named "0", "1", ..., with the methods of a list."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__()
        self.extend(values)

    def _key(self, index: Any) -> str:
        size, i = len(self), operator.index(index)
        if not -size <= i < size:
            raise IndexError(f"index {i} is out of range for {size} entries")
        return list(self._contents())[i]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._contents().values())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._contents()[self._key(index)]

    def __setitem__(self, index: int, value: Any) -> None:
        self._put(self._key(index), value)

    def __delitem__(self, index: Any) -> None:
        remaining = list(self)
        del remaining[index]
        self._refill(remaining)

    def __add__(self, other: Iterable[Any]) -> Any:
        return type(self)(itertools.chain(self, other))

    def __iadd__(self, values: Iterable[Any]) -> Any:
        return self.extend(values)

    def _refill(self, values: list[Any]) -> None:
        self._contents().clear()
        self.extend(values)

    def append(self, value: Any) -> Any:
        """Append a value; return self."""
        self._put(str(len(self)), value)
        return self

    def extend(self, values: Iterable[Any]) -> Any:
        """Append several values; return self."""
        for value in values:
            self.append(value)
        return self

    def insert(self, index: int, value: Any) -> Any:
        """Insert a value before position `index`, rename those after it, and return self."""
        values = list(self)
        values.insert(index, value)
        self._refill(values)
        return self

    def pop(self, index: int = -1) -> Any:
        """Remove the value at `index`, and return it."""
        value = self[index]
        del self[index]
        return value


class ModuleList(_List):
    """A list that registers its modules; your own `forward` calls them."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__(modules or ())

    def _shown_children(self) -> Iterator[tuple[str, str]]:
        """Show equal neighbours as one line: `(0-2): 3 x Linear(...)`."""
        start = 0
        for text, group in itertools.groupby(self, repr):
            count = len(list(group))
            last = start + count - 1
            key = str(start) if count == 1 else f"{start}-{last}"
            yield key, text if count == 1 else f"{count} x {text}"
            start += count


class ParameterList(_List):
    """A list that registers its Parameters; Tensors become Parameters."""

    registry = "_parameters"


class Sequential(_List):
    """Modules called one after the other, passed as arguments or as one dict of names.

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


class _Dict(_Container):
    """A container of values under names of your choice, with the methods of a dict."""

    def __init__(self, values: Any = None) -> None:
        super().__init__()
        self.update(values or {})

    def __getitem__(self, key: str) -> Any:
        return self._contents()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._put(key, value)

    def __delitem__(self, key: str) -> None:
        delattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._contents())

    def __contains__(self, key: object) -> bool:
        return key in self._contents()

    def keys(self) -> Any:
        """The names."""
        return self._contents().keys()

    def values(self) -> Any:
        """The contents, without their names."""
        return self._contents().values()

    def items(self) -> Any:
        """The contents, as (name, value) pairs."""
        return self._contents().items()

    def update(self, values: Any) -> None:
        """Add or replace values, from a dict or from (name, value) pairs."""
        for name, value in values.items() if hasattr(values, "items") else values:
            self[name] = value

    def pop(self, key: str) -> Any:
        """Remove the value of this name, and return it."""
        value = self[key]
        del self[key]
        return value

    def clear(self) -> None:
        """Remove everything."""
        for key in list(self):
            del self[key]


class ModuleDict(_Dict):
    """A dict that registers its modules and keeps the order in which they were added."""

    def __init__(self, modules: Any = None) -> None:
        super().__init__(modules)


class ParameterDict(_Dict):
    """A dict that registers its Parameters; Tensors become Parameters."""

    registry = "_parameters"

    def __init__(self, parameters: Any = None) -> None:
        super().__init__(parameters)

    def copy(self) -> ParameterDict:
        """Return another dict of the same Parameters."""
        return type(self)(list(self.items()))

    def get(self, key: str, default: Any = None) -> Any:
        """The Parameter of this name, or `default`."""
        return self._contents().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the Parameter of this name; if there is none yet, `default` becomes it."""
        if key not in self:
            self[key] = default
        return self[key]

    def popitem(self) -> tuple[str, Any]:
        """Remove the last Parameter; return its name and itself."""
        key = next(reversed(self._contents()))
        return key, self.pop(key)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Return a new dict with `default` under each of these names."""
        return type(self)([(key, default) for key in keys])

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._contents())

    def __or__(self, other: Any) -> ParameterDict:
        union = self.copy()
        union.update(other)
        return union

    def __ror__(self, other: Any) -> ParameterDict:
        union = type(self)(list(other.items()))
        union.update(self)
        return union

    def __ior__(self, other: Any) -> ParameterDict:
        self.update(other)
        return self
