"""Read and set the number of threads of NumPy's BLAS, without any other package.

The best number depends on the machine at that moment. On an idle machine two threads are faster;
beside a busy process they wait for each other, and a product of 50 us may take 16 ms. The number
decides the last bits of a product, too. So it is chosen once, before there is anything to compute
with, and then stays: see `settle`.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
from _thread import RLock  # without loading threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist import cores

VARIABLES = (
    "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
STOP = "blas_thread_shutdown_"  # what OpenBLAS calls before a fork
NUMBERS = "blas_cpu_number", "blas_num_threads"  # to use, and how many there have been
settled = False  # whether this process has chosen its number of threads, or its user has
_settling = RLock()  # held while a number is chosen: other threads wait for it
_lock = RLock()  # a signal's handler may come to it again
_inside = 0  # how many calls are inside `one_thread_each`
_later = 1  # the number of threads that the BLAS will have when the last of them has left

SetThreads = Callable[[int], object]
NAMES = ("scipy_openblas_{}64_", "scipy_openblas_{}", "openblas_{}64_", "openblas_{}")


class Blas(NamedTuple):
    """A BLAS: `get()` and `put(n)` read and set its threads, by one call of C where possible."""

    get: Callable[[], int]
    set_threads: SetThreads
    is_known: bool = True
    stop_threads: Callable[[], object] = bool  # until the next product: they spin while they wait
    used: Any = None  # C's own numbers: how many threads to use, and how many there have been
    most: Any = None


@functools.cache
def blas() -> Blas:
    """Return NumPy's BLAS; an unknown BLAS counts as one thread that cannot be changed."""
    for library in libraries():
        for name in NAMES:
            get = getattr(library, name.format("get_num_threads"), None)
            set_threads = getattr(library, name.format("set_num_threads"), None)
            if get is not None and set_threads is not None:
                used, most = _numbers(library)
                put, stop = _without_starting(set_threads, used, most), getattr(library, STOP, bool)
                return Blas(get, put, stop_threads=stop, used=used, most=most)
    return _by_threadpoolctl() or Blas(lambda: 1, lambda count: None, is_known=False)


def _numbers(library: Any) -> tuple[Any, Any]:
    """Return the numbers of threads that OpenBLAS holds; None for both where they have no names."""
    try:
        used, most = (ctypes.c_int.in_dll(library, name) for name in NUMBERS)
    except ValueError:
        return None, None
    return used, most


def _without_starting(set_threads: SetThreads, used: Any, most: Any) -> SetThreads:
    """Return `set_threads`, but let stopped threads be until a product needs them.

    OpenBLAS's own call starts them, and they spin until the next `stop_spinning`: both together
    took 60 us. What else it does is to write how many to use, if there have been as many.
    """
    if used is None:
        return set_threads

    def use(count: int) -> None:
        if count <= most.value:
            used.value = count
        else:
            set_threads(count)

    return use


def libraries() -> list[Any]:
    """Return handles of the OpenBLAS that came with NumPy, which is loaded already.

    As PyDLL they keep the GIL in a call: no other thread of Python begins a product meanwhile, nor
    a fork, for which OpenBLAS waits for the end of its threads, for ever if others start then.
    """
    handles = []
    for folder in ("../numpy.libs", ".libs", ".dylibs"):
        path = os.path.join(os.path.dirname(np.__file__), folder)
        for name in os.listdir(path) if os.path.isdir(path) else ():
            if "openblas" in name:
                with contextlib.suppress(OSError):  # built for another architecture, for example
                    handles.append(ctypes.PyDLL(os.path.join(path, name)))
    return handles


def _by_threadpoolctl() -> Blas | None:
    """Return the BLAS that threadpoolctl finds, where threadpoolctl is installed."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    if not libraries:
        return None

    def set_threads(count: int) -> None:
        for library in libraries:
            library.set_num_threads(count)

    return Blas(lambda: max(library.num_threads or 1 for library in libraries), set_threads)


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Let the BLAS use one thread inside, and as many as before, or as are set then, afterwards.

    A KeyboardInterrupt may come behind any call, and at the start of a function of Python's. So
    what `finally` undoes is noted before the BLAS is told, nothing but `try` comes between, and it
    calls nothing before the BLAS is told again, by an assignment where that can be.
    """
    global _inside, _later
    library, is_inside = blas(), False
    try:
        with _lock:
            if not _inside:
                _later = library.get()
            _inside += 1
            is_inside = True
            if _inside == 1:
                library.set_threads(1)
        yield
    finally:
        if is_inside:
            with _lock:
                _inside -= 1 if _inside else 0  # in a fork from inside there is none
                if not _inside:
                    if library.used is not None and _later <= library.most.value:
                        library.used.value = _later
                    else:
                        library.set_threads(_later)


def stop_spinning(is_safe: Callable[[], bool]) -> bool:
    """Stop the BLAS's threads until its next product, where one call is inside and `is_safe()`.

    Returns whether they were stopped.
    """
    with _lock:
        stops = _inside == 1 and is_safe()
        if stops:
            blas().stop_threads()
        return stops


def _forget_threads() -> None:
    """Begin anew in a fork: of its parent's threads none will leave `one_thread_each`.

    The BLAS is not called: a lock of its own may be held.
    """
    global _inside, _lock, _settling
    _inside, _lock, _settling = 0, RLock(), RLock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_threads)


def settle() -> None:
    """Use as many threads as there are cores that other processes leave free, at least one.

    Called for the first Tensor that asks for a gradient, unless the user has set a number. Tensors
    of other threads wait for it; what the user sets meanwhile wins.
    """
    with _settling:
        most = get_num_threads()
        if settled or most == 1 or is_set_by_user():
            _settle_on(None)
            return
        free = int(cores.available() - cores.kept_busy(cores.FIRST) + 0.5)
        _settle_on(max(1, min(most, free)))


def _settle_on(count: int | None) -> None:
    """Use so many threads, unless a number is settled; None settles what there is."""
    global settled
    with _lock:
        if not settled and count is not None:
            _use(count)
        settled = True


def _use(count: int) -> None:
    """Give the BLAS so many threads, as soon as no call is inside `one_thread_each`."""
    global _later
    if _inside:
        _later = count
    else:
        blas().set_threads(count)


def is_set_by_user() -> bool:
    """Tell whether the user's environment sets the number of threads."""
    return any(map(os.environ.get, VARIABLES))


def get_num_threads() -> int:
    """Return the number of threads that products are computed with.

    NumPy's BLAS, the tiles of a jitted step, large convolutions and updates of large parameters use
    that many; other calls use one. They are as many as the machine has cores; from the first Tensor
    on that asks for a gradient, as many as other processes left free until then, where Linux tells:
    threads that wait for each other take a hundred times as long. `set_num_threads`, or a variable
    such as OPENBLAS_NUM_THREADS, settles the number, and with it the last bits of large products.
    """
    with _lock:
        return _later if _inside else blas().get()


def set_num_threads(count: int) -> None:
    """Compute products with `count` threads from now on, in the whole process, as in PyTorch.

    NumPy's own products use as many: the number belongs to its BLAS. The last bits of large
    products depend on it. Raises TypeError unless `count` is an int, and RuntimeError unless it is
    positive or where NumPy's BLAS is unknown.
    """
    global settled
    if not isinstance(count, int) or isinstance(count, bool):
        kind = type(count).__name__
        raise TypeError(f"set_num_threads expects an int, but got {kind}")
    if count < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    library = blas()
    if not library.is_known and count > 1:
        raise RuntimeError(
            "the threads of NumPy's BLAS cannot be set from here; install threadpoolctl, "
            "or set its environment variable before Python starts"
        )
    with _lock:
        settled = True
        _use(count)
