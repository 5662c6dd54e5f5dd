"""`torch.serialization`: the classes of modules that a file may name, `save` and `load`.

No file can run code, whatever is allowed: a module is built without calling anything of its class.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinygrad_mnist.serialize.format import SAFE_CLASSES


@contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """Let `load` accept these classes of modules inside the block."""
    before = list(SAFE_CLASSES)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        SAFE_CLASSES[:] = before


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Let `load` accept these classes of modules from now on."""
    SAFE_CLASSES.extend(safe_globals)


def get_safe_globals() -> list[Any]:
    """Return the allowed classes."""
    return list(SAFE_CLASSES)


def clear_safe_globals() -> None:
    """Allow only the library's own classes."""
    SAFE_CLASSES.clear()


def get_unsafe_globals_in_checkpoint(f: Any) -> list[Any]:
    """Return an empty list: no file can run code."""
    return []
