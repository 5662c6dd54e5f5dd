"""Which module computed what: the calls of modules while a `with` block runs.

Every recorded node has a number from the counter that `writes.py` keeps, and a call of a module
takes a number at its start and at its end: a node between the two was recorded in that call. So
nothing is noted per op, and nothing at all outside the block.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.graph import RemovableHandle
from tinygrad_mnist.autograd.writes import tick


class LayerCall:
    """One call of a module, or one section of code: its name, and the nodes between its ends."""

    __slots__ = (
        "depth",
        "end",
        "kind",
        "module",
        "number",
        "output",
        "output_bytes",
        "path",
        "start",
    )

    def __init__(self, path: str, kind: str, module: Any, number: int, depth: int) -> None:
        self.path, self.kind, self.module = path, kind, module
        self.number, self.depth = number, depth  # the how-manieth call, and how far within others
        self.start = self.end = tick()  # what was recorded in between has numbers in between
        self.output: Any = None  # its shape, nested as the output is
        self.output_bytes = 0

    @property
    def title(self) -> str:
        """The path, the class, and which call it was, if there were others before."""
        again = f" (call {self.number})" if self.number > 1 else ""
        return f"{self.path} {self.kind}".strip() + again


class LayerCalls:
    """The calls of a model's modules: enter it around a forward pass, then give it to `graph`.

    Modules are called with hooks while the block lasts, and have those hooks no more afterwards.
    Calls in other threads are not noted. `model` may be left out where sections are all one needs.

    >>> import tinygrad_mnist as tg
    >>> model = tg.nn.Sequential(tg.nn.Linear(3, 2), tg.nn.ReLU())
    >>> with LayerCalls(model) as layers:
    ...     y = model(tg.ones(1, 3))
    ...     with layers.section("loss"):
    ...         loss = y.sum()
    >>> [call.title for call in layers.calls]
    ['Sequential', '0 Linear', '1 ReLU', 'loss']
    """

    def __init__(self, model: Any = None) -> None:
        if model is not None and not is_model(model):
            shown = model.__name__ if isinstance(model, type) else type(model).__name__
            raise TypeError(f"the model must be an nn.Module, not {shown}")
        self.model = model
        self.calls: list[LayerCall] = []
        self.open: list[LayerCall] = []  # those that run, the outermost first
        self._counts: dict[Any, int] = {}
        self._handles: list[RemovableHandle] = []
        self._bare: list[Any] = []  # the modules that had no hooks
        self._thread = 0

    def __enter__(self) -> LayerCalls:
        if self._handles:
            raise RuntimeError("this block is entered already: make another LayerCalls")
        self._thread = get_ident()
        for path, module in () if self.model is None else self.model.named_modules():
            if module._hooks is None:
                self._bare.append(module)
            before, after = self._noting(path)
            self._handles += (
                module.register_forward_pre_hook(before, prepend=True),
                module.register_forward_hook(after, always_call=True),
            )
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        for module in self._bare:  # calls are as fast as before
            if module._hooks is not None and not any(module._hooks.values()):
                module._hooks = None
        self._handles, self._bare, self.open = [], [], []

    def _noting(self, path: str) -> tuple[Callable[..., None], Callable[..., None]]:
        """Return the two hooks of one module."""

        def before(module: Any, args: Any) -> None:
            if get_ident() == self._thread:
                self._begin(path, type(module).__name__, module)

        def after(module: Any, args: Any, output: Any) -> None:
            if get_ident() == self._thread and any(call.module is module for call in self.open):
                while self.open[-1].module is not module:  # left by an exception
                    self.open.pop().end = tick()
                self._end(self.open[-1], output, type(module).__name__)

        return before, after

    def _begin(self, path: str, kind: str, module: Any) -> LayerCall:
        key = path if module is None else module
        self._counts[key] = number = self._counts.get(key, 0) + 1
        call = LayerCall(path, kind, module, number, len(self.open))
        self.calls.append(call)
        self.open.append(call)
        return call

    def _end(self, call: LayerCall, output: Any, kind: str) -> None:
        call.end, call.output = tick(), shapes_of(output)
        call.output_bytes = sum(tensor._data.nbytes for _, tensor in named_tensors(output))
        call.kind = kind  # a lazy layer has become another class
        self.open.remove(call)

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Note a part of the program that is no module, for example the loss."""
        call = self._begin(str(name), "", None)
        try:
            yield
        finally:
            call.end = tick()
            if call in self.open:
                self.open.remove(call)


def is_model(value: Any) -> bool:
    """Tell whether a value is a Module; by what it can, for `module.py` stands above this file.

    >>> from tinygrad_mnist import nn
    >>> is_model(nn.ReLU()), is_model(nn.ReLU)
    (True, False)
    """
    return hasattr(type(value), "named_modules")


def shapes_of(value: Any) -> Any:
    """Return nested containers with shapes for Tensors, and None for anything else.

    >>> import tinygrad_mnist as tg
    >>> shapes_of((tg.ones(2, 3), [tg.ones(1)], "text"))
    ((2, 3), ((1,),), None)
    """
    if isinstance(value, Tensor | np.ndarray):
        return tuple(value.shape)
    if isinstance(getattr(value, "data", None), Tensor):  # a PackedSequence
        return tuple(value.data.shape)
    value = _fields_of(value)
    if isinstance(value, Mapping):
        return {str(key): shapes_of(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return tuple(shapes_of(item) for item in value)
    return None


def named_tensors(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield each Tensor in nested containers, with its way there, such as "0.mask".

    Containers are tuples, lists, dicts and dataclasses.

    >>> import tinygrad_mnist as tg
    >>> [name for name, _ in named_tensors((tg.ones(1), {"mask": tg.ones(1)}))]
    ['0', '1.mask']
    """
    waiting = [(name, value)]
    while waiting:
        name, value = waiting.pop()
        start = f"{name}." if name else ""
        if isinstance(value, Tensor):
            yield name, value
        elif isinstance(getattr(value, "data", None), Tensor):
            yield name, value.data
        elif isinstance(value := _fields_of(value), Mapping):
            waiting += [(f"{start}{key}", item) for key, item in value.items()][::-1]
        elif isinstance(value, tuple | list):
            waiting += [(f"{start}{i}", item) for i, item in enumerate(value)][::-1]


def _fields_of(value: Any) -> Any:
    """Return a dataclass's fields as a dict, and anything else as it is."""
    names = getattr(type(value), "__dataclass_fields__", None)
    return value if names is None else {name: getattr(value, name, None) for name in names}
