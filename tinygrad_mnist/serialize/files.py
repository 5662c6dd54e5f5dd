"""Paths and open binary files: every save and load accepts both.

A path must lead to a regular file. Reading a pipe would wait, and a device like /dev/zero never
ends, so both are refused before the first read. An open file is read to its end, but no further
than a bound.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from tinygrad_mnist.files import atomic_write, open_without_waiting
from tinygrad_mnist.ops.arguments import check_device
from tinygrad_mnist.serialize.guard import MAX_BYTES, FormatError, UnsafeFileError

Path = str | os.PathLike[str]
File = Path | IO[bytes]
CHUNK = 1 << 20


@contextmanager
def opened(source: File, max_bytes: int = MAX_BYTES) -> Iterator[tuple[IO[bytes], int]]:
    """Open a regular file, or take an open binary file, and yield (file, size in bytes).

    The yielded file can seek and begins at 0. An open `source` is read from its present
    position to its end.

    Raises FormatError for anything but a regular file, UnsafeFileError for more than `max_bytes`,
    OSError when the file cannot be opened, TypeError for neither a path nor a binary file.
    """
    file: IO[bytes]
    if not isinstance(source, (str, os.PathLike)):
        file, size = _from_open_file(source, max_bytes)
        yield file, size
        file.seek(size)  # as if the whole file had been read
        return
    with open(source, "rb", opener=open_without_waiting) as file:
        check_regular(file, name_of(source))
        size = os.fstat(file.fileno()).st_size
        check_size(size, max_bytes, name_of(source))
        yield file, size


def write(target: File, content: bytes | Callable[[Any], object]) -> None:
    """Write a path whole or not at all, or an open binary file from its present position on.

    `content` is the bytes, or a function that writes them into a binary file.
    """
    if isinstance(target, (str, os.PathLike)):
        atomic_write(target, content)
        return
    check_binary(target, "write")
    if not isinstance(content, bytes):
        buffer = io.BytesIO()
        content(buffer)
        content = buffer.getvalue()
    target.write(content)


def name_of(file: object) -> str:
    """Return the name of a file in messages: its path, or the type of an object without one."""
    if isinstance(file, (str, os.PathLike)):
        return os.fspath(file)
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else f"the {type(file).__name__}"


def check_regular(file: object, name: str) -> None:
    """Refuse an open pipe, device or socket."""
    try:
        descriptor = file.fileno()  # type: ignore[attr-defined]
    except (AttributeError, OSError):  # in memory, or an archive's member
        return
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise FormatError(
            f"{name}: not a regular file; if you trust it, read it into an io.BytesIO"
        )


def check_size(size: int, max_bytes: int, name: str) -> None:
    """Refuse more than `max_bytes`."""
    if size > max_bytes:
        raise UnsafeFileError(f"{name}: refused: {size:,} bytes, more than max_bytes={max_bytes:,}")


def check_binary(file: object, method: str) -> None:
    """Raise TypeError for anything but a file that is open in binary mode."""
    if isinstance(file, io.TextIOBase):
        raise TypeError(f"{name_of(file)} is open in text mode; open it with mode 'rb' or 'wb'")
    if not hasattr(file, method):
        raise TypeError(f"a path or an open binary file is needed, not {type(file).__name__}")


def check_map_location(map_location: Any) -> None:
    """Raise RuntimeError for any device but the CPU, where everything is loaded.

    A function, with which PyTorch moves storages between devices, is accepted and never called.
    """
    if map_location is not None and not callable(map_location):
        targets = map_location.values() if isinstance(map_location, dict) else [map_location]
        for target in targets:
            check_device(target)


def _from_open_file(source: Any, max_bytes: int) -> tuple[IO[bytes], int]:
    check_binary(source, "read")
    name = name_of(source)
    check_regular(source, name)
    if _is_whole(source):
        size = source.seek(0, os.SEEK_END)
        check_size(size, max_bytes, name)
        source.seek(0)
        return source, size
    content = io.BytesIO()
    while chunk := source.read(min(CHUNK, max_bytes + 1 - content.tell())):
        content.write(chunk)
        check_size(content.tell(), max_bytes, name)
    size = content.tell()
    content.seek(0)
    if size == 0 and hasattr(source, "tell") and source.tell():
        raise FormatError(f"{name}: already read to its end; call seek(0) first")
    return content, size


def _is_whole(source: Any) -> bool:
    """Tell whether a file can be read in place: it is at its beginning, and its size is known."""
    in_memory = isinstance(source, io.BytesIO)
    on_disk = isinstance(getattr(source, "raw", None), io.FileIO)
    return (in_memory or on_disk) and source.tell() == 0
