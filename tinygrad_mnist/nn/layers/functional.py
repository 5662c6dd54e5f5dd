"""Functional: a Module that calls a function of `nn.functional` with settings as attributes.

Activations and losses have only settings, so each is one line and a docstring. The
arguments are the function's, without the inputs: `class ELU(Functional, function=F.elu)` is
`ELU(alpha=1.0)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn.module import Module

TENSORS = ("weight", "pos_weight")  # settings that are Tensors, and so buffers
NO_SETTINGS = ("training", "inplace", "dtype", "_stacklevel")


class _FromSignature:
    """A class attribute that follows from the signature of the class's function.

    Signatures are read when first used: of the hundred classes here, a program uses a few.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, module: Any, cls: type[Functional]) -> Any:
        home = next((base for base in cls.__mro__ if "_declared" in base.__dict__), None)
        if home is None:
            return NO_FUNCTION[self._name]
        _read_signature(home)
        return getattr(home, self._name)


class _Signature:
    """`__signature__` of a class for `inspect`: of its own `__init__`, or of its function."""

    def __get__(self, module: Any, cls: type[Functional]) -> inspect.Signature:
        own = list(inspect.signature(cls.__init__).parameters.values())[1:]
        for base in cls.__mro__:
            if "_declared" in base.__dict__ and any(p.name == "args" for p in own):
                return cls.arguments
            if "__init__" in base.__dict__:
                break
        return inspect.Signature(own)


NO_FUNCTION = {"arguments": inspect.Signature(), "settings": (), "trains": False}


class Functional(Module):
    """The base of Modules that call one function, with their `settings` as its arguments."""

    function: Callable[..., Any]
    _declared: tuple[int, str]  # the number of inputs, and the order of the settings
    arguments: inspect.Signature = _FromSignature("arguments")  # type: ignore[assignment]
    settings: tuple[str, ...] = _FromSignature("settings")  # type: ignore[assignment]
    trains: bool = _FromSignature("trains")  # type: ignore[assignment]
    """True if the function also takes `training`."""
    __signature__ = _Signature()
    inplace = False  # an attribute of the Modules whose function takes it

    def __init_subclass__(
        cls,
        function: Callable[..., Any] | None = None,
        inputs: int = 1,
        order: str = "",
        **kw: Any,
    ) -> None:
        """Take the function's arguments after its `inputs`, or those that `order` names."""
        super().__init_subclass__(**kw)
        if function is not None:
            cls.function = staticmethod(function)
            cls._declared = inputs, order

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__()
        try:
            bound = self.arguments.bind(*args, **kw)
        except TypeError as error:
            accepted = ", ".join(self.arguments.parameters)
            raise TypeError(f"{type(self).__name__}(): {error}; it takes {accepted}") from None
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            if name in TENSORS:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Tensor) -> Any:
        if not self.settings and not self.trains and not self.inplace:
            return self.function(*inputs)
        kw = {name: getattr(self, name) for name in self.settings}
        if self.inplace:
            kw["inplace"] = True
        if self.trains:
            kw["training"] = self.training
        return self.function(*inputs, **kw)

    def extra_repr(self) -> str:
        pairs = [(name, getattr(self, name)) for name in self.settings if name not in TENSORS]
        if getattr(self, "inplace", False):
            pairs.append(("inplace", True))
        return ", ".join(f"{name}={value!r}" for name, value in pairs)


def _read_signature(cls: type[Functional]) -> None:
    """Set what follows from the signature of the function that a class declares."""
    inputs, order = cls._declared
    parameters = list(inspect.signature(cls.function).parameters.values())[inputs:]
    if order:
        either = inspect.Parameter.POSITIONAL_OR_KEYWORD
        by_name = {p.name: p.replace(kind=either) for p in parameters}
        parameters = [by_name[name] for name in order.split()]
    own = [p for p in parameters if p.name not in ("training", "dtype", "_stacklevel")]
    cls.arguments = inspect.Signature(own)
    cls.settings = tuple(p.name for p in parameters if p.name not in NO_SETTINGS)
    cls.trains = any(p.name == "training" for p in parameters)
