"""The part of `torch.utils` that is here: `utils.data`, and paths to others.

Training programs written for PyTorch import it; the package itself does not need it.
`checkpoint`, `_pytree` and their like are found by `paths.py`.
"""

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.utils import data as data
else:
    __getattr__, __dir__, __all__ = page(__name__, {"": "data"})
