"""One walk, newest call first, behind `backward()` and `grad()`.

Creation order is a topological order, so a heap keyed by it visits every node once, after all
nodes that use it. The walk is iterative, and drops each cotangent as soon as it has been used.
`saved.py` checks whether saved values may still be used, `gradients.py` handles a gradient that is
complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from time import monotonic
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import supplied, writes
from tinygrad_mnist.autograd.ends import WAITING, reached_by
from tinygrad_mnist.autograd.floats import silent
from tinygrad_mnist.autograd.gradients import accumulate, retain, run_hooks
from tinygrad_mnist.autograd.graph import AnyNode, Leaf, leading_to
from tinygrad_mnist.autograd.modes import DEFAULT, MODES, current, enable_grad, no_grad
from tinygrad_mnist.autograd.saved import as_tensors, check_saved
from tinygrad_mnist.autograd.tensor import Tensor, unwrap, wrap
from tinygrad_mnist.kernels import spinning

Cotangent = tuple[Any, bool]  # and whether nothing else refers to that array or Tensor
ndarray, np_add = np.ndarray, np.add


@silent  # the forward pass has already warned
def walk(
    seeds: Sequence[tuple[AnyNode, Any]],
    targets: dict[AnyNode, Any] | None,
    *,
    on_tensors: bool,
    record: bool,
    retain: bool,
) -> None:
    """Carry cotangents from `seeds` to the leaves' `.grad`, or to the nodes in `targets`.

    The chain rule: a call's rule for an input turns the call's cotangent into a part of that
    input's cotangent, and the parts are added. With `on_tensors` the rules run on Tensors, for a
    tape; with `record` their calls are recorded, to be differentiated again. `retain` keeps the
    values that nodes have saved.
    """
    heap: list[tuple[int, AnyNode]] = []
    cotangents: dict[AnyNode, Cotangent] = {}
    for node, g in seeds:
        push(node, g, g, heap, cotangents)
    useful = None if targets is None else leading_to(targets, dict(seeds))
    _, tape, watch, _ = current()
    while heap:
        node = heappop(heap)[1]  # the newest: nothing is left that could add to its cotangent
        g, owned = cotangents.pop(node)
        if node.hooks is not None:
            g, owned = run_hooks(node, g), False
        if targets is not None and node in targets:
            targets[node] = g if isinstance(g, Tensor) else np.array(g)
        if isinstance(node, Leaf):
            if targets is None:
                accumulate(node, g, owned=owned, record=record)
            continue
        parents = node.source
        if type(parents) is not tuple:
            parents = (parents,)
        if useful is not None and useful.isdisjoint(parents):
            continue
        saved = node.saved
        if saved is None or writes.last < node.order:
            saved = check_saved(node)
        frame = as_tensors(node, saved, tape, attached=record) if on_tensors else saved
        op = node.op
        if op.common:
            frame = op.with_common(g, frame)
        if op.erases and watch is None:
            erase(node, parents, g, owned, frame, useful, heap, cotangents)
            parents = ()
        rules = op.rules if op.variadic is None else op.rules * len(parents)
        i = -1
        for parent in parents:
            i += 1  # twice as fast as `enumerate`, and this runs for every edge
            if parent is None or (useful is not None and parent not in useful):
                continue
            if op.onto is not None and watch is None and parent in cotangents:
                before, is_free = cotangents[parent]
                is_free = is_free and type(before) is ndarray and before.base is None
                cotangents[parent] = op.add_onto(before, g, frame, in_place=is_free), True
                continue
            gi = rules[i](g, frame, parent.shape, i)
            if watch is not None:
                watch.gave(node, gi, g)
            if gi is not None:
                push(parent, gi, g, heap, cotangents)
        if not retain and saved and not op.view:  # a view keeps no values
            node.saved = None


def push(
    node: AnyNode,
    g: Any,
    source: Any,
    heap: list[tuple[int, AnyNode]],
    cotangents: dict[AnyNode, Cotangent],
) -> None:
    """Add `g` to the node's cotangent; first sum over broadcast axes, and cast, where needed."""
    if g.shape != node.shape:
        g = supplied.sum_to(g, shape=node.shape)
    if g.dtype is not node.dtype:
        g = supplied.cast(g, dtype=node.dtype)
    entry = cotangents.get(node)
    if entry is None:
        heappush(heap, (node.order, node))
        cotangents[node] = g, g is not source
        return
    before, owned = entry
    if owned and type(g) is type(before) is ndarray and before.base is None:
        np_add(before, g, before)
        return
    total = supplied.add(before, g)
    if owned and type(total) is Tensor and _differ_in_layout(before, total):
        total = supplied.assign(before, total, key=(...,))
    cotangents[node] = total, True


def erase(
    node: Any,
    parents: tuple[Any, ...],
    g: Any,
    owned: bool,
    frame: Any,
    useful: Any,
    heap: list[tuple[int, AnyNode]],
    cotangents: dict[AnyNode, Cotangent],
) -> None:
    """Go back through a write: the part that was written goes to the value, the rest to x.

    The rest is left where it is, with zeros in place of that part, where nothing else looks at it.
    So a loop that writes slices of an array takes as long as they are long together.
    """
    op = node.op
    x, value = (p if useful is None or p in useful else None for p in (*parents, None)[:2])
    if value is not None:
        part = op.rules[1](g, frame, value.shape, 1)
        part = part if x is None else supplied.cast(part, dtype=part.dtype)
        push(value, part, g if x is None else None, heap, cotangents)
    if x is None:
        return
    if owned and type(g) is ndarray and g.base is None:
        rest = op.kernel(g, 0.0, **frame[-1], out=g)
    else:
        rest = op.rules[0](g, frame, x.shape, 0)
    push(x, rest, None, heap, cotangents)


def _differ_in_layout(before: Any, total: Tensor) -> bool:
    """Tell whether the walk on bare arrays, which adds in place here, has another layout.

    A later sum over that layout would round in another order.
    """
    if type(before) is not Tensor or before._node is not None or total._node is not None:
        return False
    return before._data.base is None and before._data.strides != total._data.strides


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
    if monotonic() > spinning.due:
        spinning.adapt()
    if not WAITING:
        _backward(tensors, grad_tensors, retain_graph, create_graph, inputs)
        return
    roots = as_tuple(tensors)
    reached = reached_by(roots)  # first: backward frees the graph
    alone = roots[0] if len(roots) == 1 else roots
    _backward(alone, grad_tensors, retain_graph, create_graph, inputs)
    for end in reached:
        end.gradients_complete()


def _backward(
    tensors: Any, grad_tensors: Any, retain_graph: bool | None, create_graph: bool, inputs: Any
) -> None:
    """Walk back, by the steps that a follower has learnt or by the engine's own loop."""
    if MODES and type(tensors) is Tensor and grad_tensors is inputs is None and not create_graph:
        follower = current().follower
        if follower is not None and follower.backward_ahead(tensors, retain_graph):
            return
    roots = as_tuple(tensors)
    if inputs is None:
        run_walk(roots, grad_tensors, None, retain_graph=retain_graph, create_graph=create_graph)
        return
    input_tensors = as_tuple(inputs)
    if not input_tensors:
        raise RuntimeError("'inputs' argument to backward() cannot be empty")
    targets = target_nodes(input_tensors)
    run_walk(roots, grad_tensors, targets, retain_graph=retain_graph, create_graph=create_graph)
    for node, g in targets.items():
        if g is None:
            continue
        if isinstance(node, Leaf):
            accumulate(node, g, owned=True, record=create_graph)
        elif node.hooks is None or not node.hooks.retain:  # else run_hooks has done it
            retain(node, g)


supplied.backward = backward


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
    """Return d(outputs)/d(inputs) as a tuple, one for each input; no `.grad` is touched.

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
    input_tensors = as_tuple(inputs)
    if not input_tensors:
        raise RuntimeError("'inputs' argument to grad() cannot be empty")
    if monotonic() > spinning.due:
        spinning.adapt()
    targets = target_nodes(input_tensors)
    run_walk(
        as_tuple(outputs),
        grad_outputs,
        targets,
        retain_graph=retain_graph,
        create_graph=create_graph,
    )
    result: list[Any] = []
    for tensor in input_tensors:
        g = targets[tensor._node]
        if g is None and materialize_grads:
            g = np.zeros(tensor.shape, tensor.dtype)
        if g is None and not allow_unused:
            raise RuntimeError(
                f"an input of shape {list(tensor.shape)} appears to not have been used in the "
                "graph. Set allow_unused=True if this is the desired behavior."
            )
        result.append(g if g is None or isinstance(g, Tensor) else wrap(g))
    return tuple(result)


def run_walk(
    roots: Sequence[Tensor],
    grad_tensors: Any,
    targets: dict[AnyNode, Any] | None,
    *,
    retain_graph: bool | None,
    create_graph: bool,
) -> None:
    """Check the seeds, then walk: on ndarrays, or on Tensors where a tape records the rules."""
    gradients = [None] * len(roots) if grad_tensors is None else as_tuple(grad_tensors)
    if len(gradients) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(gradients)} gradients")
    retain = create_graph if retain_graph is None else retain_graph
    mode = current() if MODES else DEFAULT
    follower = None if create_graph else mode.follower
    if follower is not None and follower.backward(roots, gradients, targets, retain):
        return
    on_tensors = create_graph or mode.tape is not None
    seeds = []
    for i, root in enumerate(roots):
        seeds.append(seed(root, gradients[i], on_tensors=on_tensors))
    if not on_tensors:
        walk(seeds, targets, on_tensors=False, record=False, retain=retain)
        return
    with enable_grad() if create_graph else no_grad():
        walk(seeds, targets, on_tensors=True, record=create_graph, retain=retain)


def seed(root: Tensor, g: Any, *, on_tensors: bool) -> tuple[AnyNode, Any]:
    """Return the node of an output, and the gradient that backward starts with."""
    if not isinstance(root, Tensor):
        raise TypeError(f"backward needs Tensors, not {type(root).__name__}")
    if root._node is None:
        raise RuntimeError(
            "element 0 of tensors does not require grad and does not have a grad_fn: no input of "
            "this computation has requires_grad=True (or it ran under no_grad)"
        )
    if g is None:
        return root._node, first(root, on_tensors=on_tensors)
    array = np.asarray(unwrap(g))
    if array.shape != root.shape:
        raise RuntimeError(
            f"Mismatch in shape: the gradient has shape {list(array.shape)}, "
            f"the output {list(root.shape)}"
        )
    if on_tensors:
        return root._node, g if isinstance(g, Tensor) else wrap(array)
    return root._node, array


def first(root: Tensor, *, on_tensors: bool) -> Any:
    """Return d(root)/d(root): one, for an output of one element."""
    data = root._data
    if data.size != 1:
        raise RuntimeError(
            "grad can be implicitly created only for scalar outputs, this one has shape "
            f"{list(root.shape)}: pass gradient=, or reduce it with .sum() or .mean()"
        )
    if not data.ndim and not on_tensors:
        return data.dtype.type(1)  # NumPy divides this by the batch size in a quarter of the time
    one = np.array(1, data.dtype, ndmin=data.ndim)
    if on_tensors and (tape := current().tape) is not None:
        tape.constant(one)
    return wrap(one) if on_tensors else one


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return one Tensor, or several, as a tuple."""
    if isinstance(value, Tensor) or not isinstance(value, Iterable):
        return (value,)
    return tuple(value)


def target_nodes(tensors: Sequence[Tensor]) -> dict[AnyNode, Any]:
    """Return the nodes of the inputs to differentiate by, each with no gradient yet."""
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"inputs must be Tensors, not {type(tensor).__name__}")
        if tensor._node is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    return {tensor._node: None for tensor in tensors}  # type: ignore[misc]
