"""State dicts on disk: a pickle of built-in types (docs/format.md), never torn, safe to read.

guard.py is the reader's only door: an opcode is allowed there or refused; format.py says what a
file holds, numpy_pickle.py what else NumPy's own pickles need, files.py what is read and written.
"""

from tinygrad_mnist.files import atomic_write
from tinygrad_mnist.serialize.format import ArrayInfo, inspect, load, save
from tinygrad_mnist.serialize.guard import FormatError, UnsafeFileError

__all__ = ["ArrayInfo", "FormatError", "UnsafeFileError", "atomic_write", "inspect", "load", "save"]
