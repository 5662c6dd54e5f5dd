"""What a jitted function returns: Tensors, and tuples, lists and dicts of them.

A program's buffers are written again by the next call, so what leaves is a copy. What was one thing
in eager is one thing here: the same Tensor twice, two looks at one memory, an argument or a
parameter given back, a gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from tinygrad_mnist.autograd.graph import Leaf, Node, ancestors
from tinygrad_mnist.autograd.tensor import Born, Tensor, wrap
from tinygrad_mnist.jit.looks import dense, look, same_kind
from tinygrad_mnist.jit.tape import Tape

Array = np.ndarray[Any, Any]
Copies = dict[int, Array]  # of this call: id of a buffer -> the copy that leaves


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


class Maker(Protocol):
    """Makes one of the results of a call."""

    def __call__(self, arrays: Sequence[Array], args: Sequence[Any], copies: Copies, /) -> Tensor:
        """Of the call's arrays, its arguments, and the buffers that have been copied already."""


class Plan:
    """How the results of a program are made of its buffers and of a call's arguments."""

    def __init__(self, result: Any, program: Any, given: Sequence[Any]) -> None:
        """`given` are the arguments as the function got them."""
        self._program, self._tape, self._given = program, program.tape, given
        tensors = {id(t): t for t in tensors_in(result)}
        self._roots = [program.root(t._data) for t in tensors.values()]
        self._numbers = {key: number for number, key in enumerate(tensors)}
        self._shape = self._numbered(result)
        self._makers = [self._maker(t) for t in tensors.values()]
        self._single: Array | None = None  # the usual case: one Tensor, a buffer copied
        first = self._makers[0] if isinstance(result, Tensor) else None
        if isinstance(first, Copied):
            self._single = first.buffer
        del self._program, self._tape, self._given  # what is needed of them, the makers have

    def _numbered(self, result: Any) -> Any:
        """The result with each Tensor replaced by its number."""
        if isinstance(result, (tuple, list)):
            return same_kind(result, [self._numbered(item) for item in result])
        if isinstance(result, dict):
            return {k: self._numbered(item) for k, item in result.items()}
        return None if result is None else self._numbers[id(result)]

    def _maker(self, tensor: Tensor) -> Maker:
        array, program, tape = tensor._data, self._program, self._tape
        for i, arg in enumerate(self._given):
            if tensor is arg:
                return Argument(i)
        root = program.root(array)
        place = program.at(array)
        if root in program.fed:
            i = program.fed[root]
            return LookAtArgument(i, place, program.inputs[i])
        for leaf, g in tape.grads.items():
            if g is not None and id(g._data) == root and root not in tape.external:
                return Gradient(leaf, None if g is tensor else (place, program.at(g._data)))
        if root in tape.external and root not in program.grads_fed:
            known = tensor is tape.handles.get(id(tensor)) and id(tensor) not in tape.fresh
            return Outside(tensor if known else None, place)
        if root in program.grads_fed:
            raise RuntimeError(
                "a jitted function returns a gradient that was there before it: look at the "
                "parameter's .grad instead"
            )
        whole = program.place_of(root)
        if whole is not None and (self._roots.count(root) > 1 or not dense(place)):
            return LookAtCopy(whole, place)
        return Copied(place)

    def __call__(self, arrays: Sequence[Array], args: Sequence[Any]) -> Any:
        """The results of the replay that has just been run on these arrays, of these arguments."""
        if self._single is not None:
            return wrap(self._single.copy("K"))
        if not self._makers:
            return self._filled(self._shape, ())
        copies: Copies = {}
        return self._filled(self._shape, [make(arrays, args, copies) for make in self._makers])

    def _filled(self, shape: Any, made: Sequence[Tensor]) -> Any:
        if isinstance(shape, int):
            return made[shape]
        if isinstance(shape, (tuple, list)):
            return same_kind(shape, [self._filled(item, made) for item in shape])
        if isinstance(shape, dict):
            return {k: self._filled(item, made) for k, item in shape.items()}
        return shape


class Argument(NamedTuple):
    """An argument, given back."""

    number: int

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        arg = args[self.number]
        return arg if isinstance(arg, Tensor) else wrap(arg)


class LookAtArgument(NamedTuple):
    """A view of an argument's memory."""

    number: int
    view: Array
    whole: Array

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        return wrap(look(self.view, self.whole, arrays[self.number]))


class Gradient(NamedTuple):
    """A leaf's gradient, as its `.grad` is, or a view of it."""

    leaf: Leaf
    view: tuple[Array, Array] | None

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        if type(self.leaf.grad) is Born:
            self.leaf.grad = wrap(self.leaf.grad._data.copy("K"))
        grad = self.leaf.grad
        assert grad is not None
        return grad if self.view is None else wrap(look(*self.view, grad._data))


class Outside(NamedTuple):
    """A Tensor from outside, or a new one on such memory."""

    tensor: Tensor | None
    view: Array

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        return wrap(self.view) if self.tensor is None else self.tensor


class LookAtCopy(NamedTuple):
    """One of several views of a buffer, or one with gaps."""

    whole: Array
    view: Array

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        copy = copies.get(id(self.whole))
        if copy is None:
            copy = copies[id(self.whole)] = self.whole.copy("K")
        return wrap(look(self.view, self.whole, copy))


class Copied(NamedTuple):
    """A buffer, copied."""

    buffer: Array

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        return wrap(self.buffer.copy("K"))


def refuse_live_graph(tensor: Tensor, tape: Tape) -> None:
    """A result must not carry a graph that somebody could still go backward through."""
    node = tensor._node
    if isinstance(node, Node) and not any(n in tape.walked_nodes for n in ancestors([node])):
        raise RuntimeError(
            "a jitted function returned a Tensor whose graph is alive, and a replay would return "
            "it without one: call backward() inside, or return it detach()ed, or call under no_grad"
        )
