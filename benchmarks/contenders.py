"""The table of contenders: a name, the library it needs, and where its class is."""

from __future__ import annotations

import importlib
import importlib.util

from benchmarks.problem import Contender, NotHere, Problem

CONTENDERS = {
    "jitted": ("tinygrad_mnist", "ours:Jitted"),
    "eager": ("tinygrad_mnist", "ours:Eager"),
    "numpy twin": ("numpy", "by_hand:Twin"),
    "numpy naive": ("numpy", "by_hand:Naive"),
    "torch eager": ("torch", "with_torch:Eager"),
    "torch fused": ("torch", "with_torch:Fused"),
    "torch compiled": ("torch", "with_torch:Compiled"),
    "jax blocking": ("jax", "with_jax:Blocking"),
    "jax async": ("jax", "with_jax:Async"),
    "jax scan": ("jax", "with_jax:Scan"),
}


def build(name: str, problem: Problem) -> Contender:
    """The contender, ready to train; raises NotHere where it cannot."""
    library, place = CONTENDERS[name]
    if importlib.util.find_spec(library) is None:
        raise NotHere(f"{library} is not installed")
    module, _, cls = place.partition(":")
    contender: Contender = getattr(importlib.import_module(f"benchmarks.{module}"), cls)(problem)
    return contender
