"""Call a module with other Tensors in place of its Parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.modes import note_change
from tinygrad_mnist.nn.module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Return module(*args, **kwargs), computed with these Tensors under their dotted names.

    A Tensor with several names is replaced under all of them, unless `tie_weights=False`.
    Raises RuntimeError for unknown names, and with `strict` for missing ones.

    >>> import tinygrad_mnist as tg
    >>> layer = tg.nn.Linear(2, 1)
    >>> w = tg.tensor([[1.0, 2.0]], requires_grad=True)
    >>> functional_call(layer, {"weight": w, "bias": tg.zeros(1)}, tg.ones(3, 2)).sum().backward()
    >>> w.grad, layer.weight.grad
    (tensor([[3., 3.]]), None)
    """
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


@contextmanager
def _replaced(
    module: Module, values: Mapping[str, Tensor], tie_weights: bool, strict: bool
) -> Iterator[None]:
    registries = {
        (f"{path}.{name}" if path else name): (registry, name)
        for path, part in module.named_modules(remove_duplicate=False)
        for registry in (part._parameters, part._buffers)
        for name, value in registry.items()
        if value is not None
    }
    unknown = [name for name in values if name not in registries]
    missing = [name for name in registries if name not in values] if strict else []
    if unknown or missing:
        raise RuntimeError(
            f"Error(s) in functional_call: unexpected keys {unknown}, missing keys {missing}"
        )
    new = dict(values)
    if tie_weights:
        by_tensor = {id(registries[n][0][registries[n][1]]): value for n, value in values.items()}
        for name, (registry, own_name) in registries.items():
            if name not in new and id(registry[own_name]) in by_tensor:
                new[name] = by_tensor[id(registry[own_name])]
    before = {name: registries[name][0][registries[name][1]] for name in new}
    try:
        _put(registries, new)
        yield
    finally:
        _put(registries, before)


def _put(
    registries: Mapping[str, tuple[dict[str, Any], str]], values: Mapping[str, Tensor]
) -> None:
    note_change()
    for name, value in values.items():
        registry, own_name = registries[name]
        registry[own_name] = value
