"""Ordinary pickles of NumPy arrays: the guard's opcodes and the few names that NumPy writes.

No name is looked up: each (module, name) pair below stands for a case of `call`, which builds
the array itself. A remembered value can be used again only if it contains no other, so a small file
cannot become a large object.
"""

import pickle
from dataclasses import dataclass
from reprlib import repr as brief
from typing import IO, Any, Literal

import numpy as np

from tinygrad_mnist.serialize.guard import DTYPES, MAX_DEPTH, Machine

CODES = {np.dtype(name).str[1:]: name for name in DTYPES}  # NumPy pickles float32 as "f4"
NAMES = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",  # how protocol 2 writes bytes
    ("__builtin__", "bytes"): "bytes",  # and how it writes none
    **{
        (f"numpy.{core}.{module}", name): name
        for core in ("core", "_core")  # NumPy 1 and 2
        for module, name in [
            ("multiarray", "_reconstruct"),
            ("multiarray", "scalar"),
            ("numeric", "_frombuffer"),
        ]
    },
}


@dataclass(slots=True, eq=False)
class Name:
    """One of NAMES, as a value on the stack."""

    name: str


@dataclass(slots=True, eq=False)
class Dtype:
    """A dtype whose byte order comes later, by BUILD."""

    name: str
    order: Literal["<", ">", "=", "|"] = "="


@dataclass(slots=True, eq=False)
class Array:
    """An array whose content may come later, by BUILD."""

    value: np.ndarray | None = None


class NumpyMachine(Machine):
    """A Machine that also has a memo, bytes as values, and the calls in NumPy's own pickles."""

    def __init__(self, file: IO[bytes], size: int, name: str) -> None:
        super().__init__(file, size, name)
        self.memo: dict[int, Any] = {}
        self.bytes_made = 0  # by values that can be remembered, and so used again

    def blob(self, width: int) -> bytes:
        return self.take(self.number(width))

    def remember(self, index: int) -> None:
        if not self.stack or index in self.memo:
            self.refuse(f"memo slot {index} is written twice, or from an empty stack")
        self.memo[index] = self.stack[-1]

    def recall(self, index: int) -> None:
        value = self.memo.get(index)
        if not isinstance(value, (str, bytes, Name, Dtype, Array, np.generic)):
            self.refuse(f"memo slot {index} is read, which holds no string, bytes or array")
        self.push(value)

    def line(self) -> str:
        line = self.file.readline(64)
        self.claim(len(line))
        if not line.endswith(b"\n"):
            self.refuse("a name without a line end")
        return line[:-1].decode("latin1")

    def push_name(self, module: object, name: object) -> None:
        allowed = NAMES.get((module, name)) if type(module) is type(name) is str else None
        if allowed is None:
            self.refuse(
                f"the name {brief(module)}, {brief(name)}, which NumPy's arrays do not need"
            )
        self.push(Name(allowed))

    def call(self) -> None:
        function, arguments = self.pop(2)
        match function, arguments:
            case Name(name="_reconstruct"), (Name(name="ndarray"), (0,), b"b"):
                self.push(Array())
            case Name(name="dtype"), (str(code), bool() | int(), bool() | int()):
                if code not in CODES:
                    self.refuse(f"dtype {brief(code)}; the dtypes are {', '.join(sorted(CODES))}")
                self.push(Dtype(CODES[code]))
            case Name(name="scalar"), (Dtype() as dtype, bytes(data)):
                self.push(self.array(dtype, (), data)[()])
            case Name(name="_frombuffer"), (
                bytes(data),
                Dtype() as dtype,
                shape,
                "C" | "F" as order,
            ):
                self.push(Array(self.array(dtype, shape, data, order)))
            case Name(name="encode"), (str(text), "latin1"):
                self.push(self.latin1(text))
            case Name(name="bytes"), ():
                self.push(b"")
            case _:
                self.refuse("a call that NumPy's arrays do not need")

    def build(self) -> None:
        target, state = self.pop(2)
        match target, state:
            case Dtype(), (3, "<" | ">" | "=" | "|" as order, None, None, None, -1, -1, 0):
                target.order = order
            case Array(value=None), (
                1,
                shape,
                Dtype() as dtype,
                bool() | int() as order,
                bytes(data),
            ):
                target.value = self.array(dtype, shape, data, "F" if order else "C")
            case _:
                self.refuse("a state that NumPy's arrays do not have")
        self.push(target)

    def latin1(self, text: str) -> bytes:
        self.spend(len(text))
        try:
            return text.encode("latin1")
        except UnicodeEncodeError:
            self.refuse("a call that NumPy's arrays do not need, of text that is not latin1")

    def spend(self, count: int) -> None:
        """Count `count` bytes; NumPy makes bytes from text, then an array, each once."""
        self.bytes_made += count
        if self.bytes_made > 2 * self.size:
            self.refuse("the same bytes are used again and again")

    def array(self, dtype: Dtype, shape: Any, data: bytes, order: Any = "C") -> np.ndarray:
        name, shape = self.layout(dtype.name, shape, len(data))
        self.spend(len(data))
        stored = np.frombuffer(data, np.dtype(name).newbyteorder(dtype.order))
        return self.checked(stored.reshape(shape, order=order).astype(name, order="K"))

    def resolved(self, value: object, depth: int = 0) -> object:
        """Return the value with arrays in place of their stand-ins."""
        if depth > MAX_DEPTH:
            self.refuse(f"nested more than {MAX_DEPTH} deep")
        match value:
            case dict():
                return {k: self.resolved(v, depth + 1) for k, v in value.items()}
            case list():
                return [self.resolved(v, depth + 1) for v in value]
            case tuple():
                return tuple(self.resolved(v, depth + 1) for v in value)
            case Array(value=np.ndarray() as array):
                return array
            case Name() | Dtype() | Array():
                self.refuse("a name, a dtype or an array without content as a value")
        return value


NumpyMachine.ops = {
    **Machine.ops,
    pickle.BYTEARRAY8: lambda m: m.push(m.blob(8)),
    pickle.MEMOIZE: lambda m: m.remember(len(m.memo)),
    pickle.BINPUT: lambda m: m.remember(m.number(1)),
    pickle.LONG_BINPUT: lambda m: m.remember(m.number(4)),
    pickle.BINGET: lambda m: m.recall(m.number(1)),
    pickle.LONG_BINGET: lambda m: m.recall(m.number(4)),
    pickle.GLOBAL: lambda m: m.push_name(m.line(), m.line()),
    pickle.STACK_GLOBAL: lambda m: m.push_name(*m.pop(2)),
    pickle.REDUCE: NumpyMachine.call,
    pickle.BUILD: NumpyMachine.build,
}


def read_numpy_pickle(file: IO[bytes], size: int, name: str) -> Any:
    """Read a pickle of NumPy arrays in plain containers; raises as load() does."""
    machine = NumpyMachine(file, size, name)
    value = machine.run()
    if type(value) is tuple and value[:1] == ("tinygrad-mnist",):
        machine.fail("save() wrote it; leave out numpy_pickle=True, to have its checksum verified")
    return machine.resolved(value)
