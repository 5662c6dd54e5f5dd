"""Products with derivatives, and whole derivatives: PyTorch's `torch.autograd.functional`.

Everything is one or two backward passes. Inputs given as a tuple get results in a tuple; an output
that does not depend on an input has zeros there, or raises RuntimeError if `strict`. With
`create_graph` the results can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import supplied
from tinygrad_mnist.autograd.engine import as_tuple, grad
from tinygrad_mnist.autograd.modes import enable_grad
from tinygrad_mnist.autograd.tensor import Tensor, wrap

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Func = Callable[..., Any]
Tensors = tuple[Tensor, ...]


def vjp(
    func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return func's output, and v times its Jacobian: one backward. `v` has the output's shape.

    >>> import tinygrad_mnist as tg
    >>> x = tg.tensor([1.0, 2.0])
    >>> vjp(lambda x: x * x, x, tg.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        xs, outputs, result = _call(func, inputs, create_graph=create_graph, strict=strict)
        seeds = vector(v, outputs, "v")
        grads = pulled(outputs, xs, seeds, create_graph=create_graph, strict=strict)
    return _like(result, outputs, attached=create_graph), _like(
        inputs, grads, attached=create_graph
    )


def jvp(
    func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return func's output, and its Jacobian times `v`, which has the shape of the inputs.

    That is the derivative along `v`, by two backwards: a gradient is linear in the cotangent.

    >>> import tinygrad_mnist as tg
    >>> x = tg.tensor([1.0, 2.0])
    >>> jvp(lambda x: x.sum() * x, x, tg.tensor([1.0, 0.0]))
    (tensor([3., 6.]), tensor([4., 2.]))
    """
    with enable_grad():
        xs, outputs, result = _call(func, inputs, create_graph=create_graph, strict=strict)
        direction = vector(v, xs, "v")
        pulls = tuple(wrap(np.zeros(y.shape, y.dtype)).requires_grad_() for y in outputs)
        grads = pulled(outputs, xs, pulls, create_graph=True, strict=strict)
        moved = pulled(grads, pulls, direction, create_graph=create_graph, strict=False)
    return _like(result, outputs, attached=create_graph), _like(
        result, moved, attached=create_graph
    )


def jacobian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return all derivatives: shape (*output, *input), in tuples as func's outputs and inputs are.

    One backward for each output element; `vectorize` is accepted and changes nothing.

    >>> import tinygrad_mnist as tg
    >>> jacobian(lambda x: x * x, tg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy != "reverse-mode":
        raise NotImplementedError(f"strategy={strategy!r}: gradients here are reverse-mode")
    with enable_grad():
        xs, outputs, result = _call(func, inputs, create_graph=create_graph, strict=strict)
        rows = [jacobian_rows(y, xs, create_graph=create_graph, strict=strict) for y in outputs]
    blocks = [_like(inputs, row, attached=create_graph) for row in rows]
    return tuple(blocks) if isinstance(result, (tuple, list)) else blocks[0]


def hessian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the second derivatives of a scalar function: shape (*input, *input), in nested tuples.

    >>> import tinygrad_mnist as tg
    >>> hessian(lambda x: (x * x * x).sum(), tg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    first = _gradient_of(func, inputs, strict=strict)
    return jacobian(first, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def vhp(
    func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return a scalar function's value, and v times its Hessian: two backwards.

    >>> import tinygrad_mnist as tg
    >>> vhp(lambda x: (x * x * x).sum(), tg.tensor([1.0, 2.0]), tg.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        xs, outputs, _ = _call(func, inputs, create_graph=create_graph, strict=strict)
        grads = pulled(_scalar(outputs), xs, None, create_graph=True, strict=strict)
        direction = vector(v, xs, "v")
        product = pulled(grads, xs, direction, create_graph=create_graph, strict=strict)
    value = outputs[0] if create_graph else outputs[0].detach()
    return value, _like(inputs, product, attached=create_graph)


def hvp(
    func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return a scalar function's value, and its Hessian times v: how the gradient changes along v.

    Equal to `vhp`, which needs one backward less, wherever second derivatives are continuous.
    """
    value = func(*as_tuple(inputs)) if create_graph else func(*_detached(inputs)).detach()
    gradient = _gradient_of(func, inputs, strict=strict)
    _, product = jvp(gradient, inputs, v, create_graph=create_graph, strict=strict)
    return value, product


# The steps


def _detached(inputs: Any) -> Tensors:
    return tuple(x.detach() for x in as_tuple(inputs))


def _call(
    func: Func, inputs: Any, *, create_graph: bool, strict: bool
) -> tuple[Tensors, Tensors, Any]:
    """Call func on inputs to differentiate by; return these, the outputs as a tuple, the result."""
    for x in as_tuple(inputs):
        if not isinstance(x, Tensor):
            raise TypeError(f"the inputs must be Tensors, not {type(x).__name__}")
    if create_graph:  # a fresh Tensor each, that leads back to the caller's
        xs = tuple(x.reshape(x.shape) if x.requires_grad else _leaf(x) for x in as_tuple(inputs))
    else:
        xs = tuple(_leaf(x) for x in as_tuple(inputs))
    result = func(*xs)
    outputs = as_tuple(result)
    for y in outputs:
        if not isinstance(y, Tensor):
            raise TypeError(f"the function must return Tensors, not {type(y).__name__}")
        if strict and not y.requires_grad:
            raise RuntimeError("an output of the function does not depend on the inputs (strict)")
    return xs, outputs, result


def _leaf(x: Tensor) -> Tensor:
    leaf: Tensor = x.detach().requires_grad_()
    return leaf


def vector(v: Any, shaped: Sequence[Tensor], name: str) -> Tensors:
    """Return v as Tensors of these shapes; ones, if v is left out and there is one element."""
    if v is None:
        if len(shaped) != 1 or shaped[0]._data.size != 1:
            raise RuntimeError(f"{name} may be left out only where it would have one element")
        return (wrap(np.ones(shaped[0].shape, shaped[0].dtype)),)
    vectors = as_tuple(v)
    if [t.shape for t in vectors] != [t.shape for t in shaped]:
        raise RuntimeError(
            f"{name} has shapes {[list(t.shape) for t in vectors]}, needed are "
            f"{[list(t.shape) for t in shaped]}"
        )
    return vectors


def pulled(
    outputs: Sequence[Tensor], xs: Sequence[Tensor], v: Any, *, create_graph: bool, strict: bool
) -> Tensors:
    """Return the gradients of v·outputs; zeros (or an error) where there is no way back."""
    seeds = v if v is not None else (None,) * len(outputs)
    live = [(y, g) for y, g in zip(outputs, seeds, strict=True) if y.requires_grad]
    grads: Sequence[Tensor | None] = (None,) * len(xs)
    if live:
        ys, gs = zip(*live, strict=True)
        grads = grad(ys, xs, gs, create_graph=create_graph, allow_unused=True, retain_graph=True)
    if strict and any(g is None for g in grads):
        raise RuntimeError("the outputs do not depend on one of the inputs (strict)")
    pairs = zip(grads, xs, strict=True)
    return tuple(wrap(np.zeros(x.shape, x.dtype)) if g is None else g for g, x in pairs)


def jacobian_rows(y: Tensor, xs: Tensors, *, create_graph: bool, strict: bool) -> Tensors:
    """Return the Jacobian of one output by each input."""
    rows_by_input: list[list[Tensor]] = [[] for _ in xs]
    for index in np.ndindex(y.shape):
        seed = np.zeros(y.shape, y.dtype)
        seed[index] = 1
        grads = pulled((y,), xs, (wrap(seed),), create_graph=create_graph, strict=strict)
        for rows, g in zip(rows_by_input, grads, strict=True):
            rows.append(g.reshape(1, *g.shape))
    blocks = []
    for x, gs in zip(xs, rows_by_input, strict=True):
        empty = wrap(np.zeros((0, *x.shape), x.dtype))
        whole = supplied.cat(empty, *gs, axis=0, starts=(0, *range(len(gs))))
        blocks.append(whole.reshape(*y.shape, *x.shape))
    return tuple(blocks)


def _scalar(outputs: Tensors) -> Tensors:
    if len(outputs) != 1 or outputs[0]._data.size != 1:
        raise RuntimeError("the function must return one Tensor with one element")
    return outputs


def _gradient_of(func: Func, inputs: Any, *, strict: bool) -> Func:
    """Make the function inputs -> the gradient of func, with a graph."""

    def first(*xs: Tensor) -> Any:
        y = func(*xs)
        if strict and not y.requires_grad:
            raise RuntimeError("the output of the function does not depend on the inputs (strict)")
        grads = pulled(_scalar(as_tuple(y)), xs, None, create_graph=True, strict=strict)
        return grads if isinstance(inputs, (tuple, list)) else grads[0]

    return first


def _like(shaped: Any, values: Sequence[Tensor], *, attached: bool) -> Any:
    """Return a tuple of values, or one value, as `shaped` is; detached unless `attached`."""
    results = tuple(values) if attached else tuple(value.detach() for value in values)
    return results if isinstance(shaped, (tuple, list)) else results[0]
