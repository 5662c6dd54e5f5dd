"""Guards: what a program took for granted, looked at before each replay.

Arguments are compared at every call; Tensors, modules and optimizers only when the library has
counted a change to one of them since.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from operator import attrgetter, is_
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import default_dtype, modes
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.jit.names import Names, same_number
from tinygrad_mnist.jit.tape import Effect, Tape
from tinygrad_mnist.nn import Module
from tinygrad_mnist.optim import Optimizer

Array = np.ndarray[Any, Any]
_grad = attrgetter("grad")


class Guards:
    """The arguments, the mode and the world that a program stands for."""

    def __init__(self, names: Names, args: Sequence[Any], copied: Sequence[bool]) -> None:
        """Look at them before the call; `closed` looks at what it has used."""
        self.names = names
        self._mode = mode()
        self._default, self._dtype = self._mode[0] and self._mode[2] is None, self._mode[1]
        arrays = [plain(a) for a in args]
        self._args = [
            (a.shape, a.dtype, a.strides, getattr(arg, "_node", None))
            if isinstance(a, np.ndarray)
            else a
            for a, arg in zip(arrays, args, strict=True)
        ]
        given = [a for a in arrays if isinstance(a, np.ndarray)]
        self._same = places(given)
        pairs = enumerate(zip(given, copied, strict=True))
        self._by_reference = [(i, a) for i, (a, copy) in pairs if not copy]
        self._apart: list[Array] | None = None
        self._changes = -1

    def closed(self, tape: Tape, apart: list[Array] | None) -> Guards:
        """The call is over: note the Tensors, modules and optimizers that it used.

        `apart` are arrays that no argument may overlap, nor two arguments each other.
        """
        self._apart = apart
        self._empty = list(tape.empty_before)
        feeds = {id(a) for a in tape.grads_before.values()}
        self._tensors = [
            (t, t._data, t._node, hooks_of(t))
            for t in tape.handles.values()
            if id(t._data) not in feeds
        ]
        found = self.names.objects
        subjects = [e.subject for e in tape.entries if isinstance(e, Effect)]
        modules = {id(m): m for top in [*tape.modules.values(), *found] if isinstance(top, Module)
                   for m in top.modules()}  # fmt: skip
        optimizers = {id(o): o for o in [*subjects, *found] if isinstance(o, Optimizer)}
        self._modules = [(m, settings(m)) for m in modules.values()]
        self._optimizers = [(o, parameters_of(o)) for o in optimizers.values()]
        groups = [group for o in optimizers.values() for group in o.param_groups]
        self._groups = [(group, group["params"], len(group["params"])) for group in groups]
        self._changes = modes.changes
        return self

    def arrays_of(self, args: Sequence[Any]) -> list[Array] | None:
        """The arrays among the arguments, if the program stands for a call with them."""
        if len(args) != len(self._args):
            return None
        arrays = []
        for arg, known in zip(args, self._args):  # noqa: B905  (strict takes longer)
            if isinstance(arg, Tensor):
                array, node = arg._data, arg._node
            else:
                array, node = arg, None
            if type(array) is np.ndarray:
                if type(known) is not tuple or node is not known[3]:
                    return None
                shape, dtype, strides, _ = known
                if array.shape != shape or (array.dtype is not dtype and array.dtype != dtype):
                    return None
                if array.strides != strides and not _alike(array, shape, strides):
                    return None
                arrays.append(array)
            elif type(known) is tuple or (array is not known and not same_number(array, known)):
                return None
        if len(arrays) > 1 and places(arrays) != self._same:
            return None
        for i, array in self._by_reference:
            if arrays[i] is not array:
                return None
        if (modes.MODES or not self._default or default_dtype.current is not self._dtype) and (
            mode() != self._mode
        ):
            return None
        if modes.changes != self._changes and not self._unchanged():
            return None
        for group, params, count in self._groups:  # lists, which say to nobody that they change
            if group["params"] is not params or len(params) != count:
                return None
        try:
            for get, keys, values in self.names.parts:
                if not all(map(is_, map(get, keys), values)) and not self.names.hold():
                    return None
        except (ValueError, LookupError):  # an empty cell, a shorter list
            return None
        if self._empty and not all(map(is_, map(_grad, self._empty), repeat(None))):
            return None
        return arrays if self._apart is None or not _overlap(arrays, self._apart) else None

    def _unchanged(self) -> bool:
        fine = (
            all(
                t._data is a and t._node is node and hooks_of(t) == hooks
                for t, a, node, hooks in self._tensors
            )
            and all(same_settings(settings(m), before) for m, before in self._modules)
            and all(same_settings(parameters_of(o), before) for o, before in self._optimizers)
        )
        if fine:
            self._changes = modes.changes
        return fine


def mode() -> tuple[Any, ...]:
    """Grad mode, default dtype, and who watches."""
    now = modes.current() if modes.MODES else modes.DEFAULT
    return now.grad, default_dtype.current, now.watch


def plain(arg: Any) -> Any:
    """An argument's array, or the argument."""
    return arg._data if isinstance(arg, Tensor) else arg


def places(arrays: list[Array]) -> list[int]:
    """For each array, where it stands first: two that are one make a program of its own."""
    ids = list(map(id, arrays))
    return list(map(ids.index, ids))


def _alike(array: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    return all(n < 2 or a == b for n, a, b in zip(shape, array.strides, strides, strict=True))


def _overlap(arrays: list[Array], apart: list[Array]) -> bool:
    """Whether two arguments share memory, or one with what the program writes to."""
    for i, array in enumerate(arrays):
        if any(np.may_share_memory(array, other) for other in apart):
            return True
        if any(other is not array and np.may_share_memory(array, other) for other in arrays[:i]):
            return True
    return False


def hooks_of(tensor: Tensor) -> list[int] | None:
    """Which hooks see a Tensor's gradient."""
    hooks = getattr(tensor._node, "hooks", None)
    return None if not hooks else list(hooks)


def settings(module: Module) -> list[Any]:
    """What a forward may depend on: attributes, Parameters, buffers, children, hooks."""
    known = vars(module)
    found: list[Any] = []
    for name, value in known.items():
        if name.startswith("_jit "):
            continue
        found += [name, value]
        if name in ("_parameters", "_buffers", "_modules"):
            for key, held in value.items():
                found += [key, held, getattr(held, "_node", None)]
    return found + [key for of_kind in (module._hooks or {}).values() for key in of_kind]


def parameters_of(optimizer: Any) -> list[Any]:
    """An optimizer's groups, and their parameters, each with where its gradient arrives."""
    found: list[Any] = [optimizer.param_groups, len(optimizer.param_groups)]
    for group in optimizer.param_groups:
        found += [group, len(group["params"])]
        found += [held for p in group["params"] for held in (p, p._node)]
    return found


def same_settings(now: list[Any], before: list[Any]) -> bool:
    """Whether two lists hold the same objects, or equal numbers."""
    return len(now) == len(before) and all(
        a is b or same_number(a, b) or (type(a) is type(b) is tuple and _same_tuple(a, b))
        for a, b in zip(now, before, strict=True)
    )


def _same_tuple(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return same_settings(list(a), list(b))
