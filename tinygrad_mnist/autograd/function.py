"""Function: an operation of your own with a backward of your own; PyTorch's interface.

A call is one node, and its context plays the part of the op: saved Tensors stand in the node
where an op's arguments and output stand, so stale writes are noticed, second derivatives find
their way back to the inputs, and the graph is freed as any other. Of several outputs, each has a
small node that makes its gradient one part of the gradient of the call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import rebase, supplied
from tinygrad_mnist.autograd.graph import Leaf, Node
from tinygrad_mnist.autograd.modes import current, is_grad_enabled, no_grad
from tinygrad_mnist.autograd.tensor import Tensor, new, unwrap, wrap
from tinygrad_mnist.autograd.writes import tick

UserBackward = Callable[..., Any]
Rule = Callable[[Any, Sequence[Any], tuple[int, ...], int], Any]


class FunctionCtx:
    """The link from forward to backward, one for each call; your own attributes are kept too."""

    view, variadic, again, onto, erases, common = False, None, False, None, False, ()

    def __init__(self, function: type[Function], args: Sequence[Any]) -> None:
        self.name = function.__name__
        self.params = _names(function, len(args))
        self.residual: dict[
            str, Node | Leaf | None
        ] = {}  # saved Tensors that are neither input nor output
        self.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        """For each argument, True if backward should compute its gradient."""
        self.saved_tensors: tuple[Any, ...] = ()
        """In backward: the Tensors that `save_for_backward` was called with."""
        self._function = function
        self._tensors: tuple[Any, ...] = ()
        self._saved_at: list[int | None] = []  # the indices of saved Tensors in the node's `saved`
        self._aside: tuple[Tensor, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._zeros = True
        self._results: list[tuple[tuple[int, ...], Any] | None] = []
        self._output_at: dict[int, int] = {}  # index of a saved output in `saved` -> which output
        self._sources: tuple[Any, ...] = ()  # the nodes of the arguments
        self._subclassed: dict[int, Tensor] = {}  # saved Tensors of subclasses, by index
        self.live: list[int] = []  # the outputs that have a gradient

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """`saved_tensors` by its old name."""
        return self.saved_tensors

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs, outputs or other Tensors for backward's `saved_tensors`."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(
                    f"save_for_backward takes Tensors, not {type(tensor).__name__}; "
                    "keep anything else as an attribute of ctx"
                )
        self._tensors = tensors

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Declare that these outputs have no gradient; integer outputs never have one."""
        self._aside = outputs

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Declare that forward wrote these inputs in place, and returns them."""
        self._dirty = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Set if backward gets zeros (the default) or None for an output that was not used."""
        self._zeros = value

    # The parts of an op that the engine uses

    @property
    def rules(self) -> tuple[Rule, ...]:
        """One rule for each argument; together they run backward once per visit."""
        return (_Visit(self).rule,) * len(self.params)

    def rebuild(self, inputs: Sequence[Any], saved: Sequence[Any]) -> Iterator[Any]:
        """Return the other saved Tensors, each with its own history."""
        others = saved[len(self.params) + 1 : -1]
        return (wrap(v, node) for v, node in zip(others, self.residual.values(), strict=True))


class Function:
    """Subclass with static `forward(ctx, *args)` and `backward(ctx, *grads)`; use by `.apply(...)`.

    `forward` runs unrecorded. `backward` gets one gradient for each output and returns one (or
    None) for each argument; written in Tensor operations it can be differentiated again. As in
    PyTorch, `forward(*args)` with `setup_context(ctx, inputs, output)` works as well.

    >>> import tinygrad_mnist as tg
    >>> class Cube(tg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x * x
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> tg.autograd.grad(Cube.apply(x), x)
    (tensor(12.),)
    """

    def __init__(self) -> None:
        raise RuntimeError(f"use {type(self).__name__}.apply(...); a Function has no instances")

    @staticmethod
    def forward(*args: Any) -> Any:
        """Compute the value, from ctx and the arguments."""
        raise NotImplementedError("a Function needs a static forward(ctx, *args)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save values for backward, if forward is written without ctx."""
        raise NotImplementedError

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Compute the gradients of the arguments, from those of the outputs."""
        raise NotImplementedError("a Function needs a static backward(ctx, *grads)")

    vjp = backward

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call forward, and record it if an argument requires grad."""
        ctx = FunctionCtx(cls, args)
        with no_grad():
            if _takes_ctx(cls):
                result = cls.forward(ctx, *args)
            else:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
        outputs = list(result) if isinstance(result, tuple) else [result]
        if is_grad_enabled() and any(ctx.needs_input_grad):
            outputs = _record(ctx, args, outputs)
        else:
            outputs = [wrap(y._data) if _is_in(y, args) else y for y in outputs]
        return tuple(outputs) if isinstance(result, tuple) else outputs[0]


InplaceFunction = Function  # PyTorch's older name for one that may write into its inputs


# Recording a call


def _names(function: type[Function], count: int) -> tuple[str, ...]:
    """Return the names of the arguments in the signature of forward."""
    names = _parameters(function.forward)[1 if _takes_ctx(function) else 0 :]
    return names if len(names) == count else tuple(f"{i}" for i in range(count))


@functools.lru_cache(maxsize=256)  # a signature takes longer than the call of a small forward
def _parameters(forward: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(forward).parameters)


def _takes_ctx(function: type[Function]) -> bool:
    return function.setup_context is Function.setup_context


def _is_in(tensor: Any, tensors: Sequence[Any]) -> bool:
    return isinstance(tensor, Tensor) and any(tensor is other for other in tensors)


def _record(ctx: FunctionCtx, args: Sequence[Any], outputs: list[Any]) -> list[Any]:
    """Attach the outputs to a node of this call."""
    for x in ctx._dirty:
        if isinstance(x._node, Leaf):
            raise RuntimeError(
                f"{ctx.name}: a leaf that requires grad is written in place; give it a clone()"
            )
    ctx._results = [(y.shape, y.dtype) if isinstance(y, Tensor) else None for y in outputs]
    ctx.live = [
        i for i, y in enumerate(outputs)
        if isinstance(y, Tensor) and y.dtype.kind == "f" and not _is_in(y, ctx._aside)
    ]  # fmt: skip
    saved = _saved(ctx, args, outputs)
    parents = ctx._sources = tuple(a._node if isinstance(a, Tensor) else None for a in args)
    if not ctx.live:
        return outputs
    if len(ctx.live) == 1:
        y = outputs[ctx.live[0]]
        nodes = [_node(ctx, parents, saved, y.shape, y.dtype)]
    else:
        call = _node(ctx, parents, saved, (), Parts.dtype)
        nodes = [_part(ctx, i, call, outputs[i]) for i in ctx.live]
    for i, node in zip(ctx.live, nodes, strict=True):
        if _is_in(outputs[i], ctx._dirty):
            rebase.written(outputs[i], node, supplied.assign_view.op, foreign=False)
        else:
            outputs[i] = wrap(outputs[i]._data, node)
    return outputs


def _saved(ctx: FunctionCtx, args: Sequence[Any], outputs: list[Any]) -> tuple[Any, ...]:
    """Return `saved` as for an op: arguments, output, others, settings; None for each not saved."""
    if not ctx._tensors:
        return ()
    count = len(args)
    frame: list[Any] = [None] * (count + 1)
    for tensor in ctx._tensors:
        output = next((i for i in ctx.live if outputs[i] is tensor), None)
        if tensor is None:
            ctx._saved_at.append(None)
            continue
        if output is None and _is_in(tensor, args):
            index = next(i for i, a in enumerate(args) if a is tensor)
        elif output is not None and len(ctx.live) == 1:
            index = count
        else:
            index = len(frame)
            frame.append(None)
            ctx.residual[f"saved tensor {index}"] = None if output is not None else tensor._node
            if output is not None:
                ctx._output_at[index] = output
                frame[count] = np.empty(0)  # where `_saved_tensor` finds the node of this call
        frame[index] = tensor._data
        if type(tensor) is not Tensor and tensor.__dict__:
            ctx._subclassed[index] = _like(tensor, np.empty(0), None)
        ctx._saved_at.append(index)
    ctx._tensors = ()
    return (*frame, None)


def _node(op: Any, parents: Any, saved: Any, shape: tuple[int, ...], dtype: Any) -> Node:
    node = new(Node)
    node.op, node.source, node.saved = op, parents, saved
    node.shape, node.dtype, node.order, node.hooks = shape, dtype, tick(), None
    watch = current().watch
    if watch is not None:
        watch.called(node)
    return node


# Several outputs


class Parts:
    """The gradient of a call with several outputs: the gradients by output.

    The engine adds cotangents with `np.add`, and so joins the parts.
    """

    shape: tuple[int, ...] = ()
    dtype = np.dtype(object)

    def __init__(self, grads: dict[int, Any]) -> None:
        self.grads = grads

    def __array_ufunc__(self, ufunc: Any, method: str, a: Parts, b: Parts) -> Parts:
        return Parts({**a.grads, **b.grads})  # each output gives one part


class _Part:
    """The op that picks one output out of the tuple of results."""

    view, variadic, again, onto, erases = False, None, False, None, False
    residual, common, params = (), (), ("results",)

    def __init__(self, name: str, output: int) -> None:
        self.name = name
        self.rules = (lambda g, frame, shape, i: Parts({output: g}),)


def _part(ctx: FunctionCtx, output: int, call: Node, y: Tensor) -> Node:
    return _node(_Part(ctx.name, output), (call,), (), y.shape, y.dtype)


# Going backwards


class _Visit:
    """Backward's visit to one call: the first rule runs `backward`, the others use its results."""

    def __init__(self, ctx: FunctionCtx) -> None:
        self.ctx = ctx
        self.grads: tuple[Any, ...] | None = None

    def rule(self, g: Any, frame: Sequence[Any], shape: tuple[int, ...], i: int) -> Any:
        """Return the gradient of argument i, or None."""
        if self.grads is None:
            self.grads = _run(self.ctx, g, frame)
        gi = self.grads[i]
        if gi is not None and gi.shape[gi.ndim - len(shape) :] != shape:
            _check_shape(self.ctx, gi, shape, i)
        return gi


def _run(ctx: FunctionCtx, g: Any, frame: Sequence[Any]) -> tuple[Any, ...]:
    """Call the user's backward, on Tensors whatever the engine walks on."""
    parts = g.grads if isinstance(g, Parts) else {ctx.live[0]: g}
    on_tensors = any(isinstance(part, Tensor) for part in parts.values())
    grads = [_incoming(ctx, i, parts.get(i)) for i in range(len(ctx._results))]
    ctx.saved_tensors = tuple(_saved_tensor(ctx, frame, index) for index in ctx._saved_at)
    try:
        if on_tensors:
            return _checked(ctx, ctx._function.backward(ctx, *grads))
        with no_grad():
            result = _checked(ctx, ctx._function.backward(ctx, *grads))
    finally:
        ctx.saved_tensors = ()
    # Views, so that the engine copies before it writes: the user may have returned one array twice.
    return tuple(None if gi is None else unwrap(gi)[...] for gi in result)


def _incoming(ctx: FunctionCtx, output: int, g: Any) -> Any:
    if g is not None:
        return g if isinstance(g, Tensor) else wrap(g)
    result = ctx._results[output]
    return wrap(np.zeros(*result)) if result is not None and ctx._zeros else None


def _saved_tensor(ctx: FunctionCtx, frame: Sequence[Any], index: int | None) -> Tensor | None:
    """Return a saved Tensor; while the derivative is recorded, with its history."""
    if index is None:
        return None
    value = frame[index]
    if index in ctx._subclassed:
        return _like(ctx._subclassed[index], unwrap(value), getattr(value, "_node", None))
    if not isinstance(value, Tensor):  # a backward with enable_grad() may differentiate by it
        if index < len(ctx._sources):
            return wrap(value, ctx._sources[index])
        return wrap(value, ctx.residual.get(f"saved tensor {index}"))
    marker = frame[len(ctx.params)]
    if index in ctx._output_at and marker._node is not None:
        return wrap(value._data, _part(ctx, ctx._output_at[index], marker._node, value))
    return value


def _like(tensor: Tensor, array: Any, node: Any) -> Tensor:
    """Make a Tensor of the same class, with the same attributes."""
    made: Tensor = new(type(tensor))
    made._data, made._node = array, node
    made.__dict__.update(tensor.__dict__)
    return made


def _checked(ctx: FunctionCtx, result: Any) -> tuple[Any, ...]:
    """Check that backward returned one gradient, or None, for each argument."""
    grads = tuple(result) if isinstance(result, (tuple, list)) else (result,)
    count = len(ctx.params)
    if len(grads) < count or any(g is not None for g in grads[count:]):
        raise RuntimeError(
            f"function {ctx.name}Backward returned an incorrect number of gradients "
            f"(expected {count}, got {len(grads)})"
        )
    for i, g in enumerate(grads):
        if g is not None and not isinstance(g, Tensor):
            raise TypeError(
                f"function {ctx.name}Backward returned a {type(g).__name__} for argument {i}: "
                "each gradient must be a Tensor or None"
            )
    return grads[:count]


def _check_shape(ctx: FunctionCtx, g: Any, shape: tuple[int, ...], i: int) -> None:
    """Check a gradient of another shape: the engine can sum over dimensions that were broadcast."""
    tail = g.shape[max(0, len(g.shape) - len(shape)) :]
    if len(tail) != len(shape) or any(n not in (1, m) for n, m in zip(shape, tail, strict=True)):
        raise RuntimeError(
            f"Function {ctx.name}Backward returned an invalid gradient at index {i} - got "
            f"{list(g.shape)} but expected shape compatible with {list(shape)}"
        )


def once_differentiable(backward: UserBackward) -> UserBackward:
    """Mark a backward that is not made of Tensor operations: a second derivative raises.

    >>> import tinygrad_mnist as tg
    >>> class Sine(tg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x.sin()
    ...
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, g):
    ...         return g * ctx.saved_tensors[0].cos()
    """

    @functools.wraps(backward)
    def wrapper(ctx: FunctionCtx, *grads: Any) -> Any:
        with no_grad():
            result = backward(ctx, *grads)
        sources = [t for t in (*grads, *ctx.saved_tensors) if t is not None and t.requires_grad]
        if not is_grad_enabled() or not sources:
            return result
        several = isinstance(result, (tuple, list))
        results = [_Once.apply(g, *sources) for g in (result if several else (result,))]
        return tuple(results) if several else results[0]

    return wrapper


class _Once(Function):
    """Passes a gradient on, and refuses to be differentiated."""

    @staticmethod
    def forward(ctx: Any, g: Any, *sources: Any) -> Any:
        """Return the same memory."""
        return g if g is None else g.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Refuse."""
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )
