"""`torch.func`: functions of functions, built on `autograd`; `vmap` loops over the samples."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygrad_mnist.autograd import functional
from tinygrad_mnist.autograd import grad as gradient
from tinygrad_mnist.compat.pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten
from tinygrad_mnist.nn.utils import stateless
from tinygrad_mnist.ops import join

__all__ = ["vmap"]


def functional_call(module: Any, parameter_and_buffer_dicts: Any, *args: Any, **kw: Any) -> Any:
    """Call `nn.utils.stateless.functional_call` with one dict or several."""
    tensors = parameter_and_buffer_dicts
    if isinstance(tensors, (tuple, list)):
        tensors = {name: value for part in tensors for name, value in part.items()}
    return stateless.functional_call(module, tensors, *args, **kw)


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return the function for the gradient of a scalar `func` by its argument `argnums`."""
    grad_value = grad_and_value(func, argnums, has_aux)

    def gradient_only(*args: Any, **kw: Any) -> Any:
        grads, value = grad_value(*args, **kw)
        return (grads, value[1]) if has_aux else grads

    return functools.wraps(func)(gradient_only)


def grad_and_value(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return the function for (gradient, value) of a scalar `func`."""
    several = isinstance(argnums, (tuple, list))
    numbers = tuple(argnums) if several else (argnums,)

    @functools.wraps(func)
    def call(*args: Any, **kw: Any) -> Any:
        fresh = list(args)
        for n in numbers:
            fresh[n] = tree_map(_leaf, args[n])
        value = func(*fresh, **kw)
        loss = value[0] if has_aux else value
        arguments = [fresh[n] for n in numbers]
        leaves, shape = tree_flatten(arguments)
        gradients = gradient(loss, leaves, create_graph=True, materialize_grads=True)
        grads = tree_unflatten(list(gradients), shape)
        return (tuple(grads) if several else grads[0]), value

    return call


def _leaf(x: Any) -> Any:
    """Return a Tensor of the same graph that can take a gradient."""
    return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error",
    *, chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """Map `func` over a dimension of its arguments (None: the same for all), one sample at a time.

    >>> import tinygrad_mnist as tg
    >>> vmap(tg.dot)(tg.ones(2, 3), tg.ones(2, 3))
    tensor([3., 3.])
    """

    @functools.wraps(func)
    def mapped(*args: Any, **kw: Any) -> Any:
        dims = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        sizes = {x.shape[d] for a, d in zip(args, dims, strict=True) if d is not None
                 for x in tree_leaves(a)}  # fmt: skip
        if len(sizes) != 1:
            raise ValueError(
                f"vmap: expected one size for the dimension being mapped over, not {sorted(sizes)}"
            )

        def sample(a: Any, d: Any, i: int) -> Any:
            return a if d is None else tree_map(lambda x: x.select(d, i), a)

        results = [
            func(*(sample(a, d, i) for a, d in zip(args, dims, strict=True)), **kw)
            for i in range(sizes.pop())
        ]
        leaves, shape = zip(*map(tree_flatten, results), strict=True)
        columns = zip(*leaves, strict=True)
        if isinstance(out_dims, (tuple, list)):
            stacked = [join.stack(c, d) for c, d in zip(columns, out_dims, strict=True)]
        else:
            stacked = [join.stack(column, out_dims) for column in columns]
        return tree_unflatten(stacked, shape[0])

    return mapped


def jacrev(func: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return the function for the Jacobian of `func` by its argument `argnums`."""

    @functools.wraps(func)
    def call(*args: Any) -> Any:
        def of_one(x: Any) -> Any:
            return func(*args[:argnums], x, *args[argnums + 1 :])

        return functional.jacobian(of_one, args[argnums], create_graph=True)

    return call


jacfwd = jacrev


def hessian(func: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return the function for the Hessian of a scalar `func` by its argument `argnums`."""
    return jacrev(jacrev(func, argnums), argnums)
