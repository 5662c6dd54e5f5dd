"""Ends: what is to run once, at the end of the next `backward()` that reaches certain leaves.

Data parallel training averages its gradients there: `nn/reducer.py` waits from a forward on. While
nothing waits, `backward()` tests one set for emptiness and pays nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol
from weakref import WeakSet

from tinygrad_mnist.autograd.graph import AnyNode, Leaf, Node


class End(Protocol):
    """Something that waits for gradients."""

    def leaves(self) -> set[Any]:
        """Return the leaves whose gradients it waits for."""

    def gradients_complete(self) -> None:
        """Run, when they have arrived."""


WAITING: WeakSet[Any] = WeakSet()


def reached_by(roots: Iterable[Any]) -> list[End]:
    """Return what waits for a leaf that these Tensors were computed from; it waits no longer."""
    awaited = {end: end.leaves() for end in WAITING}
    reached: list[End] = []
    stack: list[AnyNode] = [root._node for root in roots if getattr(root, "_node", None)]
    seen: set[AnyNode] = set(stack)
    while stack and awaited:
        node = stack.pop()
        if isinstance(node, Leaf):
            for end in [end for end, leaves in awaited.items() if node in leaves]:
                del awaited[end]
                reached.append(end)
        elif isinstance(node, Node):
            fresh = [p for p in node.parents if p is not None and p not in seen]
            seen.update(fresh)
            stack.extend(fresh)
    for end in reached:
        WAITING.discard(end)
    return reached
