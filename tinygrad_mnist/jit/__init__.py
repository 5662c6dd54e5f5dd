"""jit(): NumPy calls, prepared in advance, answer the ops of a function.

The rest of the package reaches this folder by the three protocols of `autograd/listeners.py` alone,
and no op refers to it: whatever the table can do, a program can. Read in this order:

function.py       the door: which form a function gets
callable.py       what all forms share: a name, copies, methods

The default form, in which the function itself runs (docs/one-step.md follows one call):
followed.py       a call: begin, run the function, end
follow.py         the Follower: which step comes next, and what happens where another one comes
op_step.py        one op call: how it is recognised, and what answers it
backward_step.py  one backward()
update_step.py    one optimizer.step()
learn.py          a call as it was seen, made into steps
prepare.py        the buffers and the NumPy calls of a step
answers.py        the usual way through a step, written out as one function
text.py           functions written out
likeness.py       equal, in type and sign too

Binding, for both forms:
tape.py           calls and effects, recorded as they happen
liveness.py       which entries of a tape are needed, and how long each array lives
bind.py           a tape's entries as NumPy calls on buffers
unroll.py         a kernel as the NumPy calls that it makes
in_place.py       results that take the place of an argument
effects.py        steps that change something outside
joint_optimizer.py  an optimizer's parameters in one buffer, and its step
joint.py          the states of those parameters as one, for one update
memory.py         buffers, used again
views.py          the same view of other memory
respell.py        each NumPy call in its cheapest form
program.py        the calls, replayed and printed
passes.py         what makes a program fast, by name

The pure form, in which a replay stands for the function:
pure.py           capture and replay
replay.py         a whole call, written out as one function
guards.py         the assumptions of a program, checked before each replay
signatures.py     which calls are alike
names.py          what a function finds around it
outputs.py        the Tensors that it returns

Tiles, for batches larger than a cache:
tiles.py          some rows at a time
tile_size.py      how many rows, by sizes
tile_tapes.py     a call on some of the rows, recorded
pooled_convs.py   convolution and pooling as one call
tile_program.py   the steps for one tile
rows.py           the proof that the rows may be cut
threads.py        threads in the place of the BLAS's own
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
