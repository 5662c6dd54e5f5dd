"""The hostile files: each is a few opcodes, or a whole file, with the reason it is refused for.

A body is what stands between a pickle's first and last opcode. It is presented three times: as
the tree of a file with a right header and checksum, as a bare pickle to load(), and as a bare
pickle to load(numpy_pickle=True).
"""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import pickle
import pickle as p
import struct
import tarfile
import zipfile
from dataclasses import dataclass

import numpy as np

CANARY = "canary"  # no attack may make or write this file
MOST_OPCODES = 200_000  # a fifth of what a file may have; its reader gets a fifth of the memory
DEEP = 40_000
U64 = struct.Struct("<Q").pack


@dataclass(frozen=True)
class Attack:
    """A body, and words of the error of each reader; None where it is harmless to that reader."""

    name: str
    body: bytes
    plain: str
    numpy: str | None


ATTACKS: list[Attack] = []


def refused(plain: str, numpy: str | None, bodies: dict[str, bytes]) -> None:
    ATTACKS.extend(Attack(name, body, plain, numpy) for name, body in bodies.items())


def text(value: str) -> bytes:
    raw = value.encode()
    return p.SHORT_BINUNICODE + bytes([len(raw)]) + raw


def data(value: bytes) -> bytes:
    return p.BINBYTES + struct.pack("<I", len(value)) + value


def number(value: int) -> bytes:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return p.LONG1 + bytes([len(raw)]) + raw


def tup(*items: bytes) -> bytes:
    return p.MARK + b"".join(items) + p.TUPLE


def name(module: str, attribute: str) -> bytes:
    return p.GLOBAL + f"{module}\n{attribute}\n".encode()


def stack_name(module: str, attribute: str) -> bytes:
    return text(module) + text(attribute) + p.STACK_GLOBAL


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + tup(*arguments) + p.REDUCE


def get(slot: int) -> bytes:
    return p.BINGET + bytes([slot])


def setitem(key: bytes, value: bytes = p.NONE) -> bytes:
    return key + value + p.SETITEM


ONE, TOUCH = number(1), text(f"touch {CANARY}")
SYSTEM, NDARRAY = name("os", "system"), name("numpy", "ndarray")
ENCODE, SCALAR = name("_codecs", "encode"), name("numpy._core.multiarray", "scalar")
RECONSTRUCT = name("numpy._core.multiarray", "_reconstruct")
FROMBUFFER = name("numpy._core.numeric", "_frombuffer")
EMPTY_ARRAY = call(RECONSTRUCT, NDARRAY, tup(number(0)), data(b"b"))
NO_DTYPE_STATE = (p.NONE, p.NONE, p.NONE, number(-1), number(-1), number(0))


def dtype(code: str, *state: bytes, version: int = 3) -> bytes:
    made = call(name("numpy", "dtype"), text(code), p.NEWFALSE, p.NEWTRUE)
    return made + tup(number(version), *(state or (text("<"), *NO_DTYPE_STATE))) + p.BUILD


def array(shape: bytes, content: bytes, kind: bytes | None = None) -> bytes:
    return EMPTY_ARRAY + tup(ONE, shape, kind or dtype("f4"), p.NEWFALSE, content) + p.BUILD


def tensor(kind: str, shape: bytes, content: bytes) -> bytes:
    return tup(text("tensor"), text(kind), shape, content)


# Names and calls -------------------------------------------------------------------------------

BUILTINS = "eval exec getattr __import__ open compile bytearray bytes breakpoint memoryview"
refused(
    "refused: opcode",
    "refused: the name ",
    {
        "REDUCE os.system": call(SYSTEM, TOUCH),
        "REDUCE posix.system": call(name("posix", "system"), TOUCH),
        "STACK_GLOBAL os.system": call(stack_name("os", "system"), TOUCH),
        "subprocess.Popen": call(name("subprocess", "Popen"), TOUCH),
        "getattr of an imported module": call(
            stack_name("builtins", "getattr"),
            call(stack_name("builtins", "__import__"), text("os")),
            text("system"),
        ),
        **{
            f"builtins.{function}": call(stack_name("builtins", function), text("1"))
            for function in BUILTINS.split()
        },
        "dotted object.__subclasses__": call(stack_name("builtins", "object.__subclasses__")),
        "dotted path.os.system": call(stack_name("os", "path.os.system"), TOUCH),
        "dotted ndarray.__class__": call(stack_name("numpy", "ndarray.__class__")),
        "dotted dtype.__reduce__": stack_name("numpy", "dtype.__reduce__"),
        "dotted GLOBAL": name("numpy", "core.multiarray._reconstruct"),
        "numpy runstring": call(name("numpy.testing._private.utils", "runstring"), text("1")),
        "numpy.load": call(name("numpy", "load"), text(CANARY)),
        "numpy.memmap": call(name("numpy", "memmap"), text(CANARY), text("u1"), text("w+")),
        "a right name of a wrong module": name("numpy.core", "_reconstruct"),
        "a subclass through _reconstruct": call(
            RECONSTRUCT, name("numpy", "matrix"), tup(number(0)), data(b"b")
        ),
        "an empty name": name("", ""),
        "a name that is a number": ONE + ONE + p.STACK_GLOBAL,
        "a name that is 50,000 lists": p.EMPTY_LIST * 50_000
        + p.APPEND * 49_999
        + ONE
        + p.STACK_GLOBAL,
        "INST by another way: OBJ": p.MARK + SYSTEM + TOUCH + p.OBJ,
        "BUILD on a function": SYSTEM + p.EMPTY_DICT + p.BUILD,
        "__setstate__ by BUILD": NDARRAY
        + p.EMPTY_DICT
        + setitem(text("__setstate__"), SYSTEM)
        + p.BUILD,
        "names through the memo": text("os")
        + p.BINPUT
        + b"\0"
        + text("system")
        + p.BINPUT
        + b"\1"
        + get(0)
        + get(1)
        + p.STACK_GLOBAL,
    },
)
refused(
    "refused: opcode GLOBAL", "a name without a line end", {"endless": p.GLOBAL + b"os" * 50_000}
)
refused(
    "refused: opcode",
    "refused: a call that NumPy's arrays do not need",
    {
        "a call of text": call(text("os.system"), TOUCH),
        "a call of a dtype": call(dtype("f4"), ONE),
        "a call of an array": call(array(tup(ONE), data(bytes(4))), ONE),
        "arguments that are a list": ENCODE + p.EMPTY_LIST + p.REDUCE,
        "another codec": call(ENCODE, text("a"), text("zlib")),
        "text that is not latin1": call(ENCODE, text("∂"), text("latin1")),
        "an error handler": call(ENCODE, text("a"), text("latin1"), text("ignore")),
        "bytes of 2**40": call(name("__builtin__", "bytes"), number(2**40)),
        "ndarray of 10**12": call(NDARRAY, tup(number(10**12))),
        "_reconstruct of 10**12": call(RECONSTRUCT, NDARRAY, tup(number(10**12)), data(b"b")),
        "_reconstruct of a dtype": call(
            RECONSTRUCT, name("numpy", "dtype"), tup(number(0)), data(b"b")
        ),
        "dtype of a list of fields": call(name("numpy", "dtype"), p.EMPTY_LIST, ONE, ONE),
        "scalar of an object": call(SCALAR, dtype("f4"), p.NONE),
        "_frombuffer in another order": call(
            FROMBUFFER, data(bytes(4)), dtype("f4"), tup(ONE), text("K")
        ),
    },
)
refused(
    "refused: opcode",
    "refused: a state that NumPy's arrays do not have",
    {
        "BUILD on a dict": p.EMPTY_DICT + p.EMPTY_DICT + p.BUILD,
        "BUILD of attributes": RECONSTRUCT + p.EMPTY_DICT + setitem(text("name"), ONE) + p.BUILD,
        "BUILD of slots": dtype("f4") + tup(p.NONE, p.EMPTY_DICT) + p.BUILD,
        "BUILD of an array twice": array(tup(ONE), data(bytes(4)))
        + tup(ONE, tup(ONE), dtype("f4"), p.NEWFALSE, data(bytes(4)))
        + p.BUILD,
        "an array of objects": array(tup(ONE), p.EMPTY_LIST + p.NONE + p.APPEND),
        "a dtype with fields": dtype("f4", text("|"), p.NONE, tup(text("a")), p.EMPTY_DICT),
        "a dtype with metadata": dtype("f4", text("<"), *NO_DTYPE_STATE, p.EMPTY_DICT, version=4),
        "a dtype with a subarray": dtype(
            "f4", text("<"), tup(dtype("f4"), tup(number(9))), *NO_DTYPE_STATE[1:]
        ),
        "a dtype that says it holds objects": dtype(
            "f4", text("<"), *NO_DTYPE_STATE[:-1], number(63)
        ),
    },
)
refused(
    "refused: opcode",
    "refused: a name, a dtype or an array without content",
    {"a bare name": NDARRAY, "a bare dtype": dtype("f4"), "an unbuilt array": EMPTY_ARRAY},
)
refused(
    "refused: opcode",
    "refused: dtype ",
    {
        f"dtype {code!r}": array(tup(ONE), data(bytes(8)), dtype(code))
        for code in ["O", "O8", "V8", "f4,i4", "M8", "U2", "S8", "c8", "f16", "float32", "()", ""]
    },
)
for opcode, body in {
    "INST": p.MARK + TOUCH + p.INST + b"os\nsystem\n",
    "PERSID": p.PERSID + b"1\n",
    "BINPERSID": ONE + p.BINPERSID,
    "EXT1": p.EXT1 + b"\1",
    "EXT2": p.EXT2 + b"\1\0",
    "EXT4": p.EXT4 + b"\1\0\0\0",
    "NEXT_BUFFER": p.NEXT_BUFFER,
    "READONLY_BUFFER": data(b"1") + p.READONLY_BUFFER,
    "DUP": p.EMPTY_LIST + (p.DUP + p.APPEND) * 50,  # a list of itself, of itself, ...
    "POP": p.NONE + p.NONE + p.POP,
    "POP_MARK": p.NONE + p.MARK + p.POP_MARK,
    "PUT": p.NONE + p.PUT + b"0\n" + p.GET + b"0\n",
    "GET": p.GET + b"0\n",
    "LONG4": p.LONG4 + b"\xff\xff\xff\x7f",
    "LONG": p.LONG + b"9" * 1_000_000 + b"L\n",  # decimal: takes time quadratic in its length
    "INT": p.INT + b"7\n",
    "FLOAT": p.FLOAT + b"7\n",
    "STRING": p.STRING + b"'\\x41'\n",
    "BINSTRING": p.BINSTRING + b"\xff" * 4,
    "UNICODE": p.UNICODE + b"\\u0041\n",
    "EMPTY_SET": p.EMPTY_SET + p.MARK + p.NONE + p.ADDITEMS,
    "FROZENSET": p.MARK + p.NONE + p.FROZENSET,
    "DICT": p.MARK + p.DICT,
    "LIST": p.MARK + p.LIST,
    r"b'\\x00'": b"\0",
    r"b'\\xff'": b"\xff",
}.items():
    refused(*[f"refused: opcode {opcode},"] * 2, {f"opcode {opcode}": body})
refused(
    "refused: opcode GLOBAL",
    "refused: opcode NEWOBJ",
    {
        "NEWOBJ": NDARRAY + p.EMPTY_TUPLE + p.NEWOBJ,
        "NEWOBJ_EX": NDARRAY + p.EMPTY_TUPLE + p.EMPTY_DICT + p.NEWOBJ_EX,
    },
)

# The memo --------------------------------------------------------------------------------------

refused(
    "refused: opcode",
    "refused: memo slot",
    {
        "a slot replaced after it was seen": text("numpy")
        + p.BINPUT
        + b"\0"
        + text("os")
        + p.BINPUT
        + b"\0",
        "BINGET of an empty slot": get(7),
        "LONG_BINGET of an empty slot": p.LONG_BINGET + b"\xff" * 4,
        "LONG_BINPUT 0xFFFFFFFF": p.EMPTY_LIST + (p.LONG_BINPUT + b"\xff" * 4) * 2,
        "MEMOIZE of nothing": p.MEMOIZE,
        "BINGET amplification of lists": p.EMPTY_LIST
        + p.MEMOIZE
        + b"".join(p.EMPTY_LIST + p.MEMOIZE + p.MARK + get(i) * 2 + p.APPENDS for i in range(100)),
        "BINGET amplification of tuples": p.EMPTY_TUPLE
        + p.MEMOIZE
        + b"".join(get(i) * 2 + p.TUPLE2 + p.MEMOIZE for i in range(100)),
        "BINGET amplification of a key": p.EMPTY_DICT
        + p.EMPTY_TUPLE
        + p.MEMOIZE
        + setitem(get(0) + get(0) + p.TUPLE2),
        "a list that holds itself": p.EMPTY_LIST + p.MEMOIZE + get(0) + p.APPEND,
        "a dict that holds itself": p.EMPTY_DICT + p.MEMOIZE + setitem(text("a"), get(0)),
    },
)
refused(
    "refused: opcode",
    "refused: the same bytes are used again and again",
    {
        "one text, 1,000 times bytes": p.EMPTY_LIST
        + p.MARK
        + b"".join(
            part + p.MEMOIZE
            for part in (p.BINUNICODE + struct.pack("<I", 1 << 20) + b"a" * (1 << 20), ENCODE)
        )
        + text("latin1")
        + p.MEMOIZE
        + (get(1) + tup(get(0), get(2)) + p.REDUCE) * 1000
        + p.APPENDS,
        "one buffer, 1,000 arrays": p.EMPTY_LIST
        + p.MARK
        + b"".join(part + p.MEMOIZE for part in (data(bytes(1 << 20)), FROMBUFFER, dtype("u1")))
        + (get(1) + tup(get(0), get(2), tup(number(1 << 20)), text("C")) + p.REDUCE) * 1000
        + p.APPENDS,
    },
)

# Sizes and depths ------------------------------------------------------------------------------

LEFT = "cut short: [0-9,]+ bytes are declared, "
refused(LEFT, LEFT, {
    "bytes of 100 GB": p.BINBYTES8 + U64(100 << 30),
    "bytes of 2**64 - 1": p.BINBYTES8 + b"\xff" * 8,
    "bytes of 4 GB": p.BINBYTES + b"\xff" * 4,
    "text of 100 GB": p.BINUNICODE8 + U64(100 << 30),
    "text of 4 GB": p.BINUNICODE + b"\xff" * 4,
    "an integer longer than the file": p.LONG1 + b"\xff",
    "a tensor of 100 GB": tensor("uint8", tup(number(100 << 30)), p.BINBYTES8 + U64(100 << 30)),
})  # fmt: skip
refused("refused: opcode", LEFT, {"a bytearray of 100 GB": p.BYTEARRAY8 + U64(100 << 30)})
refused(*["cut short inside a frame"] * 2, {"a frame of 2**64 - 1": p.FRAME + b"\xff" * 8})
refused(*["refused: nested more than 100 deep"] * 2, {
    "lists 40,000 deep": p.EMPTY_LIST * DEEP + p.APPEND * (DEEP - 1),
    "dicts 40,000 deep": (p.EMPTY_DICT + text("a")) * DEEP + p.NONE + p.SETITEM * DEEP,
    "tuples 40,000 deep": (p.MARK + text("tuple")) * DEEP + p.NONE + p.TUPLE * DEEP,
    "lists 102 deep": p.EMPTY_LIST * 102 + p.APPEND * 101,
})  # fmt: skip
refused(
    "a tuple that encodes neither",
    "refused: nested more than 100 deep",
    {"bare tuples 40,000 deep": p.NONE + p.TUPLE1 * DEEP},
)
refused(*["refused: more than 200,000 opcodes"] * 2, {
    "too many empty dicts": p.EMPTY_LIST + p.MARK + p.EMPTY_DICT * MOST_OPCODES + p.APPENDS,
    "too many marks": p.MARK * (MOST_OPCODES + 1),
    "too many empty bytes": p.MARK + (p.SHORT_BINBYTES + b"\0") * MOST_OPCODES + p.TUPLE,
    "too many small dicts": p.MARK + (p.EMPTY_DICT + setitem(ONE)) * (MOST_OPCODES // 3) + p.TUPLE,
})  # fmt: skip

# Containers ------------------------------------------------------------------------------------

for reason, bodies in {
    "set in something that is not a dict, or has no value": {
        "SETITEM on a list": p.EMPTY_LIST + setitem(text("a")),
        "SETITEM on text": text("a") + setitem(text("a")),
        "SETITEM on None": p.NONE + setitem(text("a")),
        "SETITEMS on nothing": p.MARK + text("a") + p.NONE + p.SETITEMS,
        "SETITEMS of a key alone": p.EMPTY_DICT + p.MARK + text("a") + p.SETITEMS,
    },
    "appended to something that is not a list": {
        "APPEND to a dict": p.EMPTY_DICT + p.NONE + p.APPEND,
        "APPENDS to text": text("a") + p.MARK + p.NONE + p.APPENDS,
        "APPENDS to bytes": data(b"a") + p.MARK + ONE + p.APPENDS,
    },
    "appears twice": {
        "key collision": p.EMPTY_DICT + setitem(text("weight")) * 2,
        "key collision of SETITEMS": p.EMPTY_DICT + p.MARK + (ONE + p.NONE) * 2 + p.SETITEMS,
        "key collision of integers": p.EMPTY_DICT + setitem(ONE) + setitem(p.BININT1 + b"\1"),
    },
    "keys are str, or int below": {
        **{
            f"a key that is {what}": p.EMPTY_DICT + setitem(key)
            for what, key in {
                "None": p.NONE,
                "True": p.NEWTRUE,
                "a float": p.BINFLOAT + bytes(8),
                "a tuple": p.EMPTY_TUPLE,
                "a list": p.EMPTY_LIST,
                "a dict": p.EMPTY_DICT,
                "bytes": data(b"a"),
                "2**60": number(2**60),
            }.items()
        },
        "50,000 keys of one hash": p.EMPTY_DICT
        + p.MARK
        + b"".join(number(i * (2**61 - 1)) + p.NONE for i in range(1, 50_000))
        + p.SETITEMS,
    },
    "needs more objects than there are": {
        "TUPLE3 of one": p.MARK + p.NONE + p.TUPLE3,
        "SETITEM of one": p.MARK + ONE + p.SETITEM,
        "APPEND of none": p.MARK + p.APPEND,
    },
    "a MARK is missing": {"TUPLE": p.NONE + p.TUPLE},
    "a second beginning": {"PROTO": p.PROTO + b"\5" + p.NONE, "PROTO 9": p.PROTO + b"\11"},
    "a string is not UTF-8": {"text": p.SHORT_BINUNICODE + b"\2\xff\xfe"},
    "does not end with exactly one object": {
        "an open MARK": p.NONE + p.MARK,
        "an open MARK below": p.MARK + p.NONE,
    },
}.items():
    refused(reason, reason, bodies)
refused("refused: opcode", "not a dict", {"SETITEM on a name": NDARRAY + setitem(text("name"))})
refused(
    "not the pickle of|does not end with",
    "does not end with exactly one object",
    {"nothing": b"", "two objects": p.NONE + p.NONE, "40,000 marks": p.MARK * DEEP},
)

# Tensors: the tagged tuples mean nothing to the reader of NumPy's pickles, which has its own ----

refused("a tuple that encodes neither a tuple nor a tensor", None, {
    "a tuple without a tag": tup(ONE, ONE),
    "an empty tuple": p.EMPTY_TUPLE,
    "an unknown tag": tup(text("object"), text("os"), text("system")),
    "a tensor without bytes": tup(text("tensor"), text("float32"), tup(ONE)),
    "a tensor of text": tensor("float32", tup(ONE), text("abcd")),
    "a tensor of a list": tensor("float32", tup(ONE), p.EMPTY_LIST),
    "a tensor with more": tup(text("tensor"), text("uint8"), tup(ONE), data(b"1"), p.NONE),
})  # fmt: skip
refused("refused: dtype ", None, {
    **{
        f"tensor dtype {kind!r}": tensor(kind, tup(ONE), data(bytes(8)))
        for kind in ["object", "O", "V8", "f4,i4", "datetime64", "str", "<f4", "complex64", ""]
    },
    "tensor dtype None": tup(text("tensor"), p.NONE, tup(ONE), data(bytes(8))),
    "tensor dtype of fields": tup(text("tensor"), p.EMPTY_LIST, tup(ONE), data(bytes(8))),
})  # fmt: skip
NOT_A_SHAPE, TOO_LARGE = "a shape is a tuple of integers >= 0", "more than an array can have"
LENGTHS = "is [0-9,]+ bytes, not"
for what, shape, size, reason in [
    ("(10**12,)", tup(number(10**12)), 4, LENGTHS),
    ("one too many", tup(number(3)), 8, LENGTHS),
    ("one too few", tup(ONE), 8, LENGTHS),
    ("bytes for none", tup(number(0)), 4, LENGTHS),
    ("no bytes for one", p.EMPTY_TUPLE, 0, LENGTHS),
    ("a part of an item", tup(ONE), 5, LENGTHS),
    ("(2**32, 2**32), which wraps to 0", tup(number(2**32), number(2**32)), 0, TOO_LARGE),
    ("(2**62, 4), which wraps to 0", tup(number(2**62), number(4)), 0, TOO_LARGE),
    ("(2**64 + 1,), which wraps to 1", tup(number(2**64 + 1)), 4, TOO_LARGE),
    ("(0, 2**63)", tup(number(0), number(2**63)), 0, TOO_LARGE),
    ("(2**2000,)", tup(number(2**2000)), 4, TOO_LARGE),
    ("33 dimensions", tup(*[ONE] * 33), 4, TOO_LARGE),
    ("50,000 dimensions", tup(*[number(2**64)] * 50_000), 4, TOO_LARGE),
    ("(-1,)", tup(number(-1)), 4, NOT_A_SHAPE),
    ("(-2, -2)", tup(number(-2), number(-2)), 16, NOT_A_SHAPE),
    ("(True,)", tup(p.NEWTRUE), 4, NOT_A_SHAPE),
    ("(1.0,)", tup(p.BINFLOAT + struct.pack(">d", 1)), 4, NOT_A_SHAPE),
    ("('1',)", tup(text("1")), 4, NOT_A_SHAPE),
    ("(None,)", tup(p.NONE), 4, NOT_A_SHAPE),
    ("((1,),)", tup(tup(ONE)), 4, NOT_A_SHAPE),
    ("[1]", p.EMPTY_LIST + ONE + p.APPEND, 4, NOT_A_SHAPE),
    ("1", ONE, 4, NOT_A_SHAPE),
    ("None", p.NONE, 4, NOT_A_SHAPE),
    ("tuples 50,000 deep", p.NONE + p.TUPLE1 * 50_000, 4, NOT_A_SHAPE),
]:
    content = data(bytes(size))
    refused(reason, None, {f"tensor of shape {what}": tensor("float32", shape, content)})
    refused("refused: opcode", reason, {
        f"array of shape {what}": array(shape, content),
        f"buffer of shape {what}": call(FROMBUFFER, content, dtype("f4"), shape, text("F")),
    })  # fmt: skip
NOT_BOOL = "a bool tensor holds bytes other than 0 and 1"
refused(NOT_BOOL, None, {"a bool of 2": tensor("bool", tup(ONE), data(b"\2"))})
refused(
    "refused: opcode", NOT_BOOL, {"a NumPy bool of 2": array(tup(ONE), data(b"\2"), dtype("b1"))}
)
refused(
    "refused: opcode", LENGTHS, {"a scalar of 8 bytes": call(SCALAR, dtype("f4"), data(bytes(8)))}
)


# Whole files -----------------------------------------------------------------------------------


def bare(body: bytes) -> bytes:
    return p.PROTO + b"\5" + body + p.STOP


def sealed(body: bytes, version: int = 1) -> bytes:
    """A file whose header and checksum are right, with the body for its tree."""
    start = p.MARK + text("tinygrad-mnist") + p.BININT1 + bytes([version])
    content = start + p.SHORT_BINBYTES + b" " + bytes(32) + body + p.TUPLE + p.STOP
    return resealed(p.PROTO + b"\5" + p.FRAME + U64(len(content)) + content)


def resealed(file: bytes) -> bytes:
    """The file with the checksum that its content has."""
    digest = hashlib.sha256(file[:32] + bytes(32) + file[64:]).digest()
    return file[:32] + digest + file[64:]


def zipped(file: bytes) -> bytes:
    with zipfile.ZipFile(stream := io.BytesIO(), "w") as archive:
        archive.writestr("archive/data.pkl", file)
    return stream.getvalue()


def tarred(file: bytes) -> bytes:
    with tarfile.open(fileobj=(stream := io.BytesIO()), mode="w") as archive:
        entry = tarfile.TarInfo("model.pkl")
        entry.size = len(file)
        archive.addfile(entry, io.BytesIO(file))
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    np.savez(stream := io.BytesIO(), **arrays)
    return stream.getvalue()


GOOD = sealed(p.EMPTY_DICT + setitem(text("weight"), tensor("uint8", tup(ONE), data(b"1"))))
GOOD_NUMPY = pickle.dumps({"weight": np.arange(3.0)}, 4)

# name: (file, words of load()'s error, words of load(numpy_pickle=True)'s error)
NOT_OURS, DAMAGED = "not a file that save\\(\\) writes", "content does not match its SHA-256"
FILES = {
    "empty": (b"", NOT_OURS, "cut short"),
    "one byte": (b"\x80", NOT_OURS, "cut short"),
    "a header alone": (GOOD[:64], DAMAGED, "cut short"),
    "garbage behind": (GOOD + b"garbage", DAMAGED, "7 bytes follow the end"),
    "garbage behind, resealed": (resealed(GOOD + b"garbage"), "7 bytes follow the end", "7 bytes"),
    "one pickle behind another": (GOOD + GOOD, DAMAGED, "bytes follow the end"),
    "two pickles, resealed": (resealed(GOOD + bare(call(SYSTEM, TOUCH))), "follow", "follow"),
    "NumPy pickles behind each other": (GOOD_NUMPY * 2, NOT_OURS, "bytes follow the end"),
    "hostile behind NumPy": (GOOD_NUMPY + bare(call(SYSTEM, TOUCH)), NOT_OURS, "follow"),
    "version 0": (sealed(p.NONE, 0), "version 0; this release reads version 1", "save"),
    "version 255": (sealed(p.NONE, 255), "format version 255;", "save"),
    "zip": (zipped(GOOD), NOT_OURS, "refused: opcode"),
    "tar": (tarred(GOOD), NOT_OURS, "refused: opcode"),
    "gzip": (gzip.compress(GOOD), NOT_OURS, "refused: opcode"),
    "bz2": (bz2.compress(GOOD), NOT_OURS, "cut short|refused"),
    "xz": (lzma.compress(GOOD), NOT_OURS, "refused: opcode"),
    "zip of a hostile pickle": (zipped(bare(call(SYSTEM, TOUCH))), NOT_OURS, "refused: opcode"),
    "npz of objects": (npz(a=np.array([{}])), NOT_OURS, "refused: opcode"),
    "JSON": (json.dumps({"weight": [1, 2]}).encode(), NOT_OURS, "refused: opcode"),
    "text": (b"weights\n", NOT_OURS, "refused: opcode"),
    "a pickled exception": (pickle.dumps(OSError(2, "x")), NOT_OURS, "refused: the name"),
    "a pickle of protocol 0": (pickle.dumps([1], 0), NOT_OURS, "refused: opcode"),
    "our own file": (resealed(GOOD[:-1]), "cut short", "cut short"),
}  # fmt: skip
