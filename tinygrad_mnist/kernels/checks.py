"""Checks of values (not of shapes): they run at every call, also of a compiled program."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
UNSIGNED = {c: np.dtype(f"u{np.dtype(c).itemsize}") for c in np.typecodes["AllInteger"]}


class OutOfBounds(IndexError, RuntimeError):
    """An index does not exist: some of PyTorch's functions raise the one error, some the other."""


def repeatable_check(function: Callable[..., None]) -> Callable[..., None]:
    """Make a check that a compiled program repeats: `jit/unroll.py` records the call."""

    @functools.wraps(function)
    def wrapper(*args: Any) -> None:
        for arg in args:
            record = getattr(arg, "record_check", None)
            if record is not None:
                record(function, args)
                return
        function(*args)

    return wrapper


@repeatable_check
def classes_within(t: Array, count: int) -> None:
    """Raise OutOfBounds unless 0 <= t < count."""
    if outside(t, count):
        raise OutOfBounds(f"Target {outside(t, count)[0]} is out of bounds for {count} classes")


@repeatable_check
def rows_within(index: Array, count: int) -> None:
    """Raise OutOfBounds unless 0 <= index < count."""
    if outside(index, count):
        raise OutOfBounds(f"index {outside(index, count)[0]} is out of range for {count} rows")


@repeatable_check
def places_within(index: Array, count: int) -> None:
    """Raise OutOfBounds unless 0 <= index < count, and tell which end was passed."""
    if bad := outside(index, count):
        if bad[0] < 0:
            raise OutOfBounds(
                f"index {bad[0]} is out of bounds for a dimension of size {count}: it is negative; "
                "here indices count from the front"
            )
        raise OutOfBounds(f"index {bad[0]} is out of bounds for a dimension of size {count}")


def outside(t: Array, count: int) -> list[int]:
    """Return the integers that are not from 0 to count - 1; unsigned, they take one pass."""
    unsigned = t.view(UNSIGNED[t.dtype.char])
    if not t.size or unsigned.item(unsigned.argmax()) < count:
        return []
    return [int(bad) for bad in t[(t < 0) | (t >= count)]]
