"""y += a x in one pass, by the call of NumPy's BLAS that NumPy itself does not make.

NumPy multiplies first and adds then: two passes over memory, and a third array. The BLAS may round
once, as PyTorch does, where NumPy rounds twice. It is used where it rounds all elements alike, so
that the bits do not depend on where an element lies.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.blocks import flat_alike
from tinygrad_mnist.kernels.buffers import reports_errors
from tinygrad_mnist.threads import libraries

Array = np.ndarray[Any, Any]
Axpy = Callable[[int, float, int, int, int, int], None]
# The names that builds of OpenBLAS give to cblas_saxpy and cblas_daxpy, and their integers
NAMES = {
    "scipy_cblas_{}64_": ctypes.c_int64, "scipy_cblas_{}": ctypes.c_int32,
    "cblas_{}64_": ctypes.c_int64, "cblas_{}": ctypes.c_int32,
}  # fmt: skip
MOST = 2**31 - 1  # elements for the smaller integers
_byte: Any = ctypes.c_char.from_buffer
_address = ctypes.addressof


def add_multiple(y: Array, x: Array, a: float) -> bool:
    """Add a x to y in place and return True; return False, and do nothing, where only NumPy can.

    So it is where floating-point errors are to be reported, which a BLAS does not do.
    """
    axpy = _axpys().get(y.dtype)
    if axpy is None or x.dtype is not y.dtype or x.shape != y.shape or not a or reports_errors():
        return False
    try:  # only memory in C order, and writeable, has such an address
        to, source = _address(_byte(y)), _address(_byte(x))
    except (TypeError, ValueError):
        return y.size > 0 and _add_otherwise(y, x, a)
    if (0 < abs(to - source) < y.nbytes) or (to | source) % y.itemsize or y.size > MOST:
        return False
    axpy(y.size, a, source, 1, to, 1)
    return True


def _add_otherwise(y: Array, x: Array, a: float) -> bool:
    """Add a x to y where at least one of them is not a writeable array in C order."""
    alike = flat_alike(y, x)
    if alike is not None and y.flags.writeable and x.flags.writeable:
        return add_multiple(alike[0], alike[1], a)
    total = y.copy(order="C")
    if not add_multiple(total, x.copy(order="C"), a):
        return False
    y[...] = total
    return True


@functools.cache
def _axpys() -> dict[np.dtype[Any], Axpy]:
    """Return the BLAS's function for each dtype; none unless it rounds all elements alike."""
    functions = {}
    for letter, number in ("s", ctypes.c_float), ("d", ctypes.c_double):
        axpy = _axpy(f"{letter}axpy", number)
        if axpy is not None and _rounds_alike(axpy, np.dtype(number)):
            functions[np.dtype(number)] = axpy
    return functions


def _axpy(name: str, number: Any) -> Axpy | None:
    for library in libraries():
        releasing = ctypes.CDLL(None, handle=library._handle)  # other threads run during a call
        for pattern, integer in NAMES.items():
            function = getattr(releasing, pattern.format(name), None)
            if function is not None:
                function.restype = None
                function.argtypes = [
                    integer, number, ctypes.c_void_p, integer, ctypes.c_void_p, integer
                ]  # fmt: skip
                return function  # type: ignore[no-any-return]
    return None


def _rounds_alike(axpy: Axpy, dtype: np.dtype[Any]) -> bool:
    """Tell whether an element's result is the same wherever it lies, and among however many."""
    count, times = 61, 9  # no part of a loop is as long: the same elements come everywhere
    x = np.tile(np.sqrt(np.arange(1, count + 1, dtype=dtype)), times)
    y = x[::-1].copy()

    def added(size: int) -> Array:
        total = y[:size].copy()
        axpy(size, -0.1, x.ctypes.data, 1, total.ctypes.data, 1)
        return total

    whole = added(len(x)).reshape(times, count)
    if (whole != whole[0]).any():
        return False
    return all((added(size) == whole[0, :size]).all() for size in range(1, count))
