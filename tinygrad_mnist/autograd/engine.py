"""One walk, newest call first, behind `backward()` and `grad()`.

Creation order is a topological order, so a heap keyed by it visits every node once, after all
that use it. The walk is iterative, and drops each cotangent as soon as it has been used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.floats import silent
from tinygrad_mnist.autograd.modes import DEFAULT, MODES, TAPED, current, enable_grad, no_grad
from tinygrad_mnist.autograd.record import record
from tinygrad_mnist.autograd.tensor import ENGINE, Hooks, Leaf, Node, Tensor, unwrap, wrap
from tinygrad_mnist.kernels.scratch import is_view

AnyNode = Node | Leaf
Cotangent = tuple[Any, bool]  # and whether nobody else holds that array or Tensor
ndarray, np_add = np.ndarray, np.add


class ENGINE_OPS:
    """The four ops that the walk needs itself, and what stacks a Jacobian's rows; `ops/table.py`
    hands them over."""

    add: Callable[..., Any]
    assign: Callable[..., Any]
    sum_to: Callable[..., Any]
    cast: Callable[..., Any]
    cat: Callable[..., Any]


@silent  # the forward calls have said it
def walk(
    seeds: Sequence[tuple[AnyNode, Any]],
    wanted: dict[AnyNode, Any] | None,
    lifted: bool,
    graph: bool,
    retain: bool,
) -> None:
    """Carry cotangents from `seeds` to the leaves' `.grad`, or to the nodes that are `wanted`.

    `lifted`: run the rules on Tensors, so that calls are heard; `graph`: so that they are recorded.
    """
    heap: list[tuple[int, AnyNode]] = []
    cotangents: dict[AnyNode, Cotangent] = {}
    roots = []
    for node, g in seeds:
        roots.append(node)
        push(node, g, g, heap, cotangents)
    useful = None if wanted is None else leading_to(wanted, roots)
    mode = current()
    tape, watch = mode.tape, mode.watch
    last_write = writes.LAST
    while heap:
        node = heappop(heap)[1]
        g, mine = cotangents.pop(node)
        if node.hooks is not None:
            g, mine = run_hooks(node, g), False
        if wanted is not None and node in wanted:
            wanted[node] = g if isinstance(g, Tensor) else np.array(g)
        if isinstance(node, Leaf):
            if wanted is None:
                accumulate(node, g, mine, graph)
            continue
        parents = node.source
        if type(parents) is not tuple:
            parents = (parents,)
        if useful is not None and useful.isdisjoint(parents):
            continue
        saved = node.saved
        if saved is None:
            raise released(node)
        if last_write[0] < node.order:
            saved = unwritten(node, saved)
        if tape is not None:
            tape.walked(node)
        frame = lift(node, graph) if lifted else saved
        rules = node.op.rules
        if node.op.variadic is not None:
            rules *= len(parents)
        i = -1
        for parent in parents:
            i += 1  # as fast again as `enumerate`, and this is run for every edge
            if parent is None or (useful is not None and parent not in useful):
                continue
            gi = rules[i](g, frame, parent.shape, i)
            if watch is not None:
                watch.gave(node, gi, g)
            if gi is not None:
                push(parent, gi, g, heap, cotangents)
        if not retain and saved and not node.op.view:  # a view keeps no values
            node.saved = None


def push(
    node: AnyNode,
    g: Any,
    source: Any,
    heap: list[tuple[int, AnyNode]],
    cotangents: dict[AnyNode, Cotangent],
) -> None:
    """Add `g` to the node's cotangent; un-broadcast and cast it first where they differ."""
    if g.shape != node.shape:
        g = ENGINE_OPS.sum_to(g, shape=node.shape)
    if g.dtype is not node.dtype:
        g = ENGINE_OPS.cast(g, dtype=node.dtype)
    known = cotangents.get(node)
    if known is None:
        heappush(heap, (node.order, node))
        cotangents[node] = g, g is not source
        return
    before, mine = known
    if mine and type(g) is type(before) is ndarray and before.base is None:
        np_add(before, g, before)
        return
    total = ENGINE_OPS.add(before, g)
    if mine and type(total) is Tensor and _differ_in_layout(before, total):
        total = ENGINE_OPS.assign(before, total, key=(...,))
    cotangents[node] = total, True


def _differ_in_layout(before: Any, total: Tensor) -> bool:
    """Whether the walk on bare arrays, which adds in place here, has another layout.

    A later sum over it would round in another order.
    """
    if type(before) is not Tensor or before._node is not None or total._node is not None:
        return False
    return before._data.base is None and before._data.strides != total._data.strides


def leading_to(wanted: dict[AnyNode, Any], roots: Sequence[AnyNode]) -> set[AnyNode]:
    """The wanted nodes, and all that have one of them among their ancestors."""
    useful = set(wanted)
    for node in reversed(ancestors(roots)):  # the oldest first
        if isinstance(node, Node) and any(parent in useful for parent in node.parents):
            useful.add(node)
    return useful


def ancestors(roots: Sequence[AnyNode]) -> list[AnyNode]:
    """Every node that the roots were computed from, themselves included, newest first."""
    stack, seen = list(roots), set(roots)
    while stack:
        node = stack.pop()
        if isinstance(node, Node):
            fresh = [p for p in node.parents if p is not None and p not in seen]
            seen.update(fresh)
            stack.extend(fresh)
    return sorted(seen, key=lambda node: node.order)


def lift(node: Node, graph: bool) -> tuple[Any, ...]:
    """What the node kept, as Tensors attached to where it came from, so that rules are recorded."""
    saved, it = node.saved, node.op
    if not saved:
        return ()
    if not graph:
        return tuple(wrap(v) if type(v) is ndarray else v for v in saved[:-1]) + saved[-1:]
    count = len(it.params)
    inputs = [
        wrap(value, node.parents[i] if i < len(node.parents) else None)
        if type(value) is ndarray else value
        for i, value in enumerate(saved[:count])
    ]  # fmt: skip
    y = wrap(saved[count], node) if saved[count] is not None else None
    return (*inputs, y, *it.rebuild(inputs, saved), saved[-1])


def run_hooks(node: AnyNode, g: Any) -> Any:
    """Let each hook see, and perhaps replace, a gradient that is complete."""
    raw = not isinstance(g, Tensor)
    for hook in list((node.hooks or {}).values()):
        given = wrap(g) if raw else g
        result = hook(given)
        if result is not None:
            g = unwrap(result) if raw else result
    if isinstance(node, Node) and node.hooks is not None and node.hooks.retain:
        node.hooks.grad = wrap(np.array(g)) if raw else g
    return g


def accumulate(leaf: Leaf, g: Any, mine: bool, graph: bool) -> None:
    """Add `g` to `leaf.grad`; no two `.grad`s ever share memory."""
    before = leaf.grad
    if isinstance(g, Tensor):
        if before is not None and before._node is None and not graph:
            if MODES and (tape := current().tape) is not None:
                tape.accumulated(leaf, before, before)
                tape.written(before, total := ENGINE_OPS.add(before, g))
                g = unwrap(total)
            np.copyto(before._data, g)
            writes.stamp(before._data)
            return
        if before is not None:
            g = ENGINE_OPS.add(before, g)
        elif not mine or is_view(g._data):
            g = ENGINE_OPS.cast(g, dtype=g.dtype)
        leaf.grad = g
        if TAPED and (tape := current().tape) is not None:
            tape.accumulated(leaf, before, g)
    elif before is None:
        leaf.grad = wrap(g if mine and g.base is None else np.array(g))
    elif before._node is not None:
        leaf.grad = ENGINE_OPS.add(before, wrap(g))
    else:
        np.add(before._data, g, out=before._data)
        writes.stamp(before._data)


def released(node: Node) -> RuntimeError:
    """What backward says the second time."""
    return RuntimeError(
        f"Trying to backward through the graph a second time: what {node.op.name} kept has already "
        "been freed. Specify retain_graph=True in the first backward() or grad() to go through the "
        "graph again."
    )


def unwritten(node: Node, saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a node kept; refuse to use an array that was written in place since.

    Never a false alarm. An output that PyTorch would not have kept is computed again.
    """
    names = (*node.op.params, "y", *node.op.residual)
    for name, value in zip(names, saved, strict=False):
        if type(value) is not ndarray:
            continue
        if writes.written_since(value, node.order):
            if name == "y" and node.op.again:
                x, _, kw = saved
                node.saved = saved = (x, again(node.op, x, kw), kw)
                continue
            what = "its output" if name == "y" else f"its argument {name!r}"
            raise RuntimeError(
                f"one of the variables needed for gradient computation has been modified by an "
                f"inplace operation: {node.op.name} kept {what} {list(value.shape)} for "
                "backward, and it was written afterwards. Write to a clone(), or out of place."
            )
    return saved


def again(op: Any, x: Any, kw: dict[str, Any]) -> Any:
    """An output that was overwritten, computed once more; a tape has to hear of it."""
    tape = current().tape if TAPED else None
    if tape is None:
        return op.kernel(x, **kw)
    return record(op, (wrap(x),), kw, False, tape)._data


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add d(tensors)/d(leaf) to the `.grad` of every leaf (or of `inputs` alone).

    `grad_tensors` has the tensors' shapes and may be left out for one element. The graph is freed
    unless `retain_graph`; `create_graph` makes the gradients differentiable themselves.

    Raises RuntimeError: nothing requires grad, a gradient of another shape, a graph that was freed,
    a value that backward needs and that was written in place.

    >>> import tinygrad_mnist as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> (x * x).backward()
    >>> x.grad
    tensor(6.)
    """
    roots = as_tuple(tensors)
    if inputs is None:
        run(roots, grad_tensors, None, retain_graph, create_graph)
        return
    wanted_tensors = as_tuple(inputs)
    if not wanted_tensors:
        raise RuntimeError("'inputs' argument to backward() cannot be empty")
    wanted = wanted_nodes(wanted_tensors)
    run(roots, grad_tensors, wanted, retain_graph, create_graph)
    for node, g in wanted.items():
        if g is not None and isinstance(node, Leaf):
            accumulate(node, g, True, create_graph)
        elif g is not None and isinstance(node, Node):
            node.hooks = node.hooks if node.hooks is not None else Hooks()
            node.hooks.grad = g if isinstance(g, Tensor) else wrap(g)


ENGINE.backward = backward


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """d(outputs)/d(inputs) as a tuple, one for each input; no `.grad` is touched.

    `only_inputs` changes nothing, as in PyTorch. Raises NotImplementedError for
    `is_grads_batched`: call it for one gradient after the other.

    >>> import tinygrad_mnist as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> (dx,) = tg.autograd.grad(x * x * x, x, create_graph=True)
    >>> tg.autograd.grad(dx, x)
    (tensor(18.),)
    """
    if is_grads_batched:
        raise NotImplementedError("grad(is_grads_batched=True): call it once for each gradient")
    targets = as_tuple(inputs)
    if not targets:
        raise RuntimeError("'inputs' argument to grad() cannot be empty")
    wanted = wanted_nodes(targets)
    run(as_tuple(outputs), grad_outputs, wanted, retain_graph, create_graph)
    result: list[Any] = []
    for tensor in targets:
        g = wanted[tensor._node]
        if g is None and materialize_grads:
            g = np.zeros(tensor.shape, tensor.dtype)
        if g is None and not allow_unused:
            raise RuntimeError(
                f"an input of shape {list(tensor.shape)} appears to not have been used in the "
                "graph. Set allow_unused=True if this is the desired behavior."
            )
        result.append(g if g is None or isinstance(g, Tensor) else wrap(g))
    return tuple(result)


def run(
    roots: Sequence[Tensor],
    grad_tensors: Any,
    wanted: dict[AnyNode, Any] | None,
    retain_graph: bool | None,
    create_graph: bool,
) -> None:
    """Check the seeds, then walk: on ndarrays, or on Tensors where somebody listens."""
    given = [None] * len(roots) if grad_tensors is None else as_tuple(grad_tensors)
    if len(given) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(given)} gradients")
    retain = create_graph if retain_graph is None else retain_graph
    mode = current() if MODES else DEFAULT
    follower = None if create_graph else mode.follower
    if follower is not None and follower.backward(roots, given, wanted, retain):
        return
    lifted = create_graph or mode.tape is not None
    seeds = []
    for i, root in enumerate(roots):
        seeds.append(seed(root, given[i], lifted))
    if not lifted:
        walk(seeds, wanted, False, False, retain)
        return
    with enable_grad() if create_graph else no_grad():
        walk(seeds, wanted, True, create_graph, retain)


def seed(root: Tensor, g: Any, lifted: bool) -> tuple[AnyNode, Any]:
    """The node of an output and the gradient to start it with."""
    if not isinstance(root, Tensor):
        raise TypeError(f"backward needs Tensors, not {type(root).__name__}")
    if root._node is None:
        raise RuntimeError(
            "element 0 of tensors does not require grad and does not have a grad_fn: no input of "
            "this computation has requires_grad=True (or it ran under no_grad)"
        )
    if g is None:
        return root._node, first(root, lifted)
    array = np.asarray(unwrap(g))
    if array.shape != root.shape:
        raise RuntimeError(
            f"Mismatch in shape: the gradient has shape {list(array.shape)}, "
            f"the output {list(root.shape)}"
        )
    if lifted:
        return root._node, g if isinstance(g, Tensor) else wrap(array)
    return root._node, array


def first(root: Tensor, lifted: bool) -> Any:
    """d(root)/d(root): one, for an output of one element."""
    data = root._data
    if data.size != 1:
        raise RuntimeError(
            "grad can be implicitly created only for scalar outputs, this one has shape "
            f"{list(root.shape)}: pass gradient=, or reduce it with .sum() or .mean()"
        )
    if not data.ndim and not lifted:
        return data.dtype.type(1)  # NumPy divides this by the batch size in a quarter of the time
    one = np.array(1, data.dtype, ndmin=data.ndim)
    if lifted and (tape := current().tape) is not None:
        tape.constant(one)
    return wrap(one) if lifted else one


def as_tuple(value: Any) -> tuple[Any, ...]:
    """One Tensor, or several, as a tuple."""
    if isinstance(value, Tensor) or not isinstance(value, Iterable):
        return (value,)
    return tuple(value)


def wanted_nodes(tensors: Sequence[Tensor]) -> dict[AnyNode, Any]:
    """The nodes of the inputs to differentiate by, each with no gradient yet."""
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"inputs must be Tensors, not {type(tensor).__name__}")
        if tensor._node is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    return {tensor._node: None for tensor in tensors}  # type: ignore[misc]
