"""A pickle machine for plain data, without the opcodes that import, call or remember.

The standard unpickler is not used to read, not even restricted: it allocates memory as soon as a
file asks for it (a memo of four billion slots, a bytearray of 100 GB). Here a file is read once,
opcode by opcode; each is in the table below or the file is refused, and no length is trusted
before it is compared with the rest of the file. So memory stays below the file's size plus
about 200 bytes for each of at most MAX_OPCODES opcodes.
"""

import math
import pickle
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from reprlib import repr as brief
from typing import IO, Any, ClassVar, NoReturn

import numpy as np

MAX_BYTES = 4 << 30
MAX_DEPTH = 100
MAX_OPCODES = 1_000_000
DTYPES = {
    np.dtype(kind).name
    for kind in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
}


class FormatError(ValueError):
    """The file is not one that save() wrote, or it is damaged."""


class UnsafeFileError(FormatError):
    """The file needs more than plain data does: a call, a name, endless memory."""


@dataclass(slots=True, repr=False)  # not frozen: a file may declare a million
class Span:
    """Bytes that stay in the file until they are read."""

    start: int
    size: int

    def __repr__(self) -> str:
        return f"<{self.size} bytes>"


EMPTY = Span(0, 0)  # of which a file may declare a million


class Machine:
    """A reader of one pickle in a seekable file: dict, list, tuple, str, int, float, bool, None.

    Bytes become a Span. `name` is the name of the file in messages.
    """

    ops: ClassVar[Mapping[bytes, Callable[[Any], None]]]  # the table at the end of this file

    def __init__(self, file: IO[bytes], size: int, name: str) -> None:
        self.file, self.size, self.name = file, size, name
        self.position = 0
        self.version = 0  # of the format, once the header is read
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []  # the stacks below each MARK that is still open

    def run(self) -> object:
        """Return the one object of the pickle, which must end at the file's end."""
        self.file.seek(0)
        read, action_for = self.file.read, self.ops.get
        for _ in range(MAX_OPCODES):
            if self.position < self.size and (opcode := read(1)):  # as take() does, at once
                self.position += 1
            else:
                opcode = self.take(1)  # fails, and says why
            if opcode == pickle.STOP:
                return self.result()
            action = action_for(opcode)
            if action is None:
                self.refuse(f"opcode {opcode_name(opcode)}, which plain data does not need")
            action(self)
        self.refuse(f"more than {MAX_OPCODES:,} opcodes; long sequences belong in arrays")

    def result(self) -> object:
        if self.outer or len(self.stack) != 1:
            self.fail("the pickle does not end with exactly one object")
        if self.position != self.size:
            self.fail(
                f"{self.size - self.position:,} bytes follow the end of the pickle; remove them"
            )
        return self.stack[0]

    def fail(self, fault: str) -> NoReturn:
        raise FormatError(f"{self.name}: {fault} (byte {self.position:,})")

    def refuse(self, demand: str) -> NoReturn:
        raise UnsafeFileError(f"{self.name}: refused: {demand} (byte {self.position:,})")

    def claim(self, count: int) -> None:
        """Step over `count` bytes; FormatError if fewer are left."""
        if count > self.size - self.position:
            self.fail(
                f"cut short: {count:,} bytes are declared, {self.size - self.position:,} are left"
            )
        self.position += count

    def take(self, count: int) -> bytes:
        if count > self.size - self.position:
            self.claim(count)  # fails, and says why
        self.position += count
        data = self.file.read(count)
        if len(data) != count:
            self.fail("the file shrank while it was read")
        return data

    def number(self, width: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(width), "little", signed=signed)

    def text(self, width: int) -> str:
        try:
            return self.take(self.number(width)).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            self.fail(f"a string is not UTF-8: {error.reason}")

    def blob(self, width: int) -> object:
        size = self.number(width)
        if not size:
            return EMPTY
        span = Span(self.position, size)
        self.claim(size)
        self.file.seek(self.position)
        return span

    def read(self, span: Span) -> bytes:
        """Return the bytes of a span, after run()."""
        self.file.seek(span.start)
        self.position = span.start
        return self.take(span.size)

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            self.fail("an opcode needs more objects than there are")
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def mark(self) -> None:
        self.outer.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        if not self.outer:
            self.fail("a MARK is missing")
        values, self.stack = self.stack, self.outer.pop()
        return values

    def extend(self, values: list[Any]) -> None:
        if not self.stack or type(self.stack[-1]) is not list:
            self.fail("an item is appended to something that is not a list")
        self.stack[-1].extend(values)

    def update(self, values: list[Any]) -> None:
        if not self.stack or type(self.stack[-1]) is not dict or len(values) % 2:
            self.fail("an item is set in something that is not a dict, or has no value")
        target = self.stack[-1]
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not is_key(key):
                self.fail(f"the dict key {brief(key)}; keys are str, or int below 2**60")
            if key in target:
                self.fail(f"the dict key {brief(key)} appears twice")
            target[key] = value

    def start(self) -> None:
        version = self.number(1)
        if self.position != 2 or version > pickle.HIGHEST_PROTOCOL:
            self.fail(f"a second beginning, or one of pickle protocol {version}")

    def frame(self) -> None:
        """Check that a frame fits; it only groups opcodes for faster reading."""
        if self.number(8) > self.size - self.position:
            self.fail("cut short inside a frame")

    def layout(self, dtype: object, shape: object, size: int) -> tuple[str, tuple[int, ...]]:
        """Return a tensor's dtype and shape, if these are valid and need exactly `size` bytes."""
        if type(dtype) is not str or dtype not in DTYPES:
            self.refuse(f"dtype {brief(dtype)}; the dtypes are {', '.join(sorted(DTYPES))}")
        if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
            self.fail(f"shape {brief(shape)}; a shape is a tuple of integers >= 0")
        itemsize = np.dtype(dtype).itemsize
        if len(shape) > 32 or itemsize * math.prod(n or 1 for n in shape) >= 1 << 62:
            self.fail(f"shape {brief(shape)} is more than an array can have")
        if size != itemsize * math.prod(shape):
            need = itemsize * math.prod(shape)
            self.fail(f"{dtype} of shape {brief(shape)} is {need:,} bytes, not {size:,}")
        return dtype, shape

    def checked(self, array: np.ndarray) -> np.ndarray:
        """Return the array, if its bools are 0 or 1: with others NumPy would compute nonsense."""
        if array.dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
            self.fail("a bool tensor holds bytes other than 0 and 1")
        return array


def is_key(key: object) -> bool:
    """Tell whether dicts in a file may have this key.

    Larger integers can be chosen to share one hash, and a dict of them takes hours to build.
    """
    return type(key) is str or (type(key) is int and abs(key) < 1 << 60)


def opcode_name(opcode: bytes) -> str:
    """Return the name that the pickle module gives an opcode, for messages."""
    names = (name for name, value in vars(pickle).items() if value == opcode and name.isupper())
    return next(names, repr(opcode))


Machine.ops = {
    pickle.PROTO: Machine.start,
    pickle.FRAME: Machine.frame,
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),  # noqa: FBT003
    pickle.NEWFALSE: lambda m: m.push(False),  # noqa: FBT003
    pickle.BININT: lambda m: m.push(m.number(4, signed=True)),
    pickle.BININT1: lambda m: m.push(m.number(1)),
    pickle.BININT2: lambda m: m.push(m.number(2)),
    pickle.LONG1: lambda m: m.push(m.number(m.number(1), signed=True)),
    pickle.BINFLOAT: lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    pickle.SHORT_BINUNICODE: lambda m: m.push(m.text(1)),
    pickle.BINUNICODE: lambda m: m.push(m.text(4)),
    pickle.BINUNICODE8: lambda m: m.push(m.text(8)),
    pickle.SHORT_BINBYTES: lambda m: m.push(m.blob(1)),
    pickle.BINBYTES: lambda m: m.push(m.blob(4)),
    pickle.BINBYTES8: lambda m: m.push(m.blob(8)),
    pickle.MARK: Machine.mark,
    pickle.EMPTY_TUPLE: lambda m: m.push(()),
    pickle.TUPLE: lambda m: m.push(tuple(m.since_mark())),
    pickle.TUPLE1: lambda m: m.push(tuple(m.pop(1))),
    pickle.TUPLE2: lambda m: m.push(tuple(m.pop(2))),
    pickle.TUPLE3: lambda m: m.push(tuple(m.pop(3))),
    pickle.EMPTY_LIST: lambda m: m.push([]),
    pickle.APPEND: lambda m: m.extend(m.pop(1)),
    pickle.APPENDS: lambda m: m.extend(m.since_mark()),
    pickle.EMPTY_DICT: lambda m: m.push({}),
    pickle.SETITEM: lambda m: m.update(m.pop(2)),
    pickle.SETITEMS: lambda m: m.update(m.since_mark()),
}
