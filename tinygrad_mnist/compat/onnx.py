"""`torch.onnx`: `export` writes what `serialize.exchange.save_onnx` writes."""

from __future__ import annotations

import enum
from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.serialize.exchange import save_onnx


class TrainingMode(enum.Enum):
    """The mode that a model is written in: always evaluation."""

    EVAL, PRESERVE, TRAINING = 0, 1, 2


def export(model: Any, args: Any = (), f: Any = None, **kw: Any) -> None:
    """Write a Sequential of supported layers as an ONNX graph for inputs like `args`.

    The names of inputs and outputs are `save_onnx`'s, the batch may be of any size, and PyTorch's
    other settings have no effect. Raises Unsupported for any other model.
    """
    example = args[0] if isinstance(args, (tuple, list)) else args
    if not isinstance(example, Tensor) or f is None:
        raise TypeError("onnx.export(model, example, path): the example is one Tensor, f a path")
    save_onnx(model, f, input_shape=tuple(example.shape[1:]))


def is_in_onnx_export() -> bool:
    """Return False: exporting runs no program of its own."""
    return False
