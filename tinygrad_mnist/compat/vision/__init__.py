"""The part of torchvision that MNIST programs need: `datasets`, `transforms`, `utils`.

Images are Pillow's where it is installed and ndarrays (H, W) elsewhere; transforms take both, and
Tensors (C, H, W). `compat/torch.py` puts this folder under the name `torchvision`.
"""

from tinygrad_mnist import __version__ as __version__
from tinygrad_mnist.lazy import page

__getattr__, __dir__, __all__ = page(__name__, {"": "datasets transforms utils"})
