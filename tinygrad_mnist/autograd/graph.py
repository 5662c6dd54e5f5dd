"""The recorded graph: a `Node` for each recorded call, a `Leaf` where a gradient arrives.

Nodes point to the nodes of their inputs and to nothing else: no node holds a Tensor, so that a
graph is freed by reference counting alone. Gradients and hooks are Tensors and functions of
Tensors; `tensor.py`, which is built on this file, gives them their types.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_mnist import threads
from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.modes import note_change

Hook = Callable[[Any], Any]


class Leaf:
    """Where a gradient arrives: owned by the Tensor, and the owner of `.grad`."""

    __slots__ = ("__weakref__", "dtype", "grad", "hooks", "is_frozen", "order", "shape")
    op = None

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        if not threads.settled:  # before there is anything to compute a gradient with
            threads.settle()
        self.shape, self.dtype = array.shape, array.dtype
        self.order = writes.tick()
        self.grad: Any = None  # a Tensor, or None
        self.hooks: dict[int, Hook] | None = None
        self.is_frozen = False  # its Tensor requires no gradient now: backward skips it


class Node:
    """A recorded call: the op, the nodes of its inputs, and the values that its rules name.

    `saved` has one entry for each argument, then the output, the residuals and the keywords, and
    None in place of each value that no rule which will run names. A node never holds its output
    Tensor, so there are no cycles and a graph is freed by reference counting alone.
    """

    __slots__ = (
        "__weakref__",
        "dtype",
        "hooks",
        "op",
        "order",
        "saved",
        "shape",
        "source",
        "trace",
    )

    op: Any
    source: Any  # `parents`, or the first of them alone
    saved: tuple[Any, ...] | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: int
    hooks: Hooks | None
    trace: str

    def name(self) -> str:
        """Return PyTorch's name of the step backward, for example `MulBackward0`."""
        words = self.op.name.replace(".", "_").split("_")
        return "".join(word[:1].upper() + word[1:] for word in words) + "Backward0"

    @property
    def parents(self) -> tuple[Node | Leaf | None, ...]:
        """The nodes of the inputs, with None for one that does not require grad.

        Where the first input alone requires grad, `source` is the node of that input. The garbage
        collector goes through a deep graph again and again: one tuple less per node saves a
        third of the collector's time.
        """
        source = self.source
        return source if type(source) is tuple else (source,)

    @property
    def next_functions(self) -> tuple[tuple[Node | Leaf | None, int], ...]:
        """The nodes that the gradient goes to next, as (node, 0) pairs."""
        return tuple((parent, 0) for parent in self.parents)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


AnyNode = Node | Leaf
writes.NODES.add(Node)


class Hooks(dict[int, Hook]):
    """The hooks of a recorded Tensor, and its `grad` after `retain_grad()`."""

    grad: Any = None  # a Tensor, or None
    retain = False


_handles = itertools.count()  # an id would be reused once its handle is dropped


class RemovableHandle:
    """The handle of a hook that `register_hook` has added; `remove()` takes the hook away."""

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self._hooks, self._key = hooks, next(_handles)
        hooks[self._key] = hook
        note_change()

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self._hooks.pop(self._key, None)
        note_change()

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def leading_to(targets: Iterable[AnyNode], roots: Iterable[AnyNode]) -> set[AnyNode]:
    """Return the target nodes, and all nodes that have one of them among their ancestors."""
    useful = set(targets)
    oldest = max([node.order for node in useful], default=0)
    for node in reversed(ancestors(roots, oldest)):  # the oldest first
        if type(node) is Node and not useful.isdisjoint(node.parents):
            useful.add(node)
    return useful


def ancestors(roots: Iterable[AnyNode], oldest: int = 0) -> list[AnyNode]:
    """Return every node that the roots were computed from, and the roots, newest first.

    What is older than the moment `oldest` may be left out, as moments count down.
    """
    stack, seen = list(roots), set(roots)
    while stack:
        node = stack.pop()
        if isinstance(node, Node) and node.order < oldest:
            fresh = [p for p in node.parents if p is not None and p not in seen]
            seen.update(fresh)
            stack.extend(fresh)
    return sorted(seen, key=lambda node: node.order)
