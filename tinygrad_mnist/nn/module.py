"""Module: a function with parameters, buffers and children, all of them by name.

Assigning a Parameter or a Module to an attribute registers it. The three dicts `_parameters`,
`_buffers` and `_modules` are the state of a module: all methods here walk over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.modes import TAPED, current, note_change
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.nn import hooks, state
from tinygrad_mnist.nn.parameter import Parameter
from tinygrad_mnist.nn.summarized import Summarized, Yielding
from tinygrad_mnist.ops import create

Self = TypeVar("Self", bound="Module")
P = ParamSpec("P")
R = TypeVar("R", covariant=True)
REGISTRIES = {"_parameters": "parameter", "_buffers": "buffer", "_modules": "child module"}


if TYPE_CHECKING:
    from typing import Protocol

    class HasForward(Protocol[P, R]):
        """A module for type checkers: callable with the arguments of its `forward`."""

        @property
        def forward(self) -> Callable[P, R]:
            """Compute the module's output."""


class Module(hooks.Hooked, state.Stateful, Summarized):
    """The base class of layers and models: assign layers in `__init__`, use them in `forward`.

    >>> from tinygrad_mnist import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = nn.Linear(784, 10)
    ...     def forward(self, x):
    ...         return self.hidden(x).relu()
    >>> Net()
    Net(
      (hidden): Linear(in_features=784, out_features=10, bias=True)
    )
    """

    training: bool
    _hooks: hooks.Hooks | None
    shown: tuple[str, ...] = ()  # the attributes that repr() shows, as name=value

    def __init__(self) -> None:
        self.__dict__.update(
            training=True, _parameters={}, _buffers={}, _modules={}, _transient=set(), _hooks=None
        )

    if TYPE_CHECKING:  # a call takes the types of the subclass's forward
        forward: Callable[..., Any]

        def __call__(self: HasForward[P, R], *args: P.args, **kw: P.kwargs) -> R:
            """Call `forward` and the hooks around it."""

    else:

        def __call__(self, *args: Any, **kw: Any) -> Any:
            """Call `forward` and the hooks around it."""
            if TAPED and (tape := current().tape) is not None:
                tape.module(self)
            try:
                if self._hooks is not None:
                    return hooks.call(self, self._hooks, args, kw)
                return self.forward(*args, **kw)
            except (ShapeError, DTypeError, IndexError) as error:
                _prefix_path(error, self)
                raise

        def forward(self, *args: Any) -> Any:
            """Compute the module's output; every subclass defines it."""
            raise NotImplementedError(
                f'Module [{type(self).__name__}] is missing the required "forward" function'
            )

    # Registering

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if isinstance(value, Parameter):
            registry = "_parameters"
        elif isinstance(value, Module):
            registry = "_modules"
        elif getattr(type(value), "is_buffer", False):
            self.register_buffer(name, value, value.persistent)
            return
        else:
            registry = next((r for r in REGISTRIES if name in attributes.get(r, ())), "")
        if not registry:
            note_change()
            object.__setattr__(self, name, value)
            return
        for other in (attributes, *(attributes.get(r, {}) for r in REGISTRIES if r != registry)):
            other.pop(name, None)
        self._enter(registry, name, value)

    def __getattr__(self, name: str) -> Any:
        attributes = self.__dict__
        for registry in REGISTRIES:
            registered = attributes.get(registry, ())
            if name in registered:
                return registered[name]
        hint = "" if "_modules" in attributes else " (was super().__init__() called?)"
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}{hint}", name=name, obj=self
        )

    def __delattr__(self, name: str) -> None:
        note_change()
        for registry in REGISTRIES:
            if name in self.__dict__[registry]:
                del self.__dict__[registry][name]
                self._transient.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._parameters, *self._buffers, *self._modules]

    def _enter(self, registry: str, name: str, value: Any) -> None:
        """Enter `value` in one of the three dicts, under a new name or one already in that dict."""
        noun, kind = REGISTRIES[registry], KIND_OF_REGISTRY[registry]
        if registry not in self.__dict__:
            raise AttributeError(
                f"cannot assign {noun} {name!r} before Module.__init__() call: let "
                f"{type(self).__name__}.__init__ begin with super().__init__()"
            )
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(f"the name of a {noun} is a non-empty string without a dot: {name!r}")
        registered = self.__dict__[registry]
        taken = hasattr(self, name) and not isinstance(getattr(type(self), name, None), Yielding)
        if name not in registered and taken:
            raise KeyError(f"attribute {name!r} already exists")
        if value is not None and not isinstance(value, kind):
            raise TypeError(
                f"cannot assign {type(value).__name__} as {noun} {name!r} "
                f"({kind.__name__} or None is needed)"
            )
        note_change()
        registered[name] = value

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Enter a Parameter under `name`; None reserves the name."""
        self._enter("_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Enter a Tensor that is not trained; `state_dict()` has it if `persistent`."""
        self._enter("_buffers", name, tensor)
        self._transient.discard(name) if persistent else self._transient.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Enter a child module (or None) under `name`."""
        self._enter("_modules", name, module)

    register_module = add_module

    # Walking

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield (dotted name, module) of this module, named "", and all below, depth first."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                below = f"{prefix}.{name}" if prefix else name
                yield from child.named_modules(memo, below, remove_duplicate)

    def _named(
        self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        yielded: set[int] = set()
        walk = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for path, module in walk if recurse else [(prefix, self)]:
            for name, value in getattr(module, registry).items():
                if value is None or id(value) in yielded:
                    continue
                if remove_duplicate:
                    yielded.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield (dotted name, Parameter) of this module and all below; a shared one comes once."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (dotted name, Tensor) of the buffers of this module and all below it."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield (name, module) of the immediate children; a shared one comes once."""
        yielded: set[Module] = set()
        for name, child in self._modules.items():
            if child is not None and child not in yielded:
                yielded.add(child)
                yield name, child

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The Parameters, in the order of `named_parameters()`, to pass to an optimizer."""
        return (param for _, param in self.named_parameters(recurse=recurse))

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, in the order of `named_buffers()`."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def children(self) -> Iterator[Module]:
        """The immediate children."""
        return (child for _, child in self.named_children())

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, each once unless `remove_duplicate=False`."""
        named = self.named_modules(remove_duplicate=remove_duplicate)
        return (module for _, module in named)

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Set the module at a dotted path; the last name may be new unless `strict`.

        Raises ValueError for an empty path, AttributeError where the path breaks.
        """
        path, _, name = target.rpartition(".")
        if not name:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"expected an nn.Module for {target!r}, not {type(module).__name__}")
        parent = self.get_submodule(path)
        if strict and name not in parent._modules:
            raise AttributeError(f"{type(parent).__name__!r} object has no child module {name!r}")
        setattr(parent, name, module)

    def get_submodule(self, target: str) -> Module:
        """Return the module at a dotted path; AttributeError names the missing part."""
        module: Module = self
        for name in target.split(".") if target else ():
            child = getattr(module, name)
            if not isinstance(child, Module):
                raise AttributeError(f"{name!r} of {target!r} is not an nn.Module")
            module = child
        return module

    def _get_at(self, target: str, registry: str, noun: str) -> Any:
        path, _, name = target.rpartition(".")
        registered = getattr(self.get_submodule(path), registry)
        if name not in registered:
            names = ", ".join(registered) or "none"
            raise AttributeError(f"{target!r} is not {noun}; {path or 'the module'} has {names}")
        return registered[name]

    def get_parameter(self, target: str) -> Parameter:
        """Return the Parameter at a dotted path."""
        param: Parameter = self._get_at(target, "_parameters", "an nn.Parameter")
        return param

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer at a dotted path."""
        buffer: Tensor = self._get_at(target, "_buffers", "a buffer")
        return buffer

    # Changing all at once

    def apply(self: Self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module below, children first, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Set `training`, the mode of dropout and batch norm, on this module and all below."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Set evaluation mode: `train(False)`."""
        return self.train(mode=False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Set whether every Parameter requires grad; `False` freezes the module."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop every Parameter's `.grad`, or fill it with zeros."""
        for param in self.parameters():
            if set_to_none:
                param.grad = None
            elif param.grad is not None:
                param.grad = create.zeros_like(param.grad)

    def _apply(self: Self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Set every Parameter and buffer, and their gradients, to the result of `fn` on them."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        for tensor in (*self._parameters.values(), *self._buffers.values()):
            if tensor is None:
                continue
            old, grad = tensor.detach(), tensor.grad
            new = fn(old)
            if new is old or hasattr(tensor, "materialize"):  # unchanged, or uninitialized
                continue
            tensor.data = new
            if grad is not None:
                tensor.grad = fn(grad.detach())
        return self

    def to(self: Self, *args: Any, **kw: Any) -> Self:
        """Cast the floating-point Parameters and buffers in place, as `Tensor.to` does.

        Gradients are cast too. Raises RuntimeError for a device that is not the CPU.
        """
        dtype = create.zeros(()).to(*args, **kw).dtype
        if dtype.kind != "f":
            raise TypeError(f"nn.Module.to only accepts floating point dtypes, not {dtype}")
        return self._apply(lambda t: t.to(*args, **kw) if t.dtype.kind == "f" else t)

    def type(self: Self, dst_type: Any) -> Self:
        """Cast all Parameters and buffers, also those that are not floating point."""
        named = isinstance(dst_type, str)
        return self._apply(lambda t: t.type(dst_type) if named else t.to(dst_type))

    def float(self: Self) -> Self:
        """Cast to float32."""
        return self.to(np.float32)

    def double(self: Self) -> Self:
        """Cast to float64."""
        return self.to(np.float64)

    def half(self: Self) -> Self:
        """Cast to float16."""
        return self.to(np.float16)

    def bfloat16(self: Self) -> Self:
        """Raise RuntimeError: NumPy has no bfloat16."""
        raise RuntimeError("NumPy has no bfloat16: cast with .half() (float16) or stay in float32")

    def cpu(self: Self) -> Self:
        """Do nothing: every Tensor is on the CPU."""
        return self

    def cuda(self: Self, device: Any = None) -> Self:
        """Raise RuntimeError: there is no CUDA here."""
        return self.to(device="cuda" if device is None else device)

    def to_empty(self: Self, *, device: Any = None, recurse: bool = True) -> Self:
        """Give all Parameters and buffers new memory with no particular values in it."""
        create.zeros(()).to(device="cpu" if device is None else device)
        return self._apply(create.empty_like, recurse)

    def share_memory(self: Self) -> Self:
        """Do nothing: memory is not shared between processes here."""
        return self

    def compile(self, *args: Any, **kw: Any) -> None:
        """Do nothing: `jit(step)` compiles a whole step of training, this module included."""

    # Copying

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the attributes of a copied or unpickled module."""
        note_change()
        defaults = {"training": True, "_transient": set(), "_hooks": None}
        self.__dict__.update(defaults | state)

    # Showing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """Return the text between the brackets of `repr(module)`."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.shown)

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({k}): " + text.replace("\n", "\n  ") for k, text in self._shown_children()]
        if not children and len(lines) < 2:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join([*lines, *children]) + "\n)"

    def _shown_children(self) -> Iterator[tuple[str, str]]:
        return ((name, repr(child)) for name, child in self._modules.items())


KIND_OF_REGISTRY: dict[str, type] = {
    "_parameters": Parameter,
    "_buffers": Tensor,
    "_modules": Module,
}


def _prefix_path(error: Exception, module: Module) -> None:
    """Prefix the message with the layer's path, one name per module that the error leaves."""
    where = getattr(error, "where", None)
    if where is None:
        error.where = ("", module, module, str(error))  # type: ignore[attr-defined]
        return
    path, inner, outer, message = where
    names = [name for name, part in module.named_modules() if part is outer]
    if not names or not names[0]:
        return
    path = f"{names[0]}.{path}" if path else names[0]
    error.where = (path, inner, module, message)  # type: ignore[attr-defined]
    error.args = (f"{path} ({type(inner).__name__}): {message}",)
