"""Optimizers of PyTorch's that are not here: each raises an error that names the one to use."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.optim.optimizer import Optimizer


class SparseAdam(Optimizer):
    """NotImplementedError: gradients are never sparse here; `Adam` takes dense ones."""

    def __init__(self, params: Any, *args: Any, **kw: Any) -> None:
        raise NotImplementedError(
            "SparseAdam is for sparse gradients, and there are none here: use optim.Adam"
        )


class Muon(Optimizer):
    """NotImplementedError: its orthogonalization is defined in bfloat16, which NumPy lacks."""

    def __init__(self, params: Any, *args: Any, **kw: Any) -> None:
        raise NotImplementedError(
            "Muon orthogonalizes in bfloat16, which NumPy does not have: use optim.AdamW"
        )
