"""Checks of values (not of shapes): they run at every call, also of a compiled program."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
UNSIGNED = {c: np.dtype(f"u{np.dtype(c).itemsize}") for c in np.typecodes["AllInteger"]}


def check(function: Callable[..., None]) -> Callable[..., None]:
    """A check that an array which writes down its calls (`jit/unroll.py`) can record."""

    @functools.wraps(function)
    def heard(*args: Any) -> None:
        for arg in args:
            record = getattr(arg, "record_check", None)
            if record is not None:
                record(function, args)
                return
        function(*args)

    return heard


@check
def classes_within(t: Array, count: int) -> None:
    """IndexError unless 0 <= t < count."""
    if outside(t, count):
        raise IndexError(f"Target {outside(t, count)[0]} is out of bounds for {count} classes")


@check
def rows_within(index: Array, count: int) -> None:
    """IndexError unless 0 <= index < count."""
    if outside(index, count):
        raise IndexError(f"index {outside(index, count)[0]} is out of range for {count} rows")


def outside(t: Array, count: int) -> list[int]:
    """The integers that are not from 0 to count - 1; as unsigned, one pass sees both ends."""
    unsigned = t.view(UNSIGNED[t.dtype.char])
    if not t.size or unsigned.item(unsigned.argmax()) < count:
        return []
    return [int(bad) for bad in t[(t < 0) | (t >= count)]]
