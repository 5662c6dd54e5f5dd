"""Hooks around a module's call, and around the gradients that go back through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.graph import RemovableHandle
from tinygrad_mnist.ops import table

KINDS = ("pre", "post", "backward", "backward_pre")
HooksOfKind = dict[int, Any]  # plain functions, or a `FlaggedHook` for one registered with a flag
Hooks = dict[str, HooksOfKind]


class FlaggedHook:
    """A hook that takes the call's keywords, or is called even if the module raises."""

    def __init__(self, hook: Callable[..., Any], *, with_kwargs: bool, always: bool) -> None:
        self.hook, self.with_kwargs, self.always = hook, with_kwargs, always


def unpacked(hook: Any) -> tuple[Callable[..., Any], bool, bool]:
    """Return (hook, with_kwargs, always), all False for a plain function."""
    if isinstance(hook, FlaggedHook):
        return hook.hook, hook.with_kwargs, hook.always
    return hook, False, False


def register(
    hooks: dict[int, Any],
    hook: Any,
    *,
    prepend: bool = False,
    with_kwargs: bool = False,
    always: bool = False,
) -> RemovableHandle:
    """Add a hook after the registered ones, or before them with `prepend`."""
    before = dict(hooks) if prepend else {}
    if with_kwargs or always:
        hook = FlaggedHook(hook, with_kwargs=with_kwargs, always=always)
    handle = RemovableHandle(hooks, hook)
    for key, value in before.items():
        del hooks[key]
        hooks[key] = value
    return handle


def call(module: Any, hooks: Hooks, args: tuple[Any, ...], kw: dict[str, Any]) -> Any:
    """Return module.forward(*args, **kw), calling all hooks around it."""
    called: set[int] = set()
    try:
        return _call(module, hooks, args, kw, called)
    except Exception:
        for key, entry in list(hooks["post"].items()):
            hook, with_kwargs, always = unpacked(entry)
            if always and key not in called:
                hook(module, *((args, kw) if with_kwargs else (args,)), None)
        raise


def _call(
    module: Any, hooks: Hooks, args: tuple[Any, ...], kw: dict[str, Any], called: set[int]
) -> Any:
    """Call the hooks and `forward`; add the hooks called after `forward` to `called`."""
    for hook, with_kwargs, _ in map(unpacked, list(hooks["pre"].values())):
        result = hook(module, args, kw) if with_kwargs else hook(module, args)
        if result is not None and with_kwargs:
            args, kw = result
        elif result is not None:
            args = result if isinstance(result, tuple) else (result,)
    backward = BackwardHooks(module, hooks)
    if hooks["backward"] or hooks["backward_pre"]:
        args = backward.on_inputs(args)
    output = module.forward(*args, **kw)
    for key, entry in list(hooks["post"].items()):
        hook, with_kwargs, _ = unpacked(entry)
        called.add(key)
        extra = (args, kw) if with_kwargs else (args,)
        result = hook(module, *extra, output)
        output = output if result is None else result
    if not (hooks["backward"] or hooks["backward_pre"]):
        return output
    outputs = output if isinstance(output, tuple) else (output,)
    fresh = backward.on_outputs(outputs)
    return fresh if isinstance(output, tuple) else fresh[0]


class BackwardHooks:
    """The backward pass through one call of a module.

    Inputs and outputs pass through a node of their own, so that hooks on those nodes see this
    module's share of the gradient alone, even if others use the same Tensors.
    """

    def __init__(self, module: Any, hooks: Hooks) -> None:
        self.module, self.hooks = module, hooks
        self.grad_input: list[Tensor | None] = []
        self.grad_output: list[Tensor | None] = []
        self.tracks_inputs = False

    def on_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments, with hooks that collect gradients and then call the user's."""
        self.grad_input = [None] * len(args)

        def complete(i: int) -> Tensor | None:
            return self._call_hooks()[i]

        fresh = _watched(args, self.grad_input, complete)
        self.tracks_inputs = any(a is not b for a, b in zip(args, fresh, strict=True))
        return fresh

    def on_outputs(self, outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the outputs with hooks that collect gradients, which pre-hooks may replace."""
        self.grad_output = [None] * len(outputs)

        def complete(i: int) -> Tensor | None:
            for hook in list(self.hooks["backward_pre"].values()):
                result = hook(self.module, tuple(self.grad_output))
                if result is not None:
                    self.grad_output[:] = result if isinstance(result, tuple) else (result,)
            if not self.tracks_inputs:
                self._call_hooks()
            return self.grad_output[i]

        return _watched(outputs, self.grad_output, complete)

    def _call_hooks(self) -> tuple[Tensor | None, ...]:
        grads = tuple(self.grad_input)
        for hook in list(self.hooks["backward"].values()):
            result = hook(self.module, grads, tuple(self.grad_output))
            if result is not None:
                grads = result if isinstance(result, tuple) else (result,)
        return grads


def _watched(
    values: tuple[Any, ...], grads: list[Tensor | None], complete: Callable[[int], Tensor | None]
) -> tuple[Any, ...]:
    """Pass each value that requires grad through a node that records its gradient in `grads`.

    With the last gradient, `complete(i)` returns the replacement for the gradient of value i.
    """
    tracked = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
    waiting, fresh = set(tracked), list(values)

    def watch(i: int) -> Callable[[Tensor], Tensor | None]:
        def note(g: Tensor) -> Tensor | None:
            grads[i] = g
            waiting.discard(i)
            if waiting:
                return None
            waiting.update(tracked)  # for another backward pass through the same graph
            return complete(i)

        return note

    for i in tracked:
        fresh[i] = table.reshape(values[i], shape=values[i].shape)
        fresh[i].register_hook(watch(i))
    return tuple(fresh)


class Hooked:
    """The methods of a Module that register hooks; `_hooks` is None until one is registered."""

    _hooks: Hooks | None

    def _register(self, kind: str, hook: Any, **flags: bool) -> RemovableHandle:
        return register(self._of_kind(kind), hook, **flags)

    def _of_kind(self, kind: str) -> HooksOfKind:
        if self._hooks is None:
            self._hooks = {kind: {} for kind in KINDS}
        return self._hooks[kind]

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before `forward`; its result replaces the arguments.

        With `with_kwargs`: `hook(module, args, kwargs)`, which returns None or (args, kwargs).
        """
        return self._register("pre", hook, prepend=prepend, with_kwargs=with_kwargs)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after `forward`; its result replaces the output.

        With `with_kwargs`: `hook(module, args, kwargs, output)`. With `always_call`, also if
        `forward` raised: the output is then None.
        """
        flags = {"with_kwargs": with_kwargs, "always": always_call}
        return self._register("post", hook, prepend=prepend, **flags)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` once both tuples are complete.

        A tuple or Tensor that `hook` returns replaces `grad_input`, the gradients of the positional
        Tensor arguments (None for those that do not require grad).
        """
        return self._register("backward", hook, prepend=prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` first; its result replaces `grad_output`."""
        return self._register("backward_pre", hook, prepend=prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`register_full_backward_hook` by its old name."""
        return self.register_full_backward_hook(hook)

    @property
    def _forward_hooks(self) -> HooksOfKind:
        return {} if self._hooks is None else self._hooks["post"]

    @property
    def _forward_pre_hooks(self) -> HooksOfKind:
        return {} if self._hooks is None else self._hooks["pre"]

    @property
    def _backward_hooks(self) -> HooksOfKind:
        return {} if self._hooks is None else self._hooks["backward"]
