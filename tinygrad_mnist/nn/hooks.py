"""Hooks around a module's call, and around the gradients that go back through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.graph import RemovableHandle
from tinygrad_mnist.ops import table

KINDS = ("pre", "post", "backward", "backward_pre")
OfKind = dict[int, tuple[Callable[..., Any], bool]]  # the hook, and whether it wants keywords
Hooks = dict[str, OfKind]


def register(
    held: OfKind, hook: Callable[..., Any], *, prepend: bool, with_kwargs: bool = False
) -> RemovableHandle:
    """Add a hook behind, or before, those that are there."""
    before = dict(held) if prepend else {}
    handle = RemovableHandle(held, (hook, with_kwargs))
    for key, value in before.items():
        del held[key]
        held[key] = value
    return handle


def call(module: Any, hooks: Hooks, args: tuple[Any, ...], kw: dict[str, Any]) -> Any:
    """module.forward(*args, **kw), with all hooks."""
    for hook, with_kwargs in list(hooks["pre"].values()):
        result = hook(module, args, kw) if with_kwargs else hook(module, args)
        if result is not None and with_kwargs:
            args, kw = result
        elif result is not None:
            args = result if isinstance(result, tuple) else (result,)
    backward = BackwardHooks(module, hooks)
    if hooks["backward"] or hooks["backward_pre"]:
        args = backward.on_inputs(args)
    output = module.forward(*args, **kw)
    for hook, with_kwargs in list(hooks["post"].values()):
        extra = (args, kw) if with_kwargs else (args,)
        result = hook(module, *extra, output)
        output = output if result is None else result
    if not (hooks["backward"] or hooks["backward_pre"]):
        return output
    outputs = output if isinstance(output, tuple) else (output,)
    fresh = backward.on_outputs(outputs)
    return fresh if isinstance(output, tuple) else fresh[0]


class BackwardHooks:
    """One call of a module, on its way back.

    Inputs and outputs pass through a node of their own, so that hooks on those nodes see this
    module's share of the gradient alone, whoever else uses the same Tensors.
    """

    def __init__(self, module: Any, hooks: Hooks) -> None:
        self.module, self.hooks = module, hooks
        self.grad_input: list[Tensor | None] = []
        self.grad_output: list[Tensor | None] = []
        self.tracks_inputs = False

    def on_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with hooks that collect their gradients, then call the user's."""
        self.grad_input = [None] * len(args)

        def complete(i: int) -> Tensor | None:
            return self._call_hooks()[i]

        fresh = _watched(args, self.grad_input, complete)
        self.tracks_inputs = any(a is not b for a, b in zip(args, fresh, strict=True))
        return fresh

    def on_outputs(self, outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The outputs, with hooks that collect their gradients, then let pre-hooks replace them."""
        self.grad_output = [None] * len(outputs)

        def complete(i: int) -> Tensor | None:
            for hook, _ in list(self.hooks["backward_pre"].values()):
                result = hook(self.module, tuple(self.grad_output))
                if result is not None:
                    self.grad_output[:] = result if isinstance(result, tuple) else (result,)
            if not self.tracks_inputs:
                self._call_hooks()
            return self.grad_output[i]

        return _watched(outputs, self.grad_output, complete)

    def _call_hooks(self) -> tuple[Tensor | None, ...]:
        grads = tuple(self.grad_input)
        for hook, _ in list(self.hooks["backward"].values()):
            result = hook(self.module, grads, tuple(self.grad_output))
            if result is not None:
                grads = result if isinstance(result, tuple) else (result,)
        return grads


def _watched(
    values: tuple[Any, ...], grads: list[Tensor | None], complete: Callable[[int], Tensor | None]
) -> tuple[Any, ...]:
    """The values, each that requires grad behind a node that notes its gradient in `grads`.

    With the last gradient, `complete(i)` gives what value i is to get instead.
    """
    tracked = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
    waiting, fresh = set(tracked), list(values)

    def watch(i: int) -> Callable[[Tensor], Tensor | None]:
        def note(g: Tensor) -> Tensor | None:
            grads[i] = g
            waiting.discard(i)
            if waiting:
                return None
            waiting.update(tracked)  # for another walk through the same graph
            return complete(i)

        return note

    for i in tracked:
        fresh[i] = table.reshape(values[i], shape=values[i].shape)
        fresh[i].register_hook(watch(i))
    return tuple(fresh)
