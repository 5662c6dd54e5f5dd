"""The adapter of PyTorch: Tensors that require grad, Functions, Modules."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.testing.libraries.adapter import Adapter, Array, Function, Pull
from tinygrad_mnist.testing.libraries.ours import live_pair


def loaded() -> Any:
    """Return PyTorch, or None: nothing has imported it, or this library stands under its name."""
    torch = sys.modules.get("torch")
    return None if torch is None or torch.Tensor is Tensor else torch


class Torch(Adapter):
    """`torch.Tensor`s, on their own device; `torch.autograd.grad` pulls back."""

    name, noun = "PyTorch", "torch.Tensor"
    asks = "do: pass Tensors made with requires_grad=True"
    keeps_float32 = keeps_layout = skips_outputs = True
    left_out = ("ownership of gradients: PyTorch lets them share memory",)

    def is_array(self, value: Any) -> bool:
        """Tell whether the value is a torch.Tensor; a sparse one is an error."""
        torch = loaded()
        if torch is None or not isinstance(value, torch.Tensor):
            return False
        if value.layout is not torch.strided:
            raise TypeError(f"a {value.layout} Tensor cannot be checked: pass x.to_dense()")
        return True

    def is_float(self, array: Any) -> bool:
        """Tell whether the Tensor's dtype is a float of any width."""
        return bool(array.is_floating_point())

    def is_checked(self, array: Any) -> bool:
        """Tell whether the Tensor requires grad."""
        return bool(array.requires_grad)

    def to_numpy(self, array: Any) -> Array:
        """Return the Tensor's memory, or a copy where NumPy cannot share it."""
        import torch

        array = array.detach().cpu().resolve_conj().resolve_neg()
        return (array.float() if array.dtype == torch.bfloat16 else array).numpy()  # type: ignore[no-any-return]

    def from_numpy(self, array: Array, like: Any) -> Any:
        """Make a Tensor on this memory, or a copy where PyTorch has no such strides."""
        import torch

        if not array.flags.writeable or any(stride < 0 for stride in array.strides):
            array = array.copy()
        device = like.device if isinstance(like, torch.Tensor) else None
        return torch.from_numpy(np.asarray(array)).to(device)

    def leaf(self, array: Array, like: Any) -> Any:
        """Make a Tensor as `from_numpy` does, that requires grad."""
        return self.from_numpy(array, like).requires_grad_()

    def vjp(self, function: Function, arrays: Sequence[Any]) -> tuple[Sequence[Any], Pull]:
        """Record the call once; a pull-back walks the graph."""
        import torch

        outputs = function(*arrays)

        def pull(gs: Sequence[Any]) -> Sequence[Any]:
            live = [(o, g) for o, g in zip(outputs, gs, strict=True) if live_pair(o, g)]
            if not live:
                return [None] * len(arrays)
            outs, seeds = zip(*live, strict=True)
            return torch.autograd.grad(outs, arrays, seeds, retain_graph=True, allow_unused=True)  # type: ignore[no-any-return]

        return outputs, pull

    def gradient(
        self, function: Function, arrays: Sequence[Any], cotangents: Sequence[Any]
    ) -> Sequence[Any]:
        """Return the gradients, recorded."""
        import torch

        return torch.autograd.grad(  # type: ignore[no-any-return]
            function(*arrays), arrays, cotangents,
            create_graph=True, allow_unused=True, materialize_grads=True,
        )  # fmt: skip

    def parameters(self, function: Any, dtype: Any) -> tuple[dict[str, Any], Function]:
        """Return a Module's parameters that require grad; `functional_call` replaces them."""
        import torch

        if not isinstance(function, torch.nn.Module):
            return super().parameters(function, dtype)
        module = copy.deepcopy(function)
        if dtype is not None:
            module = module.to(getattr(torch, np.dtype(dtype).name))
        checked = {name: p for name, p in function.named_parameters() if p.requires_grad}

        def call(values: Sequence[Any], *args: Any) -> Any:
            return torch.func.functional_call(module, dict(zip(checked, values, strict=True)), args)

        return checked, call

    def precision(self, outputs: Sequence[Any]) -> float:
        """Return the rounding error of the outputs' dtypes, bfloat16 among them."""
        import torch

        return max((torch.finfo(out.dtype).eps for out in outputs), default=2.0**-52)

    def called(self, function: Any) -> str:
        """Return the name of the Function of an `apply`, of the Module, or of the function."""
        import torch

        owner = getattr(function, "__self__", None)
        if isinstance(owner, type) and issubclass(owner, torch.autograd.Function):
            return f"the torch.autograd.Function {owner.__name__}"
        if isinstance(function, torch.nn.Module):
            return f"the torch.nn.Module {type(function).__name__}"
        return super().called(function)
