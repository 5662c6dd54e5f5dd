"""What PyTorch keeps in `torch.utils`, as far as it is here: `utils.data`.

Training programs written for PyTorch import it; the package itself does not need it.
"""

from tinygrad_mnist.utils import data

__all__ = ["data"]
