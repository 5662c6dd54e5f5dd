"""answer_of(): the quick answer of a prepared step, as one straight function made for it.

It takes the usual way alone: every argument lies where the step was prepared for it, and nobody
holds the step's results. Whatever else comes, it returns None, and `OpStep.answer` looks closer.
Matching is most of what a call costs at small sizes, so nothing is looped over: the function is
written out as text and compiled, as NumPy does not offer and closures of every arity would not
read better. `print(answer_of(step).text)` shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.record import record
from tinygrad_mnist.autograd.tensor import Leaf, Node, Tensor, new
from tinygrad_mnist.autograd.writes import tick
from tinygrad_mnist.jit.likeness import same
from tinygrad_mnist.jit.op_step import ANY_NODE

Answer = Callable[[Any, tuple[Any, ...], dict[str, Any], bool], Any]


class Text:
    """Lines of a function, and the objects that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self.indent = "    "

    def name(self, what: str, value: Any) -> str:
        """Give an object a name of its own."""
        name = f"{what}{len(self.names)}"
        self.names[name] = value
        return name

    def add(self, line: str) -> None:
        """Add a line to the function's body."""
        self.lines.append(self.indent + line)

    def compiled(self, head: str, filename: str) -> Any:
        """Make the function."""
        text = "\n".join([head, *self.lines])
        exec(compile(text, filename, "exec"), self.names)
        function = self.names[head[4 : head.index("(")]]
        function.text = text
        return function


def answer_of(step: Any, path: Any) -> Answer:
    """Make the quick answer of a prepared step; `path` holds the steps up to it."""
    t = Text()
    t.names |= {
        "new": new, "tick": tick, "getrefcount": getrefcount, "same": same, "record": record,
        "Tensor": Tensor, "Node": Node, "ndarray": np.ndarray, "step": step, "op": step.op, "outs": step.outs,
    }  # fmt: skip
    count = len(step.arguments)
    args = [f"a{i}" for i in range(count)]
    t.add(f"if grad is not {step.grad} or len(args) != {count} or len(kw) != {len(step.kw)}:")
    t.add("    return None")
    for key, value in step.kw.items():
        known = t.name("kw", value)
        t.add(f"if kw[{key!r}] is not {known} and not same(kw[{key!r}], {known}): return None")
    if args:
        t.add(f"{', '.join(args)}, = args")
    t.add("nodes = call.nodes")
    t.add("try:")
    t.indent = "        "
    arrays = [one_argument(t, a, arg, path) for a, arg in zip(args, step.arguments, strict=True)]
    t.add("pass")
    t.indent = "    "
    t.add("except AttributeError:  # not a Tensor")
    t.add("    return None")
    for i in range(len(step.outs)):
        t.add(f"if getrefcount(outs[{i}]) != {step.idle - 1}: return None")
    t.add("try:")
    for place, number in step.feeds:
        t.add(f"    {t.name('place', place)}[...] = {arrays[number]}")
    for one in step.run:
        t.add(f"    {t.name('run', one)}()")
    t.add("except Exception:  # let the op itself say what is wrong")
    t.add("    return record(op, args, kw, grad)")
    t.add("out = new(Tensor)")
    t.add("out._data = y = outs[0]")
    if step.makes_node:
        add_node(t, step, args, arrays)
    else:
        t.add("out._node = None")
    t.add("call.here = step")
    t.add("return out")
    return t.compiled("def answer(call, args, kw, grad):", f"<{step.op.name}>")  # type: ignore[no-any-return]


def one_argument(t: Text, name: str, argument: Any, path: Any) -> str:
    """Add the lines that look at one argument; returns the name of its array."""
    if argument.shape is None:
        known = t.name("number", argument.value)
        t.add(f"if {name} is not {known} and not same({name}, {known}): return None")
        return name
    array = "d" + name
    if argument.is_tensor:
        t.add(f"{array} = {name}._data")
        if argument.slot is not None:
            t.add(f"if {name}._node is not nodes[{argument.slot}]: return None")
        elif argument.node is ANY_NODE:
            t.add(f"if {name}._node is None: return None")
    else:
        t.add(f"{array} = {name}")
    if argument.step is not None:
        outs = path[argument.step].outs
        if outs:
            t.add(f"if {array} is not {t.name('made', outs)}[0]: return None")
        else:  # a view, which is another array in each call
            at = argument.step
            t.add(f"if {array} is not call.views[{at}]: return None")
    elif argument.array is not None:
        t.add(f"if {array} is not {t.name('array', argument.array)}: return None")
        if not isinstance(argument.node, Leaf):  # it may be resized, or turned, in place
            t.add(
                f"if {array}.strides != {argument.array.strides!r} "
                f"or {array}.shape != {argument.shape!r}: return None"
            )
    else:
        if not argument.is_tensor:
            t.add(f"if type({array}) is not ndarray: return None")
        t.add(
            f"if {array}.shape != {argument.shape!r} or {array}.strides != {argument.strides!r} "
            f"or {array}.dtype != {t.name('dtype', argument.dtype)}: return None"
        )
    return array


def add_node(t: Text, step: Any, args: list[str], arrays: list[str]) -> None:
    """Add the lines that make the node."""
    op = step.op
    nodes = [
        f"{name}._node" if argument.is_tensor and place not in op.constants else "None"
        for place, (name, argument) in enumerate(zip(args, step.arguments, strict=True))
    ]
    kept = ["None"] if op.variadic else arrays + ["None"] * len(step.padding)
    kept += ["y", *(f"outs[{i}]" for i in range(1, len(step.outs))), "kw", "None"]
    t.add("out._node = node = new(Node)")
    t.add("node.op = op")
    t.add(f"node.source = ({''.join(n + ', ' for n in nodes)})")
    if step.keep is None:
        t.add("node.saved = ()")
    else:
        saved = step.keep(kept)
        t.add(f"node.saved = ({''.join(s + ', ' for s in saved)})")
    t.add(f"node.shape = {t.name('shape', step.outs[0].shape)}")
    t.add(f"node.dtype = {t.name('dtype', step.outs[0].dtype)}")
    t.add("node.order = tick()")
    t.add("node.hooks = None")
    t.add(f"nodes[{step.depth}] = node")


def check_of(step: Any) -> Callable[[Any], bool]:
    """Make the function that tells whether a bound walk may run: see `BackwardStep.ready`.

    It looks at no writes. Whatever is not as expected, `BackwardStep.ready` finds again.
    """
    t = Text()
    t.names |= {"Node": Node, "same": same, "ndarray": np.ndarray}
    t.add("nodes = call.nodes")
    for depth in step.nodes:
        t.add(f"n{depth} = nodes[{depth}]")
        t.add(f"if n{depth}.__class__ is not Node or n{depth}.hooks is not None: return False")
        t.add(f"s{depth} = n{depth}.saved")
        t.add(f"if s{depth} is None: return False")
    for leaf in step.leaves:
        t.add(f"if {t.name('leaf', leaf)}.hooks: return False")
    for depth, place, expected in step.kept:
        known = t.name("kept", expected)
        unlike = "" if isinstance(expected, np.ndarray) else f" and not same(s{depth}[{place}], {known})"
        t.add(f"if s{depth}[{place}] is not {known}{unlike}: return False")
    for depth, place, outs, number in step.made:
        t.add(f"if s{depth}[{place}] is not {t.name('outs', outs)}[{number}]: return False")
    for depth, place, view in step.views:
        t.add(f"if s{depth}[{place}] is not call.views[{view}]: return False")
    for depth, place, twin, its_place in step.alike:
        t.add(f"if s{depth}[{place}] is not s{twin}[{its_place}]: return False")
    for depth, place, number in step.feeds:
        like = step.program.inputs[number]
        t.add(f"a = s{depth}[{place}]")
        t.add(f"if a.__class__ is not ndarray or a.shape != {like.shape!r}: return False")
        t.add(f"if a.strides != {like.strides!r} or a.dtype != {t.name('dtype', like.dtype)}:")
        t.add("    return False")
    t.add("return True")
    return t.compiled("def check(call):", "<backward>")  # type: ignore[no-any-return]
