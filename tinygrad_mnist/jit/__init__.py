"""jit(): run a function of Tensors once on a tape, then replay it as a list of NumPy calls.

`tape.py` hears, `program.py` binds and replays, `unroll.py` opens kernels, `memory.py` plans.
No op is named here, and no op knows of it: whatever the table can do, a program can.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.jit.function import jit as jit
    from tinygrad_mnist.jit.pure import PureFunction as PureFunction
else:
    __getattr__, __dir__, __all__ = page(__name__, {"function": "jit", "pure": "PureFunction"})


class _Callable(types.ModuleType):
    """Lets `tinygrad_mnist.jit` be the folder and the decorator at once."""

    def __call__(self, *args: Any, **kw: Any) -> Any:
        from tinygrad_mnist.jit.function import jit

        return jit(*args, **kw)


sys.modules[__name__].__class__ = _Callable
