"""Choose the OpenBLAS core, before NumPy is loaded, where the bundled OpenBLAS misjudges the CPU.

OpenBLAS 0.3.31 mistakes AMD's Zen 5 for a Haswell and leaves half of its vector units idle
(github.com/OpenMathLib/OpenBLAS, pull requests 6029 and 6033). Setting OPENBLAS_CORETYPE while
NumPy is loaded corrects that; the variable is restored at once. TINYGRAD_MNIST_BLAS=keep leaves
everything as it is. Imports nothing but the standard library: NumPy must not be loaded yet.
"""

from __future__ import annotations

import os
import sys

VARIABLE, OPT_OUT = "OPENBLAS_CORETYPE", "TINYGRAD_MNIST_BLAS"
AVX512 = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})
ZEN_5 = ("AuthenticAMD", 26)  # vendor and family, as the kernel prints them

chosen: str | None = None  # the core that load_numpy() chose, if any
reason = "NumPy was loaded without tinygrad_mnist"


def misjudged_core(cpuinfo: str) -> str | None:
    """Return the core that OpenBLAS should use on a CPU that it misjudges; None on any other.

    >>> flags = "flags : avx512f avx512cd avx512bw avx512dq avx512vl"
    >>> misjudged_core(f"vendor_id : AuthenticAMD\\ncpu family : 26\\n{flags}")
    'SkylakeX'
    >>> misjudged_core(f"vendor_id : AuthenticAMD\\ncpu family : 25\\n{flags}") is None
    True
    """
    lines = (line.partition(":") for line in cpuinfo.split("\n\n")[0].splitlines())
    fields = {name.strip(): value.strip() for name, _, value in lines}
    family = fields.get("cpu family", "")
    if (fields.get("vendor_id"), int(family) if family.isdigit() else None) != ZEN_5:
        return None
    return "SkylakeX" if frozenset(fields.get("flags", "").split()) >= AVX512 else None


def load_numpy(cpuinfo: str = "/proc/cpuinfo") -> None:
    """Import NumPy, choosing the core where the bundled OpenBLAS would choose a wrong one."""
    global chosen, reason
    if "numpy" in sys.modules:
        reason = "NumPy had been loaded before tinygrad_mnist: too late to choose"
        return
    if os.environ.get(OPT_OUT) == "keep":
        reason = f"{OPT_OUT}=keep"
        return
    if VARIABLE in os.environ:
        reason = f"{VARIABLE}={os.environ[VARIABLE]} was set already"
        return
    core = misjudged_core(_first_kilobytes(cpuinfo))
    if core is None:
        reason = "OpenBLAS knows this CPU (or it is not x86-64 Linux): nothing to change"
        return
    os.environ[VARIABLE] = core
    try:
        import numpy  # noqa: F401
    finally:
        del os.environ[VARIABLE]
    chosen, reason = core, "the bundled OpenBLAS takes Zen 5 for a Haswell"


def _first_kilobytes(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096)  # the block of one processor; there may be hundreds
    except OSError:
        return ""


load_numpy()
