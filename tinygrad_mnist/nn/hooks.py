"""Full backward hooks: the gradients of a module's inputs and outputs, complete, as tuples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.ops import table

Hooks = dict[int, tuple[Callable[..., Any], bool]]


class BackwardHooks:
    """One call of a module, on its way back.

    Inputs and outputs pass through a node of their own, so that hooks on those nodes see this
    module's share of the gradient alone, whoever else uses the same Tensors.
    """

    def __init__(self, module: Any, hooks: Hooks, pre_hooks: Hooks) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.inputs: list[int] = []
        self.count = 0
        self.grad_input: dict[int, Tensor] = {}
        self.grad_output: dict[int, Tensor] = {}

    def on_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, each that requires grad with a hook that collects its gradient."""
        self.count = len(args)
        fresh = list(args)
        for i, arg in enumerate(args):
            if isinstance(arg, Tensor) and arg.requires_grad:
                self.inputs.append(i)
                fresh[i] = table.reshape(arg, shape=arg.shape)
        waiting = list(self.inputs)

        def collect(i: int) -> Callable[[Tensor], Tensor | None]:
            def hook(g: Tensor) -> Tensor | None:
                self.grad_input[i] = g
                waiting.remove(i)
                return self._finish().get(i) if not waiting else None

            return hook

        for i in self.inputs:
            fresh[i].register_hook(collect(i))
        return tuple(fresh)

    def on_outputs(self, output: Any) -> Any:
        """The output, with hooks that collect its gradient and let the pre-hooks replace it."""
        outputs = output if isinstance(output, tuple) else (output,)
        fresh = list(outputs)
        tracked = [i for i, y in enumerate(outputs) if isinstance(y, Tensor) and y.requires_grad]
        waiting = list(tracked)

        def collect(i: int) -> Callable[[Tensor], Tensor | None]:
            def hook(g: Tensor) -> Tensor | None:
                self.grad_output[i] = g
                waiting.remove(i)
                if waiting:
                    return None
                for pre_hook, _ in list(self.pre_hooks.values()):
                    result = pre_hook(self.module, self._outputs(len(outputs)))
                    if result is not None:
                        given = result if isinstance(result, tuple) else (result,)
                        self.grad_output = {j: given[j] for j in tracked}
                if not self.inputs:
                    self._finish()
                return self.grad_output[i]

            return hook

        for i in tracked:
            fresh[i] = table.reshape(outputs[i], shape=outputs[i].shape)
            fresh[i].register_hook(collect(i))
        self.outputs = len(outputs)
        return tuple(fresh) if isinstance(output, tuple) else fresh[0]

    def _outputs(self, count: int) -> tuple[Tensor | None, ...]:
        return tuple(self.grad_output.get(i) for i in range(count))

    def _finish(self) -> dict[int, Tensor]:
        grads: tuple[Any, ...] = tuple(self.grad_input.get(i) for i in range(self.count))
        for hook, _ in list(self.hooks.values()):
            result = hook(self.module, grads, self._outputs(self.outputs))
            if result is not None:
                grads = result if isinstance(result, tuple) else (result,)
        return {i: grads[i] for i in self.inputs}
