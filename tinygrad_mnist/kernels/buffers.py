"""NumPy's buffer, of a size in which it goes through rows without copying.

Where an operand is repeated along an axis, NumPy calls its loop for a buffer of 8192 elements at a
time, and copies that operand into the buffer wherever several rows fit: that takes up to twice as
long as the arithmetic. With a buffer of one row nothing is copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy._core._ufunc_config import _extobj_contextvar as _state  # type: ignore[attr-defined]

LEAST, MOST = 512, 8192  # elements of rows for which one call of the loop each takes less time
USUAL = 4096  # elements of the buffer for all other rows: they stay in the first cache


class RowBuffer:
    """A context in which NumPy goes through rows of `size` elements one at a time."""

    def __init__(self, size: int) -> None:
        self._size = size if LEAST <= size <= MOST and size % 16 == 0 else USUAL

    def __enter__(self) -> None:
        self._before = _state.get()
        np.setbufsize(self._size)

    def __exit__(self, *_: Any) -> None:
        _state.set(self._before)
