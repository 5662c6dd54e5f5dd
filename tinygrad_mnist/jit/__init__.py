"""jit(): run a function of Tensors once on a tape, then replay it as a list of NumPy calls.

`tape.py` hears, `program.py` binds and replays, `unroll.py` opens kernels, `memory.py` plans.
No op is named here, and no op knows of it: whatever the table can do, a program can.
"""

from tinygrad_mnist.jit.function import JitFunction, jit

__all__ = ["JitFunction", "jit"]
