"""Parameters and buffers that have no shape yet, and the modules that give them one.

They have a dtype and no values. `materialize(shape)` makes a plain Parameter or Tensor of the very
same object, so that an optimizer or a state dict that holds the object need not change.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.modes import note_change
from tinygrad_mnist.autograd.tensor import refuse_unrecorded, wrap
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import Parameter, unset

__all__ = ["LazyModuleMixin", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]

Array = np.ndarray[Any, Any]


class UninitializedTensorMixin:
    """The base of both: until the module is called, only casts are allowed."""

    __slots__ = ()
    cls_to_become: type[Tensor]
    _node: Any

    @property
    def _data(self: Any) -> Array:
        raise ValueError(
            f"Attempted to use an uninitialized {self._word()}: its shape follows from the first "
            "input. Call `forward` with a dummy batch to initialize the parameters before using "
            "them"
        )

    @_data.setter
    def _data(self: Any, array: Array) -> None:
        _memory.__set__(self, array)

    @property
    def shape(self: Any) -> Any:
        """Raise RuntimeError: the shape is unknown until the first call."""
        raise RuntimeError(
            f"Can't access the shape of an uninitialized {self._word()}. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    @property
    def dtype(self: Any) -> Any:
        """The dtype that the values will have."""
        return _memory.__get__(self).dtype

    @property
    def data(self: Any) -> Tensor:
        """An empty Tensor, so that drawing initial values too early has no effect."""
        return wrap(_memory.__get__(self))

    @data.setter
    def data(self: Any, value: Tensor) -> None:
        _data_of_tensor.__set__(self, value)

    def _word(self) -> str:
        return "parameter" if isinstance(self, Parameter) else "buffer"

    def materialize(
        self: Any, shape: Any, device: Any = None, dtype: Any = None, *, by_column: bool = False
    ) -> None:
        """Become a Parameter (or Tensor) of this shape, with no particular values."""
        refuse_unrecorded("materialize()")
        leaf, dtype = self._node, self.dtype if dtype is None else dtype
        array = unset(shape, dtype, device, by_column=by_column)._data
        note_change()
        self.__class__ = self.cls_to_become
        self._data = array
        if leaf is not None:
            fresh = Leaf(array)
            fresh.hooks = leaf.hooks
            self._node = fresh

    def to(self: Any, *args: Any, **kw: Any) -> Any:
        """Cast the dtype that the values will have, in place."""
        self._data = Tensor.to(wrap(_memory.__get__(self)), *args, **kw)._data
        return self

    def detach(self: Any) -> Any:
        """Return the Tensor itself: there are no values to detach."""
        return self

    def __repr__(self) -> str:
        return f"<Uninitialized{self._word().capitalize()}>"

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Any:
        copied = memo.setdefault(
            id(self), type(self)(requires_grad=self.requires_grad, dtype=self.dtype)
        )
        return copied

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        return type(self), (self.requires_grad, None, self.dtype)


_data_of_tensor: Any = Tensor.__dict__["data"]
_memory: Any = Tensor.__dict__["_data"]  # the slot that the property `_data` above hides


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A Parameter that has no shape yet, as in lazy layers before their first call."""

    __slots__ = ()
    cls_to_become = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        array = unset(0, dtype, device)._data
        self._data = array
        self._node = Leaf(array) if requires_grad else None


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer that has no shape yet."""

    __slots__ = ()
    is_buffer = persistent = True
    cls_to_become = Tensor

    def __init__(self, requires_grad: bool = False, device: Any = None, dtype: Any = None) -> None:
        self._data = unset(0, dtype, device)._data
        self._node = None


def is_lazy(param: Any) -> bool:
    """Tell whether a value is an uninitialized Parameter or buffer."""
    return isinstance(param, UninitializedTensorMixin)


class LazyModuleMixin:
    """A base for lazy Modules: the first call infers shapes, then sets the class `cls_to_become`.

    A subclass defines `initialize_parameters(*inputs)`, which materializes all uninitialized values
    and fills them. The first call raises RuntimeError if one stays uninitialized.
    """

    cls_to_become: type[Module] | None = None

    def __init__(self: Any, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def initialize_parameters(self: Any, *args: Any, **kw: Any) -> None:
        """Materialize everything for these inputs; each subclass defines this method."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self: Any) -> bool:
        """Tell whether a Parameter or buffer of this module itself has no shape yet."""
        values = itertools.chain(self._parameters.values(), self._buffers.values())
        return any(map(is_lazy, values))

    def _infer_parameters(self: Any, module: Any, args: Any, kw: Any = None) -> None:
        module.initialize_parameters(*args, **(kw or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {type(self).__name__} has not been fully initialized")
        module._initialize_hook.remove()
        del module._initialize_hook
        if not any(module._hooks.values()):
            module._hooks = None  # calls are as fast as if it had never been lazy
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become
