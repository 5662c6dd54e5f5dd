"""graph_memory: the live recorded graphs, the memory they keep, and the variables behind them."""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Iterable
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd.graph import Node, ancestors
from tinygrad_mnist.autograd.layout import owner
from tinygrad_mnist.autograd.tensor import Tensor

_RUNNING_SUM = 8  # this many additions in a row are a running sum, not a model


class Holder(NamedTuple):
    """One graph: the holder of its newest call, and the size of the graph."""

    bytes: int
    calls: int
    what: str
    hint: str

    def __str__(self) -> str:
        text = f"{size_text(self.bytes)} in {self.calls:,} calls: {self.what}"
        return f"{text}\n    {self.hint}" if self.hint else text


class GraphMemory(NamedTuple):
    """All live graphs, the largest first, in a form to print."""

    bytes: int
    calls: int
    holders: list[Holder]

    def __str__(self) -> str:
        head = f"live graphs: {self.calls:,} recorded calls keep {size_text(self.bytes)}"
        return "\n  ".join([head, *map(str, self.holders)])


def graph_memory(most: int = 10) -> GraphMemory:
    """Measure the memory that live graphs keep for backward, and name the variables that hold them.

    `bytes` counts each saved array once, `holders` are the `most` largest. All objects of the
    process are searched: this is a tool for finding a leak, not for every step.

    >>> import tinygrad_mnist as tg
    >>> w = tg.ones(1000, requires_grad=True)
    >>> total = (w * w).sum()
    >>> print(max(tg.autograd.graph_memory().holders))
    4.0 kB in 2 calls: `total` in <module> (...), a Tensor of shape [] made by SumBackward0
    """
    gc.collect()
    variables = _locals()
    everything = gc.get_objects()
    nodes = [o for o in everything if type(o) is Node]
    tensors = [o for o in everything if issubclass(type(o), Tensor) and type(o._node) is Node]
    del everything
    inner = {parent for node in nodes for parent in node.parents}
    heads = [node for node in nodes if node not in inner]
    # A list, where a dict of Tensors would turn up as one more holder of them.
    index_of = {tensor._node: i for i, tensor in enumerate(tensors)}
    sized = sorted(((*_size(node), node) for node in heads), key=lambda graph: -graph[0])
    holders = [
        _holder(
            total, calls, node, tensors[index_of[node]] if node in index_of else None, variables
        )
        for total, calls, node in sized[:most]  # to name one, all objects are searched
    ]
    return GraphMemory(_saved_bytes(nodes), len(nodes), holders)


def _size(node: Node) -> tuple[int, int]:
    """Return the bytes that the graph of a node keeps, and the number of its calls."""
    graph = [n for n in ancestors([node]) if isinstance(n, Node)]
    return _saved_bytes(graph), len(graph)


def _saved_bytes(nodes: Iterable[Any]) -> int:
    """Count the bytes of all saved arrays, each memory once."""
    memory = {}
    for node in nodes:
        for value in (isinstance(node, Node) and node.saved) or ():
            if isinstance(value, np.ndarray):
                array = owner(value)
                memory[id(array)] = array.nbytes
    return sum(memory.values())


def _holder(
    total: int, calls: int, node: Node, tensor: Tensor | None, variables: dict[int, str]
) -> Holder:
    if tensor is None:
        what = f"something that is no Tensor holds a {node.name()}"
    else:
        name = _name(tensor, variables) or "without a name"
        what = f"{name}, a Tensor of shape {list(node.shape)} made by {node.name()}"
    return Holder(total, calls, what, _hint(node))


def _hint(node: Node) -> str:
    """Return a hint for `total += loss`, which keeps the graph of every loss; else ''."""
    terms, at = 0, node
    while at.op.name in ("add", "sub"):
        terms += 1
        sums = [p for p in at.parents if isinstance(p, Node) and p.op.name == at.op.name]
        if not sums:
            break
        at = sums[0]
    if terms < _RUNNING_SUM:
        return ""
    return f"a running sum of {terms + 1} terms keeps the graph of each: add loss.item() instead"


def _locals() -> dict[int, str]:
    """Find the variables of every running function, by the ids of their values."""
    variables: dict[int, str] = {}
    for frame in sys._current_frames().values():
        at: FrameType | None = frame
        while at is not None:
            code = at.f_code
            if code.co_filename != __file__:
                snapshot = at.f_locals
                for name, value in snapshot.items():
                    where = f"`{name}` in {code.co_name} ({code.co_filename}:{at.f_lineno})"
                    variables.setdefault(id(value), where)
                if code.co_flags & inspect.CO_OPTIMIZED and type(snapshot) is dict:
                    snapshot.clear()  # the frame would keep it, and all that it names
            at = at.f_back
    return variables


def _name(value: Any, variables: dict[int, str], depth: int = 2) -> str | None:
    """Name the variable, entry or attribute that holds a value, as far as one can be found."""
    if id(value) in variables:
        return variables[id(value)]
    for holder in gc.get_referrers(value) if depth else ():
        if isinstance(holder, FrameType | Node):
            continue
        names = _names_within(holder, value)
        above = _name(holder, variables, depth - 1) if names or isinstance(holder, list) else None
        if isinstance(holder, dict) and names:
            if "__spec__" in holder:
                return f"`{names[0]}` of the module {holder['__name__']}"
            return f"entry {names[0]!r} of {above or 'a dict'}"
        if isinstance(holder, list) and above:
            return f"one of {len(holder)} elements of {above}"
        if names:
            return f"`.{names[0]}` of {above or f'a {type(holder).__name__}'}"
    return None


def _names_within(holder: Any, value: Any) -> list[str]:
    """Return the keys or attributes under which `holder` holds the value."""
    inside = holder if isinstance(holder, dict) else getattr(holder, "__dict__", {})
    return [str(key) for key, entry in inside.items() if entry is value]


def size_text(count: float) -> str:
    """Return a number of bytes as people read it: in bytes, kB, MB or GB of 1000 each.

    >>> size_text(512), size_text(318_040)
    ('512 bytes', '318.0 kB')
    """
    if count < 1000:
        return f"{count} bytes"
    for unit in ("kB", "MB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} GB"
