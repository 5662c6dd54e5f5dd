"""The IDX file format, in which MNIST is published: one array, plain or gzipped.

    offset  bytes  what
    0       2      zero
    2       1      type code (TYPES below)
    3       1      number of dimensions
    4       4 each size of each dimension, unsigned
    then           the items, last dimension fastest

Everything is big-endian. Source: "The IDX file format" at http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import stat
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.files import atomic_write, open_without_waiting

TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),  # unsigned byte
    0x09: np.dtype(">i1"),  # signed byte
    0x0B: np.dtype(">i2"),  # short
    0x0C: np.dtype(">i4"),  # int
    0x0D: np.dtype(">f4"),  # float
    0x0E: np.dtype(">f8"),  # double
}
CODES = {dtype.newbyteorder("="): code for code, dtype in TYPES.items()}
MAX_BYTES = 2**30  # The largest known relative of MNIST, EMNIST ByClass, takes 0.55 GB.
MAX_DIMS = 64  # NumPy's limit
DEFLATE_RATIO = 1032  # Two bits of deflate stand for at most 258 bytes.
CHUNK = 2**20
GZIP = b"\x1f\x8b"


class DataError(ValueError):
    """Data that cannot be used; the message is one line naming the file and what is wrong."""


def read_idx(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """Read an IDX file, plain or gzipped (decided by its content, not by its name).

    Returns an array of the file's shape and type, in the machine's byte order. Raises `DataError`,
    naming the file, when it is not IDX, is damaged, is shorter or longer than its header declares,
    or declares more than `max_bytes`; memory is taken only after the header has been checked.

    >>> import numpy as np, tempfile
    >>> path = tempfile.mkdtemp() + "/squares.idx.gz"
    >>> write_idx(path, np.arange(5, dtype=np.int32) ** 2)
    >>> read_idx(path)
    array([ 0,  1,  4,  9, 16], dtype=int32)
    """
    try:
        with open(path, "rb", opener=open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError(f"{path}: not a regular file")
            return read_stream(file, os.fspath(path), max_bytes)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_stream(file: BinaryIO, name: str, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """Read IDX from an open file that can seek; errors call it `name`."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(2)
    file.seek(0)
    if start != GZIP:
        return _read_array(file, name, size, max_bytes)
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as stream:
            return _read_array(stream, name, size * DEFLATE_RATIO, max_bytes)
    except EOFError:
        raise DataError(f"{name}: truncated: the gzip stream stops before its end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{name}: damaged: {error}") from None


def _read_array(
    stream: BinaryIO | gzip.GzipFile, name: str, room: int, max_bytes: int
) -> NDArray[Any]:
    """Read header and items; `room` is the most bytes that the stream can hold."""
    shape, dtype, offset = read_header(stream, name)
    declared = math.prod(shape) * dtype.itemsize
    declares = f"its header declares shape {shape} of {dtype.name}, {declared:,} bytes"
    if declared > room - offset:
        raise DataError(f"{name}: truncated: {declares}, but it holds at most {room - offset:,}")
    if math.prod(max(n, 1) for n in shape) * dtype.itemsize > max_bytes:
        raise DataError(f"{name}: too large: {declares}; the limit is max_bytes={max_bytes:,}")

    items = np.empty(declared, np.uint8)
    filled = 0
    while filled < declared and (chunk := stream.read(min(CHUNK, declared - filled))):
        items[filled : filled + len(chunk)] = np.frombuffer(chunk, np.uint8)
        filled += len(chunk)
    if filled < declared:
        raise DataError(f"{name}: truncated: {declares}, but only {filled:,} follow")
    if stream.read(1):  # This reaches the end of a good gzip stream, and so checks its CRC.
        raise DataError(f"{name}: over-long: {declares}, but more follow")
    return items.view(dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def read_header(
    stream: BinaryIO | gzip.GzipFile, name: str
) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return shape, dtype and the number of bytes of the header, after checking the header."""
    start = stream.read(4)
    if not start:
        raise DataError(f"{name}: empty: there is not even a header")
    if start.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"<"):
        raise DataError(f"{name}: a web page (HTML or XML) instead of IDX data; download it again")
    if not b"\0\0".startswith(start[:2]):
        raise DataError(
            f"{name}: not an IDX file: it begins with bytes {start[:2].hex(' ')}, not 00 00"
        )
    if len(start) < 4:
        raise DataError(f"{name}: truncated: it stops within the header")
    code, ndim = start[2:]
    if code not in TYPES:
        codes = ", ".join(f"0x{each:02X}" for each in TYPES)
        raise DataError(f"{name}: not an IDX file: type code 0x{code:02X} is none of {codes}")
    if ndim > MAX_DIMS:
        raise DataError(f"{name}: declares {ndim} dimensions; at most {MAX_DIMS} can be read")
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise DataError(f"{name}: truncated: it stops within the header")
    return struct.unpack(f">{ndim}I", sizes), TYPES[code], 4 + 4 * ndim


def write_idx(path: str | os.PathLike[str], array: NDArray[Any]) -> None:
    """Write `array` as an IDX file, gzipped when the name ends in `.gz`; equal arrays, equal bytes.

    The six IDX types are uint8, int8, int16, int32, float32 and float64; another raises
    `DataError`. The file appears whole or not at all (temporary file, then rename).

    >>> import numpy as np, tempfile
    >>> write_idx(tempfile.mkdtemp() + "/labels", np.array([5, 0, 4]))
    Traceback (most recent call last):
    tinygrad_mnist.data.idx.DataError: IDX has no int64; cast to one of uint8, int8, int16, int32, float32, float64
    """  # noqa: E501 (the message is one line)
    path = Path(path)
    header, items = encode_idx(array)
    data = header + items.tobytes()
    atomic_write(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def encode_idx(array: NDArray[Any]) -> tuple[bytes, NDArray[Any]]:
    """Return the header of `array` and its items in the byte order of the file."""
    array = np.asarray(array)
    code = CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        names = ", ".join(dtype.name for dtype in CODES)
        raise DataError(f"IDX has no {array.dtype}; cast to one of {names}")
    if any(n >= 2**32 for n in array.shape):
        raise DataError(f"IDX sizes are below 2**32; the shape is {array.shape}")
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header, np.asarray(array, dtype=TYPES[code])


def idx_sha256(array: NDArray[Any]) -> str:
    """Return the SHA-256 of the uncompressed IDX file of `array`, in hexadecimal.

    An array has exactly one such file, so an array can be verified without the file's bytes.

    >>> import numpy as np
    >>> idx_sha256(np.array([5, 0, 4], np.uint8))[:16]
    'd229e0bc81fa2cb9'
    """
    header, items = encode_idx(array)
    digest = hashlib.sha256(header)
    digest.update(items.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
