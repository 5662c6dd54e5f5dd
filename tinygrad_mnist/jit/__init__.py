"""jit(): run a function of Tensors once on a tape, then replay it as a list of NumPy calls.

`tape.py` hears, `program.py` binds and replays, `unroll.py` opens kernels, `memory.py` plans.
No op is named here, and no op knows of it: whatever the table can do, a program can.
"""

import sys
import types
from collections.abc import Callable
from typing import Any

from tinygrad_mnist.jit.function import JitFunction, jit

__all__ = ["JitFunction", "jit"]


class _Callable(types.ModuleType):
    """Lets `tinygrad_mnist.jit` be the folder and the decorator at once."""

    def __call__(self, function: Callable[..., Any]) -> JitFunction:
        return jit(function)


sys.modules[__name__].__class__ = _Callable
