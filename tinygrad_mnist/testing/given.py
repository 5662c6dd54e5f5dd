"""given_gradients: a property test of value, first and second order, for any library."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from tinygrad_mnist.testing.graphs import Program
from tinygrad_mnist.testing.libraries.door import Named
from tinygrad_mnist.testing.networks import is_module
from tinygrad_mnist.testing.properties import prove
from tinygrad_mnist.testing.strategies import as_arrays_of

Function = Callable[..., Any]

# What an explanation says ("any other value fails as well") costs hundreds of further checks.
PHASES = [phase for phase in Phase if phase is not Phase.explain]


def given_gradients(
    *strategies: Any,
    value: Function | None = None,
    second_order: bool = True,
    float32: bool | None = None,
    max_examples: int | None = None,
    library: Named = None,
    vjp: Function | None = None,
) -> Callable[[Function], Callable[[], None]]:
    """Turn a function into a property test: draw inputs, and `prove` each call.

    Pass one strategy for each argument, or one that draws all of them (`broadcastable(2)`). The
    function gets arrays of `library` ("torch", "jax", "autograd", "mygrad", an Adapter), or else
    Tensors of this library. A NumPy function is proved with its `vjp`.
    With `programs()` or `modules()` the function gets the program or the model and returns the one
    to prove: the same, or a compiled form. `value` is the same function of ndarrays, written
    independently. `prove` lists the checks; a failing test ends with the smallest
    failing example.

    >>> import numpy as np
    >>> from tinygrad_mnist.testing import given_gradients, tensors
    >>> @given_gradients(tensors(low=0.5), value=lambda x: x**1.5, max_examples=20)
    ... def test_power(x):
    ...     return x * x.sqrt()
    >>> test_power()
    >>> @given_gradients(tensors(), vjp=lambda g, x: g * np.cos(x), max_examples=20)
    ... def test_sine(x):
    ...     return np.sin(x)
    >>> test_sine()
    """

    def decorate(function: Function) -> Callable[[], None]:
        names = list(inspect.signature(function).parameters)
        if len(strategies) == len(names) and len(names) > 1:
            drawn = dict(zip(names, strategies, strict=True))
        elif len(strategies) == 1:
            drawn = {names[0] if len(names) == 1 else "inputs": strategies[0]}
        else:
            raise TypeError(
                f"given_gradients has {len(strategies)} strategies, "
                f"{function.__name__} takes {len(names)} arguments"
            )

        if library is not None or vjp is not None:
            target = "autograd" if library is None else library  # both take ndarrays
            drawn = {name: as_arrays_of(target, strategy) for name, strategy in drawn.items()}

        def check(**given_: Any) -> None:
            first, *others = given_.values()
            called: Any = function if vjp is None else (function, vjp)
            inputs: Any = (first, *others)
            if isinstance(first, Program):
                called, inputs = function(first), first.inputs
            elif is_module(first):
                called, inputs = function(first[0]), (first[1],)
            elif isinstance(first, tuple) and not others:
                inputs = first
            prove(
                called, inputs, value, second_order=second_order, float32=float32, library=library
            )

        check.__name__ = check.__qualname__ = function.__name__
        check.__doc__, check.__module__ = function.__doc__, function.__module__
        how: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
        how["phases"] = PHASES
        if max_examples is not None:
            how["max_examples"] = max_examples
        test: Callable[[], None] = settings(**how)(given(**drawn)(check))
        return test

    return decorate
