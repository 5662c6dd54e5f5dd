"""Make modules without initial values, where other values will replace them."""

from __future__ import annotations

import inspect
from typing import Any

from tinygrad_mnist.nn.module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """Return module_cls(*args, **kwargs), whose Parameters hold no particular values.

    Raises RuntimeError for anything but a Module class that takes `device`.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    return module_cls(*args, **kwargs).to_empty(device=device)
