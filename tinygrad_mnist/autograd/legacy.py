"""The arguments of `Tensor(...)`, `FloatTensor(...)` and `x.new(...)`: data, or a size.

The oldest way of PyTorch to make a Tensor: ints, and a Size, are a size; anything else is data.
`tensor(data)` and `zeros(size)` are unambiguous.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd.size import Size


def is_size(args: tuple[Any, ...]) -> bool:
    """Tell whether the arguments are lengths: ints, or one Size.

    >>> is_size((2, 3)), is_size((Size([2]),)), is_size(([2, 3],)), is_size(())
    (True, True, False, True)
    """
    if len(args) == 1 and isinstance(args[0], Size):
        return True
    return all(_is_length(arg) for arg in args)


def _is_length(arg: Any) -> bool:
    if isinstance(arg, (bool, np.bool_)):
        raise TypeError("new(): data must be a sequence (got bool)")
    if isinstance(arg, (int, np.integer)):
        return True
    return isinstance(arg, np.ndarray) and not arg.ndim and arg.dtype.kind in "iu"


def zeros_of(args: tuple[Any, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Make zeros of the size in `args`; PyTorch's memory is not initialised."""
    if not args:
        return np.zeros(0, dtype)
    return np.zeros(args[0] if isinstance(args[0], Size) else [int(n) for n in args], dtype)
