"""Reads every file of the folder given, as an attack would have it, and tells what happened.

It runs in a process of its own, with little memory to spare and an audit hook that notes every
event besides opening the file itself. A file may have a fifth of the opcodes that the guard allows
elsewhere, in a fifth of the memory. One JSON line a file: mode, name, error, message, events.
"""

import json
import os
import pathlib
import resource
import sys

import tinygrad_mnist.serialize.numpy_pickle
from tests.attacks.corpus import MOST_OPCODES
from tinygrad_mnist.serialize import guard, load

SPARE_BYTES = (256 << 20) * MOST_OPCODES // guard.MAX_OPCODES
events: list[str] | None = None


def note(event: str, arguments: tuple[object, ...]) -> None:
    if events is not None and not (event == "open" and str(arguments[0]).endswith(".attack")):
        events.append(event)


def attempt(path: pathlib.Path, numpy_pickle: bool) -> tuple[str, str]:
    try:
        load(path, numpy_pickle=numpy_pickle)
    except Exception as error:
        return type(error).__name__, str(error)
    return "none", "it was read"


if __name__ == "__main__":
    assert tinygrad_mnist.serialize.numpy_pickle  # imported before the hook listens
    folder = pathlib.Path(sys.argv[1])
    os.chdir(folder)
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    guard.MAX_OPCODES = MOST_OPCODES
    sys.addaudithook(note)
    for path in sorted(folder.glob("*.attack")):
        numpy_pickle = path.name.startswith("numpy")
        events = []
        error, message = attempt(path, numpy_pickle)
        noted, events = events, None
        print(json.dumps([path.stem, error, message, noted]), flush=True)
