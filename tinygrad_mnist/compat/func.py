"""`torch.func`: functions of functions, built on `autograd`; `vmap` loops over the samples.

Arguments and results may be nested in tuples, lists and dicts. As in PyTorch, a result requires
grad only where something outside the transform does: a parameter, or the transform around it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import functional
from tinygrad_mnist.autograd.graph import Leaf, ancestors
from tinygrad_mnist.autograd.modes import enable_grad, is_grad_enabled
from tinygrad_mnist.autograd.tensor import Tensor, wrap
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


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the parameters, and the buffers, of modules of one class, each stacked by name.

    >>> from tinygrad_mnist import nn
    >>> parameters, buffers = stack_module_state([nn.Linear(2, 1) for _ in range(3)])
    >>> parameters["weight"].shape, buffers
    (torch.Size([3, 1, 2]), {})
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    for same, of in (("training", "training/eval mode"), ("__class__", "class")):
        if len({getattr(model, same) for model in models}) > 1:
            words = "have the same" if same == "training" else "be of the same"
            raise RuntimeError(f"stack_module_state: Expected all models to {words} {of}.")
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return _stacked(parameters), _stacked(buffers)


def _stacked(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    stacks = {}
    for name in states[0]:
        tensors = [state[name] for state in states]
        if len({x.requires_grad for x in tensors}) > 1:
            raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
        stacks[name] = join.stack(tensors).detach().requires_grad_(tensors[0].requires_grad)
    return stacks


# A call to differentiate, and what it returns


class Call:
    """One recorded call of a function: what it is differentiated by, and what it returned."""

    def __init__(
        self, func: Callable[..., Any], args: Any, numbers: Any, kw: Any, *, has_aux: bool
    ) -> None:
        self.recorded = is_grad_enabled()  # inside, a transform records whatever is outside
        self.made: set[Any] = set()
        inputs = [args[n] for n in numbers]
        leaves, self.shape = tree_flatten(inputs)
        self.leaves = tuple(map(self.leaf, leaves))
        fresh = list(args)
        for n, new in zip(numbers, tree_unflatten(list(self.leaves), self.shape), strict=True):
            fresh[n] = new
        with enable_grad():
            result = func(*fresh, **kw)
        self.aux: Any = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise RuntimeError(
                    "output of function f should be a tuple: (output, aux) if has_aux is True"
                )
            result, self.aux = result
        self.outputs, self.result_shape = tree_flatten(result)
        for y in self.outputs:
            if not isinstance(y, Tensor):
                raise RuntimeError(
                    f"Expected the function to return only Tensors, got {type(y).__name__}"
                )

    def leaf(self, x: Any) -> Tensor:
        """Return a Tensor to differentiate by, of the same graph as x."""
        if not isinstance(x, Tensor):
            raise ValueError(
                f"Thing passed to transform API must be Tensor, got {type(x).__name__}"
            )
        if x.requires_grad:
            with enable_grad():
                view: Tensor = x.view_as(x)
                return view
        new: Tensor = x.detach().requires_grad_()
        self.made.add(new._node)
        return new

    def settled(self, tree: Any) -> Any:
        """Detach what depends on nothing that requires grad but this call's own leaves."""

        def settle(x: Any) -> Any:
            if not isinstance(x, Tensor) or x._node is None:
                return x
            above = (node for node in ancestors([x._node]) if type(node) is Leaf)
            return x if self.recorded and any(n not in self.made for n in above) else x.detach()

        return tree_map(settle, tree)

    def result(self) -> Any:
        """Return what the function returned, as the caller may have it."""
        return self.settled(tree_unflatten(self.outputs, self.result_shape))

    def pull(self, cotangents: Sequence[Any] | None) -> Any:
        """Return the gradients, nested as the inputs are: a cotangent for each output."""
        with enable_grad():
            grads = functional.pulled(
                self.outputs, self.leaves, cotangents, create_graph=True, strict=False
            )
        return tree_unflatten(list(self.settled(list(grads))), self.shape)

    def push(self, tangents: Sequence[Tensor]) -> Any:
        """Return the derivative along tangents: a gradient is linear in the cotangent."""
        with enable_grad():
            pulls = tuple(wrap(np.zeros(y.shape, y.dtype)).requires_grad_() for y in self.outputs)
            grads = functional.pulled(
                self.outputs, self.leaves, pulls, create_graph=True, strict=False
            )
            moved = functional.pulled(grads, pulls, tangents, create_graph=True, strict=False)
        self.made.update(pull._node for pull in pulls)
        return tree_unflatten(list(self.settled(list(moved))), self.result_shape)

    def jacobian(self) -> Any:
        """Return the derivative of each output by each input: nested as outputs, then inputs."""
        blocks = []
        for y in self.outputs:
            with enable_grad():
                row = functional.jacobian_rows(y, self.leaves, create_graph=True, strict=False)
            blocks.append(tree_unflatten(list(self.settled(list(row))), self.shape))
        return blocks


def _numbers(argnums: Any, count: int) -> tuple[tuple[int, ...], bool]:
    """Return argnums as a tuple, and whether it was one."""
    several = isinstance(argnums, (tuple, list))
    numbers = tuple(argnums) if several else (argnums,)
    for n in numbers:
        if not isinstance(n, int):
            raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
        if not -count <= n < count:
            raise RuntimeError(f"Got argnum={n}, but only {count} positional inputs")
    if not numbers or len({n % count for n in numbers}) < len(numbers):
        raise RuntimeError(f"argnums must be non-empty and unique, got {argnums}")
    return numbers, several


def _picked(parts: Any, several: bool) -> Any:
    return tuple(parts) if several else parts[0]


# The transforms


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return the function for the gradient of a scalar `func` by its argument `argnums`."""
    grad_value = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient_only(*args: Any, **kw: Any) -> Any:
        grads, value = grad_value(*args, **kw)
        return (grads, value[1]) if has_aux else grads

    return gradient_only


def grad_and_value(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return the function for (gradient, value) of a scalar `func`."""

    @functools.wraps(func)
    def gradient_and_value(*args: Any, **kw: Any) -> Any:
        numbers, several = _numbers(argnums, len(args))
        call = Call(func, args, numbers, kw, has_aux=has_aux)
        if len(call.outputs) != 1 or call.outputs[0].ndim:
            shapes = ", ".join(str(tuple(y.shape)) for y in call.outputs)
            raise RuntimeError(
                f"Expected f(*args) to return a scalar tensor, got tensors of shape {shapes}"
            )
        value = call.result()
        grads = _picked(call.pull(None), several)
        return grads, ((value, call.settled(call.aux)) if has_aux else value)

    return gradient_and_value


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Return func's output, and the function of a cotangent for the gradients, a tuple.

    >>> import tinygrad_mnist as tg
    >>> output, pull = vjp(lambda x: x * x, tg.tensor([1.0, 2.0]))
    >>> output, pull(tg.ones(2))
    (tensor([1., 4.]), (tensor([2., 4.]),))
    """
    call = Call(func, primals, range(len(primals)), {}, has_aux=has_aux)
    for y in call.outputs:
        if not y.is_floating_point():
            raise RuntimeError(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, "
                f"got Tensor with dtype {y.dtype}"
            )

    def pull(cotangents: Any, retain_graph: bool = True, create_graph: Any = None) -> Any:
        leaves, shape = tree_flatten(cotangents)
        if shape != call.result_shape:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {shape}, primal output: {call.result_shape}"
            )
        return tuple(call.pull(functional.vector(tuple(leaves), call.outputs, "cotangents")))

    return (call.result(), pull, call.settled(call.aux)) if has_aux else (call.result(), pull)


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False,
    has_aux: bool = False,
) -> Any:  # fmt: skip
    """Return func's output, and its derivative along `tangents`, nested as `primals` are.

    >>> import tinygrad_mnist as tg
    >>> x = tg.tensor([1.0, 2.0])
    >>> jvp(lambda x: x.sum() * x, (x,), (tg.tensor([1.0, 0.0]),))
    (tensor([3., 6.]), tensor([4., 2.]))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. "
            "E.g. it should be valid to call f(*primals)."
        )
    leaves, shape = tree_flatten(tangents)
    if shape != tree_flatten(primals)[1]:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python "
            "structure. For example, if primals is a tuple of 3 tensors, tangents also must be."
        )
    call = Call(func, primals, range(len(primals)), {}, has_aux=has_aux)
    if strict and not all(y.requires_grad for y in call.outputs):
        raise RuntimeError("jvp(f, primals, tangents, strict=True): an output is independent")
    moved = call.push(functional.vector(tuple(leaves), call.leaves, "tangents"))
    results = (call.result(), moved)
    return (*results, call.settled(call.aux)) if has_aux else results


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Return func's output, and the function of tangents for its derivative along them."""
    call = Call(func, primals, range(len(primals)), {}, has_aux=False)

    def push(*tangents: Any) -> Any:
        leaves, shape = tree_flatten(tangents)
        if shape != tree_flatten(primals)[1]:
            raise RuntimeError(
                "Expected the tangents to have the same structure as the primals; "
                f"got {shape}, needed {tree_flatten(primals)[1]}"
            )
        return call.push(functional.vector(tuple(leaves), call.leaves, "tangents"))

    return call.result(), push


def jacrev(
    func: Callable[..., Any], argnums: Any = 0, *, has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """Return the function for the Jacobian of `func` by its argument `argnums`."""

    @functools.wraps(func)
    def jacobian(*args: Any, **kw: Any) -> Any:
        numbers, several = _numbers(argnums, len(args))
        call = Call(func, args, numbers, kw, has_aux=has_aux)
        blocks = [_picked(block, several) for block in call.jacobian()]
        result = tree_unflatten(blocks, call.result_shape)
        return (result, call.settled(call.aux)) if has_aux else result

    return jacobian


def jacfwd(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, *,
    randomness: str = "error",
) -> Callable[..., Any]:  # fmt: skip
    """Return `jacrev(func, argnums)`: derivatives here go backward."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """Return the function for the Hessian of a scalar `func` by its argument `argnums`."""
    return jacrev(jacrev(func, argnums), argnums)


# A function of a sample, for a batch


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
        leaves, shape = tree_flatten(args)
        dims = _spread(in_dims, args, "in_dims", "inputs")
        count = _count(leaves, dims)
        columns = [
            [x] * count if dim is None else join.unbind(x, dim)
            for x, dim in zip(leaves, dims, strict=True)
        ]
        results = [
            func(*tree_unflatten([column[i] for column in columns], shape), **kw)
            for i in range(count)
        ]
        nested, shapes = zip(*map(tree_flatten, results), strict=True)
        for x in nested[0]:
            if not isinstance(x, Tensor):
                raise ValueError(
                    f"vmap(...): the function must only return Tensors, got type {type(x).__name__}"
                )
        where = _spread(out_dims, results[0], "out_dims", "outputs")
        stacked = [
            column[0] if dim is None else join.stack(column, dim)
            for column, dim in zip(zip(*nested, strict=True), where, strict=True)
        ]
        return tree_unflatten(stacked, shapes[0])

    return mapped


def _vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, *_: Any, **__: Any
) -> Callable[..., Any]:
    return vmap(func, in_dims, out_dims)


def _spread(dims: Any, tree: Any, name: str, of: str) -> list[Any]:
    """Return a dimension for each leaf of a tree: dims are nested as it is, or less deep."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(tree_leaves(tree))
    if isinstance(dims, (tuple, list)) and len(dims) == 1 and isinstance(tree, Tensor):
        return list(dims)
    keys: Any = tree if isinstance(tree, dict) else ()
    if isinstance(tree, (tuple, list)):
        keys = range(len(tree))
    if len(dims) != len(keys) or (isinstance(tree, dict) and set(dims) != set(tree)):
        raise ValueError(
            f"vmap(..., {name}={dims}): {name} is not compatible with the structure of `{of}`"
        )
    return [d for key in keys for d in _spread(dims[key], tree[key], name, of)]


def _count(leaves: Sequence[Any], dims: Sequence[Any]) -> int:
    """Return the size of the dimension that all leaves are mapped over."""
    if not leaves:
        raise ValueError("vmap(...): got no inputs: there is no dimension to map over")
    sizes = []
    for x, dim in zip(leaves, dims, strict=True):
        if dim is None:
            continue
        if not isinstance(x, Tensor):
            raise ValueError(
                f"vmap(...): Got in_dim={dim} for an input but the input is of type "
                f"{type(x).__name__}; only Tensors are mapped over: use None as its in_dim"
            )
        if not -x.ndim <= dim < x.ndim:
            raise ValueError(
                f"vmap(...): Got in_dim={dim} for some input, but that input is a Tensor of "
                f"dimensionality {x.ndim} so expected in_dim to satisfy "
                f"-{x.ndim} <= in_dim < {x.ndim}."
            )
        sizes.append(x.shape[dim])
    if not sizes:
        raise ValueError("vmap(...): at least one in_dim must not be None")
    if len(set(sizes)) != 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, "
            f"got sizes {sizes} for the mapped dimension"
        )
    return int(sizes[0])
