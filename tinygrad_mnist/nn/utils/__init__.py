"""Tools for whole modules and for many parameters at once, under `torch.nn.utils`' names.

Clip gradients (`clip_grad.py`), flatten parameters (`convert_parameters.py`), pad and pack
sequences (`rnn.py`), compute Parameters (`parametrize.py` and the files built on it), prune
them (`prune.py`), fold batch norms away (`fusion.py`), call modules with other Tensors
(`stateless.py`).
"""

# ruff: noqa: F403

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.nn.utils import parametrizations as parametrizations
    from tinygrad_mnist.nn.utils import parametrize as parametrize
    from tinygrad_mnist.nn.utils import prune as prune
    from tinygrad_mnist.nn.utils import rnn as rnn
    from tinygrad_mnist.nn.utils import stateless as stateless
    from tinygrad_mnist.nn.utils.clip_grad import *
    from tinygrad_mnist.nn.utils.convert_parameters import *
    from tinygrad_mnist.nn.utils.fusion import *
    from tinygrad_mnist.nn.utils.init import *
    from tinygrad_mnist.nn.utils.norm_hooks import *
else:
    __getattr__, __dir__, __all__ = page(
        __name__,
        {
            "": "parametrizations parametrize prune rnn stateless",
            "clip_grad": (
                "clip_grad_norm clip_grad_norm_ clip_grad_value_ clip_grads_with_norm_ "
                "get_total_norm"
            ),
            "convert_parameters": "parameters_to_vector vector_to_parameters",
            "fusion": (
                "fuse_conv_bn_eval fuse_conv_bn_weights fuse_linear_bn_eval fuse_linear_bn_weights"
            ),
            "init": "skip_init",
            "norm_hooks": "remove_spectral_norm remove_weight_norm spectral_norm weight_norm",
        },
    )
