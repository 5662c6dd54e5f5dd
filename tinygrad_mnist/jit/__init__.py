"""jit(): a function's ops, answered by NumPy calls that were prepared for them.

Nothing outside this folder knows of it but by the three protocols of `autograd/listeners.py`, and
no op knows of it: whatever the table can do, a program can. Read in this order:

function.py       the door: which form a function gets      callable.py  what all forms share
The default form, in which the function itself runs (docs/one-step.md follows one call):
followed.py       a call: begin, run the function, end
follow.py         the Follower: which step comes next, and what to do where another one does
op_step.py        one op call: how it is recognised, and what answers it
backward_step.py  one backward()                            update_step.py  one optimizer.step()
learn.py          steps made of what a call has seen        prepare.py  their buffers and calls
answers.py        the usual way of a step, written out      text.py  functions written out
likeness.py       equal, in type and sign too
What both forms are bound with:
tape.py           calls and effects as they happen          program.py  a tape as NumPy calls
unroll.py         a kernel as the NumPy calls it makes      quick.py  each in its cheapest form
memory.py         buffers, used again                       looks.py  the same look at other memory
flat.py           an optimizer's parameters in one buffer   passes.py  what makes it fast, by name
The pure form, in which a replay stands for the function:
pure.py           capture and replay                        guards.py, names.py  what it relies on
results.py        what it returns
Tiles, for batches larger than a cache:
tiles.py          some rows at a time, on threads.py        heard.py  a call on some rows
rows.py           the proof that the rows may be cut
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.compat.scripting import Final as Final
    from tinygrad_mnist.compat.scripting import ScriptModule as ScriptModule
    from tinygrad_mnist.compat.scripting import annotate as annotate
    from tinygrad_mnist.compat.scripting import export as export
    from tinygrad_mnist.compat.scripting import freeze as freeze
    from tinygrad_mnist.compat.scripting import ignore as ignore
    from tinygrad_mnist.compat.scripting import interface as interface
    from tinygrad_mnist.compat.scripting import is_scripting as is_scripting
    from tinygrad_mnist.compat.scripting import is_tracing as is_tracing
    from tinygrad_mnist.compat.scripting import load as load
    from tinygrad_mnist.compat.scripting import optimize_for_inference as optimize_for_inference
    from tinygrad_mnist.compat.scripting import save as save
    from tinygrad_mnist.compat.scripting import script as script
    from tinygrad_mnist.compat.scripting import script_method as script_method
    from tinygrad_mnist.compat.scripting import trace as trace
    from tinygrad_mnist.compat.scripting import unused as unused
    from tinygrad_mnist.jit.callable import JitFunction as JitFunction
    from tinygrad_mnist.jit.function import jit as jit
else:
    __getattr__, __dir__, __all__ = page(
        __name__,
        {
            "callable": "JitFunction",
            "function": "jit",
            ".compat.scripting": (  # PyTorch's names, from a layer above: on demand
                "Final ScriptModule annotate export freeze ignore interface is_scripting "
                "is_tracing load optimize_for_inference save script script_method trace unused"
            ),
        },
    )


class _Callable(types.ModuleType):
    """Lets `tinygrad_mnist.jit` be the folder and the decorator at once."""

    def __call__(self, *args: Any, **kw: Any) -> Any:
        from tinygrad_mnist.jit.function import jit

        return jit(*args, **kw)


sys.modules[__name__].__class__ = _Callable
