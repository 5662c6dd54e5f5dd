"""Ready-made parametrizations: by direction and length, or with a spectral norm of one."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd import Tensor, no_grad
from tinygrad_mnist.nn.layers.conv import ConvTransposeNd
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.utils.parametrize import register_parametrization
from tinygrad_mnist.ops import loss, matmul, random, shape, table
from tinygrad_mnist.ops.inplace import write

__all__ = ["spectral_norm", "weight_norm"]


def norm_except_dim(v: Tensor, dim: int | None) -> Tensor:
    """Return the 2-norms of v over all dimensions but `dim`, which stay as 1; over all for -1."""
    dim = -1 if dim is None else dim
    axes = tuple(i for i in range(v.ndim) if dim == -1 or i != dim)
    return table.sqrt(table.sum(v * v, axis=axes, keepdims=dim != -1))


def weight_from(g: Tensor, v: Tensor, dim: int | None) -> Tensor:
    """Return g v / |v|, of direction v and length g; Salimans and Kingma, 2016."""
    return v * (g / norm_except_dim(v, dim))


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_from(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lengths, and the weight itself for its direction."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train a weight by its length (original0) and its direction (original1); returns `module`.

    One length for each index along `dim`, or one for all with `dim=None`. State dicts of
    `nn.utils.weight_norm` are read too.
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """Return the weight with `dim` as rows and all other dimensions as columns."""
    return shape.reshape(shape.movedim(weight, dim, 0), (weight.shape[dim], -1))


def random_unit(like: Tensor, length: int, eps: float) -> Tensor:
    """Draw a vector of norm one."""
    return loss.normalize(random.randn(length, dtype=like.dtype), dim=0, eps=eps)


class _SpectralNorm(Module):
    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.ndim}, "
                f"{weight.ndim - 1}] but got {dim})"
            )
        check_iterations(n_power_iterations)
        self.dim, self.eps = dim % weight.ndim, eps
        self.n_power_iterations = n_power_iterations
        if weight.ndim > 1:
            matrix = as_matrix(weight.detach(), self.dim)
            self.register_buffer("_u", random_unit(matrix, matrix.shape[0], eps))
            self.register_buffer("_v", random_unit(matrix, matrix.shape[1], eps))
            self._iterate(matrix, 15)

    @no_grad()
    def _iterate(self, matrix: Tensor, times: int) -> None:
        """Move u and v towards the first singular vectors."""
        for _ in range(times):
            write(self._u, loss.normalize(matmul.mv(matrix, self._v), dim=0, eps=self.eps))
            write(self._v, loss.normalize(matmul.mv(matrix.T, self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return loss.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        u, v = shape.clone(self._u), shape.clone(self._v)
        return weight / matmul.dot(u, matmul.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """Return the value itself: a weight of another norm may be assigned."""
        return value


def check_iterations(n_power_iterations: int) -> None:
    """Raise ValueError unless the number of iterations is positive."""
    if n_power_iterations <= 0:
        raise ValueError(
            "Expected n_power_iterations to be positive, but got "
            f"n_power_iterations={n_power_iterations}"
        )


def output_dim(module: Module) -> int:
    """Return the output dimension of a weight: 1 for a transposed convolution, else 0."""
    return 1 if isinstance(module, ConvTransposeNd) else 0


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value (Miyato et al., 2018); returns `module`.

    In training, each read of the weight takes `n_power_iterations` more steps of the power method
    from the vectors of the last read.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = output_dim(module) if dim is None else dim
    norm = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, norm)
