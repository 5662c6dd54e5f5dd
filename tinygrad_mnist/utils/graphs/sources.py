"""The values that no recorded op computed, by name, and the arrays that nodes keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.function import Function, FunctionCtx
from tinygrad_mnist.autograd.graph import AnyNode, Leaf, Node
from tinygrad_mnist.autograd.tensor import unwrap
from tinygrad_mnist.nn.calls import is_model

Array = np.ndarray[Any, Any]
OF_THE_ENGINE = frozenset(vars(FunctionCtx(Function, ())))  # a context has no others of its own


class Source(NamedTuple):
    """A value that enters the graph: a leaf, or a constant that backward keeps."""

    name: str
    kind: str  # "parameter", "leaf" or "constant"
    shape: tuple[int, ...]
    dtype: str


class Names:
    """The names of Tensors: of leaves by their nodes, of constants by their memory."""

    def __init__(self, names: Any) -> None:
        self._by_node: dict[AnyNode, str] = {}
        self._by_memory: dict[tuple[Any, ...], str] = {}
        self.parameters: dict[AnyNode, str] = {}
        self.model: Any = None
        self.add(names)

    def add(self, names: Any) -> None:
        """Add the names of a module's Parameters and buffers, or of a mapping from names."""
        if names is None:
            return
        if is_model(names):
            self.model = names
            for name, parameter in names.named_parameters():
                if parameter._node is not None:
                    self.parameters.setdefault(parameter._node, name)
            pairs = [*names.named_parameters(), *names.named_buffers()]
        elif isinstance(names, Mapping):
            pairs = [(str(name), tensor) for name, tensor in names.items()]
        else:
            raise TypeError(
                "names are those of an nn.Module, of LayerCalls, or a dict from names to Tensors, "
                f"not {type(names).__name__}"
            )
        for name, tensor in pairs:
            if hasattr(type(tensor), "materialize"):  # has no memory yet
                continue
            array = unwrap(tensor)
            if not isinstance(array, np.ndarray):
                raise TypeError(f"names[{name!r}] must be a Tensor, not {type(tensor).__name__}")
            if isinstance(tensor, Tensor) and tensor._node is not None:
                self._by_node.setdefault(tensor._node, name)
            self._by_memory.setdefault(memory_key(array), name)

    def of_leaf(self, leaf: Leaf) -> Source:
        """Return a leaf as a source."""
        name = self._by_node.get(leaf, "leaf")
        kind = "parameter" if leaf in self.parameters else "leaf"
        return Source(name, kind, tuple(leaf.shape), str(leaf.dtype))

    def of_constant(self, array: Array) -> Source:
        """Return an array that a node keeps, and that needs no gradient, as a source."""
        name = self.of_memory(array) or "constant"
        return Source(name, "constant", tuple(array.shape), str(array.dtype))

    def of_memory(self, array: Array) -> str | None:
        """Return the name that a Tensor on this memory was given."""
        return self._by_memory.get(memory_key(array))

    def of_node(self, node: AnyNode) -> str | None:
        """Return the name that a computed Tensor was given."""
        return self._by_node.get(node)


def memory_key(array: Array) -> tuple[Any, ...]:
    """Return what arrays on the same memory have in common, whatever their shapes."""
    return array.__array_interface__["data"][0], array.size, array.dtype.str


def arrays_kept_by(node: Node) -> Iterator[tuple[str, Array]]:
    """Yield every array that a node keeps for backward, with its name in the op's rules."""
    op, saved = node.op, node.saved or ()
    names = (*op.params, "output", *op.residual)
    for i, value in enumerate(saved[:-1]):
        yield from _arrays_in(value, names[i] if i < len(names) else f"saved {i}")
    yield from _arrays_in(saved[-1] if saved else None, "settings")
    if isinstance(op, FunctionCtx):
        for name, value in vars(op).items():
            if name not in OF_THE_ENGINE:
                yield from _arrays_in(value, f"ctx.{name}")


def _arrays_in(value: Any, name: str) -> Iterator[tuple[str, Array]]:
    """Yield the arrays in nested settings, without those that hold nothing."""
    value = unwrap(value)
    if isinstance(value, np.ndarray):
        if value.nbytes:
            yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _arrays_in(item, str(key))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _arrays_in(item, name)


def bytes_spanned(arrays: Iterable[Array]) -> int:
    """Count the bytes of memory that arrays lie in; what several lie in counts once.

    >>> x = np.zeros(10)
    >>> bytes_spanned([x, x.reshape(2, 5), x[:3]])
    80
    """
    spans = sorted(np.lib.array_utils.byte_bounds(array) for array in arrays if array.nbytes)
    total, reached = 0, 0
    for low, high in spans:
        total += max(0, high - max(low, reached))
        reached = max(reached, high)
    return total
