"""`torch.overrides`, as copies of PyTorch's functions ask it: no class overrides a function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def has_torch_function(args: Iterable[Any]) -> bool:
    """Return False: no class overrides functions with `__torch_function__`."""
    return False


def has_torch_function_variadic(*args: Any) -> bool:
    """Return False for any arguments, as `has_torch_function` does."""
    return False


has_torch_function_unary = has_torch_function_variadic


def handle_torch_function(*args: Any, **kw: Any) -> Any:
    """Raise TypeError: no class overrides functions with `__torch_function__`."""
    raise TypeError("__torch_function__ is not supported: no class can override a function")
