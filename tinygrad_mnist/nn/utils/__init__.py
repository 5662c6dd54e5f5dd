"""What is done to modules and to many parameters at once, under `torch.nn.utils`' names.

Clip gradients (`clip_grad.py`), flatten parameters (`convert_parameters.py`), pad and pack
sequences (`rnn.py`).
"""

# ruff: noqa: F403

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.nn.utils import rnn as rnn
    from tinygrad_mnist.nn.utils.clip_grad import *
    from tinygrad_mnist.nn.utils.convert_parameters import *
else:
    __getattr__, __dir__, __all__ = page(
        __name__,
        {
            "": "rnn",
            "clip_grad": (
                "clip_grad_norm clip_grad_norm_ clip_grad_value_ clip_grads_with_norm_ "
                "get_total_norm"
            ),
            "convert_parameters": "parameters_to_vector vector_to_parameters",
        },
    )
