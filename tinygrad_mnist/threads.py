"""How many threads NumPy's BLAS computes a product with: asked, and set, without any other package.

Which number is best depends on the machine at that moment. On an idle one two threads are faster;
beside a busy process they wait for each other, and a product of 50 us may take 16 ms. The number
decides the last bits of a product too. So nothing here chooses: whoever begins a run does.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

VARIABLES = (
    "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
NAMES = ("scipy_openblas_{}64_", "scipy_openblas_{}", "openblas_{}64_", "openblas_{}")


class Blas(NamedTuple):
    """`get()` and `put(n)` the number of threads; both are single calls of C where they can be."""

    get: Callable[[], int]
    put: Callable[[int], object]
    is_known: bool = True


@functools.cache
def blas() -> Blas:
    """Find NumPy's BLAS; one that is not known has one thread, and keeps it."""
    for library in _libraries():
        for name in NAMES:
            get = getattr(library, name.format("get_num_threads"), None)
            put = getattr(library, name.format("set_num_threads"), None)
            if get is not None and put is not None:
                return Blas(get, put)
    return _by_threadpoolctl() or Blas(lambda: 1, lambda count: None, is_known=False)


def _libraries() -> list[Any]:
    """Return handles of the OpenBLAS that came with NumPy, which is loaded already."""
    found = []
    for folder in ("../numpy.libs", ".libs", ".dylibs"):
        place = os.path.join(os.path.dirname(np.__file__), folder)
        for name in os.listdir(place) if os.path.isdir(place) else ():
            if "openblas" in name:
                with contextlib.suppress(OSError):  # of another architecture, say
                    found.append(ctypes.CDLL(os.path.join(place, name)))
    return found


def _by_threadpoolctl() -> Blas | None:
    """Return what threadpoolctl, where it is installed, knows of other BLAS libraries."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    if not libraries:
        return None

    def put(count: int) -> None:
        for library in libraries:
            library.set_num_threads(count)

    return Blas(lambda: max(library.num_threads or 1 for library in libraries), put)


def is_given() -> bool:
    """Tell whether the user's environment says how many threads to use."""
    return any(map(os.environ.get, VARIABLES))


def get_num_threads() -> int:
    """Return the number of threads that products are computed with.

    It is that of NumPy's BLAS, and of the tiles of a jitted step; elementwise calls take one.
    """
    return blas().get()


def set_num_threads(count: int) -> None:
    """Compute products with `count` threads from now on, in the whole process, as PyTorch's does.

    NumPy's own products take as many: the number is that of its BLAS. It decides the last bits of
    large products. Raises TypeError unless it is an int, and RuntimeError unless it is positive or
    where NumPy's BLAS is not known.
    """
    if not isinstance(count, int) or isinstance(count, bool):
        kind = type(count).__name__
        raise TypeError(f"set_num_threads expects an int, but got {kind}")
    if count < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    known = blas()
    if not known.is_known and count > 1:
        raise RuntimeError(
            "NumPy's BLAS is none that can be told how many threads to use; install threadpoolctl, "
            "or set its own variable before Python starts"
        )
    known.put(count)
