"""Pruning: a mask that holds elements, rows or columns of a Parameter at zero.

`weight` becomes `weight_orig`, which is trained, times the buffer `weight_mask`; a hook multiplies
them before each call. Pruning again multiplies the masks.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.utils.convert_parameters import parameters_to_vector
from tinygrad_mnist.ops import create
from tinygrad_mnist.ops.random import rng_of

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured",
    "PruningContainer", "RandomStructured", "RandomUnstructured", "custom_from_mask",
    "global_unstructured", "identity", "is_pruned", "l1_unstructured", "ln_structured",
    "random_structured", "random_unstructured", "remove",
]  # fmt: skip


class BasePruningMethod:
    """A way to choose elements to prune: a subclass defines `compute_mask(t, default_mask)`.

    `t` are the scores, by default the Parameter; the mask is ones and zeros. `PRUNING_TYPE` names
    the candidates after an earlier pruning: "unstructured" (elements), "structured"
    (slices along `self.dim`), or "global" (everything).
    """

    PRUNING_TYPE = "unstructured"
    _tensor_name = ""

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask for these scores, within the present mask."""
        raise NotImplementedError(f"{type(self).__name__} must define compute_mask()")

    def apply_mask(self, module: Any) -> Tensor:
        """Return the original times the mask."""
        original = getattr(module, f"{self._tensor_name}_orig")
        mask = getattr(module, f"{self._tensor_name}_mask")
        pruned: Tensor = mask.to(original.dtype) * original
        return pruned

    @classmethod
    def apply(
        cls, module: Any, name: str, *args: Any, importance_scores: Any = None, **kw: Any
    ) -> Any:
        """Prune the Parameter `name` of a module by this method; returns the hook."""
        new = cls(*args, **kw)
        new._tensor_name = name
        earlier = _hook_of(module, name)
        original = getattr(module, name)
        scores = original if importance_scores is None else importance_scores
        _check_scores(scores, original)
        scores = scores.detach()
        if earlier is None:
            mask = new.compute_mask(scores, default_mask=create.ones_like(scores))
            module.register_parameter(f"{name}_orig", original)
            del module._parameters[name]
            method: Any = new
        else:
            key, old = earlier
            method = old if isinstance(old, PruningContainer) else PruningContainer(old)
            method.add_pruning_method(new)
            earlier_mask = getattr(module, f"{name}_mask").detach().clone()
            mask = method.compute_mask(scores, default_mask=earlier_mask)
            del module._forward_pre_hooks[key]
        module.register_buffer(f"{name}_mask", mask.detach())
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Any = None, importance_scores: Any = None) -> Tensor:
        """Return a Tensor times the mask that this method computes for it."""
        scores = t if importance_scores is None else importance_scores
        _check_scores(scores, t)
        mask = create.ones_like(t.detach()) if default_mask is None else default_mask
        return t * self.compute_mask(scores.detach(), default_mask=mask)

    def remove(self, module: Any) -> None:
        """Write the zeros into the Parameter, and drop the mask."""
        name, weight = self._tensor_name, self.apply_mask(module)
        original = module._parameters[f"{name}_orig"]
        for part in (name, f"{name}_orig", f"{name}_mask"):
            delattr(module, part)
        original.data = weight.detach()
        setattr(module, name, original)


def _check_scores(scores: Tensor, t: Tensor) -> None:
    if scores.shape != t.shape:
        raise AssertionError(
            f"importance_scores should have the same shape as the parameter, got {scores.shape} vs "
            f"{t.shape}"
        )


def _hook_of(module: Any, name: str) -> tuple[int, BasePruningMethod] | None:
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key, hook
    return None


class PruningContainer(BasePruningMethod):
    """Several prunings of one Parameter, one after the other."""

    def __init__(self, *methods: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        self._tensor_name = methods[0]._tensor_name if methods else ""
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Append a method, which must be for the same Parameter."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask of the last method, which chooses among elements not yet pruned."""
        method, mask = self._pruning_methods[-1], np.array(default_mask)
        scores, candidates = np.asarray(t), self._candidates(method, mask)
        part = method.compute_mask(wrap(scores[candidates]), default_mask=wrap(mask[candidates]))
        mask[candidates] = np.asarray(part)
        return wrap(mask)

    @staticmethod
    def _candidates(method: Any, mask: Any) -> Any:
        if method.PRUNING_TYPE == "unstructured":
            return mask == 1
        if method.PRUNING_TYPE == "global":
            return ...
        if method.PRUNING_TYPE != "structured":
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        dim = method.dim % mask.ndim
        other_dims = tuple(d for d in range(mask.ndim) if d != dim)
        return (slice(None),) * dim + (mask.sum(other_dims) != 0,)


class Identity(BasePruningMethod):
    """A pruning that prunes nothing: the Parameter gets a mask of ones and a hook."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _Amount(BasePruningMethod):
    """Pruning of an `amount`: a number of elements (or slices), or a fraction of them."""

    def __init__(self, amount: Any) -> None:
        if not isinstance(amount, numbers.Real):
            raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        value, is_count = float(amount), isinstance(amount, numbers.Integral)
        if value < 0 or (not is_count and value > 1):
            raise ValueError(
                f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
                "integer"
            )
        self.amount: Any = amount

    def _count(self, size: int) -> int:
        amount: Any = self.amount
        if not isinstance(amount, numbers.Integral):
            return round(float(amount) * size)
        if int(amount) > size:
            raise ValueError(
                f"amount={self.amount} should be smaller than the number of parameters to "
                f"prune={size}"
            )
        return int(amount)


class _Unstructured(_Amount):
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        mask = np.array(default_mask, order="C")
        scores = self._scores(np.asarray(t)).ravel()
        mask.reshape(-1)[np.argsort(scores, kind="stable")[: self._count(scores.size)]] = 0
        return wrap(mask)

    def _scores(self, values: Any) -> Any:
        raise NotImplementedError


class RandomUnstructured(_Unstructured):
    """Pruning of elements drawn at random."""

    def _scores(self, values: Any) -> Any:
        return rng_of(None).random(values.shape)


class L1Unstructured(_Unstructured):
    """Pruning of the elements nearest to zero."""

    def _scores(self, values: Any) -> Any:
        return np.abs(values)


class _Structured(_Amount):
    """Pruning of whole slices along `dim`."""

    PRUNING_TYPE = "structured"
    dim: int

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.ndim <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor "
                f"of shape {t.shape} with {t.ndim} dims"
            )
        if not -t.ndim <= self.dim < t.ndim:
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        dim, size = self.dim % t.ndim, t.shape[self.dim]
        other_dims = tuple(d for d in range(t.ndim) if d != dim)
        scores = self._scores(np.asarray(t), other_dims, size)
        mask = np.array(default_mask)
        pruned = np.argsort(scores, kind="stable")[: self._count(size)]
        mask[(slice(None),) * dim + (pruned,)] = 0
        return wrap(mask)

    def _scores(self, values: Any, other_dims: tuple[int, ...], size: int) -> Any:
        raise NotImplementedError


class RandomStructured(_Structured):
    """Pruning of slices along `dim` drawn at random."""

    def __init__(self, amount: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _scores(self, values: Any, other_dims: tuple[int, ...], size: int) -> Any:
        return rng_of(None).random(size)


class LnStructured(_Structured):
    """Pruning of the slices along `dim` with the least n-norms."""

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.n, self.dim = n, dim

    def _scores(self, values: Any, other_dims: tuple[int, ...], size: int) -> Any:
        sizes = np.abs(values)
        n = 2.0 if self.n == "fro" else float(self.n)
        if math.isinf(n):
            return sizes.max(other_dims) if n > 0 else sizes.min(other_dims)
        return (sizes != 0).sum(other_dims) if n == 0 else (sizes**n).sum(other_dims) ** (1 / n)


class CustomFromMask(BasePruningMethod):
    """Pruning of the elements where the user's mask is zero."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        _check_scores(self.mask, default_mask)
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module: Any, name: str) -> Any:
    """Give a Parameter a mask of ones. This and the functions below return the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Any, name: str, amount: Any) -> Any:
    """Prune `amount` elements, or that fraction of them, drawn at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Any, name: str, amount: Any, importance_scores: Any = None) -> Any:
    """Prune the `amount` elements, or that fraction of them, that are nearest to zero.

    >>> import tinygrad_mnist as tg
    >>> layer = tg.nn.Linear(4, 5)
    >>> _ = l1_unstructured(layer, "weight", amount=0.25)
    >>> int((layer.weight == 0).sum()), list(layer.state_dict())
    (5, ['bias', 'weight_orig', 'weight_mask'])
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Any, name: str, amount: Any, dim: int) -> Any:
    """Prune `amount` slices along `dim`, or that fraction of them, drawn at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Any, name: str, amount: Any, n: Any, dim: int, importance_scores: Any = None
) -> Any:
    """Prune the `amount` slices along `dim` with the least n-norms."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Any, name: str, mask: Tensor) -> Any:
    """Prune the elements where a mask is zero."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Any, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Any = None,
    **kw: Any,
) -> None:
    """Prune elements of several Parameters, (module, name) pairs, as if these were one."""
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    if importance_scores is not None and not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs, score_of = list(parameters), importance_scores or {}
    method = pruning_method(**kw)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    values = [getattr(module, name).detach() for module, name in pairs]
    scores = [score_of.get(pair, value) for pair, value in zip(pairs, values, strict=True)]
    masks = [
        getattr(module, f"{name}_mask", create.ones_like(value))
        for (module, name), value in zip(pairs, values, strict=True)
    ]
    container = PruningContainer(method)
    joint_mask = container.compute_mask(
        parameters_to_vector(scores).detach(), parameters_to_vector(masks).detach()
    )
    start, flat_mask = 0, np.asarray(joint_mask)
    for (module, name), value in zip(pairs, values, strict=True):
        stop = start + math.prod(value.shape)
        custom_from_mask(module, name, wrap(flat_mask[start:stop].reshape(value.shape)))
        start = stop


def remove(module: Any, name: str) -> Any:
    """Make pruning permanent: the zeros stay, the mask goes. ValueError if nothing is pruned."""
    registered = _hook_of(module, name)
    if registered is None:
        raise ValueError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    key, hook = registered
    hook.remove(module)
    del module._forward_pre_hooks[key]
    return module


def is_pruned(module: Module) -> bool:
    """Tell whether a Parameter of this module, or of one below, is pruned."""
    hooks = (hook for part in module.modules() for hook in part._forward_pre_hooks.values())
    return any(isinstance(hook, BasePruningMethod) for hook in hooks)
