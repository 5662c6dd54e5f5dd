"""call_of(): a whole call of a pure function, written out as one function without a loop.

On a small batch most of a call is Python: looking at the arguments and at what is around them,
going from one step to the next, taking the result out. Each object that Python touches on the way
has to come back into the cache, from which the step's arrays have pushed it. So the checks of
`guards.py`, the steps of a `Program` and the result of `outputs.py` are one straight line here. It
handles the usual call; where something is unusual, it leaves the call to `replay`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.jit.effects import EffectStep
from tinygrad_mnist.jit.guards import Guards
from tinygrad_mnist.jit.outputs import Plan
from tinygrad_mnist.jit.program import Program, Unfinished
from tinygrad_mnist.jit.respell import unwrapped
from tinygrad_mnist.jit.text import MANY, Text, write_each

Call = Callable[[tuple[Any, ...]], Any]

MISSED: Any = type("Missed", (), {"__repr__": lambda self: "MISSED"})()


def replay(program: Any, results: Plan, arrays: Sequence[Any], args: tuple[Any, ...]) -> Any:
    """Run a program on the arrays of a call's arguments, and take the results from its buffers.

    Raises Unfinished for an error before anything has changed; random numbers that were drawn by
    then will be drawn again.
    """
    states = [(generator, generator.state) for generator in program.generators]
    try:
        program.replay(arrays)
    except Unfinished:
        for generator, before in states:
            generator.state = before
        raise
    return results(arrays, args)


def call_of(program: Any, guards: Guards, results: Plan, is_next: bool) -> Call:
    """Make the function of a call's arguments that returns the call's result.

    It returns MISSED, and does nothing, where the program does not stand for the call. With
    `is_next`, the call comes directly after another one: see `Guards.write`. Raises what `replay`
    raises.
    """
    t = Text()
    t.names |= {
        "missed": MISSED, "replay": partial(replay, program, results), "results": results,
        "state": state, "hush": hush, "restore": restore, "USUAL": USUAL,
    }  # fmt: skip
    arrays = guards.write(t, is_next)
    listed = f"[{', '.join(arrays)}]"
    if not isinstance(program, Program) or not program.is_plain:
        if getattr(program, "grad_feeds", ()):
            t.names["fits"] = program.fits
            t.add(f"if not fits({listed}): return missed")
        t.add(f"return replay({listed}, args)")
        return t.compiled("def call(args):", "<call>")  # type: ignore[no-any-return]
    t.add(f"if state() is not USUAL: return replay({listed}, args)")
    for number, buffer in program.feeds:
        t.add(f"{t.name('buffer', buffer)}[...] = {arrays[number]}")
    write_steps(t, program, is_next)
    results.write(t, listed)
    return t.compiled("def call(args):", "<call>")  # type: ignore[no-any-return]


def write_steps(t: Text, program: Program, is_next: bool) -> None:
    """Add the lines that run a program's steps, and leave its gradients in the leaves.

    `entry` is the number of the tape's entry that is under way: -1 before the first one that
    changes something outside.
    """
    t.names["failed"] = program.failed
    t.add("entry = -1")
    t.add("try:")
    t.indent = "        "
    t.add("hush()")
    write_each(t, program.silent_steps())
    before = -1
    for step, entry in program.changing_steps():
        if entry != before:
            t.add(f"entry = {entry}")
            before = entry
        write_change(t, step, is_next)
    if before != -1:
        t.add(f"entry = {sys.maxsize}")
    if len(program.grads) > MANY:
        t.names["grads"] = program.grads
        t.add("for leaf, grad in grads: leaf.grad = grad")
    else:
        for leaf, grad in program.grads:
            t.add(f"{t.name('leaf', leaf)}.grad = {t.name('grad', grad)}")
    t.indent = "    "
    t.add("except BaseException as error:")
    t.add("    failed(entry, error)")
    t.add("    raise")
    t.add("finally:")
    t.add("    restore()")


def write_change(t: Text, step: Any, is_next: bool) -> None:
    """Add the lines of a step that changes something outside, or comes after such a step."""
    if isinstance(step, EffectStep) and len(step.parts) == 1:
        (part,) = step.parts
        usual = part.next_usual if is_next else part.guarded_usual
        t.add(f"if not {t.name('usual', usual)}(): {t.name('effect', step)}()")
        return
    write_each(t, unwrapped([step]))
