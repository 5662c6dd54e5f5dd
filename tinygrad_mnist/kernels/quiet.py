"""Floating-point errors that a kernel expects: `np.errstate`, where it would change something.

An op that someone calls from outside runs in the state SILENT already, and `np.errstate` takes as
long as two operations on a small array.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy._core._ufunc_config import _extobj_contextvar as _state  # type: ignore[attr-defined]
from numpy._core.umath import _make_extobj

from tinygrad_mnist.kernels.buffers import USUAL as BUFFER

SILENT = _make_extobj(all="ignore", bufsize=BUFFER)
_AS_IT_IS: AbstractContextManager[None] = nullcontext()


def ignoring(**errors: Any) -> AbstractContextManager[None]:
    """Return `np.errstate(**errors)` for errors to ignore; in the state SILENT, nothing to enter.

    The state in which `jit` opens a kernel is another one, so it sees `np.errstate` itself.
    """
    return _AS_IT_IS if _state.get() is SILENT else np.errstate(**errors)
