"""The part of `torch.utils` that is here: `utils.data`.

Training programs written for PyTorch import it; the package itself does not need it.
A name of `torch.utils` that is missing here is added in a file of its own.
"""

from tinygrad_mnist.utils import data

__all__ = ["data"]
