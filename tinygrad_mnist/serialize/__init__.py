"""State dicts on disk: a pickle of built-in types (docs/format.md), written whole, safe to read.

Every file is read through guard.py, which refuses each opcode that is not in its table. format.py
defines the content of a file, numpy_pickle.py adds the opcodes of NumPy's own pickles, files.py
opens files.
"""

from tinygrad_mnist.files import atomic_write
from tinygrad_mnist.serialize.format import ArrayInfo, inspect, load, save
from tinygrad_mnist.serialize.guard import FormatError, UnsafeFileError

__all__ = ["ArrayInfo", "FormatError", "UnsafeFileError", "atomic_write", "inspect", "load", "save"]
