"""Size, the type of `shape` and `size()`: the tuple of a Tensor's lengths as PyTorch prints it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NoReturn


class Size(tuple[int, ...]):
    """The lengths of the dimensions: a tuple of ints, equal to a plain one.

    Its own type tells `Tensor(x.size())`, which is a size, from `Tensor((2, 3))`, which is data.
    A slice of a Size is a plain tuple. Raises TypeError for anything but ints.

    >>> size = Size([2, 3])
    >>> size, size.numel(), size == (2, 3), size[1:]
    (torch.Size([2, 3]), 6, True, (3,))
    """

    __slots__ = ()

    def __new__(cls, lengths: Iterable[Any] = ()) -> Size:
        """Take any iterable of ints."""
        plain = tuple(lengths)
        for index, length in enumerate(plain):
            if not hasattr(length, "__index__"):
                _not_an_int(index, length)
        return tuple.__new__(cls, [length.__index__() for length in plain])

    def numel(self) -> int:
        """Return how many elements a Tensor of this size has."""
        return math.prod(self)

    def __add__(self, other: Any) -> Any:
        return Size(tuple(self) + tuple(other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return Size(tuple(other) + tuple(self)) if isinstance(other, tuple) else NotImplemented

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (tuple(self),)


def _not_an_int(index: int, length: object) -> NoReturn:
    raise TypeError(
        f"torch.Size() takes an iterable of 'int' (item {index} is '{type(length).__name__}')"
    )


class Sizes(dict[tuple[int, ...], Size]):
    """The Size of each shape so far: a look-up is faster than making a Size."""

    def __missing__(self, shape: tuple[int, ...]) -> Size:
        if len(self) > 4096:  # a program whose shapes never repeat
            self.clear()
        self[shape] = size = Size(shape)
        return size


SIZES = Sizes()
