"""Floating-point errors: ops are silent about them, as PyTorch's, until somebody asks NumPy.

log(0) is -inf and says nothing. Inside `np.errstate(...)`, or after `np.seterr(...)`, what was
asked for there holds: "raise" raises FloatingPointError.
"""

from __future__ import annotations

from contextvars import Context
from functools import partial

import numpy as np

# np.errstate itself takes 1 us, as long as three calls on a small batch.
from numpy._core._ufunc_config import _extobj_contextvar as _state  # type: ignore[attr-defined]
from numpy._core.umath import _make_extobj

state = _state.get
USUAL = Context().run(state)  # what is there where nobody has asked

# Single calls of C: an interrupt, which comes when one is over, finds it known what to undo.
hush = partial(_state.set, _make_extobj(all="ignore"))
restore = partial(_state.set, USUAL)


def silently() -> np.errstate:
    """A context in which nothing is said, unless somebody asked for it."""
    return np.errstate(all="ignore") if state() is USUAL else np.errstate()
