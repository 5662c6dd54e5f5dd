"""Data: the IDX file format, MNIST wherever it can be found, and mini-batches.

Functions take and return NumPy arrays: nothing here uses a Tensor, a module or a gradient.
`embedded/` is made by scripts/make_embedded.py and is not edited by hand.
"""

from tinygrad_mnist.data.digits import Mnist
from tinygrad_mnist.data.idx import DataError, read_idx, write_idx
from tinygrad_mnist.data.loader import batches
from tinygrad_mnist.data.mnist import cache_dir, fetch, load_embedded, load_mnist, verify
from tinygrad_mnist.data.stored import StoredArray, open_array
from tinygrad_mnist.data.transforms import as_inputs, normalize, one_hot

__all__ = [
    "DataError", "Mnist", "StoredArray", "as_inputs", "batches", "cache_dir", "fetch",
    "load_embedded", "load_mnist", "normalize", "one_hot", "open_array", "read_idx", "verify",
    "write_idx",
]  # fmt: skip
