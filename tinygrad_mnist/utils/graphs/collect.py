"""Read a recorded graph into plain numbers and names, oldest op first: nothing of it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.graph import Leaf, Node, ancestors
from tinygrad_mnist.utils.graphs.frames import Frame, frames_by_calls, frames_by_parameters
from tinygrad_mnist.utils.graphs.sources import Array, Names, Source, arrays_kept_by, bytes_spanned


class Input(NamedTuple):
    """An input of an op: the index of the op or of the source that it comes from."""

    op: int | None
    source: int | None
    argument: str


class OpCall(NamedTuple):
    """A recorded call: what it gives, where its inputs come from, and what it keeps."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    inputs: tuple[Input, ...]
    saved: tuple[tuple[str, int], ...]  # name and bytes of each array
    saved_bytes: int
    is_freed: bool
    label: str  # a name that the caller gave, and the hooks


class Output(NamedTuple):
    """A Tensor whose graph was asked for."""

    name: str
    op: int | None
    source: int | None
    shape: tuple[int, ...]
    dtype: str


class Recorded(NamedTuple):
    """All ops of a graph, oldest first, and what enters and leaves it."""

    ops: list[OpCall]
    sources: list[Source]
    outputs: list[Output]
    frames: list[Frame]
    saved_bytes: int  # each memory once
    leaf_bytes: int  # the part of it that is memory of leaves, which lives anyway

    @property
    def is_freed(self) -> bool:
        """Tell whether a backward pass has freed values of the graph."""
        return any(op.is_freed for op in self.ops)


def collect(outputs: Iterable[tuple[str, Tensor]], names: Names, layers: Any) -> Recorded:
    """Read the graph of some outputs, each with its name."""
    outputs = list(outputs)
    nodes = ancestors([t._node for _, t in outputs if t._node is not None])[::-1]
    recorded = [node for node in nodes if isinstance(node, Node)]
    reader = _Reader(recorded, names)
    ops = [reader.read(node) for node in recorded]
    ends = [reader.output(name, tensor) for name, tensor in outputs]
    if layers is not None:
        frames = frames_by_calls(recorded, layers.calls)
    else:
        frames = frames_by_parameters(recorded, names.parameters, names.model)
    leaf_arrays = [a for key, a in reader.arrays.items() if key in reader.leaf_memory]
    return Recorded(
        ops, reader.sources, ends, frames,
        bytes_spanned(reader.arrays.values()), bytes_spanned(leaf_arrays),
    )  # fmt: skip


class _Reader:
    """The reading of a graph: the sources so far, and every array that is kept."""

    def __init__(self, nodes: list[Node], names: Names) -> None:
        self.names = names
        self.sources: list[Source] = []
        self.arrays: dict[int, Array] = {}  # by id: the graph keeps each alive
        self.leaf_memory: set[int] = set()
        self._index = {node: i for i, node in enumerate(nodes)}
        self._source_at: dict[Any, int] = {}
        self._namesakes: dict[str, int] = {}  # how many sources have a name

    def read(self, node: Node) -> OpCall:
        """Return one call, and note what it takes and keeps."""
        saved = list(arrays_kept_by(node))
        self.arrays.update((id(array), array) for _, array in saved)
        label = self.names.of_node(node) or ""
        if node.hooks is not None and len(node.hooks):
            label = f"{label} hooks: {len(node.hooks)}".strip()
        return OpCall(
            f"{node.op.name} (one output)" if node.op.params == ("results",) else node.op.name,
            tuple(node.shape),
            str(node.dtype),
            tuple(self._inputs(node, saved)),
            tuple((name, array.nbytes) for name, array in saved),
            bytes_spanned(array for _, array in saved),
            node.saved is None,
            label,
        )

    def _inputs(self, node: Node, saved: list[tuple[str, Array]]) -> Iterable[Input]:
        """Yield the inputs that are known: those with a node, and constants that are kept."""
        params = node.op.params
        parents = node.parents
        is_variadic = node.op.variadic is not None
        for i, parent in enumerate(parents):
            argument = params[0] if is_variadic else params[i] if i < len(params) else str(i)
            array = None if is_variadic or not node.saved else _array_at(node.saved, i)
            if isinstance(parent, Node):
                yield Input(self._index[parent], None, argument)
            elif parent is not None:
                if array is not None:
                    self.leaf_memory.add(id(array))
                yield Input(None, self._source(parent, self.names.of_leaf(parent)), argument)
            elif array is not None:
                yield self._constant(array, argument)
        for i in range(len(parents), 0 if is_variadic else len(params)):
            array = _array_at(node.saved or (), i)
            if array is not None:
                yield self._constant(array, params[i])

    def _constant(self, array: Array, argument: str) -> Input:
        key = array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str
        return Input(None, self._source(key, self.names.of_constant(array)), argument)

    def _source(self, key: Any, source: Source) -> int:
        if key not in self._source_at:
            self._source_at[key] = len(self.sources)
            self._namesakes[source.name] = number = self._namesakes.get(source.name, 0) + 1
            name = source.name if number == 1 else f"{source.name} {number}"
            self.sources.append(source._replace(name=name))
        return self._source_at[key]

    def output(self, name: str, tensor: Tensor) -> Output:
        """Return one end of the graph."""
        node, shape, dtype = tensor._node, tuple(tensor.shape), str(tensor.dtype)
        if isinstance(node, Node):
            return Output(name, self._index[node], None, shape, dtype)
        if isinstance(node, Leaf):
            return Output(name, None, self._source(node, self.names.of_leaf(node)), shape, dtype)
        return Output(name, None, self._constant(tensor._data, "").source, shape, dtype)


def _array_at(saved: tuple[Any, ...], i: int) -> Array | None:
    value = saved[i] if i < len(saved) - 1 else None
    return value if isinstance(value, np.ndarray) and value.nbytes else None
