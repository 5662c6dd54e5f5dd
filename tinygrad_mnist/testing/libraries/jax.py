"""The adapter of JAX: arrays in pytrees, with 64 bits switched on during a check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from tinygrad_mnist.testing.libraries.adapter import Adapter, Array, Function, Pull, Rebuild


class Jax(Adapter):
    """`jax.Array`s, and ndarrays beside them; `jax.vjp` pulls back."""

    name, noun = "JAX", "jax.Array"
    keeps_float32 = True
    left_out = ("ownership of gradients", "memory layouts")

    def owns(self, value: Any) -> bool:
        """Tell whether the value is a jax.Array."""
        jax = sys.modules.get("jax")
        return jax is not None and isinstance(value, jax.Array)

    def is_array(self, value: Any) -> bool:
        """Tell whether the value is a jax.Array or an ndarray, which JAX takes as well."""
        return isinstance(value, (np.ndarray, np.generic)) or self.owns(value)

    def is_float(self, array: Any) -> bool:
        """Tell whether the array's dtype is a float of any width."""
        import jax

        return bool(jax.numpy.issubdtype(array.dtype, jax.numpy.floating))

    def to_numpy(self, array: Any) -> Array:
        """Return a read-only view of the values."""
        return np.asarray(array)

    def from_numpy(self, array: Array, like: Any) -> Any:
        """Make a jax.Array on memory of its own: JAX might otherwise share NumPy's."""
        import jax

        return jax.numpy.array(array, copy=True)

    def vjp(self, function: Function, arrays: Sequence[Any]) -> tuple[Sequence[Any], Pull]:
        """Linearise the call once."""
        import jax

        outputs, pull = jax.vjp(lambda *xs: list(function(*xs)), *arrays)
        return outputs, lambda gs: pull(list(gs))

    def gradient(
        self, function: Function, arrays: Sequence[Any], cotangents: Sequence[Any]
    ) -> Sequence[Any]:
        """Return the gradients, traced."""
        return self.vjp(function, arrays)[1](cotangents)

    def flatten(self, value: Any) -> tuple[list[tuple[str, Any]], Rebuild]:
        """Return the leaves of any pytree, with JAX's own paths."""
        import jax

        pairs, tree = jax.tree_util.tree_flatten_with_path(value)
        leaves = [(jax.tree_util.keystr(path), leaf) for path, leaf in pairs]
        return leaves, lambda leaves: jax.tree_util.tree_unflatten(tree, leaves)

    def session(self) -> AbstractContextManager[Any]:
        """Return a context in which float64 stays float64."""
        import jax

        if hasattr(jax, "enable_x64"):
            return jax.enable_x64(True)  # type: ignore[no-any-return]  # noqa: FBT003
        from jax.experimental import enable_x64  # before JAX 0.8

        return enable_x64()  # type: ignore[no-any-return]

    def precision(self, outputs: Sequence[Any]) -> float:
        """Return the rounding error of the outputs' dtypes, bfloat16 among them."""
        import jax

        return max((float(jax.numpy.finfo(out.dtype).eps) for out in outputs), default=2.0**-52)

    def called(self, function: Any) -> str:
        """Return the function's name, marked if its derivative is a custom one."""
        name = super().called(function)
        return f"the jax.custom_vjp {name}" if type(function).__name__ == "custom_vjp" else name
