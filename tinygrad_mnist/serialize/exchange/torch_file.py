"""PyTorch's state dicts: files of `torch.save`, weights only, or dicts in memory."""

from __future__ import annotations

import math
import pickle
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.serialize.exchange.arrays import (
    Arrays,
    arrays_of,
    damaged,
    native,
    require,
)
from tinygrad_mnist.serialize.files import File, check_map_location, name_of, opened, write
from tinygrad_mnist.serialize.guard import MAX_BYTES, FormatError, UnsafeFileError

# A file's tensors may share memory, as tied weights do, so that they take more than its size, but
# not thousands of times more: a stride of 0 makes a gigabyte of four bytes.
SHARED = 8
ALWAYS = 64 << 20  # bytes that any file may take


def save_torch(state: Mapping[str, Any], path: File) -> None:
    """Write a state dict that `torch.load(path, weights_only=True)` reads, with torch.

    Raises TypeError for a value that is no array, OSError when the file cannot be written,
    MissingExtra.
    """
    torch = require("torch", "torch")
    tensors = {name: torch.from_numpy(array) for name, array in arrays_of(state).items()}
    write(path, lambda file: torch.save(tensors, file))


def load_torch(
    source: File | Mapping[str, Any],
    map_location: Any = None,
    *,
    weights_only: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> Arrays:
    """Read a state dict that torch.save wrote, or convert one of torch tensors in memory.

    A file is always read with `weights_only=True`, and its tensors may take eight times its size
    (64 MiB in any case). bfloat16, which NumPy lacks, becomes float32.
    The arrays are copies: writing to them leaves the tensors as they are.

    Raises FormatError, naming the key, for anything but a state dict; UnsafeFileError for a file
    that needs more than tensors; OSError when it cannot be opened; MissingExtra.

    >>> import numpy as np, tempfile
    >>> target = tempfile.mkdtemp() + "/model.pt"
    >>> save_torch({"0.bias": np.zeros(3, np.float32)}, target)
    >>> load_torch(target)
    {'0.bias': array([0., 0., 0.], dtype=float32)}
    """
    torch = require("torch", "torch")
    check_map_location(map_location)
    if isinstance(source, Mapping):
        return _arrays(torch, "the state dict", source, max_bytes)
    with opened(source, max_bytes) as (file, size):
        room = min(max_bytes, max(ALWAYS, SHARED * size))
        return _arrays(torch, name_of(source), _read(torch, source, file, room), room)


def _arrays(torch: Any, name: str, state: Any, room: int) -> Arrays:
    """Copy the tensors, which together may take `room` bytes."""
    if not isinstance(state, Mapping):
        raise FormatError(f"{name}: holds a {type(state).__name__}, not a state dict")
    arrays: Arrays = {}
    for key, value in state.items():
        arrays[key], room = _array(torch, f"{name}: {key!r}", value, room)
    return arrays


def _read(torch: Any, source: File, file: IO[bytes], room: int) -> Any:
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > room:
                raise UnsafeFileError(
                    f"{name_of(source)}: refused: unpacks to {unpacked:,} bytes, more than {room:,}"
                )
        file.seek(0)
        return torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, FormatError):
        raise
    except pickle.UnpicklingError:
        why = "PyTorch's weights-only reader does not accept it, or it is damaged"
        raise UnsafeFileError(f"{name_of(source)}: refused: {why}") from None
    except Exception as error:  # a damaged file can end in any error of torch's
        raise damaged(source, "PyTorch", error) from None


def _array(torch: Any, where: str, value: Any, room: int) -> tuple[NDArray[Any], int]:
    """Copy a tensor; also return the remaining `room`."""
    if not isinstance(value, torch.Tensor):
        raise FormatError(f"{where} is a {type(value).__name__}, not a tensor: name its state dict")
    tensor = value.detach().cpu()
    size = math.prod(tensor.shape) * tensor.element_size()
    if size > room:  # on few stored bytes, where its strides are 0
        raise UnsafeFileError(f"{where}: refused: {size:,} bytes, more than {room:,} in all")
    try:
        array: NDArray[Any] = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
    except (TypeError, RuntimeError) as error:
        raise FormatError(f"{where}: no plain array: {' '.join(str(error).split())}") from None
    return np.array(array, native(array.dtype, where, FormatError), order="C"), room - size
