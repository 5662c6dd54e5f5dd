"""op(): declare a NumPy kernel with one rule for each input; and record its calls.

A rule is written once, in terms of ops. Run on ndarrays it is plain NumPy; run on Tensors it
builds the graph of its own derivative, so every op has every order of derivative.
"""

from __future__ import annotations

import operator
from _thread import get_ident
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.dtypes import promote
from tinygrad_mnist.autograd.modes import MODES
from tinygrad_mnist.autograd.signature import all_names, defaults, parameters
from tinygrad_mnist.autograd.tensor import Node, Tensor, new

if TYPE_CHECKING:
    from tinygrad_mnist.autograd.listeners import Tape

Kernel = Callable[..., Any]
Rule = Callable[..., Any]
Keeper = Callable[[Sequence[Any]], tuple[Any, ...]]
Bound = Callable[[Any, Sequence[Any], tuple[int, ...], int], Any]

ndarray, asarray, tick = np.ndarray, np.asarray, writes.tick
REGISTRY: dict[str, Op] = {}


class ShapeError(RuntimeError, ValueError):
    """The shapes or types of an op's arguments do not fit; the message names the op and them."""


class Keepers(dict[tuple[bool, ...], Keeper | None]):
    """What picks `saved` from (*arrays, y, *residuals, settings, None), by which inputs need grad.

    It picks what the rules of those inputs name; None if that is nothing.
    """

    def __init__(self, it: Op) -> None:
        self._mask = it.mask

    def __missing__(self, needed: tuple[bool, ...]) -> Keeper | None:
        flags = self._mask(needed)
        places = [place if flag else -1 for place, flag in enumerate(flags)]
        self[needed] = operator.itemgetter(*places) if any(flags) else None
        return self[needed]


class Op:
    """What is known of an op: its kernel, its arguments' names, and its rules."""

    def __init__(
        self,
        kernel: Kernel,
        rules: dict[str, Rule | None],
        residual: dict[str, Rule] | None = None,
        view: bool = False,
        draws: bool = False,
    ) -> None:
        self.kernel = kernel
        self.view = view
        self.draws = draws
        self.name = kernel.__name__
        self.residual = dict(residual or {})
        self.params, self.keywords, self.variadic = _signature(kernel, list(rules))
        self.defaults = {k: v for k, v in defaults(kernel).items() if k in self.keywords}
        # What gives bools whatever the dtypes (comparisons, logic) needs no common dtype first.
        nin, loops = getattr(kernel, "nin", 0), getattr(kernel, "types", ())
        elementwise = nin > 0 and getattr(kernel, "signature", None) is None
        self.promotes = elementwise and "d" * nin + "->?" not in loops
        self._words = {param: all_names(rule) for param, rule in rules.items() if rule}
        self._check(rules)
        self._places = {p: i for i, p in enumerate((*self.params, "y", *self.residual))}
        self.rules: tuple[Bound | None, ...] = tuple(self._bind(p, rules) for p in self.params)
        self.constants = [i for i, rule in enumerate(self.rules) if rule is None]
        self.keepers = Keepers(self)

    def _check(self, rules: dict[str, Rule | None]) -> None:
        known = ("g", "y", "shape", "i", *self.params, *self.keywords, *self.residual)
        for name in rules:
            if name in ("g", "y", "shape", "i"):
                raise TypeError(f"{self.name}: {name!r} has a meaning in rules; rename the input")
            if name not in self.params:
                raise TypeError(f"{self.name}: a rule for {name!r}, which is not an argument of it")
            for word in self._words.get(name, ()):
                if word not in known:
                    raise TypeError(
                        f"{self.name}: the rule for {name!r} names {word!r}; "
                        f"it may name {', '.join(known)}"
                    )

    def _bind(self, param: str, rules: dict[str, Rule | None]) -> Bound | None:
        """A rule as a closure of one fixed shape: (g, saved, shape of the input, its index)."""
        rule = rules.get(param)
        if rule is None:
            return None
        names = self._words[param]
        if names[:1] != ("g",):
            raise TypeError(f"{self.name}: the first parameter of the rule for {param!r} must be g")
        names = names[1:]
        places = [self._places.get(name, -1) for name in names]
        match places if -1 not in places else None:
            case []:
                return lambda g, saved, shape, i: rule(g)
            case [p]:
                return lambda g, saved, shape, i: rule(g, saved[p])
            case [p, q]:
                return lambda g, saved, shape, i: rule(g, saved[p], saved[q])
            case [*many] if many:
                pick = operator.itemgetter(*many)
                return lambda g, saved, shape, i: rule(g, *pick(saved))
        if names == ("shape",):
            return lambda g, saved, shape, i: rule(g, shape)
        pairs, defaults = list(zip(names, places, strict=True)), self.defaults

        def general(g: Any, saved: Sequence[Any], shape: tuple[int, ...], i: int) -> Any:
            settings = (saved and saved[-1]) or defaults
            given: list[Any] = []
            for name, place in pairs:
                if place >= 0:
                    given.append(saved[place])
                elif name in ("shape", "i"):
                    given.append(shape if name == "shape" else i)
                else:
                    given.append(settings.get(name, defaults.get(name)))
            return rule(g, *given)

        return general

    def mask(self, needed: Sequence[bool]) -> list[bool]:
        """For each place of `saved`, whether a rule of a needed input names it."""
        pairs = zip(self.params, needed, strict=False)
        wanted = (self._words.get(param, ()) for param, need in pairs if need)
        names = set().union(*wanted)
        for residual in names.intersection(self.residual):
            names.update(all_names(self.residual[residual]))
        if self.view:
            names.add("y")  # not for a rule: to notice writes through another view
        flags = [n in names for n in (*self.params, "y", *self.residual)]
        return [*flags, not names.isdisjoint(self.keywords)]

    def rebuild(self, inputs: Sequence[Any], saved: Sequence[Any]) -> Iterator[Any]:
        """The kept residuals, computed again from inputs that are attached to the graph."""
        known = dict(zip(self.params, inputs, strict=True)) | self.defaults | (saved[-1] or {})
        for place, definition in enumerate(self.residual.values(), len(self.params) + 1):
            if saved[place] is None:
                yield None
            else:
                yield definition(*(known[word] for word in all_names(definition)))

    def explain(self, error: Exception, args: Sequence[Any], kw: dict[str, Any]) -> Exception:
        """The same failure, naming the op and what it was given."""
        if isinstance(error, (Warning, MemoryError)):
            return error
        given = ", ".join(_describe(arg) for arg in args)
        options = "".join(f", {k}={v!r}" for k, v in kw.items())
        kinds = (kind for kind in (IndexError, TypeError) if isinstance(error, kind))
        return next(kinds, ShapeError)(f"{self.name}({given}{options}): {error}")

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join((*self.params, *self.keywords))})>"


def _signature(
    kernel: Kernel, inputs: list[str]
) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    """The kernel's array arguments, its keywords, and the name of its *args, if it has them."""
    if isinstance(kernel, np.ufunc):
        names = inputs if len(inputs) == kernel.nin else ["x", "other"][: kernel.nin]
        return tuple(names), (), None
    positional, variadic, keywords = parameters(kernel)
    if variadic is not None:
        positional = (*positional, variadic)
    return positional, tuple(name for name in keywords if name != "out"), variadic


def _describe(arg: Any) -> str:
    array = arg._data if isinstance(arg, Tensor) else arg
    if isinstance(array, ndarray):
        return f"{array.dtype}{list(array.shape)}"
    return repr(array)


def op(
    kernel: Kernel,
    residual: dict[str, Rule] | None = None,
    view: bool = False,
    draws: bool = False,
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
    every call gives another answer.

    The op takes and returns ndarrays, or, as soon as one argument is a Tensor, Tensors.
    """
    it = Op(kernel, rules, residual, view, draws)
    call = _maker(it)(it)
    call.op = it  # type: ignore[attr-defined]
    return call


def _maker(it: Op) -> Callable[[Op], Callable[..., Any]]:
    """Which way of recording fits: the usual calls have one of their own."""
    if it.residual or it.variadic or it.draws:
        return _general
    match len(it.params), bool(it.keywords or it.view):
        case 1, False:
            return _unary
        case 1, True:
            return _general if it.promotes else _unary_with_settings
        case 2, False:
            return _binary
        case 3, False if None not in it.rules and not it.promotes:
            return _ternary
    return _general


def name_rows(table: dict[str, Any]) -> None:
    """Give each op in a module's globals the name it is bound to, and enter it in REGISTRY."""
    for name, row in table.items():
        known = getattr(row, "op", None)
        if isinstance(known, Op):
            known.name = name
            row.__name__ = row.__qualname__ = name
            row.__doc__ = row.__doc__ or repr(known)
            REGISTRY[name] = known


def _unary(it: Op) -> Callable[..., Any]:
    kernel, promotes = it.kernel, it.promotes
    has_rule = it.rules[0] is not None
    keeps_x, keeps_y = it.mask([True])[:2]
    keeps = keeps_x or keeps_y

    def call(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return kernel(x)
        if MODES:
            return special(it, (x,), {})
        array = x._data
        y = kernel(array)
        if type(y) is not ndarray:
            y = asarray(y)
        if promotes and y.dtype is not array.dtype:
            return record(it, (x,), {})
        out = new(Tensor)
        out._data = y
        parent = x._node
        if parent is None or not has_rule:
            out._node = None
            return out
        out._node = node = new(Node)
        node.op = it
        node.source = parent
        node.saved = (array if keeps_x else None, y if keeps_y else None, None) if keeps else ()
        node.shape = y.shape
        node.dtype = y.dtype
        node.order = tick()
        node.hooks = None
        return out

    return call


def _unary_with_settings(it: Op) -> Callable[..., Any]:
    kernel, has_rule = it.kernel, it.rules[0] is not None
    keeps_x, keeps_y, keeps_kw = flags = it.mask([True])
    keeps = True in flags

    def call(x: Any, **kw: Any) -> Any:
        if not isinstance(x, Tensor):
            return kernel(x, **kw)
        if MODES:
            return special(it, (x,), kw)
        array = x._data
        try:
            y = kernel(array, **kw)
        except Exception as error:
            raise it.explain(error, (x,), kw) from None
        if type(y) is not ndarray:
            y = asarray(y)
        out = new(Tensor)
        out._data = y
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


def _binary(it: Op) -> Callable[..., Any]:
    kernel, promotes = it.kernel, it.promotes
    rule_a, rule_b = (rule is not None for rule in it.rules)
    masks = (it.mask(need)[:3] for need in ((True, False), (False, True), (True, True)))
    keeps_a, keeps_b, keeps_ab = (mask if any(mask) else None for mask in masks)

    def call(a: Any, b: Any) -> Any:
        if isinstance(a, Tensor):
            x, node_a = a._data, a._node
            dtype = x.dtype
            if isinstance(b, Tensor):
                w, node_b = b._data, b._node
                if promotes and w.dtype is not dtype:
                    return special(it, (a, b), {})
            else:
                w, node_b = b, None
        elif isinstance(b, Tensor):
            x, node_a = a, None
            w, node_b = b._data, b._node
            dtype = w.dtype
        else:
            return kernel(a, b)
        if MODES:
            return special(it, (a, b), {})
        try:
            y = kernel(x, w)
        except Exception as error:
            raise it.explain(error, (a, b), {}) from None
        if type(y) is not ndarray:
            y = asarray(y)
        y_dtype = y.dtype
        if promotes and y_dtype is not dtype:
            return record(it, (a, b), {})
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


def _ternary(it: Op) -> Callable[..., Any]:
    kernel, keepers, general = it.kernel, it.keepers, _general(it)

    def call(a: Any, b: Any, c: Any = None) -> Any:
        if MODES or not (isinstance(a, Tensor) and isinstance(b, Tensor) and isinstance(c, Tensor)):
            return general(a, b) if c is None else general(a, b, c)
        x, w, v = a._data, b._data, c._data
        try:
            y = kernel(x, w, v)
        except Exception as error:
            raise it.explain(error, (a, b, c), {}) from None
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


def _general(it: Op) -> Callable[..., Any]:
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
    it: Op, args: tuple[Any, ...], kw: dict[str, Any], grad: bool = True, tape: Tape | None = None
) -> Tensor:
    """Call the kernel and, where an input requires grad, record it: the general case."""
    if it.promotes:
        args = promote(it.kernel, args)
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
    try:
        result = it.kernel(*arrays, **kw) if kw else it.kernel(*arrays)
    except Exception as error:
        raise it.explain(error, args, kw) from None
    y, residuals = (result[0], result[1:]) if it.residual else (result, ())
    if type(y) is not ndarray:
        y = asarray(y)
    out = new(Tensor)
    out._data = y
    out._node = None
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
    if it.promotes:
        args = promote(it.kernel, args)
    out = record(it, args, kw, mode.grad, mode.tape)
    if mode.watch is not None and out._node is not None:
        mode.watch.called(out._node)
    return out
