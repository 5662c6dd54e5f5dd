"""Tape: everything that happened during one captured call, in order.

A call is (op, arrays in, settings, arrays out). Arrays are identified by `id`, so an array that
reaches an op without having come out of one is external: a parameter, a buffer, a constant. An
event that changes something outside - an optimizer's step, a write, a gradient - is an effect, and
happens again at each replay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.graph import Leaf, Node
from tinygrad_mnist.autograd.modes import current
from tinygrad_mnist.autograd.op import Op
from tinygrad_mnist.autograd.tensor import BufferedGrad, Tensor, wrap

Array = np.ndarray[Any, Any]


@dataclass
class Call:
    """op.kernel(*args, **kw) gave `outs`: the output, then the residuals.

    `errors` is how NumPy treated floating-point errors then, where not as around the captured
    function: backward ignores them.
    """

    op: Op
    args: tuple[Any, ...]
    kw: dict[str, Any]
    outs: tuple[Array, ...]
    errors: dict[str, Any] | None = None

    @cached_property
    def reads(self) -> tuple[Array, ...]:
        """The arrays that the call depends on."""
        return tuple(a for a in self.args if isinstance(a, np.ndarray))


@dataclass
class Write:
    """`value` is copied into `target`, in place."""

    target: Array
    value: Array

    @property
    def reads(self) -> tuple[Array, ...]:
        """The value, and the target: an earlier entry may have used what was there."""
        return (self.value, self.target)


@dataclass
class Effect:
    """`run()` is called again at every replay.

    `grads` are the gradients that it finds, `cleared` the leaves whose gradients are gone by then.
    """

    run: Callable[[], object]
    subject: Any
    grads: dict[Leaf, Array]
    cleared: Sequence[Leaf] = ()

    @property
    def reads(self) -> tuple[Array, ...]:
        """The gradients."""
        return tuple(self.grads.values())


Entry = Call | Write | Effect
Gradients = dict[Leaf, Tensor | None]


@dataclass
class Tape:
    """The record of one call; `autograd/listeners.py` tells when each method is called."""

    arguments: Sequence[Tensor] = ()
    entries: list[Entry] = field(default_factory=list)
    seen_arrays: dict[int, Array] = field(default_factory=dict)
    external: dict[int, tuple[Array, Tensor | None]] = field(default_factory=dict)
    handles: dict[int, Tensor] = field(default_factory=dict)  # the Tensors that came from outside
    fresh: dict[int, Tensor] = field(default_factory=dict)  # other Tensors on their memory
    constants: dict[int, Array] = field(default_factory=dict)
    grads: Gradients = field(default_factory=dict)
    changes: list[tuple[int, Leaf, Tensor | None]] = field(default_factory=list)  # of gradients
    grads_before: dict[Leaf, Array] = field(default_factory=dict)  # those that the call starts from
    empty_before: list[Leaf] = field(default_factory=list)  # leaves that must have none
    walked_nodes: set[Node] = field(default_factory=set)
    modules: dict[int, Any] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=lambda: dict(np.geterr()))
    copies: list[Array] = field(default_factory=list)  # and what they were copied from
    abandoned: str | None = None  # why no program can be made of it
    start: int = field(default_factory=writes.tick)

    def record(
        self, op: Op, args: tuple[Any, ...], kw: dict[str, Any], out: Tensor, residuals: Any
    ) -> None:
        """Record a call of an op."""
        arrays = tuple(self._array(arg) for arg in args)
        if any(out._data is array for array in arrays):
            return  # the kernel had nothing to do
        errors: dict[str, Any] | None = dict(np.geterr())
        errors = None if errors == self.errors else errors
        self.entries.append(Call(op, arrays, dict(kw), (out._data, *residuals), errors))
        for array in (out._data, *residuals):
            self.seen_arrays[id(array)] = array

    def _array(self, arg: Any) -> Any:
        array = arg._data if isinstance(arg, Tensor) else arg
        if isinstance(array, np.ndarray) and id(array) not in self.seen_arrays:
            handle = arg if isinstance(arg, Tensor) else None
            if handle is not None and id(handle) not in self.fresh:
                self.handles[id(handle)] = handle
            if id(array) not in self.external or (
                handle is not None and isinstance(handle._node, Leaf)
            ):
                self.external[id(array)] = (array, handle)
        return array

    def forget_calls(self) -> None:
        """Let go of all entries but effects, and of the arrays that were seen in them."""
        self.entries = [entry for entry in self.entries if isinstance(entry, Effect)]
        self.seen_arrays = {}

    def constant(self, array: Array) -> None:
        """Note an array that is the same in every call."""
        self.constants[id(array)] = self.seen_arrays[id(array)] = array

    def looked(self, tensor: Tensor, view: Tensor) -> None:
        """Note that another Tensor was put on the memory of one."""
        self._array(tensor)
        self.fresh[id(view)] = view

    def copied(self, tensor: Tensor, copy: Tensor) -> None:
        """Note that a view had to be a copy, which no replay keeps equal to its source."""
        self.copies += [tensor._data, copy._data]

    def accumulated(self, leaf: Leaf, before: Tensor | None, after: Tensor) -> None:
        """Record that a leaf's gradient changed."""
        self._starts_from(leaf, before)
        self._array(after)
        self._becomes(leaf, after)

    def cleared(self, leaf: Leaf) -> None:
        """Record that a leaf's gradient is about to be set to None."""
        self._becomes(leaf, None)

    def _becomes(self, leaf: Leaf, grad: Tensor | None) -> None:
        self.grads[leaf] = grad
        self.changes.append((len(self.entries), leaf, grad))

    def grad_read(self, leaf: Leaf) -> None:
        """Note that a leaf's gradient was read."""
        before = leaf.grad
        if type(before) is BufferedGrad:  # as Tensor.grad will do: the caller sees the copy
            before = leaf.grad = wrap(before._data.copy(order="K"))
        self._starts_from(leaf, before)

    def _starts_from(self, leaf: Leaf, before: Tensor | None) -> None:
        if leaf in self.grads or leaf in self.grads_before or leaf in self.empty_before:
            return
        if leaf.order < self.start:  # the leaf of a Tensor made in this very call
            return
        if before is None:
            self.empty_before.append(leaf)
            return
        if before._node is not None:
            self.abandon("a gradient that is there already has a graph")
        self.grads_before[leaf] = before._data

    def walked(self, node: Node) -> None:
        """Note that backward went through a node; raise RuntimeError for one from outside."""
        if node.order > self.start:
            raise RuntimeError(
                "backward() through a graph that was recorded outside the jitted function: the "
                "graph is gone after one call. Record it inside."
            )
        self.walked_nodes.add(node)

    def requires(self, tensor: Tensor) -> None:
        """Raise RuntimeError unless the Tensor was made in this very call."""
        if (
            (isinstance(tensor._node, Leaf) and tensor._node.order > self.start)
            or id(tensor) in self.handles
            or any(tensor is one for one in self.arguments)
        ):
            raise RuntimeError(
                "requires_grad of a Tensor from outside is changed while a program is being "
                "captured: later calls would not do it again. Do it outside."
            )

    def abandon(self, why: str) -> None:
        """Let the call finish, and make no program of it; the first reason is kept."""
        self.abandoned = self.abandoned or why

    def module(self, module: Any) -> None:
        """Note that a module was called: the program depends on its settings."""
        self.modules[id(module)] = module

    def written(self, tensor: Tensor, value: Tensor) -> None:
        """Record a write in place; a Tensor from outside would get a graph that a replay lacks."""
        if value._node is not None and current().grad and self._is_outside(tensor._data):
            self.abandon("it writes what has a gradient to a Tensor from outside")
        if any(np.may_share_memory(tensor._data, copy) for copy in self.copies):
            self.abandon("it writes in place to a Tensor that view() had to copy")
        self._written_gradient(tensor._data)
        self.entries.append(Write(self._array(tensor), self._array(value)))

    def references(self, array: Array) -> int:
        """Count this tape's own references to an array of the call; -1 for one from outside."""
        if id(array) in self.external or self.copies:
            return -1
        count = int(id(array) in self.seen_arrays)
        for entry in self.entries:
            if isinstance(entry, Call):
                count += sum(part is array for part in (*entry.args, *entry.outs))
            elif isinstance(entry, Write):
                count += (entry.target is array) + (entry.value is array)
            else:
                count += sum(part is array for part in entry.grads.values())
        return count

    def _is_outside(self, array: Array) -> bool:
        """Tell whether an array lies in memory that the call has not made."""
        outside = [a for a, _ in self.external.values()] + [t._data for t in self.arguments]
        if any(np.may_share_memory(array, a) for a in outside):
            return True
        calls = (e for e in reversed(self.entries) if isinstance(e, Call))
        return not any(np.may_share_memory(array, out) for call in calls for out in call.outs)

    def made_in_call(self, array: Array) -> bool:
        """Tell whether a recorded call has made an array."""
        return any(part is array for e in self.entries if isinstance(e, Call) for part in e.outs)

    def _written_gradient(self, target: Array) -> None:
        """Note a write to a gradient that was there before, as by `zero_()`."""
        for leaf, before in self.grads_before.items():
            if not np.may_share_memory(before, target):
                continue
            now = self.grads.setdefault(leaf, leaf.grad)
            if now is None or now._data is not before:
                self.abandon("it writes into a gradient after taking it from its leaf")
            else:
                self._becomes(leaf, now)

    def effect(self, run: Callable[[], object], subject: Any) -> bool:
        """Record a call made for its effect, such as an optimizer's step; return True to run it."""
        grads = {leaf: g._data for leaf, g in self.grads.items() if g is not None}
        cleared = [leaf for leaf, g in self.grads.items() if g is None]
        self.entries.append(Effect(run, subject, grads, cleared))
        return True
