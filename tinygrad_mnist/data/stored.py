"""Arrays that stay in their files: IDX, `.npy`, and folders of shards, read by rows when asked for.

No file stays open or mapped between two reads, so that none of it counts as memory of the process,
a fork shares nothing, and a thousand shards need no thousand descriptors. Each read first checks
that the file is the one that was opened.
"""

from __future__ import annotations

import copy
import math
import mmap
import os
import stat
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, BinaryIO, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.idx import DataError, read_header
from tinygrad_mnist.data.npy import read_npy_header
from tinygrad_mnist.files import open_without_waiting

Array = NDArray[Any]
Rows = NDArray[np.intp]

NPY = b"\x93NUMPY"
PACKED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"PK": (".npz", "unzip"),
    b"BZ": ("bzip2", "bunzip2"),
    b"\xfd7": ("xz", "unxz"),
    b"(\xb5": ("zstd", "unzstd"),
}
MAPPED_ROWS = 1024  # gathered per map: each row may map the 64 KiB around it
LONG_RUN = 16  # rows that follow each other: from here on reading beats mapping


@dataclass(frozen=True)
class StoredFile:
    """One file with one array; `identity` shows whether it is still the file that was opened."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    identity: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """The bytes of one row in the file."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open the file. Raises DataError if it cannot be read or has changed."""
        with _open(self.path) as file:
            if _identity(file) != self.identity:
                raise DataError(
                    f"{self.path}: changed since it was opened; put it back, or begin again"
                )
            yield file

    def read_into(self, out: Array, start: int) -> None:
        """Fill `out`, of the file's own dtype, with the rows from `start` on."""
        view = memoryview(out.reshape(-1).view(np.uint8).data)
        with self.opened() as file:
            file.seek(self.offset + start * self.row_bytes)
            while view and (count := file.readinto(view)):  # type: ignore[attr-defined]
                view = view[count:]
        if view:
            raise DataError(f"{self.path}: truncated while it was read: {len(view):,} bytes short")

    def gather_into(self, out: Array, rows: Rows) -> None:
        """Fill `out` with these rows, through a map that ends with the call."""
        for first in range(0, len(rows), MAPPED_ROWS):
            with self.opened() as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                if hasattr(mmap, "MADV_RANDOM"):  # else each row reads 128 KiB around it
                    mapped.madvise(mmap.MADV_RANDOM)
                items = np.frombuffer(mapped, self.dtype, math.prod(self.shape), self.offset)
                part = slice(first, first + MAPPED_ROWS)
                # One call without the interpreter's lock: other threads compute meanwhile
                np.take(items.reshape(self.shape), rows[part], 0, out[part], mode="clip")
                del items
                mapped.close()


class StoredArray:
    """An array in one file or in several, its first axis cut into shards. Index it for rows.

    `read(start, stop)` and `take(rows)` return arrays in memory, in the machine's byte order;
    `np.asarray` reads everything. Raises DataError, naming the file, when a file cannot be read,
    has changed since it was opened, or is shorter than its header declares.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/squares.npy"
    >>> np.save(path, np.arange(5) ** 2)
    >>> squares = open_array(path)
    >>> squares.shape, squares[1:3], squares.take([4, 0])
    ((5,), array([1, 4]), array([16,  0]))
    """

    def __init__(self, files: Sequence[StoredFile], name: str) -> None:
        first = files[0]
        for file in files:
            if (file.shape[1:], file.dtype) != (first.shape[1:], first.dtype):
                raise DataError(
                    f"{file.path}: rows of {_kind(file)}, but {Path(first.path).name} has "
                    f"{_kind(first)}; shards are alike"
                )
        self.files, self.name = tuple(files), name
        self._ends = list(accumulate(file.shape[0] for file in files))
        self.shape = (self._ends[-1], *first.shape[1:])
        self._stored_dtype = first.dtype
        self.dtype = first.dtype.newbyteorder("=")

    ndim = property(lambda self: len(self.shape))
    nbytes = property(lambda self: math.prod(self.shape) * self.dtype.itemsize)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        many = f", {len(self.files)} files" if len(self.files) > 1 else ""
        return f"StoredArray({self.name}, shape={self.shape}, dtype={self.dtype}{many})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError(f"{self.name}: an array in a file cannot be used without a copy")
        return np.asarray(self.read(0, len(self)), dtype)

    def __getitem__(self, index: Any) -> Any:
        """Return rows: of an integer, a slice or integers, as an ndarray would."""
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return self.read(start, max(start, stop))
            return self.take(np.arange(start, stop, step))
        if isinstance(index, SupportsIndex) and not isinstance(index, np.ndarray):
            return self.take([int(index)])[0]
        return self.take(index)

    def read(self, start: int, stop: int) -> Array:
        """Return the rows from `start` to before `stop`."""
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"{self.name}: rows {start} to {stop} of {len(self)}")
        out = np.empty((stop - start, *self.shape[1:]), self._stored_dtype)
        self._read_into(out, start)
        return self._native(out)

    def take(self, rows: Any) -> Array:
        """Return these rows, in this order; -1 is the last one. Long runs are read in one go."""
        wanted = np.asarray(rows)
        if wanted.dtype == bool:
            wanted = np.flatnonzero(wanted)
        wanted = wanted.astype(np.intp, casting="same_kind" if wanted.size else "unsafe")
        if wanted.size and not -len(self) <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"{self.name}: row {_outside(wanted, len(self))} of {len(self)}")
        flat = np.where(wanted < 0, wanted + len(self), wanted).reshape(-1)
        out = np.empty((flat.size, *self.shape[1:]), self._stored_dtype)
        order = np.argsort(flat, kind="stable")
        ordered = flat[order]
        breaks = np.flatnonzero(np.diff(ordered) != 1) + 1
        if flat.size >= LONG_RUN * (len(breaks) + 1):
            self._read_runs(out, ordered, breaks)
            out = out[np.argsort(order)]
        else:
            self._gather(out, flat, ordered, order)
        return self._native(out).reshape(wanted.shape + self.shape[1:])

    def astype(self, dtype: Any) -> StoredArray:
        """Return the same array, whose rows are converted when they are read."""
        other = copy.copy(self)
        other.dtype = np.dtype(dtype)
        return other

    def check(self) -> None:
        """Raise DataError if a file has changed since it was opened."""
        for file in self.files:
            with file.opened():
                pass

    def _native(self, out: Array) -> Array:
        return out.astype(self.dtype, copy=False)

    def _file_of(self, row: int) -> tuple[int, int]:
        """Return which file holds a row, and the row at which this file begins."""
        number = bisect_right(self._ends, row)
        return number, self._ends[number - 1] if number else 0

    def _read_into(self, out: Array, start: int) -> None:
        filled = 0
        while filled < len(out):
            number, begin = self._file_of(start + filled)
            count = min(len(out) - filled, self._ends[number] - start - filled)
            self.files[number].read_into(out[filled : filled + count], start + filled - begin)
            filled += count

    def _read_runs(self, out: Array, ordered: Rows, breaks: Rows) -> None:
        bounds = [0, *breaks.tolist(), len(ordered)]
        for first, last in pairwise(bounds):
            self._read_into(out[first:last], int(ordered[first]))

    def _gather(self, out: Array, flat: Rows, ordered: Rows, order: Rows) -> None:
        if len(self.files) == 1:
            return self.files[0].gather_into(out, flat)
        bounds = [0, *np.searchsorted(ordered, self._ends).tolist()]
        for number, file in enumerate(self.files):
            which = order[bounds[number] : bounds[number + 1]]
            if len(which):
                part = np.empty((len(which), *self.shape[1:]), self._stored_dtype)
                begin = self._ends[number] - file.shape[0]
                file.gather_into(part, flat[which] - begin)
                out[which] = part
        return None


def open_array(path: str | os.PathLike[str]) -> StoredArray:
    """Open an IDX or `.npy` file, or a folder of them in the order of their numbers, unread.

    Raises DataError, in one line that names the file, for what cannot be read row by row: packed
    files (.gz, .npz), Python objects, Fortran order, a file that is shorter than its header
    declares, shards of different shapes, a gap in their numbers.
    """
    if os.path.isdir(path):
        from tinygrad_mnist.data.shards import shards_in

        return open_files(shards_in(Path(path)), os.fspath(path))
    return open_files([Path(path)], os.fspath(path))


def open_files(paths: Sequence[Path], name: str) -> StoredArray:
    """Open the files of one array, in this order."""
    return StoredArray([_open_one(path) for path in paths], name)


def _open_one(path: Path) -> StoredFile:
    """Read the header of one file, and compare it with the file's size."""
    name = str(path)
    with _open(name) as file:
        start = file.read(8)
        file.seek(0)
        for magic, (kind, unpack) in PACKED.items():
            if start.startswith(magic):
                raise DataError(
                    f"{name}: compressed ({kind}), so its rows cannot be read one by one; "
                    f"unpack it first: {unpack} {path.name}"
                )
        is_npy = start.startswith(NPY) or (path.suffix == ".npy" and start[:2].strip(b"\0") != b"")
        read = read_npy_header if is_npy else read_header
        shape, dtype, offset = read(file, name)
        if not shape:
            raise DataError(f"{name}: holds a single number, which has no rows")
        declared, size = math.prod(shape) * dtype.itemsize, os.fstat(file.fileno()).st_size
        if size - offset != declared:
            fault = "truncated" if size - offset < declared else "over-long"
            raise DataError(
                f"{name}: {fault}: its header declares shape {shape} of {dtype.name}, "
                f"{declared:,} bytes, but {size - offset:,} follow"
            )
        return StoredFile(name, shape, dtype, offset, _identity(file))


@contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    """Open a regular file unbuffered; what the system refuses becomes a DataError."""
    try:
        with open(path, "rb", buffering=0, opener=open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError(f"{path}: not a regular file")
            yield file
    except OSError as error:
        reason = error.strerror or error
        if os.path.islink(path) and not os.path.exists(path):
            reason = f"a link to {os.readlink(path)}, which does not exist"
        raise DataError(f"{path}: cannot be read: {reason}") from error


def _identity(file: BinaryIO) -> tuple[int, ...]:
    """Return the numbers that change when a file is written to or replaced."""
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _kind(file: StoredFile) -> str:
    return f"{file.dtype.name} {file.shape[1:]}"


def _outside(rows: Rows, count: int) -> int:
    return int(rows.max() if rows.max() >= count else rows.min())
