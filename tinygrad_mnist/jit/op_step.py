"""OpStep: one op call of a function as it was learnt, with prepared NumPy calls that answer it.

A step is recognised by its op, its settings and its arguments. If every argument lies where the
step was prepared for it (the very array, or what an earlier step of the same call left in its
buffer), the prepared calls run. If one has the same shape but lies elsewhere, or if somebody still
holds the result of an earlier call, the kernel runs as in eager; its result is then copied to where
later steps expect it, if that is free. So nothing here decides what a call computes: only where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.autograd.graph import Leaf, Node
from tinygrad_mnist.autograd.op import Op
from tinygrad_mnist.autograd.record import record
from tinygrad_mnist.autograd.tensor import Tensor, new
from tinygrad_mnist.autograd.views import look
from tinygrad_mnist.autograd.writes import tick
from tinygrad_mnist.jit.likeness import is_constant, same

Array = np.ndarray[Any, Any]
Call = Callable[[], object]
ndarray = np.ndarray


def no_answer(call: Any, op: Any, args: Any, kw: Any, grad: Any) -> None:
    """Answer no call."""


class Step:
    """One event of a call, and the steps that were seen to come next, the last one used first."""

    __slots__ = ("ahead", "depth", "first", "misses", "next", "parent")

    def __init__(self, parent: Step | None = None) -> None:
        self.parent = parent
        self.depth: int = -1 if parent is None else parent.depth + 1
        self.next: list[Any] = []
        self.misses = 0
        self.first: Any = None  # the step that is tried first
        self.ahead: Any = no_answer  # and its shortcut

    def look_ahead(self) -> None:
        """Note the shortcut of the step that is tried first."""
        self.first = first = self.next[0] if self.next else None
        self.ahead = getattr(first, "shortcut", None) or no_answer

    def prefer(self, step: Any) -> None:
        """Try a step first from now on."""
        if self.next[0] is not step:
            self.next.remove(step)
            self.next.insert(0, step)
            self.look_ahead()

    def path(self) -> list[Any]:
        """Return the steps from the first one of the call to this one."""
        steps: list[Any] = []
        step: Step | None = self
        while step is not None and step.parent is not None:
            steps.append(step)
            step = step.parent
        return steps[::-1]


class Elsewhere:
    """Stands for the node of a Tensor that was not computed in this call: any node will do."""


ANY_NODE = Elsewhere()


class OwnLeaf:
    """Stands for a leaf that the call itself makes, by `requires_grad_()`: another in each call."""


OWN_LEAF = OwnLeaf()


OFF = Step()  # the step of a call that has left the known ones


class Absent:
    """Stands for the node of a step that was not taken in this call."""

    hooks = ()  # so that no walk takes it for a node without hooks


ABSENT = Absent()


class Argument:
    """How an argument of a step is recognised.

    `step` is the depth of the step that computes it, or None. Else `array` is the very array that
    is expected, or None where each call brings another one of this shape and dtype. `node` is the
    depth of the step whose node it has, a Leaf, OWN_LEAF, ANY_NODE, or None where it has no node.
    """

    __slots__ = (
        "array", "dtype", "is_tensor", "maker", "node", "seen", "shape", "step", "strides", "value",
    )  # fmt: skip

    def __init__(self, array: Any, is_tensor: bool, step: int | None) -> None:
        """Describe an argument; `array` is a number (NumPy's too), None, or a WeakArray."""
        self.is_tensor, self.step = is_tensor, step
        self.node: Any = None
        self.maker: OpStep | None = None  # the step at that depth
        self.array = self.shape = self.dtype = self.strides = self.value = None
        self.seen = 0  # how often the argument lay elsewhere
        if hasattr(array, "get"):
            self.shape, self.dtype, self.strides = array.shape, array.dtype, array.strides
            self.array = array.get() if step is None else None
        else:
            self.value = array


class OpStep(Step):
    """See the file's docstring; `run` is None where the kernel itself must run at each call."""

    __slots__ = (
        "arguments", "feeds", "grad", "idle", "inner", "is_constant", "is_stale", "keep", "kw",
        "lines", "makes_node", "op", "outs", "padding", "run", "shortcut", "times", "view",
    )  # fmt: skip

    def __init__(self, parent: Step, op: Op, arguments: list[Argument], kw: dict[str, Any]) -> None:
        super().__init__(parent)
        self.op, self.arguments, self.kw = op, arguments, kw
        self.is_constant = all(map(is_constant, kw.values()))
        self.grad = self.makes_node = self.view = self.is_stale = False
        self.keep: Any = None
        self.padding: tuple[None, ...] = ()
        self.outs: tuple[Array, ...] = ()  # handed out: the output, then the residuals
        self.inner: Array | None = None  # the output again, for prepared calls to read
        self.idle = 0  # how many references an array of `outs` has when nobody else holds it
        self.times = 0  # how often the step was prepared anew
        self.run: Sequence[Call] | None = None
        self.shortcut: Any = None  # the usual way of `answer`, as one function: see answers.py
        self.feeds: list[tuple[Array, int]] = []  # (a buffer, the argument copied into it)
        self.lines: Sequence[Any] = ()

    def release(self) -> None:
        """Let go of the prepared calls and of all that they hold."""
        self.run = self.shortcut = None
        if self.parent is not None:
            self.parent.look_ahead()
        self.feeds, self.lines = [], ()

    def described(self) -> tuple[str, Sequence[Any]]:
        """Return the op's name, and the prepared calls in their plain form."""
        return self.op.name, self.lines

    def has_known_arguments(self) -> bool:
        """Tell whether each argument has no node, a leaf's, or that of a step of this call.

        Returns False as well if somebody could change a setting in place.
        """
        return self.is_constant and all(a.node is not ANY_NODE for a in self.arguments)

    def answer(self, call: Any, args: tuple[Any, ...], kw: dict[str, Any], grad: bool) -> Any:
        """Return the op's result for these arguments as a Tensor; None if this is another call."""
        arguments = self.arguments
        if grad is not self.grad or len(args) != len(arguments):
            return None
        if (kw or self.kw) and not same(kw, self.kw):
            return None
        arrays, nodes, placed = [], [], True
        for arg, expected in zip(args, arguments):  # noqa: B905  (strict takes longer)
            if isinstance(arg, Tensor):
                if not expected.is_tensor:
                    return None
                array, node, expected_node = arg._data, arg._node, expected.node
                if grad and node is not expected_node:
                    if expected_node is None:
                        return None
                    if expected_node is ANY_NODE:
                        if node is None:
                            return None
                    elif expected_node is OWN_LEAF:
                        if type(node) is not Leaf:
                            return None
                    elif type(expected_node) is not int or node is not call.nodes[expected_node]:
                        return None
                nodes.append(node)
            else:
                if expected.is_tensor:
                    return None
                array = arg
                nodes.append(None)
                if type(arg) is not ndarray:
                    if arg is not expected.value and not same(arg, expected.value):
                        if type(arg) is not type(expected.value) or type(arg) not in (int, float):
                            return None
                        placed = False  # a number that changes from call to call
                    arrays.append(arg)
                    continue
            at = expected.step
            if at is not None:
                if not lies_in(array, expected.maker, call):
                    if array.shape != expected.shape or array.dtype != expected.dtype:
                        return None
                    placed = False
                    call.strayed(self, expected, array)
            elif (
                array is not expected.array
                or array.dtype != expected.dtype
                or array.strides != expected.strides
                or array.shape != expected.shape
            ):
                if array.shape != expected.shape or array.dtype != expected.dtype:
                    return None
                if expected.array is not None:
                    placed = False
                    call.strayed(self, expected, array)
                elif self.view or array.strides != expected.strides:
                    placed = False
            arrays.append(array)
        return self._result(call, args, kw, grad, arrays, nodes, placed)

    def _result(
        self, call: Any, args: Any, kw: Any, grad: bool, arrays: Any, nodes: Any, placed: bool
    ) -> Tensor:
        outs = self.outs
        if placed and self.run is not None and self._is_free():
            usual = state() is USUAL
            try:
                if usual:
                    hush()
                for buffer, number in self.feeds:
                    buffer[...] = arrays[number]
                for step in self.run:
                    step()
            except Exception:  # let the op itself raise the error
                if usual:
                    restore()
                return record(self.op, args, kw, grad=grad)
            finally:
                if usual:
                    restore()
        else:
            if self.is_stale and placed:
                call.is_eventful, call.astray[self] = True, (set(), None)
                self.is_stale = False
            if self in call.astray:
                call.note(self, arrays)
            outs, placed = self._computed(args, kw, arrays, placed)
        k = self.depth
        if self.view and placed:
            call.views[k] = outs[0]
        out = new(Tensor)
        out._data = outs[0]
        out._origin = None
        op = self.op
        if op.view and isinstance(args[0], Tensor):
            look(args[0], out, op, kw)
        call.last_step = self
        if not self.makes_node:
            out._node = None
            return out
        out._node = node = new(Node)
        node.op = op
        for constant in op.constants:
            if constant < len(nodes):
                nodes[constant] = None
        node.source = tuple(nodes)
        keep = self.keep
        if keep is None:
            node.saved = ()
        elif op.variadic:
            node.saved = keep((None, *outs, kw, None))
        else:
            node.saved = keep((*arrays, *self.padding, *outs, kw, None))
        node.shape, node.dtype = outs[0].shape, outs[0].dtype
        node.order = tick()
        node.hooks = None
        call.nodes[k] = node
        return out

    def _is_free(self) -> bool:
        """Tell whether nobody holds the results of an earlier call, which lie in the buffers."""
        idle = self.idle
        for out in self.outs:  # noqa: SIM110  (a generator would hold it once more)
            if getrefcount(out) != idle:
                return False
        return True

    def _computed(
        self, args: Any, kw: Any, arrays: Any, placed: bool
    ) -> tuple[tuple[Array, ...], bool]:
        """Call the kernel; return results, and whether they lie where later steps expect them."""
        op = self.op
        usual = state() is USUAL
        try:
            if usual:
                hush()
            result = op.kernel(*arrays, **kw)
        except Exception as error:
            raise op.explain(error, args, kw) from None
        finally:
            if usual:
                restore()
        results = result if op.residual else (result,)
        if type(results[0]) is not ndarray:
            results = (np.asarray(results[0]), *results[1:])
        if self.view:
            return results, placed and self.inner is not None
        if op.view and np.may_share_memory(results[0], arrays[0]):  # and not when it was learnt
            return results, False
        if not self.outs or not fit_into(results, self.outs) or not self._is_free():
            return results, False
        for out, value in zip(self.outs, results, strict=True):
            out[...] = value
        return self.outs, True

    def measure(self) -> None:
        """Note how many references the buffers have while nobody else holds them."""
        for out in self.outs:
            self.idle = getrefcount(out)


def lies_in(array: Array, maker: Any, call: Any) -> bool:
    """Tell whether an array is a step's result in this call, in its usual place."""
    if maker.view:
        return array is call.views[maker.depth]
    return bool(maker.outs) and array is maker.outs[0]


def fit_into(results: Sequence[Array], outs: Sequence[Array]) -> bool:
    """Tell whether results have the shapes, dtypes and strides of the buffers `outs`."""
    for a, b in zip(results, outs, strict=True):
        a = np.asarray(a)
        if a.shape != b.shape or a.dtype != b.dtype or (a.size > 1 and a.strides != b.strides):
            return False
    return True
