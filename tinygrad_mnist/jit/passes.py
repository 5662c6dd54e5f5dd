"""Passes: what is done to make a program fast, by name; none of them changes a bit.

All are on. `without` is for tests, which compare, and for benchmarks, which show what each buys.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

NAMES = {
    "dead code": "calls whose results nobody uses are left out",
    "in place": "a result takes the place of an argument that is not used again",
    "reuse": "memory of arrays that are not used again is given to others",
    "unroll": "kernels are opened into the NumPy calls that they make",
    "quick": "each NumPy call is made in the form that takes NumPy least time",
    "flat": "parameters and gradients of an optimizer lie in two buffers: one update for all",
}

_off: frozenset[str] = frozenset()


def on(name: str) -> bool:
    """Whether captures make use of a pass.

    >>> on("quick")
    True
    """
    return name not in _off


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Captures inside do without these passes; raises ValueError for an unknown name.

    >>> with without("quick"):
    ...     on("quick")
    False
    """
    global _off
    if unknown := set(names) - NAMES.keys():
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    before, _off = _off, _off | set(names)
    try:
        yield
    finally:
        _off = before
