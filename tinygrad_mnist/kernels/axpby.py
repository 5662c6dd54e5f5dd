"""y = a x + b y in one pass, by a call of NumPy's BLAS that NumPy itself does not make.

NumPy multiplies first and adds then: three passes over memory, and a third array. The BLAS may
round once, as PyTorch does, where NumPy rounds twice. It is used where it rounds all elements
alike, so that the bits do not depend on where an element lies.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.blocks import flat_alike
from tinygrad_mnist.kernels.buffers import reports_errors
from tinygrad_mnist.threads import libraries

Array = np.ndarray[Any, Any]
Combine = Callable[..., None]  # (size, a, x, step in x, b, y, step in y)
# The names that builds of OpenBLAS give to cblas_saxpby and cblas_daxpby, and their integers
NAMES = {
    "scipy_cblas_{}64_": ctypes.c_int64, "scipy_cblas_{}": ctypes.c_int32,
    "cblas_{}64_": ctypes.c_int64, "cblas_{}": ctypes.c_int32,
}  # fmt: skip
MOST = 2**31 - 1  # elements for the smaller integers
_byte: Any = ctypes.c_char.from_buffer
_address = ctypes.addressof


def is_one_pass(dtype: np.dtype[Any]) -> bool:
    """Tell whether there is a call of the BLAS for arrays of this dtype."""
    return dtype in _functions()


def combine(y: Array, x: Array, a: float, b: float = 1.0) -> bool:
    """Set y = a x + b y in place and return True; do nothing and return False if only NumPy can.

    So it is where floating-point errors are to be reported, which a BLAS does not do.
    """
    function = _functions().get(y.dtype)
    if function is None or x.dtype != y.dtype or x.shape != y.shape or reports_errors():
        return False
    try:  # only memory in C order, and writeable, has such an address
        to, source = _address(_byte(y)), _address(_byte(x))
    except (TypeError, ValueError):
        return y.size > 0 and _combine_otherwise(y, x, a, b)
    if (0 < abs(to - source) < y.nbytes) or y.size > MOST:
        return False
    if (to | source) % y.itemsize:
        return _combine_otherwise(y, x, a, b)
    if not a or not b:  # a BLAS takes 0 times infinity for 0
        return False
    function(y.size, a, source, 1, b, to, 1)
    return True


def prepared(y: Array, x: Array, a: float, b: float = 1.0) -> partial[Any] | None:
    """Return `combine(y, x, a, b)` as one call of C, for arrays that stay where they are; or None.

    It looks at nothing: errors have to be ignored, and y writeable, when it is called. Its second
    argument has a as its `value`, which may be set anew, but not to 0.
    """
    if not (y.flags.carray and x.flags.carray) or not combine(y.copy(), x, a, b):
        return None
    function = _functions()[y.dtype]
    to, source = _byte(y), _byte(x)
    values = y.size, a, _address(source), 1, b, _address(to), 1
    kinds = function.argtypes  # type: ignore[attr-defined]
    call = partial(function, *(kind(value) for kind, value in zip(kinds, values, strict=True)))
    call.memory = to, source  # type: ignore[attr-defined]  # stays as long as the call
    return call


def _combine_otherwise(y: Array, x: Array, a: float, b: float) -> bool:
    """Set y where at least one of the arrays is not a writeable one in C order."""
    alike = flat_alike(y, x)
    if alike is not None and y.flags.behaved and x.flags.behaved and not y.flags.c_contiguous:
        return combine(alike[0], alike[1], a, b)
    total = y if y.flags.carray else y.copy(order="C")
    if not combine(total, x.copy(order="C"), a, b):
        return False
    if total is not y:
        y[...] = total
    return True


@functools.cache
def _functions() -> dict[np.dtype[Any], Combine]:
    """Return the BLAS's axpby for each dtype for which there is a right one.

    Its axpy is another: on some processors that rounds its last elements otherwise, and it wakes
    the BLAS's threads, which then spin while others are to compute.
    """
    functions = {}
    for letter, number in ("s", ctypes.c_float), ("d", ctypes.c_double):
        function = _function(f"{letter}axpby", number)
        if function is not None and _rounds_alike(function, np.dtype(number)):
            functions[np.dtype(number)] = function
    return functions


def _function(name: str, number: Any) -> Combine | None:
    for library in libraries():
        # As a CDLL it lets other threads run during a call
        releasing = ctypes.CDLL(library._name, handle=library._handle)
        for pattern, integer in NAMES.items():
            function = getattr(releasing, pattern.format(name), None)
            if function is not None:
                array = number, ctypes.c_void_p, integer
                function.restype, function.argtypes = None, [integer, *array, *array]
                return function  # type: ignore[no-any-return]
    return None


def _rounds_alike(function: Combine, dtype: np.dtype[Any]) -> bool:
    """Tell whether an element's result is the same wherever it lies, and among however many."""
    count, times = 61, 9  # no part of a loop is as long: the same elements come everywhere
    x = np.tile(np.sqrt(np.arange(1, count + 1, dtype=dtype)), times)
    y = x[::-1].copy()

    def combined(size: int, b: float) -> Array:
        total = y[:size].copy()
        function(size, -0.1, x.ctypes.data, 1, b, total.ctypes.data, 1)
        return total

    for b in (0.9, 1.0):
        whole = combined(len(x), b).reshape(times, count)
        parts = [(combined(size, b) == whole[0, :size]).all() for size in range(1, count)]
        if (whole != whole[0]).any() or not all(parts):
            return False
    return True
