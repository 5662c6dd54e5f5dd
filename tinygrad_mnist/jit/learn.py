"""learn(): the events of a call become steps, by which the next call can be answered."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.autograd.graph import Leaf, Node
from tinygrad_mnist.autograd.op import Op
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.jit.answers import walk_of
from tinygrad_mnist.jit.backward_step import BackwardStep, Walk, WalkProgram
from tinygrad_mnist.jit.likeness import is_constant
from tinygrad_mnist.jit.op_step import ANY_NODE, OWN_LEAF, Argument, OpStep, Step
from tinygrad_mnist.jit.prepare import another_view, prepare
from tinygrad_mnist.jit.update_step import UpdateStep, with_gradients

if TYPE_CHECKING:
    from tinygrad_mnist.jit.follow import Follower

Array = np.ndarray[Any, Any]
MOST_TIMES = 3  # how often one step is prepared anew
BIG = 1 << 20  # bytes: smaller arrays from outside are copied, or their kernel is called whole


class SeenCall:
    """One call of an op as it was seen.

    It holds no array and no node: a count of references must find no more than in eager.
    """

    def __init__(
        self,
        op: Op,
        args: Any,
        kw: dict[str, Any],
        grad: bool,
        results: Any,
        made: Made,
        passed: Any,
    ) -> None:
        self.op, self.kw, self.grad = op, dict(kw), grad
        arrays = [a._data if isinstance(a, Tensor) else a for a in args]
        self.view = any(
            np.may_share_memory(results[0], a) for a in arrays if isinstance(a, np.ndarray)
        )
        self.are_tensors = [isinstance(a, Tensor) for a in args]
        self.steps = [made.step_of(a) for a in arrays]
        self.nodes = [node_of(getattr(a, "_node", None), made) for a in args]
        self.owners = [
            weakref.ref(a) if isinstance(getattr(a, "_node", None), Leaf) else None for a in args
        ]
        self.are_passed = [id(a) in passed and a.nbytes < BIG for a in arrays]
        self.arrays = [WeakArray(a) if isinstance(a, np.ndarray) else a for a in arrays]
        self.results = [WeakArray(a) for a in results]
        self.node: weakref.ref[Node] | None = None
        self.is_constant = all(map(is_constant, kw.values()))


def arrays_in(value: Any) -> set[int]:
    """Return the ids of the arrays among arguments, and in lists, tuples and dicts of them."""
    if isinstance(value, Tensor):
        return {id(value._data)} if value._node is None else set()
    if isinstance(value, np.ndarray):
        return {id(value)}
    if isinstance(value, dict):
        value = list(value.values())
    return set().union(*map(arrays_in, value)) if isinstance(value, (list, tuple)) else set()


class WeakArray:
    """An array held weakly; once the array is gone, another one of its layout stands in for it."""

    def __init__(self, array: Array) -> None:
        self.shape, self.dtype, self.strides = array.shape, array.dtype, array.strides
        self.nbytes = array.nbytes
        self._ref = weakref.ref(array)

    def get(self) -> Array:
        """Return the array, or another one of the same layout."""
        array = self._ref()
        if array is not None:
            return array
        size = 1 + sum((n - 1) * abs(s) for n, s in zip(self.shape, self.strides, strict=True) if n)
        count = -(-size // self.dtype.itemsize) + 1
        flat = np.full(count, self.dtype.kind == "f", self.dtype)  # 0 is always an index
        start = sum(
            (n - 1) * -s for n, s in zip(self.shape, self.strides, strict=True) if s < 0 < n
        )
        return np.ndarray(self.shape, self.dtype, flat, start, self.strides)


class Made:
    """The step of the present call that made each array or node, as long as that lives."""

    def __init__(self) -> None:
        self._steps: dict[int, tuple[weakref.ref[Any], int]] = {}

    def add(self, value: Any, step: int) -> None:
        """Note that a step made a value; a result that is an argument keeps its first maker."""
        if self.step_of(value) is None:
            self._steps[id(value)] = weakref.ref(value), step

    def step_of(self, value: Any) -> int | None:
        """Return the depth of the step that made a value; None if no step did."""
        ref, step = self._steps.get(id(value), (None, 0))
        return step if ref is not None and ref() is value else None


def node_of(node: Any, made: Made) -> Any:
    """Return a node as an Argument describes it: None, a leaf, a step's depth, or ANY_NODE."""
    if node is None or isinstance(node, Leaf):
        return node
    step = made.step_of(node)
    return ANY_NODE if step is None else step


class SeenUpdate:
    """One optimizer's step as it was seen: the leaves that had gradients."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = weakref.ref(optimizer)
        self.leaves = with_gradients(optimizer)


def learn(call: Follower) -> None:
    """Add the events of the call as a branch, at the step where it left the learnt ones."""
    parent = call.left_at
    path = parent.path()
    steps: list[tuple[Any, Step]] = []
    first: Step | None = None
    tail = parent
    for seen in call.seen:
        step = new_step(call, tail, seen)
        steps.append((seen, step))
        path.append(step)
        if first is None:
            first = step
        else:
            tail.next.append(step)
        tail = step
    call.grow(len(path))
    for _, step in steps:
        if isinstance(step, OpStep):
            for argument in step.arguments:
                argument.maker = None if argument.step is None else path[argument.step]
    for seen, step in steps:  # before anything is bound: parameters may move
        if isinstance(seen, SeenUpdate):
            step.join(seen.leaves)  # type: ignore[attr-defined]
    for seen, step in steps:
        if isinstance(step, OpStep):
            find_parameters(step, seen)
            arrays = [a.get() if isinstance(a, WeakArray) else a for a in seen.arrays]
            results = [a.get() for a in seen.results]
            call.trying(prepare, step, path, arrays, results, call.scratch)
    for seen, step in steps:
        if isinstance(step, BackwardStep) and isinstance(seen, Walk):
            call.trying(bind_walk, call, step, seen, path)
    assert first is not None
    parent.next.insert(0, first)
    for step in (parent, *(step for _, step in steps)):
        step.look_ahead()
    call.size += len(steps)


def start_of(call: Follower) -> Made:
    """Return the values made so far, by the steps that the call has taken."""
    made = Made()
    for step in call.left_at.path():
        if isinstance(step, OpStep):
            result = call.views[step.depth]
            if result is None and step.outs:
                result = step.outs[0]
            if result is not None:
                made.add(result, step.depth)
            if isinstance(call.nodes[step.depth], Node):
                made.add(call.nodes[step.depth], step.depth)
    return made


def new_step(call: Follower, parent: Step, seen: Any) -> Step:
    """Make the step of one event, to be recognised but not yet prepared."""
    if isinstance(seen, SeenUpdate):
        return UpdateStep(parent, seen.optimizer)
    if not isinstance(seen, SeenCall):
        return BackwardStep(parent, *((None, None) if seen is None else seen.signature))
    arguments = []
    parts = zip(
        seen.arrays,
        seen.are_tensors,
        seen.steps,
        seen.nodes,
        seen.owners,
        seen.are_passed,
        strict=True,
    )
    for array, is_tensor, step_before, node, owner, is_passed in parts:
        argument = Argument(array, is_tensor, step_before)
        if is_passed:
            argument.array = None  # the caller may pass another one, or drop this one
        argument.node = node
        if isinstance(node, Leaf):
            if node.order < call.start:  # a leaf of this call: the next call makes another one
                argument.node, argument.array = OWN_LEAF, None
            else:
                watch(call, node, owner)
        arguments.append(argument)
    step = OpStep(parent, seen.op, arguments, seen.kw)
    step.view, step.grad, step.makes_node = seen.view, seen.grad, seen.node is not None
    if step.makes_node:
        op = seen.op
        needed = [node is not None for node in seen.nodes]
        for index in op.constants:
            if index < len(needed):
                needed[index] = False
        step.keep = op.selectors[(True,) if op.variadic else tuple(needed)]
        step.padding = (None,) * (len(op.params) - len(arguments))
    return step


def watch(call: Follower, leaf: Leaf, owner: Any) -> None:
    """Forget a leaf as soon as the Tensor that owns the leaf is gone."""
    tensor = owner()
    if tensor is None or id(leaf) in call.owners:
        return
    follower = weakref.ref(call)

    def gone(_: object, key: int = id(leaf)) -> None:
        still = follower()
        if still is not None:
            still.owners.pop(key, None)
            still.dead.append(key)
            if still.thread is None:
                forget(still)

    call.owners[id(leaf)] = weakref.ref(tensor, gone)


def forget(call: Follower) -> None:
    """Forget leaves whose Tensors are gone; from now on any other leaf is accepted for them."""
    dead, call.dead = set(call.dead), []
    waiting = list(call.root.next)
    while waiting:
        step = waiting.pop()
        waiting += step.next
        if isinstance(step, BackwardStep) and any(id(leaf) in dead for leaf in step.leaves):
            step.release()
        if not isinstance(step, OpStep):
            continue
        for argument in step.arguments:
            if id(argument.node) in dead:
                argument.node, argument.array = ANY_NODE, None
                step.release()


def find_parameters(step: OpStep, seen: SeenCall) -> None:
    """Expect the parameters where they lie now, for they may have moved since the call."""
    for argument, owner in zip(step.arguments, seen.owners, strict=True):
        tensor = owner() if owner is not None else None
        if tensor is not None and argument.array is not None and fits(tensor._data, argument.array):
            argument.array = tensor._data


def fits(a: Array, b: Array) -> bool:
    """Tell whether two arrays are alike in shape, dtype and strides."""
    return a.shape == b.shape and a.dtype == b.dtype and a.strides == b.strides


def prepare_again(call: Follower, step: OpStep, arguments: set[Argument], arrays: Any) -> None:
    """Prepare a step again whose arguments have moved, for arguments that lie anywhere."""
    step.times += 1
    if step.times > MOST_TIMES or arrays is None:
        step.release()
        return
    arrays = [a.get() if isinstance(a, WeakArray) else a for a in arrays]
    for argument in arguments:
        number = step.arguments.index(argument)
        if isinstance(argument.node, Leaf) and step.times < MOST_TIMES:
            argument.array = arrays[number]
        else:
            argument.array = argument.step = None
            argument.strides = arrays[number].strides
    step.release()
    if step.view:
        step.inner = None
        leave_view(step)
    prepare(step, step.path(), arrays, (), call.scratch)


def leave_view(view: OpStep) -> None:
    """Release the steps that were prepared to read the memory that a view showed before."""
    waiting = list(view.next)
    while waiting:
        step = waiting.pop()
        waiting += step.next
        if isinstance(step, BackwardStep) and any(depth == view.depth for *_, depth in step.views):
            step.program, step.outdated = None, True
        elif isinstance(step, OpStep) and any(a.maker is view for a in step.arguments):
            step.release()
            step.is_stale = True
            if step.view:
                step.inner = None
                leave_view(step)


def bind_walk(call: Follower, step: BackwardStep, walk: Walk, path: Sequence[Any]) -> None:
    """Bind a recorded walk to NumPy calls."""
    step.nodes = walk.depths
    leaves = [n for n in walk.gradients if isinstance(n, Leaf)]
    own = [leaf for leaf in leaves if leaf.order < call.start]
    step.leaves = [leaf for leaf in leaves if leaf not in own]
    step.own = [(positions_of(leaf, walk), leaf.shape, leaf.dtype) for leaf in own]
    step.fixed, step.made, step.views, step.feeds, step.alike = [], [], [], [], []
    stand_ins: dict[int, Array] = {}
    inputs: list[Array] = []
    covered: set[int] = set()
    first_position: dict[int, tuple[int, int]] = {}
    for depth, node in zip(step.nodes, walk.nodes, strict=True):
        source = path[depth]
        for slot, value in enumerate((walk.saved[node] or ())[:-1]):
            if value is None:
                continue
            if not isinstance(value, np.ndarray):
                step.fixed.append((depth, slot, value))
                continue
            key = id(value)
            if key not in walk.tape.external:
                continue
            covered.add(key)
            position = (depth, slot)
            expected = expectation(call, step, source, slot, value, path)
            if position in step.late or expected is None:
                if key in first_position:
                    step.alike.append((*first_position[key], *position))
                    continue
                first_position[key] = position
                inputs.append(value)
                step.feeds.append((depth, slot, len(inputs) - 1))
            elif isinstance(expected, OpStep):
                step.views.append((depth, slot, expected.depth))
                stand_ins[key] = expected.inner  # type: ignore[assignment]
            elif isinstance(expected, tuple):
                step.made.append((depth, slot, *expected))
                stand_ins[key] = another_view(expected[0][expected[1]])
            else:
                step.fixed.append((depth, slot, expected))
                stand_ins[key] = expected
    if not walk.tape.external.keys() <= covered or not stand_ins.keys().isdisjoint(map(id, inputs)):
        step.release()
        return
    homes = {}
    if walk.targets is None:
        for later in path[step.depth :]:
            if isinstance(later, UpdateStep):
                homes.update(later.homes())
    step.program = WalkProgram(walk, stand_ins, inputs, homes, own)
    step.walk = walk_of(step)


def positions_of(leaf: Leaf, walk: Walk) -> list[tuple[int, int]]:
    """Return where a walk's nodes point to a leaf: the depth of the node's step, and the input."""
    return [
        (depth, index)
        for depth, node in zip(walk.depths, walk.nodes, strict=True)
        for index, parent in enumerate(node.parents)
        if parent is leaf
    ]


def expectation(
    call: Follower, step: BackwardStep, source: OpStep, slot: int, value: Array, path: Any
) -> Any:
    """Return what a node will save in the next call, for an array that it saves now.

    That is the array itself; the step that will make the view; or (outs, number) of a step's
    result, the tuple and not the array, to which nothing else may refer. None if each call brings
    another array.
    """
    count = len(source.op.params)
    if slot >= count:  # the output or a residual
        if source.view:
            return source if source.inner is not None else None
        return (source.outs, slot - count) if source.outs else None
    if source.op.variadic:
        return None
    argument = source.arguments[slot]
    if argument.step is not None:
        maker = path[argument.step]
        if maker.view:
            return maker if maker.inner is not None else None
        return (maker.outs, 0) if maker.outs else None
    return argument.array
