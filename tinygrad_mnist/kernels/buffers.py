"""NumPy's buffer, of a size in which it goes through rows without copying; and its errors.

Where an operand is repeated along an axis, NumPy calls its loop for a buffer of 8192 elements at a
time, and copies that operand into the buffer wherever several rows fit: that takes up to twice as
long as the arithmetic. With a buffer of one row nothing is copied.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from contextvars import Context
from typing import Any

import numpy as np
from numpy._core._ufunc_config import _extobj_contextvar as _state  # type: ignore[attr-defined]
from numpy._core.umath import _make_extobj

LEAST, MOST = 512, 8192  # elements of rows for which one call of the loop each takes less time
USUAL = 4096  # elements of the buffer for all other rows: they stay in the first cache


SILENT = _make_extobj(all="ignore", bufsize=USUAL)  # the state in which ops call their kernels
_UNSET = Context().run(_state.get)  # the state of a program that has set none
_asked: tuple[Any, bool] = SILENT, False  # a state, and whether it reports errors
_AS_IT_IS: AbstractContextManager[None] = nullcontext()


def reports_errors() -> bool:
    """Tell whether the user has asked NumPy to do something about floating-point errors."""
    global _asked
    now = _state.get()
    if now is SILENT or now is _UNSET:
        return False
    if now is not _asked[0]:
        _asked = now, any(np.geterr()[kind] != "ignore" for kind in ("over", "under", "invalid"))
    return _asked[1]


def ignoring(**errors: Any) -> AbstractContextManager[None]:
    """Return `np.errstate(**errors)` for errors to ignore; in the state SILENT, nothing to enter.

    `np.errstate` takes as long as two operations on a small array. The state in which `jit` opens a
    kernel is another one, so it sees `np.errstate` itself.
    """
    return _AS_IT_IS if _state.get() is SILENT else np.errstate(**errors)


class RowBuffer:
    """A context in which NumPy goes through rows of `size` elements one at a time."""

    def __init__(self, size: int) -> None:
        self._size = size if LEAST <= size <= MOST and size % 16 == 0 else USUAL

    def __enter__(self) -> None:
        self._before = _state.get()
        if self._before is not SILENT or self._size != USUAL:
            np.setbufsize(self._size)

    def __exit__(self, *_: Any) -> None:
        _state.set(self._before)
