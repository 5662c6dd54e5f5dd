"""Module.summary, loaded when it is called, and out of the way of models' own names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from tinygrad_mnist.nn.summary import Summary

F = TypeVar("F", bound=Callable[..., Any])


class Yielding:
    """A method that gives way to a child module, Parameter or buffer of its name.

    PyTorch's Module has no such method, so there are models that name a layer so.
    """

    def __init__(self, method: Callable[..., Any]) -> None:
        self.__wrapped__, self.__doc__ = method, method.__doc__
        self._name = method.__name__

    def __get__(self, module: Any, owner: type) -> Any:
        if module is None:
            return self
        for registry in ("_parameters", "_buffers", "_modules"):
            values = module.__dict__.get(registry, ())
            if self._name in values:
                return values[self._name]
        return self.__wrapped__.__get__(module, owner)

    def __call__(self, module: Any, *args: Any, **kw: Any) -> Any:
        """Call the method of a module, as a plain function does."""
        return self.__wrapped__(module, *args, **kw)


def yielding(method: F) -> F:
    """Make a method yield to a layer of its name; to type checkers it stays a plain method."""
    return cast(F, Yielding(method))


class Summarized:
    """The part of a Module that lists what is in it."""

    @yielding
    def summary(
        self, *inputs: Any, input_size: Any = None, dtypes: Any = None, **kw: Any
    ) -> Summary:
        """Call the module on these inputs; return its layers, shapes, Parameters, multiply-adds.

        Inputs are Tensors, arrays or anything that `forward` takes; one tuple or list is taken for
        several inputs. `input_size=(64, 784)`, or a list of such sizes, stands for zeros, of
        `dtypes`. Without any, only Parameters are listed. The call is made in evaluation mode, and
        the module, its gradients and the random states are left as they were, also if it raises;
        a module with Parameters that have no shape yet is copied first.

        Raises TypeError for inputs and `input_size` at once, ValueError for a size that is none.

        >>> from tinygrad_mnist import nn
        >>> model = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
        >>> about = model.summary(input_size=(64, 784))
        >>> about.total_params, about.total_mult_adds, about.rows[1].output_shape
        (79510, 5088640, (64, 100))
        """
        from tinygrad_mnist.nn.summary import summarize

        return summarize(self, inputs, input_size, dtypes, kw)
