"""save, load and inspect: what a file holds, written by the standard pickler, read by the guard.

The file is the pickle of ("tinygrad-mnist", version, SHA-256, tree). docs/format.md is the
format on one page.
"""

import hashlib
import io
import math
import os
import pickle
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .atomic import atomic_write
from .guard import (
    DTYPES,
    MAX_BYTES,
    MAX_DEPTH,
    FormatError,
    Machine,
    Span,
    UnsafeFileError,
    is_key,
)

VERSION = 1
# The file's first 64 bytes, as the pickler writes them: PROTO and the length of a FRAME (which
# varies), then the name, the version and the digest. save() reads its own file back, so a
# pickler that wrote them otherwise would be noticed at once.
NAME = b"(\x8c\x0etinygrad-mnist"
NAME_AT, VERSION_AT, DIGEST_AT, TREE_AT = 11, 29, 32, 64


@dataclass(frozen=True, slots=True)
class ArrayInfo:
    """What inspect() tells of an array: its dtype's name, its shape, and its size in bytes."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


def save(obj: object, path: str | os.PathLike[str]) -> None:
    """Write a nest of dict, list, tuple, str, int, float, bool, None, bytes and arrays to `path`.

    Arrays are NumPy arrays, NumPy scalars or Tensors (anything with `detach()` and `numpy()`) of
    a bool, integer or float dtype; dict keys are str or int, and subclasses of dict become dicts.
    The file replaces an older one as a whole or not at all; the same object gives the same bytes.

    Raises TypeError for anything else in `obj`, naming where it is; OSError when the file cannot
    be written; FormatError when load() would not read it (nested too deep, too many values).

    >>> import tempfile
    >>> target = tempfile.mkdtemp() + "/model.pkl"
    >>> save({"weight": np.zeros((1, 3), np.float32), "epoch": 7}, target)
    >>> load(target)
    {'weight': array([[0., 0., 0.]], dtype=float32), 'epoch': 7}
    """
    tree = _encode(obj, "obj")

    def write(file: io.BufferedRandom) -> None:
        pickler = pickle.Pickler(file, protocol=5)
        pickler.fast = True  # no memo: the reader has no opcode for one
        pickler.dump(("tinygrad-mnist", VERSION, bytes(TREE_AT - DIGEST_AT), tree))
        size = file.tell()
        digest = _digest(file)
        file.seek(DIGEST_AT)
        file.write(digest)
        _open_tree(file, size, str(path))  # what load() would refuse must not replace anything

    atomic_write(path, write)


def load(
    path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES, numpy_pickle: bool = False
) -> Any:
    """Read what save() wrote; arrays come back as new writable ndarrays. No code in it can run.

    A file of more than `max_bytes` is refused. With `numpy_pickle=True` the file is instead an
    ordinary pickle (protocol 2 to 5) of NumPy arrays in plain containers, under the same guard.

    Raises FormatError (a ValueError) for a file that is damaged or not of this format, its
    subclass UnsafeFileError for one that asks for more than plain data, OSError when it cannot be
    opened.

    >>> load(__file__)
    Traceback (most recent call last):
    tinygrad_mnist.serialize.guard.FormatError: ...: not a file that save() writes...
    """
    with _opened(path, max_bytes) as (file, size):
        if numpy_pickle:
            from .numpy_pickle import read_numpy_pickle

            return read_numpy_pickle(file, size, str(path))
        return read(file, size, str(path))


def inspect(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Any:
    """What load() returns, with an ArrayInfo for each array: none is loaded into memory.

    The checksum is verified too. Raises as load() does.

    >>> import tempfile
    >>> target = tempfile.mkdtemp() + "/model.pkl"
    >>> save({"weight": np.zeros((2, 3), np.float32)}, target)
    >>> inspect(target)
    {'weight': ArrayInfo(dtype='float32', shape=(2, 3))}
    """
    with _opened(path, max_bytes) as (file, size):
        machine, tree = _open_tree(file, size, str(path))
        return _decode(tree, machine, lambda dtype, shape, _: ArrayInfo(dtype, shape))


def read(file: io.BufferedIOBase, size: int, name: str) -> Any:
    """load() of an open file of `size` bytes that error messages call `name`."""
    machine, tree = _open_tree(file, size, name)

    def array(dtype: str, shape: tuple[int, ...], span: Span) -> np.ndarray:
        value = np.empty(shape, dtype)
        file.seek(span.start)
        if file.readinto(value.reshape(-1).view(np.uint8).data) != span.size:
            machine.fail("the file shrank while it was read")
        return machine.checked(value if sys.byteorder == "little" else value.byteswap())

    return _decode(tree, machine, array)


@contextmanager
def _opened(
    path: str | os.PathLike[str], max_bytes: int
) -> Iterator[tuple[io.BufferedReader, int]]:
    """The file and its size, when it is a regular file of at most `max_bytes`."""

    def without_waiting(name: str, flags: int) -> int:  # a pipe would block until it is written
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with open(path, "rb", opener=without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise FormatError(f"{path}: not a regular file")
        if status.st_size > max_bytes:
            raise UnsafeFileError(
                f"{path}: refused: {status.st_size:,} bytes, more than max_bytes={max_bytes:,}"
            )
        yield file, status.st_size


def _open_tree(file: io.BufferedIOBase, size: int, name: str) -> tuple[Machine, object]:
    """The tree of a file whose header and checksum are right; its bytes stay in the file."""
    file.seek(0)
    head = file.read(TREE_AT)
    if head[:3] != b"\x80\x05\x95" or head[NAME_AT : NAME_AT + len(NAME)] != NAME:
        raise FormatError(f"{name}: not a file that save() writes, or damaged at its beginning")
    if len(head) < TREE_AT or head[28:29] + head[30:32] != b"KC ":
        raise FormatError(f"{name}: damaged or cut short in its first {TREE_AT} bytes")
    if head[VERSION_AT] != VERSION:
        known = f"this release reads version {VERSION}"
        raise FormatError(f"{name}: written in format version {head[VERSION_AT]}; {known}")
    if head[DIGEST_AT:] != _digest(file):
        raise FormatError(
            f"{name}: damaged or cut short: its content does not match its SHA-256; "
            "restore it from a copy"
        )
    machine = Machine(file, size, name)
    match machine.run():
        case (_, _, Span(), tree):
            return machine, tree
    raise FormatError(f"{name}: not the pickle of (format, version, SHA-256, tree)")


def _digest(file: io.BufferedIOBase) -> bytes:
    """SHA-256 of the whole file, with zeros in the digest's own place."""
    file.seek(0)
    sha = hashlib.sha256(file.read(DIGEST_AT))
    sha.update(bytes(TREE_AT - DIGEST_AT))
    file.seek(TREE_AT)
    while chunk := file.read(1 << 20):
        sha.update(chunk)
    return sha.digest()


def _encode(value: Any, where: str, depth: int = 0) -> object:
    """The value in built-in types, where a tuple begins with the name of what it stands for."""
    if depth > MAX_DEPTH:
        raise FormatError(f"{where[:60]}... is nested more than {MAX_DEPTH} deep, or in itself")
    if value is None or type(value) in (str, int, float, bool, bytes):
        return value
    if isinstance(value, dict):
        for key in value:
            if not is_key(key):
                raise TypeError(f"{where} has the key {key!r}; keys are str, or int below 2**60")
        return {k: _encode(v, f"{where}[{k!r}]", depth + 1) for k, v in value.items()}
    if type(value) is list:
        return [_encode(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
    if type(value) is tuple:
        return "tuple", *(_encode(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value))
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        value = value.detach().numpy()
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if type(value) in (np.ndarray, np.memmap):
        return _encode_array(value, where)
    raise TypeError(
        f"{where} is of type {type(value).__name__}; save() takes dict, list, tuple, str, int, "
        "float, bool, None, bytes, NumPy arrays and Tensors"
    )


def _encode_array(array: np.ndarray, where: str) -> object:
    dtype = array.dtype.name
    if dtype not in DTYPES:
        raise TypeError(f"{where} has dtype {dtype}; save() takes {', '.join(sorted(DTYPES))}")
    flat = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<")).reshape(-1)
    # A read-only buffer is pickled as bytes, straight from the array's memory.
    return "tensor", dtype, array.shape, pickle.PickleBuffer(flat.view(np.uint8).data.toreadonly())


def _decode(value: Any, machine: Machine, array: Callable[..., object], depth: int = 0) -> object:
    """What _encode() was given; array(dtype, shape, span) makes the arrays."""
    if depth > MAX_DEPTH:
        machine.refuse(f"nested more than {MAX_DEPTH} deep")
    match value:
        case dict():
            return {k: _decode(v, machine, array, depth + 1) for k, v in value.items()}
        case list():
            return [_decode(v, machine, array, depth + 1) for v in value]
        case ("tuple", *items):
            return tuple(_decode(v, machine, array, depth + 1) for v in items)
        case ("tensor", dtype, shape, Span() as span):
            return array(*machine.layout(dtype, shape, span.size), span)
        case tuple():
            machine.fail("a tuple that stands for neither a tuple nor a tensor")
        case Span():
            return machine.read(value)
    return value
