"""Shared by elementwise kernels: marks, constants of each dtype, and masks.

A marked kernel is called as a ufunc is: its arguments are cast to one dtype first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # an ndarray or a Python number: kernels take both

# By a dtype's letter; a ufunc takes a 0-d array in half the time of a Python number.
ZERO, ONE, INFINITY = ({d: np.array(value, d) for d in "efd"} for value in (0, 1, np.inf))

INTEGER = {d: np.dtype(f"i{np.dtype(d).itemsize}") for d in "efd"}
I8 = np.array(1, np.int8)
SIGN = {d: np.array(np.iinfo(i).min, i) for d, i in INTEGER.items()}  # the bit of the sign alone


def like_ufuncs(kernel: Any) -> Any:
    """Mark a kernel of two arrays as elementwise."""
    kernel.nin = 2
    return kernel


def like_ufunc(kernel: Any) -> Any:
    """Mark a kernel of one array as elementwise: integers are promoted as for NumPy's own."""
    kernel.nin = 1
    return kernel


def masked(d: Array, mask: Array) -> Array:
    """d where `mask` is -1, 0 where it is 0, both int8.

    The bits are masked: a product makes NaN of 0 times infinity, and `np.where` takes many times
    longer.
    """
    bits = INTEGER[d.dtype.char]
    mask = mask.astype(bits)
    out = mask if mask.ndim and mask.shape == d.shape else None
    return np.bitwise_and(mask, d.view(bits), out).view(d.dtype)


def masked_by_bools(d: Array, mask: Array) -> Array:
    """d where `mask`, of bools, is True, else 0."""
    return masked(d, np.negative(mask.view(np.int8)))


def minus_size(x: Array) -> Array:
    """-|x|, of floats by setting the bit of the sign: one pass instead of two."""
    bits = INTEGER.get(x.dtype.char)
    if bits is None:
        return np.negative(np.abs(x))
    return np.bitwise_or(x.view(bits), SIGN[x.dtype.char]).view(x.dtype)


def multiply_by_sign(y: Array, x: Array, work: Array) -> None:
    """Change the sign of y, of floats, where x has the bit of the sign; in place, by bits alone.

    `np.copysign` takes five times as long. `work` is memory as large as y.
    """
    bits = INTEGER[y.dtype.char]
    signs = np.bitwise_and(x.view(bits), SIGN[y.dtype.char], work.view(bits))
    np.bitwise_xor(y.view(bits), signs, y.view(bits))
