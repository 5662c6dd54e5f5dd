"""op() and its recorders: an op is a function that, given Tensors, leaves a node for backward.

The usual calls have a recorder of their own, in which nothing is looped over: at small sizes
recording is most of what a call costs. `record` is the general case, and what all of them do.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.dtypes import promote
from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.autograd.graph import Node
from tinygrad_mnist.autograd.modes import MODES
from tinygrad_mnist.autograd.op import REGISTRY, Kernel, Op, Rule
from tinygrad_mnist.autograd.tensor import Tensor, new
from tinygrad_mnist.autograd.views import look

if TYPE_CHECKING:
    from tinygrad_mnist.autograd.listeners import Tape

ndarray, asarray, tick = np.ndarray, np.asarray, writes.tick


def recorder(it: Op) -> Callable[[Op], Callable[..., Any]]:
    """Which way of recording fits: the usual calls have one of their own."""
    if it.residual or it.variadic or it.draws:
        return general
    match len(it.params), bool(it.keywords or it.view):
        case 1, False:
            return unary
        case 1, True:
            return general if it.promotes else unary_with_settings
        case 2, False:
            return binary
        case 3, False if None not in it.rules and not it.promotes:
            return ternary
    return general


def unary(it: Op) -> Callable[..., Any]:
    """One array."""
    kernel, promotes = it.kernel, it.promotes
    has_rule = it.rules[0] is not None
    keeps_x, keeps_y = it.mask([True])[:2]
    keeps = keeps_x or keeps_y

    def call(input: Any) -> Any:
        if not isinstance(input, Tensor):
            return kernel(input)
        if MODES:
            return special(it, (input,), {})
        array = input._data
        usual = state() is USUAL
        try:
            if usual:
                hush()
            y = kernel(array)
        except Exception as error:
            raise it.explain(error, (input,), {}) from None
        finally:
            if usual:
                restore()
        if type(y) is not ndarray:
            y = asarray(y)
        if promotes and y.dtype is not array.dtype:
            return record(it, (input,), {})
        out = new(Tensor)
        out._data = y
        parent = input._node
        if parent is None or not has_rule:
            out._node = None
            return out
        out._node = node = new(Node)
        node.op = it
        node.source = parent
        node.saved = (array if keeps_x else None, y if keeps_y else None, None) if keeps else ()
        node.shape = parent.shape if promotes else y.shape
        node.dtype = y.dtype
        node.order = tick()
        node.hooks = None
        return out

    return call


def unary_with_settings(it: Op) -> Callable[..., Any]:
    """One array, and settings by name."""
    kernel, has_rule, view = it.kernel, it.rules[0] is not None, it.view
    keeps_x, keeps_y, keeps_kw = flags = it.mask([True])
    keeps = True in flags

    def call(x: Any, **kw: Any) -> Any:
        if not isinstance(x, Tensor):
            return kernel(x, **kw)
        if MODES:
            return special(it, (x,), kw)
        array = x._data
        usual = state() is USUAL
        try:
            if usual:
                hush()
            y = kernel(array, **kw)
        except Exception as error:
            raise it.explain(error, (x,), kw) from None
        finally:
            if usual:
                restore()
        if type(y) is not ndarray:
            y = asarray(y)
        out = new(Tensor)
        out._data = y
        if view:
            look(x, out, it, kw)
        parent = x._node
        if parent is None or not has_rule:
            out._node = None
            return out
        out._node = node = new(Node)
        node.op = it
        node.source = parent
        node.saved = (
            (array if keeps_x else None, y if keeps_y else None, kw if keeps_kw else None)
            if keeps
            else ()
        )
        node.shape = y.shape
        node.dtype = y.dtype
        node.order = tick()
        node.hooks = None
        return out

    return call


def binary(it: Op) -> Callable[..., Any]:
    """Two arrays, of which one may be a number."""
    kernel, promotes = it.kernel, it.promotes
    rule_a, rule_b = (rule is not None for rule in it.rules)
    masks = (it.mask(need)[:3] for need in ((True, False), (False, True), (True, True)))
    keeps_a, keeps_b, keeps_ab = (mask if any(mask) else None for mask in masks)

    def call(input: Any, other: Any) -> Any:
        if MODES and (isinstance(input, Tensor) or isinstance(other, Tensor)):
            return special(it, (input, other), {})
        if isinstance(input, Tensor):
            x, node_a = input._data, input._node
            dtype = x.dtype
            if isinstance(other, Tensor):
                w, node_b = other._data, other._node
                if promotes and w.dtype is not dtype:
                    return special(it, (input, other), {})
            else:
                w, node_b = other, None
        elif isinstance(other, Tensor):
            x, node_a = input, None
            w, node_b = other._data, other._node
            dtype = w.dtype
        else:
            return kernel(input, other)
        usual = state() is USUAL
        try:
            if usual:
                hush()
            y = kernel(x, w)
        except Exception as error:
            if promotes:  # which may have a better reason to refuse
                return record(it, (input, other), {})
            raise it.explain(error, (input, other), {}) from None
        finally:
            if usual:
                restore()
        if type(y) is not ndarray:
            y = asarray(y)
        y_dtype = y.dtype
        if promotes and y_dtype is not dtype:
            return record(it, (input, other), {})
        out = new(Tensor)
        out._data = y
        if not rule_a:
            node_a = None
        if not rule_b:
            node_b = None
        if node_a is not None:
            keeps = keeps_a if node_b is None else keeps_ab
        elif node_b is not None:
            keeps = keeps_b
        else:
            out._node = None
            return out
        out._node = node = new(Node)
        node.op = it
        node.source = node_a if node_b is None else (node_a, node_b)
        if keeps is None:
            node.saved = ()
        else:
            x_too, w_too, y_too = keeps
            node.saved = (x if x_too else None, w if w_too else None, y if y_too else None, None)
        shape = y.shape  # of equal ones all but one are let go
        node.shape = node_a.shape if node_a is not None and node_a.shape == shape else shape
        node.dtype = y_dtype
        node.order = tick()
        node.hooks = None
        return out

    return call


def ternary(it: Op) -> Callable[..., Any]:
    """Three arrays; the last may be left out."""
    kernel, keepers, otherwise = it.kernel, it.keepers, general(it)

    def call(a: Any, b: Any, c: Any = None) -> Any:
        if MODES and c is not None and isinstance(a, Tensor):
            return special(it, (a, b, c), {})
        if not (isinstance(a, Tensor) and isinstance(b, Tensor) and isinstance(c, Tensor)):
            return otherwise(a, b) if c is None else otherwise(a, b, c)
        x, w, v = a._data, b._data, c._data
        usual = state() is USUAL
        try:
            if usual:
                hush()
            y = kernel(x, w, v)
        except Exception as error:
            raise it.explain(error, (a, b, c), {}) from None
        finally:
            if usual:
                restore()
        out = new(Tensor)
        out._data = y
        parents = node_a, node_b, node_c = a._node, b._node, c._node
        needed = node_a is not None, node_b is not None, node_c is not None
        if True not in needed:
            out._node = None
            return out
        keep = keepers[needed]
        out._node = node = new(Node)
        node.op = it
        node.source = parents
        node.saved = keep((x, w, v, y, None, None)) if keep is not None else ()
        node.shape = y.shape
        node.dtype = y.dtype
        node.order = tick()
        node.hooks = None
        return out

    return call


def general(it: Op) -> Callable[..., Any]:
    """Any number of arrays, residuals, settings."""
    kernel, residual, draws = it.kernel, bool(it.residual), it.draws

    def call(*args: Any, **kw: Any) -> Any:
        if draws and MODES:  # a tape hears a draw even if no argument is a Tensor
            return special(it, args, kw)
        for arg in args:
            if isinstance(arg, Tensor):
                return special(it, args, kw) if MODES else record(it, args, kw)
        y = kernel(*args, **kw)
        return y[0] if residual else y

    return call


def record(
    it: Op,
    args: tuple[Any, ...],
    kw: dict[str, Any],
    *,
    grad: bool = True,
    tape: Tape | None = None,
) -> Tensor:
    """Call the kernel and, where an input requires grad, record it: the general case."""
    if it.promotes:
        try:
            args = promote(it.kernel, args)
        except TypeError as error:
            raise it.explain(error, args, kw) from None
    arrays: list[Any] = []
    parents: list[Any] = []
    needed: list[bool] = []
    for arg in args:
        node = None
        if isinstance(arg, Tensor):
            arrays.append(arg._data)
            node = arg._node
        else:
            arrays.append(arg)
        parents.append(node)
        needed.append(node is not None)
    usual = state() is USUAL
    try:
        if usual:
            hush()
        result = it.kernel(*arrays, **kw) if kw else it.kernel(*arrays)
    except Exception as error:
        raise it.explain(error, args, kw) from None
    finally:
        if usual:
            restore()
    y, residuals = (result[0], result[1:]) if it.residual else (result, ())
    if type(y) is not ndarray:
        y = asarray(y)
    out = new(Tensor)
    out._data = y
    out._node = None
    if it.view and isinstance(args[0], Tensor):
        look(args[0], out, it, kw)
    if tape is not None:
        tape.record(it, args, kw, out, residuals)
    for place in it.constants:
        if place < len(parents):
            parents[place], needed[place] = None, False
    if not grad or True not in needed:
        return out
    out._node = node = new(Node)
    node.op = it
    node.source = tuple(parents)
    if it.variadic:
        arrays, needed = [None], [True]
    keep = it.keepers[tuple(needed)]
    arrays += [None] * (len(it.params) - len(arrays))  # those that were left out
    node.saved = keep((*arrays, y, *residuals, kw, None)) if keep is not None else ()
    node.shape = y.shape
    node.dtype = y.dtype
    node.order = tick()
    node.hooks = None
    return out


def special(it: Op, args: tuple[Any, ...], kw: dict[str, Any]) -> Tensor:
    """A call while some thread is in a mode of its own: no grad, a tape, or a watch."""
    mode = MODES.get(get_ident())
    if mode is None:
        return record(it, args, kw)
    follower = mode[3]
    if follower is not None:
        answer = follower.here.ahead(follower, it, args, kw, mode[0])
        return follower.call(it, args, kw, mode[0]) if answer is None else answer  # type: ignore[no-any-return]
    grad, tape, watch, _ = mode
    out = record(it, args, kw, grad=grad, tape=tape)
    if watch is not None and out._node is not None:
        watch.called(out._node)
    return out


def op(
    kernel: Kernel,
    residual: dict[str, Rule] | None = None,
    view: bool = False,
    draws: bool = False,
    again: bool = False,
    called: str = "",
    **rules: Rule | None,
) -> Callable[..., Tensor]:
    """Declare an op: `mul = op(np.multiply, a=lambda g, b: g * b, b=lambda g, a: g * a)`.

    A keyword names the input that is differentiated, and a rule's parameters name what it needs:
    `g` the incoming gradient (always first), `y` the output, `shape` the input's shape, `i` which
    one of the kernel's `*args`, or any argument of the kernel. The parameter list is the list of
    what is kept for backward. Keyword-only arguments of the kernel are settings; positional ones
    are arrays (or numbers). A kernel with `residual` returns (output, residuals...); each residual
    comes with its definition in terms of the inputs, for derivatives of higher order. `view` says
    that the output may share memory with the input; `draws`, that the kernel draws random numbers:
    every call gives another answer; `again`, that an output which was written in place is to be
    computed again for backward, as PyTorch does not keep it at all; `called`, by which public name
    messages, `grad_fn` and `print(step)` call the op, if that differs from its name in the table.

    The op takes and returns ndarrays, or, as soon as one argument is a Tensor, Tensors.
    """
    it = Op(kernel, rules, residual, view=view, draws=draws, again=again, called=called)
    call = recorder(it)(it)
    call.op = it  # type: ignore[attr-defined]
    return call


def name_rows(table: dict[str, Any]) -> None:
    """Give each op in a module's globals the name it is bound to, and enter it in REGISTRY."""
    for name, row in table.items():
        known = getattr(row, "op", None)
        if isinstance(known, Op):
            known.row, known.name = name, known.called or name
            row.__name__ = row.__qualname__ = name
            row.__module__ = table["__name__"]
            row.__doc__ = row.__doc__ or first_sentence(known.kernel) or repr(known)
            REGISTRY[name] = known


def first_sentence(kernel: Kernel) -> str:
    """The first sentence of a kernel's docstring; a ufunc's begins with its signature.

    >>> first_sentence(np.exp)
    'Calculate the exponential of all elements in the input array.'
    """
    doc = kernel.__doc__ or ""  # python -OO drops it
    if isinstance(kernel, np.ufunc):
        doc = doc.partition("\n\n")[2]
    paragraph = " ".join(doc.strip().partition("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return sentence + stop.rstrip()
