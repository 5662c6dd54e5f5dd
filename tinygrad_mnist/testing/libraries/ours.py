"""The adapter of this library's own Tensors and Modules."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.engine import grad
from tinygrad_mnist.autograd.graph import ancestors
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.testing.libraries.adapter import Adapter, Array, Function, Pull


class Ours(Adapter):
    """Tensors that require grad, as recorded by `autograd`."""

    name, noun = "tinygrad_mnist", "Tensor"
    asks = "do: pass Tensors made with requires_grad=True"
    keeps_float32 = keeps_layout = skips_outputs = True

    def is_array(self, value: Any) -> bool:
        """Tell whether the value is a Tensor."""
        return isinstance(value, Tensor)

    def is_checked(self, array: Any) -> bool:
        """Tell whether the Tensor requires grad."""
        return bool(array.requires_grad)

    def to_numpy(self, array: Any) -> Array:
        """Return the Tensor's own memory."""
        return array._data  # type: ignore[no-any-return]

    def from_numpy(self, array: Array, like: Any) -> Tensor:
        """Make a Tensor on this memory."""
        return wrap(array)

    def leaf(self, array: Array, like: Any) -> Tensor:
        """Make a Tensor on this memory that requires grad; a complex one, to step by, does not."""
        return wrap(array) if array.dtype.kind == "c" else wrap(array).requires_grad_()

    def vjp(self, function: Function, arrays: Sequence[Any]) -> tuple[Sequence[Any], Pull]:
        """Record the call once; a pull-back walks the graph."""
        outputs = function(*arrays)

        def pull(gs: Sequence[Any]) -> Sequence[Any]:
            live = [(o, g) for o, g in zip(outputs, gs, strict=True) if live_pair(o, g)]
            if not live:
                return [None] * len(arrays)
            outs, seeds = zip(*live, strict=True)
            return grad(outs, arrays, seeds, retain_graph=True, allow_unused=True)

        return outputs, pull

    def gradient(
        self, function: Function, arrays: Sequence[Any], cotangents: Sequence[Any]
    ) -> Sequence[Any]:
        """Return the gradients, recorded."""
        return grad(
            function(*arrays), arrays, cotangents,
            create_graph=True, allow_unused=True, materialize_grads=True,
        )  # fmt: skip

    def parameters(self, function: Any, dtype: Any) -> tuple[dict[str, Any], Function]:
        """Return a Module's parameters that require grad; a call lends them memory and history."""
        if not hasattr(function, "named_parameters"):
            return super().parameters(function, dtype)
        module = copy.deepcopy(function)
        for _, buffer in module.named_buffers():
            if buffer.dtype.kind == "f":
                buffer._data = buffer._data.astype(dtype or buffer.dtype)
        checked = {}
        for name, parameter in module.named_parameters():
            parameter.grad = None
            if parameter.requires_grad:
                checked[name] = parameter
            else:
                parameter.data = wrap(parameter._data.astype(dtype or parameter.dtype))

        def call(values: Sequence[Any], *args: Any) -> Any:
            home = [(p, p._data, p._node) for p in checked.values()]
            for parameter, value in zip(checked.values(), values, strict=True):
                parameter._data, parameter._node = value._data, value._node
            try:
                return module(*args)
            finally:
                for parameter, data, node in home:
                    parameter._data, parameter._node = data, node

        return checked, call

    def precision(self, outputs: Sequence[Any]) -> float:
        """Return the rounding error of the least precise dtype in the recorded graph."""
        dtypes = [out.dtype for out in outputs]
        dtypes += [n.dtype for n in ancestors([o._node for o in outputs if o._node is not None])]
        return max((float(np.finfo(d).eps) for d in dtypes if d.kind == "f"), default=2.0**-52)

    def own_checks(self, problem: Any, float32: Any) -> Iterator[str]:
        """Check that gradients own their memory, and that no rule turns float32 into float64."""
        from tinygrad_mnist.testing.libraries.ours_checks import memory_failures, upcast_failures

        yield from memory_failures(problem)
        if float32 is not None:
            yield from upcast_failures(float32)

    def called(self, function: Any) -> str:
        """Return an empty name: the caller's traceback shows the calls of this library."""
        return ""


def live_pair(output: Any, cotangent: Any) -> bool:
    """Tell whether the output has a history, and a cotangent."""
    return cotangent is not None and bool(output.requires_grad)
