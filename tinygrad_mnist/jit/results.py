"""What a jitted function returns: Tensors, and tuples, lists and dicts of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd.engine import ancestors
from tinygrad_mnist.autograd.tensor import Node, Tensor
from tinygrad_mnist.jit.tape import Tape

Array = np.ndarray[Any, Any]


def tensors_in(result: Any) -> list[Tensor]:
    """The Tensors of a result; anything else in it would be frozen, and is refused."""
    if isinstance(result, (tuple, list)):
        return [t for item in result for t in tensors_in(item)]
    if isinstance(result, dict):
        return [t for item in result.values() for t in tensors_in(item)]
    if result is None:
        return []
    if not isinstance(result, Tensor):
        raise TypeError(
            f"a jitted function returns Tensors, not {type(result).__name__}: the value of the "
            "captured call would be given back for ever"
        )
    return [result]


def plan(result: Any, program: Any, inputs: list[Array]) -> Any:
    """A result with each Tensor replaced by the buffer it is copied from, or the input it is."""
    if isinstance(result, (tuple, list)):
        return same_kind(result, [plan(item, program, inputs) for item in result])
    if isinstance(result, dict):
        return {k: plan(item, program, inputs) for k, item in result.items()}
    if result is None:
        return None
    for place, array in enumerate(inputs):
        if result._data is array:
            return place
    if id(result._data) in program.tape.external:
        return result
    return program.at(result._data)


def same_kind(sequence: Any, items: list[Any]) -> Any:
    """The items as a list, tuple or named tuple, like the sequence they are made from."""
    kind = type(sequence)
    return kind(*items) if hasattr(kind, "_fields") else kind(items)


def refuse_live_graph(tensor: Tensor, tape: Tape) -> None:
    """A result must not carry a graph that somebody could still go backward through."""
    node = tensor._node
    if isinstance(node, Node) and not any(n in tape.walked_nodes for n in ancestors([node])):
        raise RuntimeError(
            "a jitted function returned a Tensor whose graph is alive, and a replay would return "
            "it without one: call backward() inside, or return it detach()ed, or call under no_grad"
        )
