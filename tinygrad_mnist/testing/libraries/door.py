"""Find the library of a call: by its name, by the inputs, or by what comes back for ndarrays."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tinygrad_mnist.testing.libraries.adapter import Adapter, walked
from tinygrad_mnist.testing.libraries.autograd import Autograd
from tinygrad_mnist.testing.libraries.jax import Jax
from tinygrad_mnist.testing.libraries.mygrad import MyGrad
from tinygrad_mnist.testing.libraries.numpy_pair import NumpyPair
from tinygrad_mnist.testing.libraries.ours import Ours
from tinygrad_mnist.testing.libraries.torch import Torch

LIBRARIES: dict[str, type[Adapter]] = {
    "tinygrad_mnist": Ours,
    "torch": Torch,
    "jax": Jax,
    "mygrad": MyGrad,
    "autograd": Autograd,
}
Named = str | Adapter | None


def adapter_for(function: Any, inputs: tuple[Any, ...], library: Named = None) -> Adapter:
    """The adapter to check this call with; nothing is imported that is not there already.

    Raises TypeError for inputs of several libraries, or of none.
    """
    if isinstance(library, Adapter):
        return library
    if isinstance(function, tuple):
        return pair(function, inputs, library)
    found = owners(inputs)
    if library is not None:
        named(library)  # an unknown name is an error
        found = {library: f"library={library!r}", **found}
    if (module := owner_of_module(function)) is not None:
        found.setdefault(module, "the module")
    if len(found) > 1:
        parts = [f"{where} is {LIBRARIES[name].name}'s" for name, where in found.items()]
        raise TypeError(f"several libraries are mixed: {', '.join(parts)}; give all in one of them")
    if found:
        return named(next(iter(found)))
    if any(isinstance(leaf, (np.ndarray, np.generic, float)) for _, leaf in walked(inputs)):
        return by_result(function, inputs)
    return Ours()


def named(library: str) -> Adapter:
    """The adapter of this name."""
    if library in LIBRARIES:
        return LIBRARIES[library]()
    raise ValueError(
        f"library must be one of {', '.join(LIBRARIES)}, or an Adapter, not {library!r}"
    )


def owners(value: Any) -> dict[str, str]:
    """The libraries whose arrays are among the leaves of a value, and where each is found first."""
    found: dict[str, str] = {}
    adapters = {name: kind() for name, kind in LIBRARIES.items()}
    for path, leaf in leaves_of(value):
        for name, adapter in adapters.items():
            if getattr(adapter, "owns", adapter.is_array)(leaf):
                found.setdefault(name, f"input {path}")
    return found


def leaves_of(value: Any) -> list[tuple[str, Any]]:
    """The leaves with paths like `0['w']`; of any pytree, where JAX is there."""
    found = []
    for i, each in enumerate(value):
        flatten = Jax().flatten if "jax" in sys.modules else Adapter().flatten
        found += [(f"{i}{path}", leaf) for path, leaf in flatten(each)[0]]
    return found


def owner_of_module(function: Any) -> str | None:
    """The library that a module is of."""
    torch = sys.modules.get("torch.nn")
    if torch is not None and isinstance(function, torch.Module):
        return "torch"
    return "tinygrad_mnist" if hasattr(function, "named_parameters") else None


def pair(function: tuple[Any, ...], inputs: tuple[Any, ...], library: Named) -> Adapter:
    """The adapter of (f, vjp) or (f, grad)."""
    if len(function) != 2 or not all(map(callable, function)) or library is not None:
        raise TypeError(
            "a tuple in place of the function is a pair of NumPy functions, (f, vjp) or (f, grad), "
            "and needs no library"
        )
    for name, where in owners(inputs).items():
        raise TypeError(
            f"a pair of NumPy functions takes ndarrays, and {where} is {LIBRARIES[name].name}'s"
        )
    return NumpyPair(function[1], len(inputs))


def by_result(function: Any, inputs: tuple[Any, ...]) -> Adapter:
    """ndarrays do not tell: call the function once, and see whose array comes back."""
    found = owners((function(*inputs),))
    if len(found) == 1:
        return named(next(iter(found)))
    if "autograd" in sys.modules:
        return Autograd()
    raise TypeError(
        "a function of ndarrays has no derivative of its own: pass (f, vjp) or (f, grad), arrays "
        "of the library that it is differentiated by, or library='jax' or the like"
    )
