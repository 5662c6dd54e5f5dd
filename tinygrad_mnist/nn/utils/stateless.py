"""A module called with other Tensors in place of its Parameters and buffers."""

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
    """Return module(*args, **kwargs), with these Tensors for those of their dotted names.

    A Tensor with several names is replaced under all of them, unless `tie_weights=False`.
    Raises RuntimeError for unknown names, and with `strict` for any that are left out.

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
    module: Module, given: Mapping[str, Tensor], tie_weights: bool, strict: bool
) -> Iterator[None]:
    places = {
        (f"{path}.{name}" if path else name): (held, name)
        for path, part in module.named_modules(remove_duplicate=False)
        for held in (part._parameters, part._buffers)
        for name, value in held.items()
        if value is not None
    }
    unknown = [name for name in given if name not in places]
    missing = [name for name in places if name not in given] if strict else []
    if unknown or missing:
        raise RuntimeError(
            f"Error(s) in functional_call: unexpected keys {unknown}, missing keys {missing}"
        )
    new = dict(given)
    if tie_weights:
        by_tensor = {id(places[n][0][places[n][1]]): value for n, value in given.items()}
        for name, (held, key) in places.items():
            if name not in new and id(held[key]) in by_tensor:
                new[name] = by_tensor[id(held[key])]
    before = {name: places[name][0][places[name][1]] for name in new}
    try:
        _put(places, new)
        yield
    finally:
        _put(places, before)


def _put(places: Mapping[str, tuple[dict[str, Any], str]], values: Mapping[str, Tensor]) -> None:
    note_change()
    for name, value in values.items():
        held, key = places[name]
        held[key] = value
