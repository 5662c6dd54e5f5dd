"""Guards: the assumptions of a program, checked before each replay.

Arguments are compared at every call; Tensors, modules and optimizers only when the library has
counted a change to one of them since.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, repeat
from operator import attrgetter, is_
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import default_dtype, modes
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.jit.names import Names, attribute, contents, same_number
from tinygrad_mnist.jit.tape import Effect, Tape
from tinygrad_mnist.jit.text import Text, differs
from tinygrad_mnist.nn import Module
from tinygrad_mnist.optim import Optimizer

Array = np.ndarray[Any, Any]
_grad = attrgetter("grad")


class Guards:
    """The arguments, the modes and the objects around it that a program stands for."""

    def __init__(self, names: Names, args: Sequence[Any], copied: Sequence[bool]) -> None:
        """Note arguments and modes before the captured call; `complete` adds the rest after it."""
        self.names = names
        self._mode = recording_mode()
        self._default, self._dtype = self._mode[0] and self._mode[2] is None, self._mode[1]
        arrays = [array_of(a) for a in args]
        self._args = [
            (a.shape, a.dtype, a.strides, getattr(arg, "_node", None))
            if isinstance(a, np.ndarray)
            else a
            for a, arg in zip(arrays, args, strict=True)
        ]
        passed = [a for a in arrays if isinstance(a, np.ndarray)]
        self._same = first_positions(passed)
        pairs = enumerate(zip(passed, copied, strict=True))
        self._by_reference = [(i, a) for i, (a, copy) in pairs if not copy]
        self._avoid: list[Array] | None = None
        self._changes = -1

    def complete(self, tape: Tape, avoid: list[Array] | None) -> Guards:
        """Note, after the call, the Tensors, modules and optimizers that it used; return self.

        `avoid` are arrays that no argument may overlap, as no two arguments may overlap each other.
        """
        self._avoid = avoid
        self._empty = list(tape.empty_before)
        feeds = {id(a) for a in tape.grads_before.values()}
        self._tensors = [
            (t, t._data, t._node, hooks_of(t))
            for t in tape.handles.values()
            if id(t._data) not in feeds
        ]
        around = self.names.objects
        subjects = [e.subject for e in tape.entries if isinstance(e, Effect)]
        modules = {id(m): m for top in [*tape.modules.values(), *around] if isinstance(top, Module)
                   for m in top.modules()}  # fmt: skip
        optimizers = {id(o): o for o in [*subjects, *around] if isinstance(o, Optimizer)}
        self._modules = [(m, module_settings(m)) for m in modules.values()]
        self._optimizers = [(o, parameters_of(o)) for o in optimizers.values()]
        self._lists = [  # whose changes nobody counts
            (o, o.param_groups, list(o.param_groups), [list(g["params"]) for g in o.param_groups])
            for o in optimizers.values()
        ]
        self._changes = modes.changes
        return self

    def write(self, t: Text, is_next: bool) -> list[str]:
        """Add the lines that check a call's `args`; return the names of the arrays among them.

        The lines return `missed` where the program does not stand for the call. With `is_next`,
        the call comes directly after another one: nobody can have rebound a name, changed a
        list or the thread's mode in between; what the library counts is looked at here as well.
        """
        t.names |= {
            "Tensor": Tensor, "ndarray": np.ndarray, "alike": _alike, "same_number": same_number,
            "MODES": modes.MODES, "modes": modes, "expected": self._mode,
            "recording_mode": recording_mode,
            "default_dtype": default_dtype, "dtype": self._dtype, "guards": self, "is_": is_,
            "names": self.names, "avoid": self._avoid, "overlap": _overlap, "grad": _grad,
            "empty": self._empty, "none": repeat(None),
        }  # fmt: skip
        names = [f"a{i}" for i in range(len(self._args))]
        t.add(f"if len(args) != {len(names)}: return missed")
        if names:
            t.add(f"{', '.join(names)}, = args")
        for name, expected in zip(names, self._args, strict=True):
            self._write_argument(t, name, expected)
        arrays = [
            n for n, expected in zip(names, self._args, strict=True) if type(expected) is tuple
        ]
        for i, j in combinations(range(len(arrays)), 2):
            wrong = "is not" if self._same[i] == self._same[j] else "is"
            t.add(f"if {arrays[i]} {wrong} {arrays[j]}: return missed")
        for i, array in self._by_reference:
            t.add(f"if {arrays[i]} is not {t.name('array', array)}: return missed")
        if not is_next:
            self._write_surroundings(t)
        t.add("if modes.changes != guards._changes and not guards._unchanged(): return missed")
        if self._empty:
            t.add("if not all(map(is_, map(grad, empty), none)): return missed")
        if self._avoid is not None:
            read_there = {i for i, _ in self._by_reference}  # as what is outside
            fed = [name for i, name in enumerate(arrays) if i not in read_there]
            t.add(f"if overlap([{', '.join(fed)}], avoid): return missed")
        return arrays

    def _write_surroundings(self, t: Text) -> None:
        """Add the lines that look at what the caller's code may have changed."""
        unusual = "MODES or default_dtype.current is not dtype" if self._default else "True"
        t.add(f"if ({unusual}) and recording_mode() != expected: return missed")
        for optimizer, groups, each, members in self._lists:
            now, owner = t.name("groups", groups), t.name("optimizer", optimizer)
            t.add(f"if {owner}.param_groups is not {now}: return missed")
            hooks = t.name("hooks", optimizer._all_hooks())
            t.add(f"if {owner}._hooks and {owner}._all_hooks() != {hooks}: return missed")
            t.add(f"if len({now}) != {len(each)} or {differs(t, now, each)}: return missed")
            for group, before in zip(each, members, strict=True):
                params = t.name("params", group["params"])
                t.add(f"if {t.name('group', group)}['params'] is not {params}: return missed")
                t.add(f"if len({params}) != {len(before)} or {differs(t, params, before)}:")
                t.add("    return missed")
        t.add("try:")
        for part in self.names.parts:
            t.add(f"    if {self._rebound(t, *part)}:")
            t.add("        if not names.hold(): return missed")
        t.add("    pass")
        t.add("except (ValueError, LookupError, NameError): return missed  # an empty cell, say")

    def _rebound(self, t: Text, get: Any, keys: Sequence[Any], values: Sequence[Any]) -> str:
        """Return the text that tells whether a name stands for another object than before."""
        if get is contents:
            now = [t.variable(cell) for cell in keys]
        elif get is attribute:
            now = [f"{t.name('object', of)}.{name}" for of, name in keys]
        else:
            look = t.name("get", get)
            now = [f"{look}({t.name('key', key)})" for key in keys]
        return " or ".join(
            f"{text} is not {t.name('value', value)}"
            for text, value in zip(now, values, strict=True)
        )

    def _write_argument(self, t: Text, name: str, expected: Any) -> None:
        """Add the lines that compare one argument; from then on `name` names its array."""
        if type(expected) is not tuple:
            value = t.name("value", expected)
            t.add(f"if {name} is not {value} and not same_number({name}, {value}): return missed")
            return
        shape, dtype, strides, node = expected
        kind, own = t.name("dtype", dtype), t.name("node", node)
        form, layout = t.name("shape", shape), t.name("strides", strides)
        t.add(f"if isinstance({name}, Tensor):")
        t.add(f"    if {name}._node is not {own}: return missed")
        t.add(f"    {name} = {name}._data")
        if node is not None:
            t.add("else: return missed")
        t.add(f"if type({name}) is not ndarray or {name}.shape != {form}: return missed")
        t.add(f"if {name}.dtype is not {kind} and {name}.dtype != {kind}: return missed")
        t.add(f"if {name}.strides != {layout}:")
        t.add(f"    if not alike({name}, {form}, {layout}): return missed")

    def _unchanged(self) -> bool:
        unchanged = (
            all(
                t._data is a and t._node is node and hooks_of(t) == hooks
                for t, a, node, hooks in self._tensors
            )
            and all(same_settings(module_settings(m), before) for m, before in self._modules)
            and all(same_settings(parameters_of(o), before) for o, before in self._optimizers)
        )
        if unchanged:
            self._changes = modes.changes
        return unchanged


def recording_mode() -> tuple[Any, ...]:
    """Return grad mode, default dtype, and the watch that sees calls."""
    now = modes.current() if modes.MODES else modes.DEFAULT
    return now.grad, default_dtype.current, now.watch


def array_of(arg: Any) -> Any:
    """Return a Tensor's array, or any other argument as it is."""
    return arg._data if isinstance(arg, Tensor) else arg


def first_positions(arrays: list[Array]) -> list[int]:
    """Return, for each array, where it first occurs: repeated arguments need their own program."""
    ids = list(map(id, arrays))
    return list(map(ids.index, ids))


def _alike(array: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    return all(n < 2 or a == b for n, a, b in zip(shape, array.strides, strides, strict=True))


def _overlap(arrays: list[Array], avoid: list[Array]) -> bool:
    """Tell whether two arguments share memory, or one shares memory with an array to avoid."""
    for i, array in enumerate(arrays):
        if any(np.may_share_memory(array, other) for other in avoid):
            return True
        if any(other is not array and np.may_share_memory(array, other) for other in arrays[:i]):
            return True
    return False


def hooks_of(tensor: Tensor) -> list[int] | None:
    """Return the keys of the hooks that see a Tensor's gradient."""
    hooks = getattr(tensor._node, "hooks", None)
    return None if not hooks else list(hooks)


def module_settings(module: Module) -> list[Any]:
    """Return all that a forward may depend on: attributes, Parameters, buffers, children, hooks."""
    attributes = vars(module)
    values: list[Any] = []
    for name, value in attributes.items():
        if name.startswith("_jit "):
            continue
        values += [name, value]
        if name in ("_parameters", "_buffers", "_modules"):
            for key, item in value.items():
                values += [key, item, getattr(item, "_node", None)]
    return values + [key for of_kind in (module._hooks or {}).values() for key in of_kind]


def parameters_of(optimizer: Any) -> list[Any]:
    """Return an optimizer's groups, and its parameters with the nodes where gradients arrive."""
    objects: list[Any] = [optimizer.param_groups, len(optimizer.param_groups)]
    for group in optimizer.param_groups:
        objects += [group, len(group["params"])]
        objects += [item for p in group["params"] for item in (p, p._node)]
    return objects


def same_settings(now: list[Any], before: list[Any]) -> bool:
    """Tell whether two lists hold the same objects, or equal numbers."""
    return len(now) == len(before) and all(
        a is b or same_number(a, b) or (type(a) is type(b) is tuple and _same_tuple(a, b))
        for a, b in zip(now, before, strict=True)
    )


def _same_tuple(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return same_settings(list(a), list(b))
