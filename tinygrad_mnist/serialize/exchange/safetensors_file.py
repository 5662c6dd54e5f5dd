"""safetensors, the exchange format of the ecosystem: names, dtypes, shapes and bytes, no code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.serialize.exchange.arrays import (
    Arrays,
    Unsupported,
    arrays_of,
    checked,
    damaged,
    require,
)
from tinygrad_mnist.serialize.files import File, check_map_location, opened, write
from tinygrad_mnist.serialize.guard import DTYPES, MAX_BYTES, FormatError

INSTALL = "tinygrad-mnist[safetensors]"
RESERVED = "__metadata__"  # the entry in which the format stores metadata
# The format's names of dtypes: F32, I64, U8, BOOL
NAMES = {
    "BOOL" if name == "bool" else f"{name[0].upper()}{np.dtype(name).itemsize * 8}": name
    for name in DTYPES
}


def save_safetensors(
    state: Mapping[str, Any], path: File, metadata: dict[str, str] | None = None
) -> None:
    """Write a state dict, and strings about it, with the safetensors library.

    Raises TypeError for a value that is not an array, Unsupported for the one name that the format
    reserves, OSError when the file cannot be written, MissingExtra.
    """
    library = require("safetensors.numpy", INSTALL)
    if RESERVED in state:
        raise Unsupported(f"the name {RESERVED!r} is the format's own; rename the weight")
    write(path, library.save(arrays_of(state), metadata))


def load_safetensors(
    path: File,
    map_location: Any = None,
    *,
    weights_only: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> Arrays:
    """Read a state dict; bfloat16, which NumPy lacks, is refused by name.

    Raises FormatError for a file of another kind, UnsafeFileError for more than `max_bytes`,
    OSError when the file cannot be opened, MissingExtra.

    >>> import numpy as np, tempfile
    >>> target = tempfile.mkdtemp() + "/model.safetensors"
    >>> save_safetensors({"0.bias": np.zeros(3, np.float32)}, target)
    >>> load_safetensors(target)
    {'0.bias': array([0., 0., 0.], dtype=float32)}
    """
    library = require("safetensors", INSTALL)
    check_map_location(map_location)
    with opened(path, max_bytes) as (file, _):
        try:
            members = library.deserialize(file.read())
            return {name: _array(name, **member) for name, member in members}
        except (library.SafetensorError, FormatError) as error:
            raise damaged(path, "safetensors", error) from None


def _array(name: str, dtype: str, shape: list[int], data: bytearray) -> NDArray[Any]:
    if dtype not in NAMES:
        called = "bfloat16" if dtype == "BF16" else dtype
        raise FormatError(f"{name!r} has dtype {called}; there are {', '.join(sorted(DTYPES))}")
    native_dtype = np.dtype(NAMES[dtype])
    stored = np.frombuffer(data, native_dtype.newbyteorder("<").str).reshape(shape)
    return checked(stored.astype(native_dtype, copy=False), repr(name))
