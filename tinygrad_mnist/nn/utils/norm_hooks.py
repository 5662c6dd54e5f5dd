"""weight_norm and spectral_norm by their old names: hooks that compute the weight before a call.

New code should use `nn.utils.parametrizations`; these keep the old names in state dicts.
"""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd import Tensor, no_grad
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import Parameter
from tinygrad_mnist.nn.utils.parametrizations import (
    as_matrix,
    check_iterations,
    norm_except_dim,
    output_dim,
    random_unit,
    weight_from,
)
from tinygrad_mnist.ops import loss, matmul, shape
from tinygrad_mnist.ops.inplace import write

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


def _initialized(module: Module, name: str) -> Any:
    weight = module._parameters.get(name)
    if weight is None:
        raise ValueError(f"the module has no Parameter {name!r}: {module}")
    if hasattr(weight, "materialize"):
        raise ValueError(
            "The module can't have uninitialized parameters. Make sure to run the dummy forward "
            "before applying the normalization"
        )
    return weight


def _hook_of(module: Module, kind: type, name: str) -> int | None:
    """Return the key of the hook of this kind on the weight of this name."""
    hooks = module._forward_pre_hooks.items()
    named = ((k, hook) for k, hook in hooks if isinstance(hook, kind))
    return next((k for k, hook in named if getattr(hook, "name", None) == name), None)


def _refuse_second(module: Module, kind: type, name: str, norm: str) -> None:
    if _hook_of(module, kind, name) is not None:
        raise RuntimeError(f"Cannot register two {norm} hooks on the same parameter {name}")


def _remove(module: Any, kind: type, name: str, norm: str) -> Any:
    key = _hook_of(module, kind, name)
    if key is None:
        raise ValueError(f"{norm} of '{name}' not found in {module}")
    hook = module._forward_pre_hooks.pop(key)
    hook.remove(module)
    return module


class WeightNorm:
    """The hook of `weight_norm`."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module: Any) -> Tensor:
        """Return the weight with the module's lengths and directions."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return weight_from(g, v, self.dim)

    def remove(self, module: Any) -> None:
        """Make the weight a plain Parameter again."""
        weight = self.compute_weight(module)
        for name in (self.name, self.name + "_g", self.name + "_v"):
            delattr(module, name)
        setattr(module, self.name, Parameter(weight.detach()))

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Train a weight by its lengths, `weight_g`, and its directions, `weight_v`.

    One length for each index along `dim`, or one for all with `dim=None`. Returns the module;
    raises RuntimeError if the module has such a hook on this weight.

    >>> import tinygrad_mnist as tg
    >>> layer = weight_norm(tg.nn.Linear(4, 3))
    >>> layer.weight_g.shape, layer.weight_v.shape
    (torch.Size([3, 1]), torch.Size([3, 4]))
    """
    _refuse_second(module, WeightNorm, name, "weight_norm")
    hook, weight = WeightNorm(name, dim), _initialized(module, name)
    delattr(module, name)
    with no_grad():
        lengths = norm_except_dim(weight.detach(), hook.dim)
    module.register_parameter(name + "_g", Parameter(lengths))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Undo `weight_norm`; ValueError if there is none."""
    return _remove(module, WeightNorm, name, "weight_norm")


class SpectralNorm:
    """The hook of `spectral_norm`."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        check_iterations(n_power_iterations)
        self.name, self.n_power_iterations = name, n_power_iterations
        self.dim, self.eps = dim, eps

    def compute_weight(self, module: Any, do_power_iteration: bool) -> Tensor:
        """Return the weight divided by its largest singular value."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                fixed = matrix.detach()
                for _ in range(self.n_power_iterations):
                    write(v, loss.normalize(matmul.mv(fixed.T, u), dim=0, eps=self.eps))
                    write(u, loss.normalize(matmul.mv(fixed, v), dim=0, eps=self.eps))
        u, v = shape.clone(u), shape.clone(v)
        normed: Tensor = weight / matmul.dot(u, matmul.mv(matrix, v))
        return normed

    def remove(self, module: Any) -> None:
        """Make the weight a plain Parameter again."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for name in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + name)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))


def spectral_norm(
    module: Any,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Any:
    """Divide a weight by its largest singular value before each call; Miyato et al., 2018.

    `weight_orig` is trained, the buffers `weight_u` and `weight_v` move by the power method in
    training. Returns the module; raises RuntimeError if the module has such a hook on this weight.
    """
    _refuse_second(module, SpectralNorm, name, "spectral_norm")
    dim = output_dim(module) if dim is None else dim
    hook, weight = SpectralNorm(name, n_power_iterations, dim, eps), _initialized(module, name)
    matrix = as_matrix(weight.detach(), dim)
    delattr(module, name)
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(name + "_u", random_unit(matrix, matrix.shape[0], eps))
    module.register_buffer(name + "_v", random_unit(matrix, matrix.shape[1], eps))
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Undo `spectral_norm`; ValueError if there is none."""
    return _remove(module, SpectralNorm, name, "spectral_norm")
