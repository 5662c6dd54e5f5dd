"""Floating-point errors: ops ignore them, as PyTorch's do, unless the user asks NumPy otherwise.

log(0) is -inf, without a warning. Inside `np.errstate(...)`, or after `np.seterr(...)`, NumPy's
setting holds: "raise" raises FloatingPointError.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any, TypeVar

# np.errstate itself takes 1 us, as long as three calls on a small batch.
from numpy._core._ufunc_config import _extobj_contextvar as _state  # type: ignore[attr-defined]

from tinygrad_mnist.kernels.buffers import SILENT

F = TypeVar("F", bound=Callable[..., Any])
state, put = _state.get, _state.set
USUAL = Context().run(state)  # the state of a program that has set none

# Each is one call of C: an interrupt, which can only come after it, finds a state that is undone.
hush = partial(put, SILENT)
restore = partial(put, USUAL)


def silent(function: F) -> F:
    """Make a function that reports no floating-point error, whatever `np.errstate` holds."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kw: Any) -> Any:
        before = state()
        try:
            hush()
            return function(*args, **kw)
        finally:
            put(before)

    return wrapper  # type: ignore[return-value]
