"""Find the library of a call: by its name, by the inputs, or by the result for ndarrays."""

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
from tinygrad_mnist.testing.libraries.torch import Torch, loaded

LIBRARIES: dict[str, type[Adapter]] = {
    "tinygrad_mnist": Ours,
    "torch": Torch,
    "jax": Jax,
    "mygrad": MyGrad,
    "autograd": Autograd,
}
Named = str | Adapter | None


def adapter_for(function: Any, inputs: tuple[Any, ...], library: Named = None) -> Adapter:
    """Find the adapter to check a call with; no library is imported for that.

    Raises TypeError for inputs of several libraries, or of none.
    """
    if isinstance(library, Adapter):
        return library
    if isinstance(function, tuple):
        return adapter_for_pair(function, inputs, library)
    candidates = owners(inputs)
    if library is not None:
        library_named(library)  # an unknown name is an error
        candidates = {library: f"library={library!r}", **candidates}
    if (module := owner_of_module(function)) is not None:
        candidates.setdefault(module, "the module")
    if len(candidates) > 1:
        parts = [f"{where} is {LIBRARIES[name].name}'s" for name, where in candidates.items()]
        raise TypeError(f"several libraries are mixed: {', '.join(parts)}; give all in one of them")
    if candidates:
        return library_named(next(iter(candidates)))
    if any(isinstance(leaf, (np.ndarray, np.generic, float)) for _, leaf in walked(inputs)):
        return by_result(function, inputs)
    return Ours()


def library_named(library: str) -> Adapter:
    """Return the adapter of this name."""
    if library in LIBRARIES:
        return LIBRARIES[library]()
    raise ValueError(
        f"library must be one of {', '.join(LIBRARIES)}, or an Adapter, not {library!r}"
    )


def owners(value: Any) -> dict[str, str]:
    """Return the libraries whose arrays are leaves of a value, each with its first path."""
    first_path: dict[str, str] = {}
    adapters = {name: kind() for name, kind in LIBRARIES.items()}
    for path, leaf in leaves_of(value):
        for name, adapter in adapters.items():
            if getattr(adapter, "owns", adapter.is_array)(leaf):
                first_path.setdefault(name, f"input {path}")
    return first_path


def leaves_of(value: Any) -> list[tuple[str, Any]]:
    """Return the leaves with paths like `0['w']`; of any pytree, if JAX is loaded."""
    leaves = []
    for i, each in enumerate(value):
        flatten = Jax().flatten if "jax" in sys.modules else Adapter().flatten
        leaves += [(f"{i}{path}", leaf) for path, leaf in flatten(each)[0]]
    return leaves


def owner_of_module(function: Any) -> str | None:
    """Return the library of a module; None for anything else."""
    torch = loaded()
    if torch is not None and isinstance(function, torch.nn.Module):
        return "torch"
    return "tinygrad_mnist" if hasattr(function, "named_parameters") else None


def adapter_for_pair(function: tuple[Any, ...], inputs: tuple[Any, ...], library: Named) -> Adapter:
    """Return the adapter of (f, vjp) or (f, grad)."""
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
    """Find the adapter for ndarrays: call the function, and look at the library of its result."""
    candidates = owners((function(*inputs),))
    if len(candidates) == 1:
        return library_named(next(iter(candidates)))
    if "autograd" in sys.modules:
        return Autograd()
    raise TypeError(
        "a function of ndarrays has no derivative of its own: pass (f, vjp) or (f, grad), arrays "
        "of the library that it is differentiated by, or library='jax' or the like"
    )
