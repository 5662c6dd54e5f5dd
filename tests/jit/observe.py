"""Observations of a run: everything that a caller could look at, turned into plain tuples.

`Observer` walks results and worlds; two runs are the same when their observations are equal. Values
are compared by their bytes, and so are dtypes, shapes, strides, graphs, gradients, identity (which
of the objects seen are the same one), shared memory, random states, modes, warnings and whatever
was printed.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import functools
import io
import itertools
import marshal
import os
import random
import types
import warnings
import weakref

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim
from tinygrad_mnist.autograd import is_anomaly_enabled, modes
from tinygrad_mnist.optim.lr_scheduler import LRScheduler

PLAIN = (bool, int, str, bytes, type(None), type(Ellipsis), type(NotImplemented))
NODES = 60  # of a graph are looked at
# The 624 words and the position of NumPy's own generator and Python's, as they lie in memory:
# `get_state` takes 100 us to copy them, and `getstate` 20 us
STATE = ctypes.c_char * 2500
NUMPYS = STATE.from_address(np.random.get_bit_generator().ctypes.state_address)
PYTHONS = STATE.from_address(id(random._inst) + object.__basicsize__)


class Observer:
    """Observes values; with `keep`, also which objects of earlier observations came again."""

    def __init__(self, keep=False):
        self._keep = [] if keep else None
        self._labels, self._visited, self._arrays = {}, set(), []

    def __call__(self, value):
        """Return all that is seen of `value` now, and which of its arrays share memory."""
        if self._keep is not None:
            self._keep.append(value)
        self._visited = set()
        seen = self._look(value), ("memory shared by", _sharing(self._arrays))
        self._arrays.clear()
        if self._keep is None:  # nothing here holds what the caller drops
            self._labels.clear()
        return seen

    def again(self):
        """Return what is seen now of all that was seen before."""
        return self(list(self._keep))

    def _label(self, value):
        """Return a number for this very object, and whether this observation has met it before."""
        if id(value) not in self._labels:
            self._labels[id(value)] = len(self._labels), value  # held: an id must not come again
        seen = id(value) in self._visited
        self._visited.add(id(value))
        return self._labels[id(value)][0], seen

    def _look(self, value):
        whole, look = _looks_at(type(value))
        if whole:
            return look(self, value)
        label, seen = self._label(value)
        if seen and not isinstance(value, np.ndarray):
            return "seen before", label
        return type(value).__name__, label, look(self, value)

    def _plain(self, value):
        return type(value).__name__, value

    def _float(self, value):
        return type(value).__name__, float(value).hex()

    def _scalar(self, value):
        return "scalar", _name(value.dtype), value.tobytes()

    def _named(self, value):
        return type(value).__name__, getattr(value, "__name__", str(value))

    def _array(self, array):
        self._arrays.append(array)
        strides = array.strides if array.size else ()
        if min(array.shape, default=2) < 2:  # such an axis may have any stride
            strides = tuple(s if n > 1 else 0 for n, s in zip(array.shape, strides, strict=False))
        return _name(array.dtype), array.shape, strides, array.flags.writeable, array.tobytes()

    def _tensor(self, tensor):
        label, seen = self._label(tensor)
        if seen:
            return "seen before", label
        kind = type(tensor).__name__, label
        flags = tensor.requires_grad, tensor.is_leaf, tensor.retains_grad
        return *kind, flags, self._array(tensor._data), self._grad(tensor), graph_of(tensor)

    def _grad(self, tensor):
        return None if tensor.grad is None else self._look(tensor.grad)

    def _attributes(self, value):
        slots = getattr(type(value), "__slots__", ())
        named = {k: getattr(value, k) for k in slots if hasattr(value, k)}
        named |= getattr(value, "__dict__", {})
        # An instance holds the jitted form of its method, as in docs/jit.md
        return [(k, self._look(v)) for k, v in named.items() if not k.startswith("_jit ")]

    def _module(self, module):
        hooks = {kind: len(hooks) for kind, hooks in (module._hooks or {}).items() if hooks}
        own = {k: v for k, v in vars(module).items() if not k.startswith("_")}
        registers = [module._parameters, module._buffers, module._modules]
        return hooks, [[(k, self._look(v)) for k, v in each.items()] for each in (own, *registers)]

    def _optimizer(self, optimizer):
        state = [
            (self._look(p), [(k, self._look(v)) for k, v in values.items() if k[0] != "_"])
            for p, values in optimizer.state.items()
        ]
        groups = self._look(optimizer.param_groups)
        return optimizer.stepped, groups, state, self._look(optimizer.state_dict())

    def _mapping(self, mapping):
        return [(self._look(k), self._look(v)) for k, v in mapping.items()]

    def _sequence(self, values):
        return [self._look(item) for item in values]


_name = functools.cache(str)  # of a dtype


def _scheduler(observer, scheduler):
    return observer._look(scheduler.state_dict()), scheduler.get_last_lr()


def _error(observer, error):
    return str(error), getattr(error, "__notes__", None), [observer._look(a) for a in error.args]


WHOLE = {  # without a label: which object it is does not matter, or _tensor looks at that
    **dict.fromkeys(PLAIN, Observer._plain),
    float: Observer._float,
    np.generic: Observer._scalar,
    **dict.fromkeys((type, types.FunctionType, types.BuiltinFunctionType), Observer._named),
    np.dtype: Observer._named,
    tg.Tensor: Observer._tensor,
}
LOOKS = {
    np.ndarray: Observer._array,
    nn.Module: Observer._module,
    optim.Optimizer: Observer._optimizer,
    LRScheduler: _scheduler,
    tg.Generator: lambda observer, g: repr(g.get_state()),
    np.random.Generator: lambda observer, g: repr(g.bit_generator.state),
    BaseException: _error,
    dict: Observer._mapping,
    list: Observer._sequence,
    tuple: Observer._sequence,
    set: lambda observer, values: sorted(map(repr, values)),
    slice: lambda observer, s: (s.start, s.stop, s.step),
    memoryview: lambda observer, view: (view.format, view.shape, view.tobytes()),
    weakref.ref: lambda observer, ref: "dead" if ref() is None else "alive",
    types.MethodType: lambda observer, method: method.__name__,
}


@functools.cache
def _looks_at(kind):
    """Return whether values of a type are looked at whole, and the function that looks at them."""
    looks = [(kinds is WHOLE, look) for kinds in (WHOLE, LOOKS) for base, look in kinds.items()
             if issubclass(kind, base)]  # fmt: skip
    return (*looks, (False, Observer._attributes))[0]


def graph_of(tensor):
    """Return the recorded calls behind a Tensor: names, shapes, dtypes, and their connections."""
    numbers, nodes, waiting = {}, [], [tensor.grad_fn]
    while waiting and len(nodes) < NODES:
        node = waiting.pop(0)
        if node is None or id(node) in numbers:
            continue
        numbers[id(node)] = len(numbers)
        parents = getattr(node, "parents", ())
        name = node.name() if hasattr(node, "name") else "leaf"
        waiting += parents
        nodes.append((name, node.shape, _name(node.dtype), _hooks(node), parents))
    return [(*rest, _numbers(numbers, parents)) for *rest, parents in nodes]


def _numbers(numbers, parents):
    """Return the numbers of the parents, without the Nones at the end, whose count may differ."""
    of_parents = [numbers.get(id(p)) for p in parents]
    while of_parents and of_parents[-1] is None:
        of_parents.pop()
    return of_parents


def _hooks(node):
    return len(node.hooks) if getattr(node, "hooks", None) else 0


def _sharing(arrays):
    """Return the pairs of arrays that share memory; sorted by address, few need a closer look."""
    bounds = sorted((*_bounds(a), i) for i, a in enumerate(arrays))
    pairs = []
    for at, (_, end, i) in enumerate(bounds):
        for start, _, j in itertools.islice(bounds, at + 1, None):
            if start >= end:
                break
            if np.shares_memory(arrays[i], arrays[j]):
                pairs.append((min(i, j), max(i, j)))
    return sorted(pairs)


def _bounds(array):
    """Return where an array begins and ends; NumPy's function takes longer."""
    if not array.flags.c_contiguous:
        return np.lib.array_utils.byte_bounds(array)
    start = array.ctypes.data
    return start, start + array.nbytes


def surroundings():
    """Return what is seen without looking at any object."""
    usual = modes.current() == modes.DEFAULT
    kinds = tg.is_grad_enabled(), is_anomaly_enabled(), usual, _name(tg.get_default_dtype())
    numbers = str(tg.get_rng_state()), NUMPYS.raw, PYTHONS.raw, random._inst.gauss_next
    return kinds, np.geterr(), tuple(map(hash, numbers))


@contextlib.contextmanager
def isolated():
    """Begin with known random numbers and settings; leave none of them changed."""
    before = tg.get_default_dtype(), tg.get_rng_state(), NUMPYS.raw, random.getstate()
    mode = modes.current()
    tg.manual_seed(0), np.random.seed(0), random.seed(0)
    try:
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            yield
    finally:
        tg.set_default_dtype(before[0]), tg.set_rng_state(before[1])
        NUMPYS.raw, _ = before[2], random.setstate(before[3])
        modes.switch(mode)
        os.environ.pop("JIT_CATALOGUE_K", None)  # which a case sets


HOW = ("always", "seldom")


def watch(steps, how="always", last=None):
    """Run a generator of steps; return a list of what was seen at each yield.

    With `how="always"`, look at each value, hold it, and look at all of them again in the end; with
    "seldom", look only at every third step and the `last`, and hold nothing: looking may change
    what comes next.
    """
    seen, observer, printed = [], Observer(keep=how == "always"), io.StringIO()
    with (
        isolated(),
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(printed),
    ):
        warnings.simplefilter("always")
        for number in itertools.count():
            shown = None  # nothing here holds what the caller has dropped
            try:
                shown = next(steps)
            except StopIteration:
                break
            looking = how != "seldom" or number % 3 == 2 or number == last
            looked = observer(shown) if looking else None
            seen.append((looked, surroundings(), printed.getvalue(), _messages(caught)))
        if how == "always":
            seen.append(observer.again())
    return seen


def _messages(warned):
    """Return the warnings, without those that the garbage collector gives about another case."""
    messages = [(w.category.__name__, str(w.message)) for w in warned]
    return [(kind, message) for kind, message in messages if "never awaited" not in message]


@dataclasses.dataclass
class Raised:
    """An exception that a call raised."""

    kind: str
    message: str
    notes: list | None = None


def attempt(function, *args, **kw):
    """Return what the call returns, or what it raises as a Raised."""
    try:
        return function(*args, **kw)
    except BaseException as error:
        return Raised(type(error).__name__, str(error), getattr(error, "__notes__", None))


def difference(a, b):
    """Return where two observations differ first, in one line; None if they are equal."""
    with contextlib.suppress(ValueError):  # where one holds more than plain values
        if marshal.dumps(a, 0) == marshal.dumps(b, 0):  # version 0 writes equal values alike
            return None
    return difference_at(a, b)


def difference_at(a, b, path=()):
    """Return what `difference` does, going through all of both: seldom needed, and slow."""
    if type(a) is not type(b):
        return f"{_at(path)}: {_short(a)} != {_short(b)}"
    if isinstance(a, (list, tuple)):
        for i, (x, y) in enumerate(zip(a, b, strict=False)):
            deeper = difference_at(x, y, (*path, i))
            if deeper:
                return deeper
        if len(a) != len(b):
            more = (a if len(a) > len(b) else b)[min(len(a), len(b))]
            return f"{_at(path)}: {len(a)} != {len(b)} entries, beginning with {_short(more)}"
        return None
    return None if a == b else f"{_at(path)}: {_short(a)} != {_short(b)}"


def _at(path):
    return "step " + ".".join(map(str, path)) if path else "the whole"


def _short(value):
    if isinstance(value, bytes) and len(value) % 4 == 0 and value:
        return f"{np.frombuffer(value, np.float32)[:8]} (read as float32)"
    text = repr(value)
    return text if len(text) < 300 else text[:300] + " ..."
