"""op() and its recorders: an op is a function that, given Tensors, leaves a node for backward.

The usual calls have a recorder of their own, in which nothing is looped over: at small sizes
recording is most of the cost of a call. `record` is the general case, and says what they all do.
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
from tinygrad_mnist.autograd.modes import MODES, is_recording
from tinygrad_mnist.autograd.op import REGISTRY, Kernel, Op, Rule
from tinygrad_mnist.autograd.tensor import Tensor, new
from tinygrad_mnist.autograd.views import look

if TYPE_CHECKING:
    from tinygrad_mnist.autograd.listeners import Tape

ndarray, asarray, tick = np.ndarray, np.asarray, writes.tick


def recorder(op: Op) -> Callable[[Op], Callable[..., Any]]:
    """Return the way to record an op's calls: the usual signatures have one of their own."""
    if op.residual or op.variadic or op.draws:
        return general
    match len(op.params), bool(op.keywords or op.view):
        case 1, False:
            return unary
        case 1, True:
            return general if op.promotes else unary_with_settings
        case 2, False:
            return binary
        case 3, False if None not in op.rules and not op.promotes:
            return ternary
    return general


def unary(op: Op) -> Callable[..., Any]:
    """Make the function of an op of one array."""
    kernel, promotes = op.kernel, op.promotes
    has_rule = op.rules[0] is not None
    keeps_x, keeps_y = op.mask([True])[:2]
    keeps = keeps_x or keeps_y

    def call(input: Any) -> Any:
        if not isinstance(input, Tensor):
            return kernel(input)
        records = is_recording() if MODES else True
        if records is None:
            return special(op, (input,), {})
        array = input._data
        usual = state() is USUAL
        try:
            if usual:
                hush()
            y = kernel(array)
        except Exception as error:
            raise op.explain(error, (input,), {}) from None
        finally:
            if usual:
                restore()
        if type(y) is not ndarray:
            y = asarray(y)
        if promotes and y.dtype is not array.dtype:
            return record(op, (input,), {})
        out = new(Tensor)
        out._data = y
        out._origin = None
        parent = input._node
        if parent is None or not has_rule or not records:
            out._node = None
            return out
        out._node = node = new(Node)
        node.op = op
        node.source = parent
        node.saved = (array if keeps_x else None, y if keeps_y else None, None) if keeps else ()
        node.shape = parent.shape if promotes else y.shape
        node.dtype = y.dtype
        node.order = tick()
        node.hooks = None
        return out

    return call


def unary_with_settings(op: Op) -> Callable[..., Any]:
    """Make the function of an op of one array, and settings by name."""
    kernel, has_rule, view = op.kernel, op.rules[0] is not None, op.view
    keeps_x, keeps_y, keeps_kw = flags = op.mask([True])
    keeps = True in flags

    def call(x: Any, **kw: Any) -> Any:
        if not isinstance(x, Tensor):
            return kernel(x, **kw)
        records = is_recording() if MODES else True
        if records is None:
            return special(op, (x,), kw)
        array = x._data
        usual = state() is USUAL
        try:
            if usual:
                hush()
            y = kernel(array, **kw)
        except Exception as error:
            raise op.explain(error, (x,), kw) from None
        finally:
            if usual:
                restore()
        if type(y) is not ndarray:
            y = asarray(y)
        out = new(Tensor)
        out._data = y
        out._origin = None
        if view:
            look(x, out, op, kw)
        parent = x._node
        if parent is None or not has_rule or not records:
            out._node = None
            return out
        out._node = node = new(Node)
        node.op = op
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


def binary(op: Op) -> Callable[..., Any]:
    """Make the function of an op of two arrays, of which one may be a number."""
    kernel, promotes = op.kernel, op.promotes
    rule_a, rule_b = (rule is not None for rule in op.rules)
    masks = (op.mask(need)[:3] for need in ((True, False), (False, True), (True, True)))
    keeps_a, keeps_b, keeps_ab = (mask if any(mask) else None for mask in masks)

    def call(input: Any, other: Any) -> Any:
        records = is_recording() if MODES else True
        if records is None and (isinstance(input, Tensor) or isinstance(other, Tensor)):
            return special(op, (input, other), {})
        if isinstance(input, Tensor):
            x, node_a = input._data, input._node
            dtype = x.dtype
            if isinstance(other, Tensor):
                w, node_b = other._data, other._node
                if promotes and w.dtype is not dtype:
                    return special(op, (input, other), {})
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
                return record(op, (input, other), {})
            raise op.explain(error, (input, other), {}) from None
        finally:
            if usual:
                restore()
        if type(y) is not ndarray:
            y = asarray(y)
        y_dtype = y.dtype
        if promotes and y_dtype is not dtype:
            return record(op, (input, other), {})
        out = new(Tensor)
        out._data = y
        out._origin = None
        if not rule_a or not records:
            node_a = None
        if not rule_b or not records:
            node_b = None
        if node_a is not None:
            keeps = keeps_a if node_b is None else keeps_ab
        elif node_b is not None:
            keeps = keeps_b
        else:
            out._node = None
            return out
        out._node = node = new(Node)
        node.op = op
        node.source = node_a if node_b is None else (node_a, node_b)
        if keeps is None:
            node.saved = ()
        else:
            x_too, w_too, y_too = keeps
            node.saved = (x if x_too else None, w if w_too else None, y if y_too else None, None)
        shape = y.shape  # share one tuple where shapes are equal
        node.shape = node_a.shape if node_a is not None and node_a.shape == shape else shape
        node.dtype = y_dtype
        node.order = tick()
        node.hooks = None
        return out

    return call


def ternary(op: Op) -> Callable[..., Any]:
    """Make the function of an op of three arrays; the last may be left out."""
    kernel, selectors, otherwise = op.kernel, op.selectors, general(op)

    def call(a: Any, b: Any, c: Any = None) -> Any:
        records = is_recording() if MODES else True
        if records is None and c is not None and isinstance(a, Tensor):
            return special(op, (a, b, c), {})
        if not (isinstance(a, Tensor) and isinstance(b, Tensor) and isinstance(c, Tensor)):
            return otherwise(a, b) if c is None else otherwise(a, b, c)
        x, w, v = a._data, b._data, c._data
        usual = state() is USUAL
        try:
            if usual:
                hush()
            y = kernel(x, w, v)
        except Exception as error:
            raise op.explain(error, (a, b, c), {}) from None
        finally:
            if usual:
                restore()
        out = new(Tensor)
        out._data = y
        out._origin = None
        parents = node_a, node_b, node_c = a._node, b._node, c._node
        needed = node_a is not None, node_b is not None, node_c is not None
        if True not in needed or not records:
            out._node = None
            return out
        select = selectors[needed]
        out._node = node = new(Node)
        node.op = op
        node.source = parents
        node.saved = select((x, w, v, y, None, None)) if select is not None else ()
        node.shape = y.shape
        node.dtype = y.dtype
        node.order = tick()
        node.hooks = None
        return out

    return call


def general(op: Op) -> Callable[..., Any]:
    """Make the function of an op of any number of arrays, with residuals and settings."""
    kernel, residual, draws = op.kernel, bool(op.residual), op.draws

    def call(*args: Any, **kw: Any) -> Any:
        if draws and MODES:  # a tape records a draw even if no argument is a Tensor
            return special(op, args, kw)
        for arg in args:
            if isinstance(arg, Tensor):
                return special(op, args, kw) if MODES else record(op, args, kw)
        y = kernel(*args, **kw)
        return y[0] if residual else y

    return call


def record(
    op: Op,
    args: tuple[Any, ...],
    kw: dict[str, Any],
    *,
    grad: bool = True,
    tape: Tape | None = None,
) -> Tensor:
    """Call the kernel and, where an input requires grad, record it: the general case."""
    if op.promotes:
        try:
            args = promote(op.kernel, args)
        except TypeError as error:
            raise op.explain(error, args, kw) from None
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
        result = op.kernel(*arrays, **kw) if kw else op.kernel(*arrays)
    except Exception as error:
        raise op.explain(error, args, kw) from None
    finally:
        if usual:
            restore()
    y, residuals = (result[0], result[1:]) if op.residual else (result, ())
    if type(y) is not ndarray:
        y = asarray(y)
    out = new(Tensor)
    out._data = y
    out._node = out._origin = None
    if op.view and isinstance(args[0], Tensor):
        look(args[0], out, op, kw)
    if tape is not None:
        tape.record(op, args, kw, out, residuals)
    for i in op.constants:
        if i < len(parents):
            parents[i], needed[i] = None, False
    if not grad or True not in needed:
        return out
    out._node = node = new(Node)
    node.op = op
    node.source = tuple(parents)
    if op.variadic:
        arrays, needed = [None], [True]
    select = op.selectors[tuple(needed)]
    arrays += [None] * (len(op.params) - len(arrays))  # those that were left out
    node.saved = select((*arrays, y, *residuals, kw, None)) if select is not None else ()
    node.shape = y.shape
    node.dtype = y.dtype
    node.order = tick()
    node.hooks = None
    return out


def special(op: Op, args: tuple[Any, ...], kw: dict[str, Any]) -> Tensor:
    """Call an op while some thread is in a mode of its own: no grad, tape, watch or follower."""
    mode = MODES.get(get_ident())
    if mode is None:
        return record(op, args, kw)
    follower = mode[3]
    if follower is not None:
        answer = follower.last_step.ahead(follower, op, args, kw, mode[0])
        return follower.call(op, args, kw, mode[0]) if answer is None else answer  # type: ignore[no-any-return]
    grad, tape, watch, _ = mode
    out = record(op, args, kw, grad=grad, tape=tape)
    if watch is not None:
        watch.computed(op, args, out)
        if out._node is not None:
            watch.called(out._node)
    return out


def op(
    kernel: Kernel,
    residual: dict[str, Rule] | None = None,
    common: dict[str, Rule] | None = None,
    view: bool = False,
    draws: bool = False,
    again: bool = False,
    onto: Callable[..., Any] | None = None,
    erases: bool = False,
    called: str = "",
    **rules: Rule | None,
) -> Callable[..., Tensor]:
    """Declare an op: `mul = op(np.multiply, a=lambda g, b: g * b, b=lambda g, a: g * a)`.

    A keyword names the input that is differentiated, and a rule's parameters name what it needs:
    `g` the incoming gradient (always first), `y` the output, `shape` the input's shape, `i` the
    index of one of the kernel's `*args`, or any argument of the kernel. The parameter list is the
    list of saved values. Keyword-only arguments of the kernel are settings; positional ones are
    arrays (or numbers). A kernel with `residual` returns (output, residuals...); each residual
    comes with its definition in terms of the inputs, for derivatives of higher order. A value that
    several rules need is defined in `common`, as a rule, and computed once per visit. `view` means
    that the output may share memory with the input; `draws`, that the kernel draws random numbers,
    so every call gives another answer; `again`, that an output which was written in place is
    computed again for backward: PyTorch does not save that output at all; `onto`, an op of a
    sum, of g, and of arguments of this op by name, that adds the input's gradient to the sum, of
    which it is a small part; `erases`, that the rule of the first of two inputs is the op itself,
    writing zeros: a gradient that nothing else needs is then written to; `called`, the public name
    of the op in messages, `grad_fn` and `print(step)`, where the table has another one.

    The op takes and returns ndarrays, or, as soon as one argument is a Tensor, Tensors.
    """
    how: dict[str, Any] = {"view": view, "draws": draws, "again": again, "called": called}
    how |= {"onto": onto, "erases": erases}
    declared = Op(kernel, rules, residual, common=common, **how)
    call = recorder(declared)(declared)
    call.op = declared  # type: ignore[attr-defined]
    return call


def name_rows(table: dict[str, Any]) -> None:
    """Name each op in a module's globals after its variable, and enter it in REGISTRY."""
    for name, row in table.items():
        op = getattr(row, "op", None)
        if isinstance(op, Op):
            op.row, op.name = name, op.called or name
            row.__name__ = row.__qualname__ = name
            row.__module__ = table["__name__"]
            row.__doc__ = row.__doc__ or first_sentence(op.kernel) or repr(op)
            REGISTRY[name] = op


def first_sentence(kernel: Kernel) -> str:
    """Return the first sentence of a kernel's docstring; a ufunc's begins with its signature.

    >>> first_sentence(np.exp)
    'Calculate the exponential of all elements in the input array.'
    """
    doc = kernel.__doc__ or ""  # python -OO drops it
    if isinstance(kernel, np.ufunc):
        doc = doc.partition("\n\n")[2]
    paragraph = " ".join(doc.strip().partition("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return sentence + stop.rstrip()
