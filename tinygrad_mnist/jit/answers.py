"""answer_of(): the shortcut of a prepared step, one function without a loop, made for the step.

A shortcut handles the usual case alone: every argument lies where the step was prepared for it,
and nothing refers to the step's results. In any other case it returns None, and `OpStep.answer`
looks closer. Matching is most of the cost of a call at small sizes, so there is no loop: the
function is written out (`text.py`), and `print(step.shortcut.text)` shows it.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any

import numpy as np
from numpy._core.umath import clip as clip_ufunc  # type: ignore[attr-defined]

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.floats import USUAL, hush, put, restore, state
from tinygrad_mnist.autograd.gradients import accumulate
from tinygrad_mnist.autograd.graph import Leaf, Node
from tinygrad_mnist.autograd.record import record
from tinygrad_mnist.autograd.saved import check_saved
from tinygrad_mnist.autograd.tensor import Tensor, new
from tinygrad_mnist.autograd.writes import tick
from tinygrad_mnist.jit.likeness import same
from tinygrad_mnist.jit.op_step import ANY_NODE, OWN_LEAF
from tinygrad_mnist.jit.text import Text, write_each
from tinygrad_mnist.jit.unroll import take_checked

# Functions that meet no floating-point error: copies, and comparisons with a number
QUIET = {np.take, take_checked, np.clip, clip_ufunc, np.maximum, np.minimum}
Answer = Callable[[Any, Any, tuple[Any, ...], dict[str, Any], bool], Any]


def answer_of(step: Any, path: Any) -> Answer:
    """Make the shortcut of a prepared step; `path` holds the steps up to it."""
    t = Text()
    t.names |= {
        "new": new, "tick": tick, "getrefcount": getrefcount, "same": same, "record": record,
        "Tensor": Tensor, "Node": Node, "Leaf": Leaf, "ndarray": np.ndarray, "step": step,
        "op": step.op, "outs": step.outs, "hush": hush, "restore": restore, "state": state,
        "USUAL": USUAL,
    }  # fmt: skip
    count = len(step.arguments)
    args = [f"a{i}" for i in range(count)]
    t.add(f"if which is not op or grad is not {step.grad}: return None")
    t.add(f"if {'len(kw) != ' + str(len(step.kw)) if step.kw else 'kw'}: return None")
    for key, value in step.kw.items():
        name = t.name("kw", value)
        t.add(f"if kw[{key!r}] is not {name} and not same(kw[{key!r}], {name}): return None")
    if step.makes_node or any(type(a.node) is int for a in step.arguments):
        t.add("nodes = call.nodes")
    t.add("try:")
    t.indent = "        "
    t.add(f"[{', '.join(args)}] = args")
    arrays = [
        one_argument(t, a, arg, path, step.grad)
        for a, arg in zip(args, step.arguments, strict=True)
    ]
    t.indent = "    "
    t.add("except (AttributeError, ValueError):  # not a Tensor; more of them, or fewer")
    t.add("    return None")
    for i in range(len(step.outs)):
        t.add(f"if getrefcount(outs[{i}]) != {step.idle - 1}: return None")
    silent = not all(map(meets_no_error, step.lines))
    if silent:
        t.add("usual = state() is USUAL")
    t.add("try:")
    if silent:
        t.add("    if usual: hush()")
    for buffer, number in step.feeds:
        t.add(f"    {t.name('buffer', buffer)}[...] = {arrays[number]}")
    t.indent = "        "
    write_each(t, step.run)
    t.indent = "    "
    t.add("except Exception:  # let the op itself raise the error")
    if silent:
        t.add("    if usual: restore()")
    t.add("    return record(op, args, kw, grad=grad)")
    if silent:
        t.add("finally:")
        t.add("    if usual: restore()")
    t.add("out = new(Tensor)")
    t.add("out._data = y = outs[0]")
    t.add("out._origin = None")
    if step.makes_node:
        add_node(t, step, args, arrays)
    else:
        t.add("out._node = None")
    t.add("call.last_step = step")
    t.add("return out")
    return t.compiled("def answer(call, which, args, kw, grad):", f"<{step.op.name}>")  # type: ignore[no-any-return]


def meets_no_error(call: Any) -> bool:
    """Tell whether a prepared call cannot meet a floating-point error."""
    return getattr(call, "func", None) in QUIET


def unlike(t: Text, node: Any) -> str:
    """Return the comparison that is true of a node that an argument must not have."""
    if node is None:
        return " is not None"
    if node is ANY_NODE:
        return " is None"
    if node is OWN_LEAF:
        return ".__class__ is not Leaf"
    if type(node) is int:
        return f" is not nodes[{t.name('depth', node)}]"
    return f" is not {t.name('leaf', node)}"


def one_argument(t: Text, name: str, argument: Any, path: Any, checks_nodes: bool) -> str:
    """Add the lines that check one argument; return the name of its array."""
    if argument.shape is None:
        expected = t.name("number", argument.value)
        t.add(f"if {name} is not {expected} and not same({name}, {expected}): return None")
        return name
    array = "d" + name
    if argument.is_tensor:
        t.add(f"{array} = {name}._data")
        if checks_nodes:
            t.add(f"if {name}._node{unlike(t, argument.node)}: return None")
    else:
        t.add(f"{array} = {name}")
    if argument.step is not None:
        outs = path[argument.step].outs
        if outs:
            t.add(f"if {array} is not {t.name('made', outs)}[0]: return None")
        else:  # a view, which is another array in each call
            t.add(f"if {array} is not call.views[{t.name('depth', argument.step)}]: return None")
    elif argument.array is not None:
        t.add(f"if {array} is not {t.name('array', argument.array)}: return None")
        if not isinstance(
            argument.node, Leaf
        ):  # an array that may be resized or transposed in place
            t.add(
                f"if {array}.strides != {t.name('strides', argument.array.strides)} "
                f"or {array}.shape != {t.name('shape', argument.shape)} "
                f"or {array}.dtype != {t.name('dtype', argument.dtype)}: return None"
            )
    else:
        if not argument.is_tensor:
            t.add(f"if type({array}) is not ndarray: return None")
        t.add(
            f"if {array}.shape != {t.name('shape', argument.shape)} "
            f"or {array}.strides != {t.name('strides', argument.strides)} "
            f"or {array}.dtype != {t.name('dtype', argument.dtype)}: return None"
        )
    return array


def add_node(t: Text, step: Any, args: list[str], arrays: list[str]) -> None:
    """Add the lines that make the node."""
    op = step.op
    nodes = [
        f"{name}._node" if argument.is_tensor and index not in op.constants else "None"
        for index, (name, argument) in enumerate(zip(args, step.arguments, strict=True))
    ]
    values = ["None"] if op.variadic else arrays + ["None"] * len(step.padding)
    values += ["y", *(f"outs[{i}]" for i in range(1, len(step.outs))), "kw", "None"]
    t.add("out._node = node = new(Node)")
    t.add("node.op = op")
    t.add(f"node.source = ({''.join(n + ', ' for n in nodes)})")
    if step.keep is None:
        t.add("node.saved = ()")
    else:
        saved = step.keep(values)
        t.add(f"node.saved = ({''.join(s + ', ' for s in saved)})")
    t.add(f"node.shape = {t.name('shape', step.outs[0].shape)}")
    t.add(f"node.dtype = {t.name('dtype', step.outs[0].dtype)}")
    t.add("node.order = tick()")
    t.add("node.hooks = None")
    t.add(f"nodes[{t.name('depth', step.depth)}] = node")


def walk_of(step: Any) -> Callable[[Any, bool], bool]:
    """Make the function that walks by bound calls.

    It returns False, and does nothing, where something differs: see `BackwardStep`.
    """
    program, path = step.program, step.path()
    t = Text()
    t.names |= {
        "Node": Node, "same": same, "ndarray": np.ndarray, "step": step, "writes": writes,
        "unwritten": unwritten, "calls": program.bound, "step_keep_grads": step.keep_grads,
        "deque": deque, "call_each": operator.call, "state": state, "hush": hush, "put": put,
        "Leaf": Leaf, "accumulate": accumulate,
    }  # fmt: skip
    t.add("nodes = call.nodes")
    for depth in step.nodes:
        t.add(f"n{depth} = nodes[{depth}]")
        t.add(f"if n{depth}.hooks is not None: return False")
        t.add(f"s{depth} = n{depth}.saved")
        t.add(f"if s{depth} is None: return False")
    leaves = {t.name("leaf", leaf): leaf for leaf in step.leaves}
    for name in leaves:
        t.add(f"if {name}.hooks: return False")
    add_own_leaves(t, step, list(leaves))
    add_comparisons(t, step)
    every = ", ".join(f"n{depth}" for depth in step.nodes)
    t.add(f"if writes.last < call.start and not unwritten(({every},)): return False")
    for depth, slot, number in step.feeds:
        t.add(f"{t.name('input', program.inputs[number])}[...] = s{depth}[{slot}]")
    if step.targets is None:
        t.add(f"empty = {' is '.join([f'{name}.grad' for name in leaves] + ['None'])}")
        t.add("if not empty: step_keep_grads()")
    t.add("before = state()")
    t.add("try:")
    t.add("    hush()  # as the engine does, whatever np.errstate is")
    t.add("    deque(map(call_each, calls), 0)  # no interrupt comes between them")
    t.add("finally:")
    t.add("    put(before)")
    if step.targets is None:
        t.add("if not empty: step.add_grads()")
        t.add("else:")
        for name, grad in zip(leaves, program.grads, strict=True):
            t.add(f"    {name}.grad = {t.name('grad', grad)}")
        t.add("    pass")
        for number, home in enumerate(program.own_homes):
            if home is not None:  # which the next call writes again
                t.add(f"accumulate(own{number}, {t.name('home', home)}, owned=False, record=False)")
    t.add("if not retain:")
    for depth in step.nodes:
        if path[depth].keep is not None and not path[depth].op.view:  # as the engine does
            t.add(f"    n{depth}.saved = None")
    t.add("    pass")
    t.add("call.last_step = step")
    t.add("return True")
    return t.compiled("def walk(call, retain):", "<backward>")  # type: ignore[no-any-return]


def add_own_leaves(t: Text, step: Any, leaves: list[str]) -> None:
    """Add the lines that find the leaves that the call has made, where the nodes point to them."""
    for number, (positions, shape, dtype) in enumerate(step.own):
        (depth, index), *others = positions
        own = f"own{number}"
        t.add(f"{own} = n{depth}.parents[{index}]")
        t.add(f"if {own}.__class__ is not Leaf or {own}.hooks: return False")
        t.add(f"if {own}.shape != {shape!r} or {own}.dtype != {t.name('dtype', dtype)}:")
        t.add("    return False")
        for depth, index in others:
            t.add(f"if n{depth}.parents[{index}] is not {own}: return False")
        for other in (*leaves, *(f"own{earlier}" for earlier in range(number))):
            t.add(f"if {own} is {other}: return False")


def add_comparisons(t: Text, step: Any) -> None:
    """Add the lines that check what the nodes save."""
    for depth, slot, expected in step.fixed:
        name = t.name("fixed", expected)
        if isinstance(expected, np.ndarray):
            t.add(f"if s{depth}[{slot}] is not {name}: return False")
        else:
            value = f"s{depth}[{slot}]"
            t.add(f"if {value} is not {name} and not same({value}, {name}): return False")
    for depth, slot, outs, number in step.made:
        t.add(f"if s{depth}[{slot}] is not {t.name('outs', outs)}[{number}]: return False")
    for depth, slot, view in step.views:
        t.add(f"if s{depth}[{slot}] is not call.views[{view}]: return False")
    for depth, slot, twin, twin_slot in step.alike:
        t.add(f"if s{depth}[{slot}] is not s{twin}[{twin_slot}]: return False")
    for depth, slot, number in step.feeds:
        like = step.program.inputs[number]
        t.add(f"a = s{depth}[{slot}]")
        t.add(f"if a.__class__ is not ndarray or a.shape != {like.shape!r}: return False")
        t.add(f"if a.strides != {like.strides!r} or a.dtype != {t.name('dtype', like.dtype)}:")
        t.add("    return False")


def unwritten(nodes: Sequence[Node]) -> bool:
    """Tell whether no node saves an array that was written to after the node was made.

    The engine may compute such an output again, but bound calls could not use it.
    """
    try:
        for node in nodes:
            saved = node.saved
            if saved is None or writes.last >= node.order:
                continue
            if check_saved(node) is not saved:
                return False
    except RuntimeError:
        return False
    return True
