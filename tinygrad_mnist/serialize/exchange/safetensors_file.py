"""safetensors, the exchange format of the ecosystem: names, dtypes, shapes and bytes, no code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_mnist.serialize.atomic import atomic_write
from tinygrad_mnist.serialize.exchange.arrays import (
    Arrays,
    Path,
    arrays_of,
    damaged,
    native,
    require,
)
from tinygrad_mnist.serialize.guard import FormatError

INSTALL = "tinygrad-mnist[safetensors]"


def save_safetensors(
    state: Mapping[str, Any], path: Path, metadata: dict[str, str] | None = None
) -> None:
    """Write a state dict, and strings about it, with the safetensors library.

    Raises TypeError for what is no array, OSError when the file cannot be written, MissingExtra.
    """
    library = require("safetensors.numpy", INSTALL)
    atomic_write(path, library.save(arrays_of(state), metadata))


def load_safetensors(path: Path) -> Arrays:
    """Read a state dict; bfloat16, which NumPy lacks, is refused by name.

    Raises FormatError for what is no such file, OSError when it cannot be opened, MissingExtra.

    >>> import numpy as np, tempfile
    >>> target = tempfile.mkdtemp() + "/model.safetensors"
    >>> save_safetensors({"0.bias": np.zeros(3, np.float32)}, target)
    >>> load_safetensors(target)
    {'0.bias': array([0., 0., 0.], dtype=float32)}
    """
    library = require("safetensors", INSTALL)
    arrays: Arrays = {}
    try:
        with library.safe_open(path, "numpy") as file:
            for name in file.keys():  # noqa: SIM118 (a file, not a dict)
                array = file.get_tensor(name)
                arrays[name] = array.astype(native(array.dtype, repr(name), FormatError))
    except (library.SafetensorError, TypeError, AttributeError, FormatError) as error:
        raise damaged(path, "safetensors", error) from None
    return arrays
