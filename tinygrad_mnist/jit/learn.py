"""learn(): what was seen in a call becomes steps that the next call can be answered by."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.autograd.op import Op
from tinygrad_mnist.autograd.tensor import Leaf, Node, Tensor
from tinygrad_mnist.jit.backward_step import BackwardStep, Walk, WalkProgram
from tinygrad_mnist.jit.op_step import ABSENT, ANY_NODE, Argument, OpStep, Step
from tinygrad_mnist.jit.prepare import another_look, prepare
from tinygrad_mnist.jit.update_step import UpdateStep, with_gradients

if TYPE_CHECKING:
    from tinygrad_mnist.jit.follow import Follower

Array = np.ndarray[Any, Any]
MOST_TIMES = 3  # that one step is prepared anew
BIG = 1 << 20  # bytes: smaller arrays from outside are copied, or their kernel is called whole


class SeenCall:
    """One call of an op as it was seen; it holds the arrays until the call is learnt from."""

    def __init__(self, op: Op, args: Any, kw: dict[str, Any], grad: bool, results: Any) -> None:
        self.op, self.kw, self.grad, self.results = op, dict(kw), grad, results
        self.arrays = tuple(a._data if isinstance(a, Tensor) else a for a in args)
        self.are_tensors = tuple(isinstance(a, Tensor) for a in args)
        self.arg_nodes = tuple(getattr(a, "_node", None) for a in args)
        self.owners = [
            weakref.ref(a) if isinstance(node, Leaf) else None
            for a, node in zip(args, self.arg_nodes, strict=True)
        ]
        self.node: Node | None = None


class SeenUpdate:
    """One optimizer's step as it was seen: which leaves had gradients."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = weakref.ref(optimizer)
        self.leaves = with_gradients(optimizer)


def learn(call: Follower) -> None:
    """Add what the call has seen as a branch where it left the known steps."""
    parent = call.here
    path = parent.path()
    steps: list[tuple[Any, Step]] = []
    made: dict[int, int] = {}  # the id of an array or a node -> the depth of the step it is from
    for step in path:
        if isinstance(step, OpStep):
            made[id(result_of(step, call))] = step.depth
            if isinstance(call.nodes[step.depth], Node):
                made[id(call.nodes[step.depth])] = step.depth
    first: Step | None = None
    tail = parent
    for seen in call.seen:
        step = new_step(call, tail, seen, made)
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
            find_slots(call, step)
            for argument in step.arguments:
                argument.maker = None if argument.step is None else path[argument.step]
    for seen, step in steps:  # before anything is bound: parameters may move
        if isinstance(seen, SeenUpdate):
            step.join(seen.leaves)  # type: ignore[attr-defined]
    for seen, step in steps:
        if isinstance(step, OpStep):
            find_parameters(step, seen)
            prepare(step, path, seen.arrays, seen.results, call.scratch)
    for seen, step in steps:
        if isinstance(step, BackwardStep) and seen is not None:
            bind_walk(call, step, seen, path)
    assert first is not None
    parent.next.insert(0, first)
    call.size += len(steps)


def result_of(step: OpStep, call: Follower) -> Any:
    """The array that a step of the call's path gave."""
    given = call.outs[step.depth]
    return given if given is not None or not step.outs else step.outs[0]


def new_step(call: Follower, parent: Step, seen: Any, made: dict[int, int]) -> Step:
    """Make the step of one event, to be recognised but not yet prepared."""
    if isinstance(seen, SeenUpdate):
        return UpdateStep(parent, seen.optimizer)
    if not isinstance(seen, SeenCall):
        return new_backward(call, parent, seen, made)
    arguments = []
    parts = zip(seen.arrays, seen.are_tensors, seen.arg_nodes, seen.owners, strict=True)
    for array, is_tensor, node, owner in parts:
        argument = Argument(array, is_tensor, made.get(id(array)))
        if owner is None and getattr(array, "nbytes", BIG) < BIG:
            argument.array = None  # whoever brings it may bring another one, or let go of it
        if isinstance(node, Leaf) and node.order >= call.start:
            argument.node = node
            watch(call, node, owner)
        elif node is not None:
            argument.node = made.get(id(node), ANY_NODE)
        arguments.append(argument)
    step = OpStep(parent, seen.op, arguments, seen.kw)
    out = seen.results[0]
    arrays = [a for a in seen.arrays if isinstance(a, np.ndarray)]
    step.view = any(np.may_share_memory(out, a) for a in arrays)
    step.grad, step.makes_node = seen.grad, seen.node is not None
    if seen.node is not None:
        op = seen.op
        needed = [n is not None for n in seen.arg_nodes]
        for place in op.constants:
            if place < len(needed):
                needed[place] = False
        step.keep = op.keepers[(True,) if op.variadic else tuple(needed)]
        step.padding = (None,) * (len(op.params) - len(arguments))
    made.setdefault(id(out), step.depth)
    if seen.node is not None:
        made[id(seen.node)] = step.depth
    return step


def new_backward(call: Follower, parent: Step, walk: Walk | None, made: dict[int, int]) -> Step:
    """Make the step of a walk; of None, one that the engine did by itself and will do again."""
    if walk is None:
        return BackwardStep(parent, None, None)
    wanted = walk.wanted
    places = None if wanted is None else [made.get(id(node), node) for node in wanted]
    return BackwardStep(parent, made[id(walk.root)], places)


def watch(call: Follower, leaf: Leaf, owner: Any) -> None:
    """Let go of what is learnt of a leaf when the Tensor that owns it goes."""
    tensor = owner()
    if tensor is None or id(leaf) in call.owners:
        return
    follower = weakref.ref(call)

    def gone(_: object, key: int = id(leaf)) -> None:
        still = follower()
        if still is not None:
            still.owners.pop(key, None)
            still.dead.append(key)
            if not still.active:
                forget(still)

    call.owners[id(leaf)] = weakref.ref(tensor, gone)


def forget(call: Follower) -> None:
    """Let go of leaves whose Tensors are gone: from now on another one may stand in their place."""
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
                argument.slot = None
                step.release()


    for key in dead:
        slot = call.slots.pop(key, None)
        if slot is not None:
            call.absent[slot] = ABSENT


def find_slots(call: Follower, step: OpStep) -> None:
    """Note where the nodes of a step's arguments will stand in `call.nodes`."""
    for argument in step.arguments:
        node = argument.node
        if not step.grad or node is ANY_NODE:
            continue
        if isinstance(node, Leaf):
            argument.slot = call.slot_of(node)
        else:
            argument.slot = -1 if node is None else node


def find_parameters(step: OpStep, seen: SeenCall) -> None:
    """Expect the parameters where they are now: they may have moved since the call."""
    for argument, owner in zip(step.arguments, seen.owners, strict=True):
        tensor = owner() if owner is not None else None
        if tensor is not None and argument.array is not None and fits(tensor._data, argument.array):
            argument.array = tensor._data


def fits(a: Array, b: Array) -> bool:
    """Tell whether two arrays are alike in shape, dtype and strides."""
    return a.shape == b.shape and a.dtype == b.dtype and a.strides == b.strides


def prepare_again(call: Follower, step: OpStep, arguments: set[Argument], arrays: Any) -> None:
    """Prepare a step whose arguments lie elsewhere now, for wherever they will lie."""
    step.times += 1
    if step.times > MOST_TIMES or arrays is None:
        step.release()
        return
    for argument in arguments:
        number = step.arguments.index(argument)
        if isinstance(argument.node, Leaf) and step.times < MOST_TIMES:
            argument.array = arrays[number]
        else:
            argument.array = argument.step = None
            argument.strides = arrays[number].strides
    step.release()
    step.inner = None if step.view else step.inner
    prepare(step, step.path(), arrays, (), call.scratch)


def bind_walk(call: Follower, step: BackwardStep, walk: Walk, path: Sequence[Any]) -> None:
    """Bind a recorded walk to NumPy calls."""
    made = {id(walk_node): depth for walk_node, depth in depths(call, walk, path)}
    step.nodes = [made[id(node)] for node in walk.nodes]
    step.leaves = [n for n in walk.targets if isinstance(n, Leaf)]
    step.kept, step.made, step.views, step.feeds, step.alike = [], [], [], [], []
    known: dict[int, Array] = {}
    inputs: list[Array] = []
    found: set[int] = set()
    first_place: dict[int, tuple[int, int]] = {}
    for depth, node in zip(step.nodes, walk.nodes, strict=True):
        source = path[depth]
        for place, value in enumerate(walk.saved[node][:-1]):
            if value is None:
                continue
            if not isinstance(value, np.ndarray):
                step.kept.append((depth, place, value))
                continue
            key = id(value)
            if key not in walk.tape.external:
                continue
            found.add(key)
            here = (depth, place)
            expected = expectation(call, step, source, place, value, path)
            if here in step.late or expected is None:
                if key in first_place:
                    step.alike.append((*first_place[key], *here))
                    continue
                first_place[key] = here
                inputs.append(value)
                step.feeds.append((depth, place, len(inputs) - 1))
            elif isinstance(expected, OpStep):
                step.views.append((depth, place, expected.depth))
                known[key] = expected.inner  # type: ignore[assignment]
            elif isinstance(expected, tuple):
                step.made.append((depth, place, *expected))
                known[key] = another_look(expected[0][expected[1]])
            else:
                step.kept.append((depth, place, expected))
                known[key] = expected
    if not walk.tape.external.keys() <= found or not known.keys().isdisjoint(map(id, inputs)):
        step.release()
        return
    homes = {}
    if walk.wanted is None:
        for later in path[step.depth :]:
            if isinstance(later, UpdateStep):
                homes.update(later.homes())
    step.program = WalkProgram(walk, known, inputs, homes)


def depths(call: Follower, walk: Walk, path: Sequence[Any]) -> list[tuple[Any, int]]:
    """Each node of a walk with the depth of its step."""
    known = [(call.nodes[s.depth], s.depth) for s in path[: len(call.nodes)]]
    start = len(call.here.path())
    known += [
        (seen.node, start + number)
        for number, seen in enumerate(call.seen)
        if isinstance(seen, SeenCall)
    ]
    return known


def expectation(
    call: Follower, step: BackwardStep, source: OpStep, place: int, value: Array, path: Any
) -> Any:
    """What a node will keep in the next call, for an array that it keeps in this one.

    An array; or a step, whose view it will be; or (outs, number), what a step will leave there: the
    tuple and not the array, which must be held by nobody else. None if each call brings another.
    """
    count = len(source.op.params)
    if place >= count:  # the output or a residual
        if source.view:
            return source if source.inner is not None else None
        return (source.outs, place - count) if source.outs else None
    if source.op.variadic:
        return None
    argument = source.arguments[place]
    if argument.step is not None:
        maker = path[argument.step]
        if maker.view:
            return maker if maker.inner is not None else None
        return (maker.outs, 0) if maker.outs else None
    return argument.array
