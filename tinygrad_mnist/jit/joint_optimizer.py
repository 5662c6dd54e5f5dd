"""The joint step of an optimizer: the parameters of a group in one buffer, gradients in another.

A step is then one update of one long vector, instead of one update per parameter. Parameters and
optimizer state keep their names: their arrays become views of the buffers. Parameters are moved
only if nothing else refers to their memory, which would go on showing the old values. Otherwise,
or where the optimizer has been changed, the optimizer steps by itself, parameter by parameter.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import chain
from operator import attrgetter, is_
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_mnist.autograd import modes, writes
from tinygrad_mnist.autograd.floats import state
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.tensor import Tensor, grad_owner
from tinygrad_mnist.jit.joint import REFERENCES, Joint, sole
from tinygrad_mnist.jit.text import FEW, Text
from tinygrad_mnist.kernels.buffers import SILENT
from tinygrad_mnist.kernels.scratch import ALIGN, aligned_bytes, shaped
from tinygrad_mnist.optim import blocks
from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.pieces import CALLS, Calls, State, takes_blas

Array = np.ndarray[Any, Any]
Group = dict[str, Any]

# Keyed by the leaf: Tensors compare element by element. No value holds its key.
_FLATS: WeakKeyDictionary[Any, Flat] = WeakKeyDictionary()
_JOINTS: WeakKeyDictionary[Any, list[Joint]] = WeakKeyDictionary()

# How an optimizer steps one parameter; a class that overrides one of these has no flat form
OWN = ("_apply", "split", "state_of")
PLAIN = {float, int, bool, type(None)}
OVERRIDDEN = frozenset({*OWN, "update", "init_state", "step"})
_data, _node, _writeable = map(attrgetter, ("_data", "_node", "flags.writeable"))


class Flat:
    """Two buffers of one layout: parameters in `p`, gradients in `g`.

    The gaps between parameters hold zeros, and those between gradients ones: an update turns them
    into finite numbers, whatever it divides by.
    """

    def __init__(self, params: Sequence[Tensor]) -> None:
        self.like = [p._data for p in params]
        self.starts, size = [0] * len(self.like), 0
        for number in sorted(range(len(self.like)), key=lambda n: not takes_blas(self.like[n])):
            self.starts[number] = size  # large ones come first: they are updated together
            size += -(-self.like[number].nbytes // ALIGN) * ALIGN
        self._size = size
        self.p, self.g = self._filled(0), self.gradients()
        self.like = self.cut(self.p)
        self.grads = self.cut(self.g)
        self.restamp = writes.restamp(self.p)
        for tensor, view in zip(params, self.like, strict=True):
            view[...] = tensor._data
            tensor._data = view
        modes.note_change()
        _FLATS.update((tensor._node, self) for tensor in params)

    def _filled(self, value: int) -> Array:
        buffer = aligned_bytes(self._size).view(self.like[0].dtype)
        buffer[...] = value
        return buffer

    def gradients(self) -> Array:
        """Return another buffer of this layout, for gradients."""
        return self._filled(1)

    def cut(self, buffer: Array) -> list[Array]:
        """Return the parameters' views of a buffer of this layout."""
        raw = buffer.view(np.uint8)
        return [shaped(raw[at:], array) for at, array in zip(self.starts, self.like, strict=True)]


def flat_of(params: Sequence[Tensor]) -> Flat | None:
    """Return the buffers of exactly these parameters; make them if need be; None if impossible."""
    flat = _FLATS.get(params[0]._node)
    is_complete = flat is not None and len(flat.like) == len(params)
    if flat is not None and is_complete and all(map(is_, map(_data, params), flat.like)):
        return flat
    if len({p.dtype for p in params}) != 1 or not all(map(_movable, params)):
        return None
    return Flat(params)


def _movable(p: Tensor) -> bool:
    """Tell whether only the Tensor refers to its array, and only the array to its memory."""
    if sys.getrefcount(p._data) != REFERENCES or not sole(p._data):
        return False
    return bool(p._data.nbytes) and _dense(p._data)


def _dense(array: Array) -> bool:
    """Tell whether the array has the same strides in a buffer without gaps."""
    like = shaped(np.empty(array.nbytes, np.uint8), array)
    return like.strides == array.strides


def _joint(optimizer: Any, group: Group, params: list[Tensor], flat: Flat) -> Joint:
    """Return an optimizer's one update of these parameters, which all programs share."""
    joints = _JOINTS.setdefault(optimizer, [])
    for joint in joints:
        if joint.flat is flat.p and joint.group is group:
            return joint
    joints.append(Joint(optimizer, group, params, flat.p, flat.cut))
    return joints[-1]


class FlatStep:
    """An optimizer's step on the parameters of one group, as one update.

    Call it only while `holds()` is true; otherwise `optimizer._apply()` does the same.
    """

    def __init__(self, optimizer: Any, joint: Joint, flat: Flat, others: list[Tensor]) -> None:
        """Prepare the update; `others` are parameters that must have no gradients meanwhile."""
        self._optimizer, self._joint, self._flat = weakref.ref(optimizer), joint, flat
        self._params, self._leaves = joint.params, [p._node for p in joint.params]
        self._group, self._groups = joint.group, list(optimizer.param_groups)
        self._kinds = list(map(type, joint.group.values()))  # of the settings
        self._list, self._ids = joint.group["params"], list(map(id, joint.group["params"]))
        self._held = list(joint.group["params"])  # so that no other object gets one of the ids
        self._group_ids = list(map(id, self._groups))
        self._others = others
        self._update = type(optimizer).update
        self._changes, self._errors = -1, HARMLESS
        self.usual = self._written(self._of_groups, self._of_settings)
        # Where `guards.py` has looked at the groups, and directly after another step, with no code
        # of others in between
        self.guarded_usual = self._written(self._of_settings)
        is_own = type(optimizer).__module__.startswith("tinygrad_mnist.")
        self.next_usual = self._written() if is_own else self.usual
        self.__qualname__ = f"{type(optimizer).__name__}.update"

    @property
    def buffer(self) -> Array:
        """The memory of the parameters."""
        return self._flat.p

    def holds(self) -> bool:
        """Tell whether one update does what the optimizer would do parameter by parameter."""
        optimizer, group, params = self._optimizer(), self._group, self._list
        self._errors = errors = HARMLESS if state() is SILENT else floating_errors()
        return (
            optimizer is not None
            and errors != ERRORS_RAISE
            and self._kinds == list(map(type, group.values()))
            and group["params"] is params
            and self._ids == list(map(id, params))
            and self._group_ids == list(map(id, optimizer.param_groups))
            and (modes.changes == self._changes or self._in_place())
            and all(map(_writeable, self._flat.like))
            and not (self._others and any(map(_has_gradient, self._others)))
            and optimizer.__dict__.keys().isdisjoint(OVERRIDDEN)
            and optimizer.__class__.update is self._update
            and self._joint.holds(optimizer.state)
        )

    def _written(self, *conditions: Callable[[Text], Iterator[str]]) -> Callable[[], bool]:
        """Write out the function that makes the step where `holds()` is true, as it usually is.

        It returns False, and does nothing, where something may be unusual: where one of the
        `conditions` is true. It holds no reference to this object, which would be freed late.
        """
        t = Text()
        t.names |= {
            "optimizer_of": self._optimizer, "state": state, "SILENT": SILENT, "modes": modes,
            "is_": is_, "params": self._params, "like": self._flat.like, "leaves": self._leaves,
            "group": self._group, "members": self._list, "kinds": self._kinds,
            "others": self._others, "update": self._update, "groups": self._groups,
            "held": self._held, "writeable": _writeable, "data": _data, "node": _node,
            "has_gradient": _has_gradient, "joint": self._joint, "g": self._flat.g,
            "p": self._flat.p, "seen": [-1], "restamp": self._flat.restamp,
            "OVERRIDDEN": OVERRIDDEN,
        }  # fmt: skip
        t.add("optimizer = optimizer_of()")
        t.add("if optimizer is None or state() is not SILENT or joint.state is None: return False")
        t.add("if modes.changes != seen[0]:")
        t.add("    if not all(map(is_, map(data, params), like)): return False")
        t.add("    if not all(map(is_, map(node, params), leaves)): return False")
        t.add("    seen[0] = modes.changes")
        in_blocks = len(self._flat.p) > blocks.FEW
        calls = CALLS.get(self._update)
        if calls is not None and in_blocks and not calls.is_one_pass:
            calls = None
        if calls is not None:
            t.names["quick"] = _Quick(calls, self._flat.p, self._flat.g)
            now, before = ([f"{of}{i}" for i, _ in enumerate(self._group)] for of in "ab")
            are_same = " and ".join(map("{} is {}".format, now, before))
            t.add("try:")
            t.add(f"    [{', '.join(now)}], [{', '.join(before)}] = group.values(), quick.settings")
            t.add(f"    same = quick.calls and quick.state is joint.state and {are_same}")
            t.add("except ValueError: same = False  # more of them, or fewer")
        else:
            t.names["same"] = False
        for condition in chain.from_iterable(part(t) for part in conditions):
            t.add(f"if {condition}: return False")
        t.add("optimizer.stepped = True")
        t.add("try:")
        if calls is not None:
            t.add("    if same:")
            t.add("        for call in quick.calls: call()")
            if not calls.is_one_pass:
                t.add("        joint.share_new()")
            t.add("        return True")
            t.add("    quick.look(group, joint.state)")
        if in_blocks:
            t.names["update_parameter"] = blocks.update_parameter
            t.add("    update_parameter(optimizer, group, p, g, joint.state)")
        else:
            t.add("    optimizer.update(group, p, g, joint.state)")
        t.add("    joint.share_new()")
        t.add("finally:")
        t.add("    restamp()")
        t.add("return True")
        return t.compiled("def usual():", "<update>")  # type: ignore[no-any-return]

    def _of_groups(self, t: Text) -> Iterator[str]:
        """Yield the text of what is true where somebody has changed the groups."""
        yield f"group['params'] is not members or len(members) != {len(self._held)}"
        yield "not all(map(is_, members, held))"
        yield f"len(optimizer.param_groups) != {len(self._groups)}"
        yield "not all(map(is_, optimizer.param_groups, groups))"

    def _of_settings(self, t: Text) -> Iterator[str]:
        """Yield the text of what is true where somebody has changed something else."""
        yield "not same and list(map(type, group.values())) != kinds"
        if len(self._flat.like) > FEW:
            yield "not all(map(writeable, like))"
        else:
            views = [t.name("view", view) for view in self._flat.like]
            yield f"not ({' and '.join(f'{view}.flags.writeable' for view in views)})"
        if self._others:
            yield "any(map(has_gradient, others))"
        yield "not OVERRIDDEN.isdisjoint(optimizer.__dict__)"
        yield "optimizer.__class__.update is not update"
        may_differ = "True"
        if len(self._params) <= FEW:  # of which none has a state, as in plain descent
            states = [f"optimizer.state.get({t.name('param', p)})" for p in self._params]
            may_differ = f"(joint.values or [{', '.join(states)}] != joint.empty)"
        yield f"{may_differ} and not joint.holds(optimizer.state)"

    def _in_place(self) -> bool:
        """Tell whether each parameter lies in the buffer, and its gradient arrives where it did."""
        holds = all(map(is_, map(_data, self._params), self._flat.like)) and all(
            map(is_, map(_node, self._params), self._leaves)
        )
        if holds:
            self._changes = modes.changes
        return holds

    def __call__(self) -> None:
        try:
            if self._errors == WARNINGS_RAISE:
                self._carefully()
            else:
                self._joint.update(self._flat.g)
        finally:
            self._flat.restamp()

    def _carefully(self) -> None:
        """Update where a warning is an error, with the effects of updating one by one."""
        arrays = [
            a for a in (self._flat.p, *self._joint.joined().values()) if isinstance(a, np.ndarray)
        ]
        before = [array.copy() for array in arrays]
        try:
            self._joint.update(self._flat.g)
            return
        except Warning:
            for array, value in zip(arrays, before, strict=True):
                array[...] = value
            self._joint.share()
        optimizer = self._joint.optimizer
        optimizer.split()
        for p, g in zip(self._params, self._flat.grads, strict=True):
            state = optimizer.state_of(self._group, p)
            blocks.update_parameter(optimizer, self._group, p._data, g, state)


class _Quick:
    """An update as calls of C, from the second time on that all settings are the same objects."""

    def __init__(self, calls: Calls, p: Array, g: Array) -> None:
        self.calls: list[Callable[[], object]] | None = None
        self.settings: list[Any] = []
        self.state: State | None = None
        self._prepare, self._are_enough, _ = calls
        self._p, self._g = p, g

    def look(self, group: Group, state: State) -> None:
        """Look at the settings before an update that is not made by `calls`."""
        settings = list(group.values())
        same = len(settings) == len(self.settings) and all(map(is_, settings, self.settings))
        plain = all(_is_plain(group[key]) for key in group if key != "params")
        usual = state is self.state and same and plain and self._are_enough(group)
        self.calls = self._prepare(group, self._p, self._g, state) if usual else None
        self.settings, self.state = settings, state


def _is_plain(value: Any) -> bool:
    """Tell whether nobody can change a setting in place."""
    return type(value) in PLAIN or (type(value) is tuple and all(map(_is_plain, value)))


def _has_gradient(p: Tensor) -> bool:
    return getattr(grad_owner(p), "grad", None) is not None


def flat_steps(optimizer: Any, grads: Container[Leaf]) -> list[tuple[FlatStep, Flat, list[Leaf]]]:
    """Return a step of the optimizer in flat form, one part per group; [] where it has none.

    `grads` holds the leaves whose gradients the step will use. The first call moves the parameters,
    so nothing may refer to their arrays: no tape, no graph.
    """
    if not isinstance(optimizer, Optimizer) or not optimizer.elementwise or _overridden(optimizer):
        return []
    parts: list[tuple[Group, list[Tensor], Flat]] = []
    for group in optimizer.param_groups:
        params = [p for p in group["params"] if p._node in grads]
        flat = flat_of(params) if params else None
        if params and flat is None:
            return []
        if flat is not None:
            parts.append((group, params, flat))
    joints = [_joint(optimizer, *part) for part in parts]
    if not all(joint.holds(optimizer.state) for joint in joints):
        return []
    stepped = {id(p) for _, params, _ in parts for p in params}
    others = [p for g in optimizer.param_groups for p in g["params"] if id(p) not in stepped]
    steps: list[tuple[FlatStep, Flat, list[Leaf]]] = []
    for joint, (_, params, flat) in zip(joints, parts, strict=True):
        watched = [] if steps else others  # by the first part, for all
        steps.append((FlatStep(optimizer, joint, flat, watched), flat, [p._node for p in params]))  # type: ignore[misc]
    return steps


def _overridden(optimizer: Any) -> bool:
    own = any(getattr(type(optimizer), name) is not getattr(Optimizer, name) for name in OWN)
    return own or not OVERRIDDEN.isdisjoint(vars(optimizer))


HARMLESS, WARNINGS_RAISE, ERRORS_RAISE = range(3)
_seen: tuple[Any, list[Any], Any, int, int] = (object(), [], None, 0, 0)


def floating_errors() -> int:
    """Return what an overflow leads to now: at most a warning, a warning that raises, an error."""
    global _seen
    now, filters = state(), warnings.filters
    if now is SILENT:
        return HARMLESS
    before, same, first, count, answer = _seen
    if now is before and filters is same and len(filters) == count and filters[0] is first:
        return answer
    answer, treated = HARMLESS, set(np.geterr().values())
    if "warn" in treated and any(
        action == "error" and issubclass(RuntimeWarning, kind) for action, _, kind, *_ in filters
    ):
        answer = WARNINGS_RAISE
    if not treated.isdisjoint({"raise", "call"}):
        answer = ERRORS_RAISE
    _seen = now, filters, next(iter(filters), None), len(filters), answer  # type: ignore[assignment]
    return answer
