"""save, load and inspect: files that the standard pickler writes and the guard reads.

The file is the pickle of ("tinygrad-mnist", version, SHA-256, tree). docs/format.md is the
format on one page.
"""

import hashlib
import math
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from tinygrad_mnist.autograd.size import Size
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.serialize.files import File, check_map_location, name_of, opened, write
from tinygrad_mnist.serialize.guard import (
    DTYPES,
    MAX_BYTES,
    MAX_DEPTH,
    FormatError,
    Machine,
    Span,
    is_key,
)

VERSION = 3  # the newest; a file without a module is still written as version 2
# The file's first 64 bytes, as the pickler writes them: PROTO and the length of a FRAME (which
# varies), then the name, the version and the digest. save() reads its own file back, so a
# pickler that wrote other bytes would be noticed at once.
NAME = b"(\x8c\x0etinygrad-mnist"
NAME_AT, VERSION_AT, DIGEST_AT, TREE_AT = 11, 29, 32, 64
PLAIN = {type(None), str, int, float, bool, bytes}  # in a tree as in memory


@dataclass(frozen=True, slots=True)
class ArrayInfo:
    """An array in the result of inspect(): its dtype's name, its shape, and its size in bytes."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


def save(
    obj: object,
    f: File,
    pickle_module: Any = None,
    pickle_protocol: Any = None,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write a nest of dict, list, tuple, str, int, float, bool, None, bytes, Tensors and arrays.

    `f` is a path, or a binary file open for writing, BytesIO among them. A path's older file is
    replaced as a whole or not at all. Tensors, NumPy arrays and NumPy scalars (which become 0-d
    arrays) have a bool, integer or float dtype. A Parameter is saved as a Tensor that requires a
    gradient; any other object with `detach()` and `numpy()`, such as a tensor of PyTorch, as an
    array. Dict keys are str or int, and subclasses of dict become dicts. The same object gives the
    same bytes. PyTorch's other arguments, which choose among its own formats, have no effect.

    A whole nn.Module is written by the names of its classes, its plain attributes and its Tensors;
    a function, a hook or an object of another class in the Module raises TypeError. Keep
    `model.state_dict()` instead: it needs no class to be read.

    Raises TypeError for anything else in `obj`, naming where it is; OSError when the file cannot
    be written; FormatError when load() would not read it (nested too deep, too many values).

    >>> import tempfile
    >>> target = tempfile.mkdtemp() + "/model.pkl"
    >>> save({"weight": wrap(np.zeros((1, 3), np.float32)), "mean": np.zeros(2)}, target)
    >>> load(target)
    {'weight': tensor([[0., 0., 0.]]), 'mean': array([0., 0.])}
    """
    tree = _encode(obj, "obj")
    version = 3 if _needs_version_3(tree) else 2

    def content(file: Any) -> None:
        pickler = pickle.Pickler(file, protocol=5)
        pickler.fast = True  # no memo: the reader has no opcode for one
        pickler.dump(("tinygrad-mnist", version, bytes(TREE_AT - DIGEST_AT), tree))
        size = file.tell()
        digest = _digest(file)
        file.seek(DIGEST_AT)
        file.write(digest)
        _checked_tree(
            file, size, name_of(f)
        )  # a file that load() would refuse must replace nothing

    write(f, content)


def load(
    f: File,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    max_bytes: int = MAX_BYTES,
    numpy_pickle: bool = False,
    **pickle_load_args: Any,
) -> Any:
    """Read what save() wrote: Tensors come back as Tensors, arrays as new writable ndarrays.

    `f` is a path, or a binary file open for reading, which is read from its present position
    to its end. A file of more than `max_bytes` is refused. `map_location` may name no device but
    the CPU. No code in the file can run, whatever `weights_only` is. A whole module comes back
    where its classes are the library's own; the program's own classes, which must be in
    memory, are accepted with `weights_only=False` or inside `serialization.safe_globals([...])`:
    neither their constructors nor their methods are called. With `numpy_pickle=True`
    the file is instead an ordinary pickle (protocol 2 to 5) of NumPy arrays in plain containers,
    under the same guard. Files of format version 1 do not distinguish Tensors from arrays: all come
    back as arrays.

    Raises FormatError (a ValueError) for a file that is damaged or not of this format, its
    subclass UnsafeFileError for a file that needs more than plain data, OSError when it cannot be
    opened, RuntimeError for another device.

    >>> load(__file__)
    Traceback (most recent call last):
    tinygrad_mnist.serialize.guard.FormatError: ...: not a file that save() writes...
    """
    check_map_location(map_location)
    for key in pickle_load_args.keys() - {"encoding"}:
        raise TypeError(f"load() got an unexpected keyword argument {key!r}")
    with opened(f, max_bytes) as (file, size):
        if numpy_pickle:
            from tinygrad_mnist.serialize.numpy_pickle import read_numpy_pickle

            return read_numpy_pickle(file, size, name_of(f))
        return read(file, size, name_of(f), weights_only)


def inspect(path: File, *, max_bytes: int = MAX_BYTES) -> Any:
    """Return the tree that load() returns, with an ArrayInfo in place of each Tensor and array.

    The checksum is verified too. Raises as load() does.

    >>> import tempfile
    >>> target = tempfile.mkdtemp() + "/model.pkl"
    >>> save({"weight": np.zeros((2, 3), np.float32)}, target)
    >>> inspect(target)
    {'weight': ArrayInfo(dtype='float32', shape=(2, 3))}
    """
    with opened(path, max_bytes) as (file, size):
        machine, tree = _checked_tree(file, size, name_of(path))
        return _decode(tree, machine, lambda kind, dtype, shape, _: ArrayInfo(dtype, shape), None)


SAFE_CLASSES: list[Any] = []  # classes of modules that `serialization.add_safe_globals` allows


def read(file: IO[bytes], size: int, name: str, weights_only: bool | None = None) -> Any:
    """Read an open file of `size` bytes that error messages call `name`, as load() does."""
    machine, tree = _checked_tree(file, size, name)

    def restored(kind: str, dtype: str, shape: tuple[int, ...], span: Span) -> object:
        value = np.empty(shape, dtype)
        file.seek(span.start)
        if file.readinto(value.reshape(-1).view(np.uint8).data) != span.size:  # type: ignore[attr-defined]
            machine.fail("the file shrank while it was read")
        value = value if sys.byteorder == "little" else value.byteswap()
        return KINDS[machine.version][kind](machine.checked(value))

    def find(kind: str) -> Any:
        from tinygrad_mnist.serialize.modules import class_named

        return class_named(kind, weights_only, SAFE_CLASSES, name)

    return _decode(tree, machine, restored, find)


def _leaf(array: np.ndarray) -> Tensor:
    """Make a Tensor that requires a gradient."""
    return wrap(array).requires_grad_()


def _unchanged(array: np.ndarray) -> np.ndarray:
    return array


# The kinds of a tuple (kind, dtype, shape, data), in each version of the format
KINDS: dict[int, dict[str, Callable[[np.ndarray], object]]] = {
    1: {"tensor": _unchanged},
    2: {"array": _unchanged, "tensor": wrap, "leaf": _leaf},
    3: {"array": _unchanged, "tensor": wrap, "leaf": _leaf},
}


def _checked_tree(file: IO[bytes], size: int, name: str) -> tuple[Machine, object]:
    """Return the tree of a file whose header and checksum are right; arrays stay in the file."""
    file.seek(0)
    header = file.read(TREE_AT)
    if header[:3] != b"\x80\x05\x95" or header[NAME_AT : NAME_AT + len(NAME)] != NAME:
        raise FormatError(f"{name}: not a file that save() writes, or damaged at its beginning")
    if len(header) < TREE_AT or header[28:29] + header[30:32] != b"KC ":
        raise FormatError(f"{name}: damaged or cut short in its first {TREE_AT} bytes")
    if header[VERSION_AT] not in KINDS:
        readable = f"this release reads version 1 to {VERSION}"
        raise FormatError(f"{name}: written in format version {header[VERSION_AT]}; {readable}")
    if header[DIGEST_AT:] != _digest(file):
        raise FormatError(
            f"{name}: damaged or cut short: its content does not match its SHA-256; "
            "restore it from a copy"
        )
    machine = Machine(file, size, name)
    match machine.run():
        case (_, int(version), Span(), tree):
            machine.version = version
            return machine, tree
    raise FormatError(f"{name}: not the pickle of (format, version, SHA-256, tree)")


def _digest(file: IO[bytes]) -> bytes:
    """Return the SHA-256 of the whole file, with zeros in place of the digest."""
    file.seek(0)
    sha = hashlib.sha256(file.read(DIGEST_AT))
    sha.update(bytes(TREE_AT - DIGEST_AT))
    file.seek(TREE_AT)
    while chunk := file.read(1 << 20):
        sha.update(chunk)
    return sha.digest()


def _needs_version_3(tree: object) -> bool:
    """Tell whether a tree of _encode() has a kind that is new in version 3."""
    if isinstance(tree, dict):
        return any(map(_needs_version_3, tree.values()))
    if isinstance(tree, tuple) and tree[:1] in (("module",), ("namespace",)):
        return True
    return isinstance(tree, (list, tuple)) and any(map(_needs_version_3, tree))


def _encode(value: Any, where: str, depth: int = 0, special: Any = None) -> object:
    """Return the value in built-in types, where each tuple begins with the name of its kind."""
    if special is not None and (encoded := special(value, where)) is not None:
        return encoded
    if depth > MAX_DEPTH:
        raise FormatError(f"{where[:60]}... is nested more than {MAX_DEPTH} deep, or in itself")
    if type(value) in PLAIN:
        return value
    if isinstance(value, dict):
        for key in value:
            if not is_key(key):
                raise TypeError(f"{where} has the key {key!r}; keys are str, or int below 2**60")
        return {k: _encode(v, f"{where}[{k!r}]", depth + 1, special) for k, v in value.items()}
    if type(value) is list:
        return _encode_items(value, where, depth + 1, special)
    if type(value) is tuple or isinstance(value, Size):
        return "tuple", *_encode_items(value, where, depth + 1, special)
    if isinstance(value, Tensor):
        kind = "leaf" if value.requires_grad else "tensor"
        return _encode_array(value.detach().numpy(), kind, where)
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        value = value.detach().numpy()
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if type(value) in (np.ndarray, np.memmap):
        return _encode_array(value, "array", where)
    if type(value) is getattr(
        sys.modules.get("argparse"), "Namespace", ()
    ):  # the options that a checkpoint was trained with
        return "namespace", _encode(vars(value), where, depth + 1, special)
    if "_parameters" in getattr(value, "__dict__", ()):
        from tinygrad_mnist.serialize.modules import encode_module, has_registries

        if has_registries(value):
            return encode_module(value, where, _encode)
    raise TypeError(
        f"{where} is of type {type(value).__name__}; save() takes dict, list, tuple, str, int, "
        "float, bool, None, bytes, NumPy arrays and Tensors"
    )


def _encode_items(values: Any, where: str, depth: int, special: Any) -> list[object]:
    """Encode the items of a sequence; plain ones, which may be many, without a call for each."""
    plain = PLAIN if special is None and depth <= MAX_DEPTH else ()
    return [
        v if type(v) in plain else _encode(v, f"{where}[{i}]", depth, special)
        for i, v in enumerate(values)
    ]


def _encode_array(array: np.ndarray, kind: str, where: str) -> object:
    dtype = array.dtype.name
    if dtype not in DTYPES:
        raise TypeError(f"{where} has dtype {dtype}; save() takes {', '.join(sorted(DTYPES))}")
    flat = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<")).reshape(-1)
    # A read-only buffer is pickled as bytes, straight from the array's memory.
    return kind, dtype, array.shape, pickle.PickleBuffer(flat.view(np.uint8).data.toreadonly())


def _decode(
    value: Any,
    machine: Machine,
    restored: Callable[..., object],
    find: Callable[[str], Any] | None,
    special: Callable[[Any], Any] | None = None,
    depth: int = 0,
) -> object:
    """Decode a tree of _encode(); restored(kind, dtype, shape, span) makes Tensors and arrays.

    find(name) returns the class of a module, special(node) the value of a module's attribute.
    Without `find`, a module is described, not built.
    """

    def below(v: Any) -> object:
        return _decode(v, machine, restored, find, special, depth + 1)

    if depth > MAX_DEPTH:
        machine.refuse(f"nested more than {MAX_DEPTH} deep")
    plain = PLAIN if depth < MAX_DEPTH else ()
    match value:
        case dict():
            return {k: below(v) for k, v in value.items()}
        case list():
            return [v if type(v) in plain else below(v) for v in value]
        case ("tuple", *items):
            return tuple(map(below, items))
        case ("namespace", dict() as options) if machine.version >= 3:
            from argparse import Namespace

            if not all(isinstance(k, str) and k.strip("_").isidentifier() for k in options):
                machine.fail("options without names")
            namespace = Namespace()
            namespace.__dict__.update({k: below(v) for k, v in options.items()})
            return namespace
        case ("module", *_) if machine.version >= 3:
            return _module(value, machine, restored, find)
        case (str(), *_) if special is not None:
            return special(value)
        case (str(kind), dtype, shape, Span() as span) if kind in KINDS[machine.version]:
            return restored(kind, *machine.layout(dtype, shape, span.size), span)
        case tuple():
            machine.fail("a tuple that encodes neither a tuple nor a tensor")
        case Span():
            return machine.read(value)
    return value


def _module(
    node: tuple[Any, ...], machine: Machine, restored: Callable[..., object], find: Any
) -> object:
    """Return a module; without `find`, its description and its Tensors."""
    from tinygrad_mnist.serialize.modules import decode_module

    if find is None:
        described = _decode(node[2], machine, restored, None, lambda v: v[-1])
        return {"modules": described, "tensors": _decode(node[3], machine, restored, None)}

    def decode(value: Any, special: Any = None) -> object:
        return _decode(value, machine, restored, find, special)

    return decode_module(node, decode, find, machine.fail)
