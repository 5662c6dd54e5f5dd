"""State dicts in other libraries' files: safetensors, PyTorch, Keras, NumPy; models as ONNX.

One file a format, each with `save_` and `load_`; each library is an extra, imported when it is
needed. `arrays.py` is what they share: which arrays a state dict may hold, and which extra is
missing. Names and shapes are the state dict's own: what a format calls them stands in its file.
"""

from tinygrad_mnist.serialize.exchange.arrays import MissingExtra, Unsupported
from tinygrad_mnist.serialize.exchange.h5_file import load_h5, save_h5
from tinygrad_mnist.serialize.exchange.npz_file import load_npz, save_npz
from tinygrad_mnist.serialize.exchange.onnx_file import save_onnx
from tinygrad_mnist.serialize.exchange.safetensors_file import load_safetensors, save_safetensors
from tinygrad_mnist.serialize.exchange.torch_file import load_torch, save_torch

__all__ = [
    "MissingExtra", "Unsupported", "load_h5", "load_npz", "load_safetensors", "load_torch",
    "save_h5", "save_npz", "save_onnx", "save_safetensors", "save_torch",
]  # fmt: skip
