"""State dicts in other libraries' files: safetensors, PyTorch, Keras, NumPy; models as ONNX.

One file per format, each with `save_` and `load_`; each library is an extra, imported when it is
needed. They share `arrays.py`: the arrays that a state dict may hold, and the error of a missing
extra. Names and shapes are the state dict's own; each file documents the names of its format.
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
