"""What is done to many parameters at once: clip their gradients, flatten them to one vector.

Each function takes what `module.parameters()` gives; nothing here is recorded for backward but
`parameters_to_vector`. The files have PyTorch's names.
"""

from tinygrad_mnist.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_, get_total_norm
from tinygrad_mnist.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "get_total_norm", "parameters_to_vector",
    "vector_to_parameters",
]  # fmt: skip
