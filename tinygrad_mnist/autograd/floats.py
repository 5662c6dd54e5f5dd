"""Floating-point errors: ops are silent about them, as PyTorch's, until somebody asks NumPy.

log(0) is -inf and says nothing. Inside `np.errstate(...)`, or after `np.seterr(...)`, what was
asked for there holds: "raise" raises FloatingPointError.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any, TypeVar

# np.errstate itself takes 1 us, as long as three calls on a small batch.
from numpy._core._ufunc_config import _extobj_contextvar as _state  # type: ignore[attr-defined]
from numpy._core.umath import _make_extobj

F = TypeVar("F", bound=Callable[..., Any])
state, put = _state.get, _state.set
USUAL = Context().run(state)  # what is there where nobody has asked

# Single calls of C: an interrupt, which comes when one is over, finds it known what to undo.
SILENT = _make_extobj(all="ignore")
hush = partial(put, SILENT)
restore = partial(put, USUAL)


def silent(function: F) -> F:
    """A function in which nothing is said, whatever anybody asked for."""

    @functools.wraps(function)
    def call(*args: Any, **kw: Any) -> Any:
        before = state()
        try:
            hush()
            return function(*args, **kw)
        finally:
            put(before)

    return call  # type: ignore[return-value]
