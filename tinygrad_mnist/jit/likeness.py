"""same(): tells whether two settings are the same to a kernel; stricter than ==.

1, 1.0 and True are equal, and so are 0.0 and -0.0, but kernels tell them apart.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

CONSTANTS = (bool, int, float, str, type, np.dtype, np.generic, type(...))


def same(a: Any, b: Any) -> bool:
    """Tell whether `a` may stand for `b`: the same object, or equal in type, value and sign.

    >>> same(1, 1), same(1, 1.0), same(0.0, -0.0), same((1, slice(None)), (1, slice(None)))
    (True, False, False, True)
    """
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return False
    if kind is int or kind is bool or kind is str:
        return bool(a == b)
    if kind is float:
        return same_float(a, b)
    if kind is tuple or kind is list:
        return len(a) == len(b) and all(map(same, a, b))
    if kind is slice:
        return same(a.start, b.start) and same(a.stop, b.stop) and same(a.step, b.step)
    if kind is dict:
        return list(a) == list(b) and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, np.generic):
        return bool(a.dtype == b.dtype and a.tobytes() == b.tobytes())
    if isinstance(a, np.dtype):
        return bool(a == b)
    if isinstance(a, tuple):  # a named tuple, such as a kernel's geometry
        return len(a) == len(b) and all(map(same, a, b))
    return False


def is_constant(value: Any) -> bool:
    """Tell whether a setting is immutable, so that nobody can change it in place.

    >>> is_constant((1, slice(None), "mean")), is_constant([1])
    (True, False)
    """
    if isinstance(value, tuple):
        return all(map(is_constant, value))
    if isinstance(value, slice):
        return is_constant((value.start, value.stop, value.step))
    return value is None or isinstance(value, CONSTANTS)


def same_float(a: float, b: float) -> bool:
    """Tell whether two floats are equal to the sign of a zero; NaN is like NaN."""
    if a != a:
        return b != b
    return a == b and math.copysign(1.0, a) == math.copysign(1.0, b)
