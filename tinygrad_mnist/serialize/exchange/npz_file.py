"""NumPy's `.npz`: one array per name, read without pickle or trust in a declared size."""

from __future__ import annotations

import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tinygrad_mnist.serialize.exchange.arrays import (
    Arrays,
    Unsupported,
    arrays_of,
    checked,
    damaged,
    native,
)
from tinygrad_mnist.serialize.files import File, check_map_location, name_of, opened, write
from tinygrad_mnist.serialize.guard import MAX_BYTES, FormatError, UnsafeFileError

# The errors of zipfile and of the reader of headers for bytes that they cannot parse.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError)
DAMAGED = (*_UNREADABLE, ValueError, SyntaxError, RuntimeError)


LONGEST = 65_535 - len(".npy")  # bytes of a name in a zip archive


def save_npz(state: Mapping[str, Any], path: File) -> None:
    """Write a state dict as `np.savez` does; the same arrays give the same bytes.

    Raises TypeError for a value that is no array, Unsupported for a name that an archive cannot
    store, OSError when the file cannot be written.
    """
    arrays = arrays_of(state)
    for name in arrays:
        if len(name.encode()) > LONGEST:
            raise Unsupported(f"the name {name[:40]!r}... is longer than .npz stores")

    def content(file: Any) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                member = zipfile.ZipInfo(f"{name}.npy")  # without a date
                with archive.open(member, "w", force_zip64=True) as target:
                    npy.write_array(target, array, allow_pickle=False)

    write(path, content)


def load_npz(
    path: File,
    map_location: Any = None,
    *,
    weights_only: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> Arrays:
    """Read an `.npz`, stored or compressed; object arrays are refused, as pickle would be needed.

    Raises FormatError for a file of another kind, UnsafeFileError for one that asks for pickle or
    unpacks to more than `max_bytes`, OSError when it cannot be opened.

    >>> import tempfile
    >>> target = tempfile.mkdtemp() + "/model.npz"
    >>> save_npz({"0.weight": np.ones((1, 2), np.float32)}, target)
    >>> load_npz(target)
    {'0.weight': array([[1., 1.]], dtype=float32)}
    """
    check_map_location(map_location)
    with opened(path, max_bytes) as (file, _):
        try:
            with zipfile.ZipFile(file) as archive:
                return _members(archive, max_bytes)
        except FormatError as error:
            raise type(error)(f"{name_of(path)}: {error}") from None
        except DAMAGED as error:
            raise damaged(path, ".npz", error) from None


def _members(archive: zipfile.ZipFile, max_bytes: int) -> Arrays:
    members = archive.infolist()
    if sum(member.file_size for member in members) > max_bytes:
        raise UnsafeFileError(f"refused: unpacks to more than {max_bytes:,} bytes")
    arrays: Arrays = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name == member.filename or name in arrays:
            raise FormatError(f"{member.filename!r} is not an array, or appears twice")
        with archive.open(member) as source:
            arrays[name] = _read(source, member.file_size, repr(name))
    return arrays


def _read(source: IO[bytes], size: int, where: str) -> NDArray[Any]:
    """Read the array of a member of `size` bytes; its header has to agree with the size."""
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(source)
    if version not in read_header:
        raise FormatError(f"{where}: .npy version {version}, which plain arrays do not need")
    shape, fortran, dtype = read_header[version](source)
    if dtype.hasobject:
        raise UnsafeFileError(f"{where}: refused: an object array, which would need pickle")
    native_dtype = native(dtype, where, FormatError)
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != size - source.tell():
        raise FormatError(f"{where}: the shape {shape} does not agree with the size")
    flat = np.frombuffer(source.read(), dtype)
    array = flat.reshape(shape, order="F" if fortran else "C").astype(native_dtype, order="C")
    return checked(array, where)
