"""PyTorch's state dicts: of `torch.save`, weights only, or in memory."""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.serialize.atomic import atomic_write
from tinygrad_mnist.serialize.exchange.arrays import (
    Arrays,
    Path,
    arrays_of,
    damaged,
    native,
    require,
)
from tinygrad_mnist.serialize.guard import MAX_BYTES, FormatError, UnsafeFileError


def save_torch(state: Mapping[str, Any], path: Path) -> None:
    """Write a state dict that `torch.load(path, weights_only=True)` reads, with torch.

    Raises TypeError for what is no array, OSError when the file cannot be written, MissingExtra.
    """
    torch = require("torch", "torch")
    tensors = {name: torch.from_numpy(array) for name, array in arrays_of(state).items()}
    atomic_write(path, lambda file: torch.save(tensors, file))


def load_torch(source: Path | Mapping[str, Any]) -> Arrays:
    """Read a state dict that torch.save wrote, or take one of torch tensors that is in memory.

    A file is read with `weights_only=True`, always. bfloat16, which NumPy lacks, becomes float32.
    The arrays are copies: writing to them leaves the tensors as they are.

    Raises FormatError, naming the key, for what is no state dict; UnsafeFileError for a file that
    asks for more than tensors; OSError when it cannot be opened; MissingExtra.

    >>> import numpy as np, tempfile
    >>> target = tempfile.mkdtemp() + "/model.pt"
    >>> save_torch({"0.bias": np.zeros(3, np.float32)}, target)
    >>> load_torch(target)
    {'0.bias': array([0., 0., 0.], dtype=float32)}
    """
    torch = require("torch", "torch")
    name = "the state dict" if isinstance(source, Mapping) else os.fspath(source)
    state = source if isinstance(source, Mapping) else _read(torch, source)
    if not isinstance(state, Mapping):
        raise FormatError(f"{name}: holds a {type(state).__name__}, not a state dict")
    return {key: _array(torch, f"{name}: {key!r}", value) for key, value in state.items()}


def _read(torch: Any, path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except pickle.UnpicklingError:
        why = "PyTorch's reader of weights alone does not take it, or it is damaged"
        raise UnsafeFileError(f"{os.fspath(path)}: refused: {why}") from None
    except Exception as error:  # a damaged file can end in any error of torch's
        raise damaged(path, "PyTorch", error) from None


def _array(torch: Any, where: str, value: Any) -> NDArray[Any]:
    if not isinstance(value, torch.Tensor):
        raise FormatError(f"{where} is a {type(value).__name__}, not a tensor: name its state dict")
    tensor = value.detach().cpu()
    if math.prod(tensor.shape) * tensor.element_size() > MAX_BYTES:  # an expanded tensor is small
        raise UnsafeFileError(f"{where}: refused: more than {MAX_BYTES:,} bytes")
    try:
        array: NDArray[Any] = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
    except (TypeError, RuntimeError) as error:
        raise FormatError(f"{where}: no plain array: {' '.join(str(error).split())}") from None
    return np.array(array, native(array.dtype, where, FormatError), order="C")
