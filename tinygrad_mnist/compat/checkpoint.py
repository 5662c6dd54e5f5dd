"""`torch.utils.checkpoint`: plain calls, which save everything that backward needs.

The gradients are the same as PyTorch's, without its saving of memory by computing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: Any = None, context_fn: Any = None,
    preserve_rng_state: bool = True, determinism_check: str = "default", debug: bool = False,
    **kw: Any,
) -> Any:  # fmt: skip
    """Call the function; nothing is computed twice."""
    return function(*args, **kw)


def get_device_states(*args: Any) -> tuple[list[int], list[Any]]:
    """Return ([], []): no Tensor is on a device whose random numbers have a state of their own."""
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: Any = None) -> None:
    """Do nothing: there is no such state."""


def checkpoint_sequential(functions: Any, segments: int, input: Any, **kw: Any) -> Any:
    """Call the functions one after the other."""
    for function in functions.children() if hasattr(functions, "children") else functions:
        input = function(input)
    return input
