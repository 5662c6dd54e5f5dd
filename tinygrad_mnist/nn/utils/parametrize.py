"""Parametrizations: Parameters that a Module computes each time they are read.

`register_parametrization(linear, "weight", Symmetric())` makes `linear.weight` the result of
`Symmetric()` on `linear.parametrizations.weight.original`, which is trained and saved.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tinygrad_mnist.autograd import Tensor, no_grad
from tinygrad_mnist.autograd.modes import note_change
from tinygrad_mnist.nn.containers import ModuleDict, ModuleList
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization",
    "remove_parametrizations", "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]  # fmt: skip


class Cache:
    """The state of `cached()`: how many blocks are open, and the Tensors computed in them."""

    depth = 0
    computed: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized Tensor at most once while the block runs."""
    Cache.depth += 1
    try:
        yield
    finally:
        Cache.depth -= 1
        if not Cache.depth:
            Cache.computed.clear()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


class ParametrizationList(ModuleList):
    """The parametrizations of one Tensor, called one after the other, and their originals.

    The names are `original`, or `original0`, `original1`, ... if `right_inverse` returns several.
    Raises ValueError if the result has another shape or dtype, unless `unsafe`.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        before = (original.dtype, original.shape)
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                try:
                    new = module.right_inverse(new) if hasattr(module, "right_inverse") else new
                except NotImplementedError:
                    continue
        self.is_tensor = isinstance(new, Tensor)
        if not self.is_tensor and not isinstance(new, Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            _same("right_inverse(original)", (new.dtype,), before[:1])
            if new is not original:
                original.data = new.detach()
            _register(self, "original", original)
        else:
            self._take(new, original)
        if not unsafe:
            _same("parametrized", _kind(self()), before)

    def _take(self, several: Sequence[Any], original: Tensor) -> None:
        for i, tensor in enumerate(several):
            if not isinstance(tensor, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got element {i} of the sequence with type {type(tensor).__name__}."
                )
            component: Tensor = tensor.detach()
            if isinstance(original, Parameter):
                component = Parameter(component, original.requires_grad)
            _register(self, f"original{i}", component)

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    @no_grad()
    def right_inverse(self, value: Any) -> None:
        """Set the original so that the Tensor has this value; assigning to the Tensor calls it."""
        for module in reversed(list(self)):
            if not hasattr(module, "right_inverse"):
                raise RuntimeError(
                    f"parametrization {type(module).__name__} does not implement right_inverse."
                )
            value = module.right_inverse(value)
        values = [value] if self.is_tensor else value
        if len(values) != self.ntensors:
            raise ValueError(
                f"'right_inverse' must return {self.ntensors} tensors. Got {len(values)}."
            )
        for old, new in zip(self._originals(), values, strict=True):
            _same("right_inverse(value)", (new.dtype,), (old.dtype,))
            old.data = new.detach()

    def forward(self) -> Any:
        first, *later = list(self)
        x = first(*self._originals())
        for module in later:
            x = module(x)
        return x


def _kind(x: Any) -> tuple[Any, ...]:
    if not isinstance(x, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(x).__name__}.")
    return x.dtype, x.shape


def _same(subject: str, new: tuple[Any, ...], old: tuple[Any, ...]) -> None:
    if new != old:
        raise ValueError(
            "Registering a parametrization may not change the dtype or the shape of the tensor, "
            f"unless `unsafe` flag is enabled: {subject} has {', '.join(map(str, new))}, the "
            f"tensor had {', '.join(map(str, old))}"
        )


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute a Parameter or buffer of `module` by `parametrization`; returns `module`.

    A second one is applied to the result of the first. Assigning to the Tensor sets its original,
    through the parametrization's `right_inverse(value)`. Raises ValueError for an unknown name, and
    for a parametrization that changes dtype or shape, unless `unsafe`.

    >>> import tinygrad_mnist as tg
    >>> class Symmetric(tg.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).mT
    >>> layer = register_parametrization(tg.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.mT).all()), list(dict(layer.named_parameters()))
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        existing = module.parametrizations[tensor_name]
        if not unsafe:
            value = getattr(module, tensor_name)
            _same(f"parametrization({tensor_name})", _kind(parametrization(value)), _kind(value))
        existing.append(parametrization)
        existing.unsafe |= unsafe
        return module
    if tensor_name not in module._buffers and tensor_name not in module._parameters:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    original = getattr(module, tensor_name)
    parametrizations = ParametrizationList([parametrization], original, unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        _change_class(module)
        module.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, _property(tensor_name))
    module.parametrizations[tensor_name] = parametrizations
    return module


def _change_class(module: Module) -> None:
    """Give the module a class of its own, for the properties that compute its Tensors."""
    note_change()
    before = type(module)

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict()"
        )

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Any:
        replica = memo[id(self)] = object.__new__(type(self))
        replica.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return replica

    own = {"__reduce_ex__": __reduce_ex__, "__deepcopy__": __deepcopy__}
    module.__class__ = type(f"Parametrized{before.__name__}", (before,), own)


def _property(name: str) -> property:
    def compute(module: Any) -> Any:
        parametrization = module.parametrizations[name]
        if not Cache.depth:
            return parametrization()
        key = (id(module), name)
        if key not in Cache.computed:
            Cache.computed[key] = parametrization()
        return Cache.computed[key]

    def assign(module: Any, value: Tensor) -> None:
        module.parametrizations[name].right_inverse(value)

    return property(compute, assign)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Tell whether a Tensor of this name is parametrized; without a name, whether any is."""
    lists = module._modules.get("parametrizations")
    if not isinstance(lists, ModuleDict):
        return False
    return len(lists) > 0 if tensor_name is None else tensor_name in lists


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make a Tensor plain again, with the computed values or with the original's.

    Raises ValueError for a Tensor that is not parametrized, and for the original's values where
    there are several originals.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrized = module.parametrizations[tensor_name]
    with no_grad():
        value = getattr(module, tensor_name).detach()
    if parametrized.is_tensor:
        tensor = parametrized.original
        if leave_parametrized:
            tensor.data = value
    elif leave_parametrized:
        trained = any(t.requires_grad for t in parametrized._originals())
        tensor = Parameter(value) if trained else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    note_change()
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, tensor)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """Return the class that the module had before it was parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give `to_module` the parametrizations and the originals of `from_module`."""
    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        theirs = from_module.parametrizations[name]
        for parametrization in theirs:
            register_parametrization(to_module, name, parametrization)
        mine = to_module.parametrizations[name]
        for key in [*theirs._parameters, *theirs._buffers]:
            setattr(mine, key, getattr(theirs, key))
    return to_module
