"""Passes: the steps that make a program fast, by name; none of them changes a bit of a result.

All are on. `without` is for tests, which compare, and for benchmarks, which show what each saves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

NAMES = {
    "dead code": "calls whose results nothing uses are left out",
    "in place": "a result overwrites an argument that is not used again",
    "reuse": "the memory of arrays that are not used again goes to other arrays",
    "unroll": "kernels are opened into the NumPy calls that they make",
    "respell": "each NumPy call is spelled in the way that takes NumPy least time",
    "flat": "an optimizer's parameters and gradients lie in two buffers: one update for all",
}

_off: frozenset[str] = frozenset()


def on(name: str) -> bool:
    """Tell whether captures use a pass.

    >>> on("respell")
    True
    """
    return name not in _off


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Capture without these passes inside; raises ValueError for an unknown name.

    >>> with without("respell"):
    ...     on("respell")
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
