"""The adapter of MyGrad: Tensors that are not constant; MyGrad has the first order alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.testing.libraries.adapter import Adapter, Array, Function, Pull


class MyGrad(Adapter):
    """`mygrad.Tensor`s; `backward` consumes the graph, so each pull-back makes another."""

    name, noun = "MyGrad", "mygrad.Tensor"
    asks = "do: pass Tensors of floats made with constant=False"
    skips_outputs = True
    left_out = ("ownership of gradients", "float32: MyGrad promises no dtype")

    def is_array(self, value: Any) -> bool:
        """Tell whether the value is a mygrad.Tensor."""
        mygrad = sys.modules.get("mygrad")
        return mygrad is not None and isinstance(value, mygrad.Tensor)

    def is_checked(self, array: Any) -> bool:
        """Tell whether the Tensor is not constant."""
        return not array.constant

    def to_numpy(self, array: Any) -> Array:
        """Return the Tensor's own memory."""
        return array.data  # type: ignore[no-any-return]

    def from_numpy(self, array: Array, like: Any) -> Any:
        """Make a constant; a copy, for MyGrad locks the memory that it works on."""
        import mygrad

        return mygrad.tensor(array, constant=True, copy=True)

    def leaf(self, array: Array, like: Any) -> Any:
        """Make a Tensor to differentiate by."""
        import mygrad

        if array.dtype.kind == "c":
            raise TypeError("MyGrad has no complex numbers")
        return mygrad.tensor(array, constant=False, copy=True)

    def vjp(self, function: Function, arrays: Sequence[Any]) -> tuple[Sequence[Any], Pull]:
        """Return the outputs; a pull-back makes one call and one backward for each cotangent."""
        outputs = function(*arrays)

        def pull(gs: Sequence[Any]) -> Sequence[Any]:
            sums: list[Any] = [None] * len(arrays)
            for i, g in enumerate(gs):
                if g is None or outputs[i].constant:
                    continue
                fresh = [self.leaf(self.to_numpy(array), array) for array in arrays]
                function(*fresh)[i].backward(g)
                for j, array in enumerate(fresh):
                    if array.grad is not None:
                        grad = np.array(array.grad)
                        sums[j] = grad if sums[j] is None else sums[j] + grad
            return sums

        return outputs, pull
