"""Outputs: the Tensors that a pure function returns, and tuples, lists and dicts of them.

The next call writes a program's buffers again, so copies of them leave. Identity is kept as in
eager: the same Tensor twice, two views of one memory, an argument or a parameter that is returned,
a gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from tinygrad_mnist.autograd.graph import Leaf, Node, ancestors
from tinygrad_mnist.autograd.tensor import BufferedGrad, Tensor, new, wrap
from tinygrad_mnist.jit.tape import Tape
from tinygrad_mnist.jit.text import Text
from tinygrad_mnist.jit.views import dense, moved_view, same_kind

Array = np.ndarray[Any, Any]
Copies = dict[int, Array]  # of this call: id of a buffer -> the copy that leaves


def tensors_in(result: Any) -> list[Tensor]:
    """Return a result's Tensors; raise TypeError for any other value, which would be frozen."""
    if isinstance(result, (tuple, list)):
        return [t for item in result for t in tensors_in(item)]
    if isinstance(result, dict):
        return [t for item in result.values() for t in tensors_in(item)]
    if result is None:
        return []
    if not isinstance(result, Tensor):
        raise TypeError(
            f"a jitted function returns Tensors, not {type(result).__name__}: every later call "
            "would return the value of the captured one"
        )
    return [result]


class Maker(Protocol):
    """Makes one of the results of a call."""

    def __call__(self, arrays: Sequence[Array], args: Sequence[Any], copies: Copies, /) -> Tensor:
        """Make a result from the call's arrays, its arguments, and the copies made already."""


class Plan:
    """Makes the results of a program from its buffers and a call's arguments."""

    def __init__(
        self, result: Any, binding: Any, arguments: Sequence[Any], lasting: Sequence[Tensor] = ()
    ) -> None:
        """Plan for `result`; `arguments` are those that the function was called with.

        `lasting` are Tensors that an earlier call returned, and that are still there.
        """
        self._binding, self._tape, self._arguments = binding, binding.tape, arguments
        self._lasting = {id(t): t for t in lasting}
        tensors = {id(t): t for t in tensors_in(result)}
        self._roots = [binding.root(t._data) for t in tensors.values()]
        self._numbers = {key: number for number, key in enumerate(tensors)}
        self._shape = self._numbered(result)
        self._makers = [self._maker(t) for t in tensors.values()]
        self._single: Array | None = None  # the usual case: one Tensor, copied from this buffer
        first = self._makers[0] if isinstance(result, Tensor) else None
        if isinstance(first, CopyOfBuffer):
            self._single = first.buffer
        del self._binding, self._tape, self._arguments, self._lasting  # makers hold what they need

    def _numbered(self, result: Any) -> Any:
        """Return the result with each Tensor replaced by its number."""
        if isinstance(result, (tuple, list)):
            return same_kind(result, [self._numbered(item) for item in result])
        if isinstance(result, dict):
            return {k: self._numbered(item) for k, item in result.items()}
        return None if result is None else self._numbers[id(result)]

    def _maker(self, tensor: Tensor) -> Maker:
        array, binding, tape = tensor._data, self._binding, self._tape
        for i, arg in enumerate(self._arguments):
            if tensor is arg:
                return ReturnedArgument(i)
        root = binding.root(array)
        buffer = binding.at(array)
        if root in binding.fed:
            i = binding.fed[root]
            return ViewOfArgument(i, buffer, binding.inputs[i])
        for leaf, g in tape.grads.items():
            if g is not None and id(g._data) == root and root not in tape.external:
                return ReturnedGradient(
                    leaf, None if g is tensor else (buffer, binding.at(g._data))
                )
        if root in tape.external and root not in binding.grads_fed:
            is_handle = tensor is tape.handles.get(id(tensor)) and id(tensor) not in tape.fresh
            return FromOutside(tensor if is_handle else None, buffer)
        if root in binding.grads_fed:
            raise RuntimeError(
                "a jitted function returns a gradient that was there before it: look at the "
                "parameter's .grad instead"
            )
        whole = binding.buffer_of(root)
        if whole is None and tensor is self._lasting.get(id(tensor)):  # no call has touched it
            return FromOutside(tensor, buffer)
        if whole is not None and (self._roots.count(root) > 1 or not dense(buffer)):
            return ViewOfCopy(whole, buffer)
        return CopyOfBuffer(buffer)

    def __call__(self, arrays: Sequence[Array], args: Sequence[Any]) -> Any:
        """Return the results of the last replay, which ran on these arrays of these arguments."""
        if self._single is not None:
            return wrap(self._single.copy("K"))
        if not self._makers:
            return self._filled(self._shape, ())
        copies: Copies = {}
        return self._filled(self._shape, [make(arrays, args, copies) for make in self._makers])

    def write(self, t: Text, arrays: str) -> None:
        """Add the lines that return the results; `arrays` is the text of the call's arrays."""
        if self._single is None:
            t.add(f"return results({arrays}, args)")
            return
        t.names |= {"new": new, "Tensor": Tensor}
        t.add("out = new(Tensor)")
        t.add(f"out._data = {t.name('buffer', self._single)}.copy('K')")
        t.add("out._node = None")
        t.add("return out")

    def _filled(self, shape: Any, made: Sequence[Tensor]) -> Any:
        if isinstance(shape, int):
            return made[shape]
        if isinstance(shape, (tuple, list)):
            return same_kind(shape, [self._filled(item, made) for item in shape])
        if isinstance(shape, dict):
            return {k: self._filled(item, made) for k, item in shape.items()}
        return shape


class ReturnedArgument(NamedTuple):
    """An argument that is returned as it is."""

    number: int

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        arg = args[self.number]
        return arg if isinstance(arg, Tensor) else wrap(arg)


class ViewOfArgument(NamedTuple):
    """A view of an argument's memory."""

    number: int
    view: Array
    whole: Array

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        return wrap(moved_view(self.view, self.whole, arrays[self.number]))


class ReturnedGradient(NamedTuple):
    """A leaf's `.grad` itself, or a view of it."""

    leaf: Leaf
    view: tuple[Array, Array] | None

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        if type(self.leaf.grad) is BufferedGrad:
            self.leaf.grad = wrap(self.leaf.grad._data.copy("K"))
        grad = self.leaf.grad
        assert grad is not None
        return grad if self.view is None else wrap(moved_view(*self.view, grad._data))


class FromOutside(NamedTuple):
    """A Tensor from outside, or a new Tensor on memory from outside."""

    tensor: Tensor | None
    view: Array

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        return wrap(self.view) if self.tensor is None else self.tensor


class ViewOfCopy(NamedTuple):
    """One of several views of a buffer, or a view with gaps: a view of a copy of the whole."""

    whole: Array
    view: Array

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        copy = copies.get(id(self.whole))
        if copy is None:
            copy = copies[id(self.whole)] = self.whole.copy("K")
        return wrap(moved_view(self.view, self.whole, copy))


class CopyOfBuffer(NamedTuple):
    """A copy of a buffer."""

    buffer: Array

    def __call__(self, arrays: Any, args: Any, copies: Copies) -> Tensor:
        return wrap(self.buffer.copy("K"))


def refuse_live_graph(tensor: Tensor, tape: Tape) -> None:
    """Raise RuntimeError for a result with a graph that somebody could still go back through."""
    node = tensor._node
    if isinstance(node, Node) and not any(n in tape.walked_nodes for n in ancestors([node])):
        raise RuntimeError(
            "a jitted function returned a Tensor whose graph is alive, but a replay returns no "
            "graph: call backward() inside, return the Tensor detach()ed, or call under no_grad"
        )
