"""Tape: everything that happened during one captured call, in order.

A call is (op, arrays in, settings, arrays out); arrays are known by identity, so a value that
reaches an op without having come out of one is external: a parameter, a buffer, a constant. What
changes something outside - an optimizer's step, a write, a gradient - is an effect, and stays one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import Op
from tinygrad_mnist.autograd.tensor import Leaf, Node, Tensor

Array = np.ndarray[Any, Any]


@dataclass
class Call:
    """op.kernel(*args, **kw) gave `outs`: the output, then the residuals.

    `errors` is how NumPy treated errors then, where it was not as around the captured function:
    backward ignores them.
    """

    op: Op
    args: tuple[Any, ...]
    kw: dict[str, Any]
    outs: tuple[Array, ...]
    errors: dict[str, Any] | None = None

    @property
    def reads(self) -> tuple[Array, ...]:
        """The arrays that it depends on."""
        return tuple(a for a in self.args if isinstance(a, np.ndarray))


@dataclass
class Write:
    """`value` is copied into `target`, in place."""

    target: Array
    value: Array

    @property
    def reads(self) -> tuple[Array, ...]:
        """Both: what was there before may have been used."""
        return (self.value, self.target)


@dataclass
class Effect:
    """`run()` is called again at every replay; `grads` are the gradients it will find."""

    run: Callable[[], object]
    subject: Any
    grads: dict[Leaf, Array]

    @property
    def reads(self) -> tuple[Array, ...]:
        """The gradients."""
        return tuple(self.grads.values())


@dataclass
class Tape:
    """What was heard; see `autograd/listeners.py` for when each method is called."""

    entries: list[Call | Write | Effect] = field(default_factory=list)
    known: dict[int, Array] = field(default_factory=dict)
    external: dict[int, tuple[Array, Tensor | None]] = field(default_factory=dict)
    constants: dict[int, Array] = field(default_factory=dict)
    grads: dict[Leaf, Tensor | None] = field(default_factory=dict)
    grads_before: dict[Leaf, Array] = field(default_factory=dict)
    walked_nodes: set[Node] = field(default_factory=set)
    modules: dict[int, Any] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=lambda: dict(np.geterr()))

    def record(
        self, op: Op, args: tuple[Any, ...], kw: dict[str, Any], out: Tensor, residuals: Any
    ) -> None:
        """Hear a call."""
        arrays = tuple(self._array(arg) for arg in args)
        if any(out._data is array for array in arrays):
            return  # a kernel that had nothing to do
        errors: dict[str, Any] | None = dict(np.geterr())
        errors = None if errors == self.errors else errors
        self.entries.append(Call(op, arrays, dict(kw), (out._data, *residuals), errors))
        for array in (out._data, *residuals):
            self.known[id(array)] = array

    def _array(self, arg: Any) -> Any:
        array = arg._data if isinstance(arg, Tensor) else arg
        if isinstance(array, np.ndarray) and id(array) not in self.known:
            handle = arg if isinstance(arg, Tensor) else None
            if id(array) not in self.external or (
                handle is not None and isinstance(handle._node, Leaf)
            ):
                self.external[id(array)] = (array, handle)
        return array

    def constant(self, array: Array) -> None:
        """Hear of an array that is the same in every call."""
        self.constants[id(array)] = self.known[id(array)] = array

    def accumulated(self, leaf: Leaf, before: Tensor | None, after: Tensor) -> None:
        """Hear that a leaf's gradient changed."""
        if before is not None and leaf not in self.grads:
            self.grads_before[leaf] = before._data
        self._array(after)
        self.grads[leaf] = after

    def cleared(self, leaf: Leaf) -> None:
        """Hear that a leaf's gradient was set to None."""
        self.grads[leaf] = None

    def walked(self, node: Node) -> None:
        """Hear that backward went through a node."""
        self.walked_nodes.add(node)

    def module(self, module: Any) -> None:
        """Hear that a module was called: its settings were relied on."""
        self.modules[id(module)] = module

    def written(self, tensor: Tensor, value: Tensor) -> None:
        """Hear of a write in place."""
        self.entries.append(Write(self._array(tensor), self._array(value)))

    def effect(self, run: Callable[[], object], subject: Any) -> bool:
        """Hear of something done for its effect: an optimizer's step, a schedule's."""
        grads = {leaf: g._data for leaf, g in self.grads.items() if g is not None}
        self.entries.append(Effect(run, subject, grads))
        return True
