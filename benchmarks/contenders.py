"""The table of contenders: a name, its library, and the file and name of its class."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # nothing here may load NumPy before the contender does
    from benchmarks.problem import Contender, Problem

CONTENDERS = {
    "jitted": ("tinygrad_mnist", "ours:Jitted"),
    "pure": ("tinygrad_mnist", "ours:Pure"),
    "pure over": ("tinygrad_mnist", "ours:Over"),
    "eager": ("tinygrad_mnist", "ours:Eager"),
    "numpy twin": ("numpy", "by_hand:twin"),
    "numpy naive": ("numpy", "by_hand_naive:Naive"),
    "torch eager": ("torch", "with_torch:Eager"),
    "torch fused": ("torch", "with_torch:Fused"),
    "torch compiled": ("torch", "with_torch:Compiled"),
    "jax blocking": ("jax", "with_jax:Blocking"),
    "jax async": ("jax", "with_jax:Async"),
    "jax scan": ("jax", "with_jax:Scan"),
    "mygrad": ("mygrad", "with_mygrad:MyGrad"),
    "autograd": ("autograd", "with_autograd:Autograd"),
    "scikit-learn": ("sklearn", "with_sklearn:ScikitLearn"),
}


def load(name: str) -> Callable[[Problem], Contender]:
    """Import a contender's class; raises NotHere when its library is not installed."""
    library, path = CONTENDERS[name]
    if importlib.util.find_spec(library) is None:
        from benchmarks.problem import NotHere

        raise NotHere(f"{library} is not installed")
    module, _, cls = path.partition(":")
    contender: Callable[[Problem], Contender] = getattr(
        importlib.import_module(f"benchmarks.{module}"), cls
    )
    return contender
