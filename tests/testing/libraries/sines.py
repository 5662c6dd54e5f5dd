"""The sine in each library, with a derivative written by hand: right, or wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

Function = Callable[..., Any]


class Library(NamedTuple):
    """How a test speaks to one library."""

    name: str
    """The name of the package to install, and of `library=`."""
    array: Callable[[Any], Any]
    """An array to differentiate by."""
    sine: Callable[[Function], Any]
    """slope(lib, g, x) -> the sine with that pull-back."""
    lib: Callable[[], Any]
    """The namespace with `sin`, `cos`, `abs`, `log`."""
    called: str = ""
    """How messages call the sine."""
    second_order: bool = True


def torch_array(values: Any) -> Any:
    import torch

    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def torch_sine(slope: Function) -> Any:
    import torch

    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return slope(torch, g, *ctx.saved_tensors)

    return Sine.apply


def jax_array(values: Any) -> Any:
    import jax

    return jax.numpy.array(values, dtype="float32")


def jax_sine(slope: Function) -> Any:
    import jax

    @jax.custom_vjp
    def sine(x: Any) -> Any:
        return jax.numpy.sin(x)

    sine.defvjp(lambda x: (sine(x), x), lambda x, g: (slope(jax.numpy, g, x),))
    return sine


def autograd_sine(slope: Function) -> Any:
    import autograd.numpy as anp
    from autograd.extend import defvjp, primitive

    @primitive
    def sine(x: Any) -> Any:
        return np.sin(x)

    defvjp(sine, lambda y, x: lambda g: slope(anp, g, x))
    return sine


def autograd_lib() -> Any:
    import autograd.numpy as anp

    return anp


def mygrad_array(values: Any) -> Any:
    import mygrad

    return mygrad.tensor(values, dtype=float)


def mygrad_sine(slope: Function) -> Any:
    import mygrad
    from mygrad.operation_base import Operation

    class Sine(Operation):
        def __call__(self, x: Any) -> Any:
            self.variables = (x,)
            return np.sin(x.data)

        def backward_var(self, g: Any, index: int, **_: Any) -> Any:
            return slope(np, g, self.variables[0].data)

    return lambda x: mygrad.Tensor._op(Sine, x)


def our_array(values: Any) -> Any:
    from tinygrad_mnist import tensor

    return tensor(np.array(values, float), requires_grad=True)


def our_sine(slope: Function) -> Any:
    from tinygrad_mnist.autograd import op
    from tinygrad_mnist.ops import table

    return op(lambda x: np.sin(x), x=lambda g, x: slope(table, g, x))


def imported(name: str) -> Callable[[], Any]:
    return lambda: __import__("importlib").import_module(name)


LIBRARIES = {
    "torch": Library(
        "torch", torch_array, torch_sine, imported("torch"), "the torch.autograd.Function Sine"
    ),
    "jax": Library("jax", jax_array, jax_sine, imported("jax.numpy"), "the jax.custom_vjp sine"),
    "autograd": Library(
        "autograd", lambda v: np.array(v, float), autograd_sine, autograd_lib, "sine"
    ),
    "mygrad": Library("mygrad", mygrad_array, mygrad_sine, imported("mygrad"), "", False),
    "NumPy": Library(
        "numpy",
        lambda v: np.array(v, float),
        lambda slope: (np.sin, lambda g, x: slope(np, g, x)),
        lambda: np,
        "the pair (sin, <lambda>)",
        False,
    ),
    "ours": Library("tinygrad_mnist", our_array, our_sine, imported("tinygrad_mnist.ops.table")),
}


def every_library(test: Any) -> Any:
    """Run a test with each library, and skip those that are not installed."""
    marks = [pytest.mark.filterwarnings("ignore")]
    params = [pytest.param(lib, id=key, marks=marks) for key, lib in LIBRARIES.items()]
    return pytest.mark.parametrize("library", params)(test)


def wrong(by: float) -> Function:
    """The slope of the sine times a factor."""
    return lambda lib, g, x: g * lib.cos(x) * by
