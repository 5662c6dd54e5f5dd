"""The default dtype: that of Python floats, and of the results of creation functions."""

from __future__ import annotations

from typing import Any

import numpy as np

current: np.dtype[Any] = np.dtype(np.float32)


def set_default_dtype(dtype: Any) -> None:
    """Set the dtype that Python floats become and that creation functions make: float32 at first.

    TypeError for a dtype that is not a floating-point one.
    """
    global current
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"only floating-point types can be the default, not {dtype}")
    current = dtype


def get_default_dtype() -> np.dtype[Any]:
    """Return the dtype that Python floats become."""
    return current
