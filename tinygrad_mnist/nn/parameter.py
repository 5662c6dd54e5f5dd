"""Parameter: a Tensor that a Module registers when it is assigned to an attribute."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.tensor import refuse_read, unwrap
from tinygrad_mnist.kernels.scratch import aligned_bytes, shaped
from tinygrad_mnist.ops import create


class Parameter(Tensor):
    """A Tensor to be trained, on the memory of `data` itself; requires grad by default.

    Raises TypeError for data that is neither a Tensor nor an array, RuntimeError for integers that
    should require grad.

    >>> import numpy as np
    >>> from tinygrad_mnist import nn
    >>> nn.Parameter(np.ones(2, np.float32))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        array = np.empty(0, np.float32) if data is None else unwrap(data)
        if not isinstance(array, np.ndarray):
            raise TypeError(f"Parameter needs a Tensor or an array, not {type(data).__name__}")
        self._data = array
        self._node = None
        if requires_grad:
            self.requires_grad_()

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        """Copy the values in the same memory order, without the gradient."""
        refuse_read("deepcopy()")
        if id(self) not in memo:
            copy = shaped(aligned_bytes(self._data.nbytes), self._data)
            copy[...] = self._data
            twin = memo[id(self)] = type(self)(copy, isinstance(self._node, Leaf))
            if self.__dict__:
                twin.__dict__.update(deepcopy(self.__dict__, memo))
        copied: Parameter = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        refuse_read("pickling")
        return type(self), (self._data, isinstance(self._node, Leaf))


class Buffer(Tensor):
    """A Tensor that a Module registers as a buffer when it is assigned to an attribute.

    `persistent=False` keeps it out of `state_dict()`.
    """

    __slots__ = ("persistent",)
    is_buffer = True  # Module.__setattr__ looks for this name

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        array = np.empty(0, np.float32) if data is None else unwrap(data)
        if not isinstance(array, np.ndarray):
            raise TypeError(f"Buffer needs a Tensor or an array, not {type(data).__name__}")
        self._data, self._node, self.persistent = array, None, persistent


class FastParameter:
    """A Parameter as an attribute, read in a third of the time of `Module.__getattr__`.

    For layers so cheap that the difference shows: `weight = FastParameter()` in the class.
    Assignment registers as always; where no Parameter has the name, `__getattr__` is called.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, module: Any, owner: type) -> Any:
        if module is None:
            return self
        try:
            return module.__dict__["_parameters"][self._name]
        except KeyError:
            raise AttributeError(self._name) from None


def unset(
    shape: Any, dtype: Any = None, device: Any = None, *, by_column: bool = False
) -> Parameter:
    """Return a new Parameter of this shape, for `reset_parameters` to fill.

    With `by_column`, a matrix is laid out column after column, not row after row. The
    memory begins at a cache line, or else each SIMD vector would straddle two lines.
    """
    new = create.empty(shape[::-1] if by_column else shape, dtype=dtype, device=device)._data
    new = new.T if by_column else new
    return Parameter(shaped(aligned_bytes(new.nbytes), new))
