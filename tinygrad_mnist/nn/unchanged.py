"""A trial call of a module that leaves no trace: values, gradients, modes and draws as before."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.modes import current, note_change, switch
from tinygrad_mnist.autograd.tensor import refuse_unrecorded, wrap
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.random import get_rng_state, set_rng_state

REGISTRIES = ("_parameters", "_buffers", "_modules")


def without_lazy(module: Any) -> Any:
    """Return the module, or a copy if it has a Parameter without a shape: a call would give it one.

    >>> from tinygrad_mnist import nn
    >>> plain, lazy = nn.ReLU(), nn.LazyLinear(2)
    >>> without_lazy(plain) is plain, without_lazy(lazy) is lazy
    (True, False)
    """
    is_lazy = any(hasattr(type(tensor), "materialize") for tensor in _state_of(module))
    return deepcopy(module) if is_lazy else module


@contextmanager
def unchanged(module: Any, inputs: Iterable[Tensor] = ()) -> Iterator[None]:
    """Put the module and its inputs back as they were when the block ends, also by an exception.

    In the block Parameters, buffers and inputs are copies, so that whoever looks at the old memory
    sees no write. Put back are also gradients, `training`, hooks, and all attributes of the module
    and of those below; and the random states of this package, of NumPy and of Python. Objects that
    a forward changes in place elsewhere, such as a list it appends to, are not.
    """
    refuse_unrecorded("a trial call of a module")
    attributes = [
        (m, dict(m.__dict__), {name: dict(m.__dict__[name]) for name in REGISTRIES})
        for m in module.modules()
    ]
    tensors = (*_state_of(module), *inputs)
    state = {id(t): t for t in tensors if not hasattr(type(t), "materialize")}.values()
    memory = [(t, t._data, t._node, getattr(t._node, "grad", None)) for t in state]
    draws, numpy_draws, python_draws = get_rng_state(), np.random.get_state(), random.getstate()
    mode = switch(current()._replace(follower=None))
    try:
        for tensor, array, node, _ in memory:
            tensor._data = array.copy(order="K")
            if hasattr(node, "grad"):
                node.grad = None
        note_change()
        yield
    finally:
        switch(mode)
        for tensor, array, node, grad in memory:
            tensor._data, tensor._node = array, node
            if hasattr(node, "grad"):
                node.grad = grad
        for m, values, registries in attributes:
            for name, entries in registries.items():
                values[name].clear()
                values[name].update(entries)
            m.__dict__.clear()
            m.__dict__.update(values)
        note_change()
        set_rng_state(draws)
        np.random.set_state(numpy_draws)
        random.setstate(python_draws)


def _state_of(module: Any) -> list[Any]:
    return [*module.parameters(), *module.buffers()]


def with_tensors(value: Any, *, copy: bool = False) -> Any:
    """Return nested inputs with Tensors in place of arrays, or with copies of all of them.

    >>> import numpy as np
    >>> with_tensors((np.ones(2, np.float32), "text"))
    (tensor([1., 1.]), 'text')
    """
    if isinstance(value, np.ndarray):
        return from_numpy(np.array(value, order="K") if copy else np.asarray(value))
    if copy and type(value) is Tensor:
        return wrap(np.array(value._data, order="K")).requires_grad_(value.requires_grad)
    if type(value) is dict:
        return {key: with_tensors(item, copy=copy) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_make"):  # a named tuple
        return type(value)._make(with_tensors(item, copy=copy) for item in value)
    if type(value) in (tuple, list):
        return type(value)(with_tensors(item, copy=copy) for item in value)
    return value
