"""Hooks around an optimizer's step, and around its state dict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_mnist.autograd.graph import RemovableHandle
from tinygrad_mnist.autograd.modes import is_taped

Hook = Callable[..., Any]


class Hooked:
    """The methods of an Optimizer that register hooks; `_hooks` is None before the first."""

    _hooks: dict[str, dict[int, Any]] | None = None

    def _register(self, kind: str, hook: Hook, prepend: bool = False) -> RemovableHandle:
        if self._hooks is None:
            self._hooks = {}
        hooks = self._hooks.setdefault(kind, {})
        earlier = dict(hooks) if prepend else {}
        handle = RemovableHandle(hooks, hook)
        for key, value in earlier.items():
            del hooks[key]
            hooks[key] = value
        return handle

    def _all_hooks(self) -> list[Hook]:
        """Return the hooks of every kind."""
        return [hook for hooks in (self._hooks or {}).values() for hook in hooks.values()]

    def _hooks_of(self, kind: str) -> list[Hook]:
        return list((self._hooks or {}).get(kind, {}).values())

    def _around_step(self, step: Callable[..., Any], args: Any, kw: dict[str, Any]) -> Any:
        """Call `step` between its hooks, which see the optimizer as its first argument."""
        args = (self, *args)
        before, after = self._hooks_of("step_pre"), self._hooks_of("step_post")
        if is_taped() and (before or after):
            raise RuntimeError(
                "a hook of optimizer.step() while a program is being captured: later calls would "
                "not call it. Remove the hook, or do its work in the step function"
            )
        for hook in before:
            changed = hook(self, args, kw)
            if changed is not None:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        "a hook before optimizer.step() must return None or a tuple of (new_args, "
                        f"new_kwargs), but got {changed}."
                    )
                args, kw = changed
        result = step(*args, **kw)
        for hook in after:
            hook(self, args, kw)
        return result

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before `step`; it may return new (args, kwargs)."""
        return self._register("step_pre", hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after `step`."""
        return self._register("step_post", hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict()`."""
        return self._register("save_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after `state_dict()`; its result replaces the dict."""
        return self._register("save_post", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Hook, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before a load; its result is loaded instead."""
        return self._register("load_pre", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Hook, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after a load."""
        return self._register("load_post", hook, prepend)
