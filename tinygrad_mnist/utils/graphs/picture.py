"""graph: the recorded computation of Tensors as a picture, as DOT, and as text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tinygrad_mnist.autograd.modes import enable_grad
from tinygrad_mnist.files import atomic_write
from tinygrad_mnist.nn.calls import LayerCalls, is_model, named_tensors
from tinygrad_mnist.nn.unchanged import unchanged, with_tensors, without_lazy
from tinygrad_mnist.utils.graphs.collect import Recorded, collect
from tinygrad_mnist.utils.graphs.dot import as_dot
from tinygrad_mnist.utils.graphs.listing import as_listing, headline
from tinygrad_mnist.utils.graphs.sources import Names
from tinygrad_mnist.utils.graphs.svg import as_svg


class Graph:
    """A recorded graph, read: `.svg`, `.dot`, `.save(path)`; `print` lists its ops.

    It holds names and numbers alone, so it keeps no memory of the graph alive.
    """

    def __init__(self, recorded: Recorded, most: int | None) -> None:
        self.recorded, self.most = recorded, most

    @property
    def svg(self) -> str:
        """The picture, as SVG text."""
        return as_svg(self.recorded, self.most, headline(self.recorded))

    @property
    def dot(self) -> str:
        """The graph in the DOT language of Graphviz."""
        return as_dot(self.recorded, self.most, headline(self.recorded))

    @property
    def saved_bytes(self) -> int:
        """The bytes that the graph keeps for backward; memory that nodes share counts once."""
        return self.recorded.saved_bytes

    @property
    def ops(self) -> list[str]:
        """The names of the recorded ops, oldest first."""
        return [op.name for op in self.recorded.ops]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture into a .svg file, or the DOT text into a .dot file.

        Raises ValueError for another suffix, OSError where nothing can be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in (".svg", ".dot"):
            raise ValueError(f"a graph is saved as .svg or .dot, not as {os.fspath(path)!r}")
        text = self.svg if suffix == ".svg" else self.dot
        atomic_write(path, text.encode("utf-8"))

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return as_listing(self.recorded, self.most)

    def __repr__(self) -> str:
        return f"<Graph: {headline(self.recorded)}>"


def graph(
    of: Any, *model: Any, names: Any = None, most: int | None = 200, **keywords: Any
) -> Graph:
    """Read the graph that Tensors were computed by: ops, layers, shapes, and what is kept.

    `of` is a Tensor, such as the loss, or nested tuples, lists and dicts of them. A second argument
    gives the layers: the `LayerCalls` of a forward pass frame all ops of each layer; a model, whose
    calls nobody has noted, those that take its Parameters. `names` is a dict from more names to
    Tensors. Leaves and constants are found by their names, a constant where backward keeps it.

    `graph(model, *inputs, **keywords)` calls a model, frames all layers, and leaves the model,
    its inputs and the random states as they were. Of more than `most` ops, the first and the last
    are drawn; None draws all. Nothing is recorded for this beforehand: a graph that nobody draws
    costs nothing.

    Raises TypeError for anything without a Tensor, and for layers and names of another kind.

    >>> import tinygrad_mnist as tg
    >>> x, w = tg.ones(2, 3), tg.ones(3, requires_grad=True)
    >>> picture = graph((x * w).sum(), names={"w": w})
    >>> print(picture)
    2 ops, 24 bytes kept for backward
      #0 mul(constant, w): 2x3 float32, keeps a: 24 bytes
      #1 sum(#0): one number float32
      output = #1: one number float32
    >>> picture.svg[:4], picture.dot[:7]
    ('<svg', 'digraph')
    """
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise ValueError(f"most is the number of ops to draw, 1 or more, or None, not {most!r}")
    own = Names(names)
    if is_model(of):
        return _graph_of_call(of, model, own, most, keywords)
    if keywords or len(model) > 1:
        raise TypeError(
            "graph(loss, layers) takes one model or LayerCalls, and names= and most=; only "
            "graph(model, *inputs) takes more"
        )
    return _graph(of, model[0] if model else None, own, most)


def _graph(of: Any, layers: Any, names: Names, most: int | None) -> Graph:
    outputs = [(_name("output", way), tensor) for way, tensor in named_tensors(of)]
    if not outputs:
        raise TypeError(
            f"graph() needs a Tensor, several in a tuple, list or dict, or a model with its "
            f"inputs, not {type(of).__name__}"
        )
    calls = layers if isinstance(layers, LayerCalls) else None
    names.add(layers if calls is None else calls.model)
    return Graph(collect(outputs, names, calls), most)


def _graph_of_call(
    model: Any, inputs: tuple[Any, ...], names: Names, most: int | None, keywords: dict[str, Any]
) -> Graph:
    """Call a model, and read the graph of that call."""
    model = without_lazy(model)
    inputs, keywords = with_tensors(inputs), with_tensors(keywords)
    called = named_tensors(inputs[0] if len(inputs) == 1 else inputs)
    pairs = [(_name("input", way), tensor) for way, tensor in called]
    pairs += named_tensors(keywords)
    pairs = [(names.of_memory(tensor._data) or name, tensor) for name, tensor in pairs]
    tensors = [tensor for _, tensor in pairs]
    with unchanged(model, tensors), enable_grad(), LayerCalls(model) as layers:
        for name, tensor in pairs:  # by the memory that they have in the block
            names.add({name: tensor})
        return _graph(model(*inputs, **keywords), layers, names, most)


def _name(word: str, way: str) -> str:
    return f"{word} {way}" if way else word
