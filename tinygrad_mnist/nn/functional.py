"""`torch.nn.functional`'s names; each is computed in `ops/`, one file per family."""

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page
from tinygrad_mnist.ops.activation import *  # noqa: F403
from tinygrad_mnist.ops.attention import *  # noqa: F403
from tinygrad_mnist.ops.conv import *  # noqa: F403
from tinygrad_mnist.ops.elementwise import sigmoid as sigmoid
from tinygrad_mnist.ops.elementwise import tanh as tanh
from tinygrad_mnist.ops.linear import *  # noqa: F403
from tinygrad_mnist.ops.loss import *  # noqa: F403
from tinygrad_mnist.ops.norm import *  # noqa: F403
from tinygrad_mnist.ops.pool import *  # noqa: F403

if TYPE_CHECKING:
    from tinygrad_mnist.compat.overrides import handle_torch_function as handle_torch_function
    from tinygrad_mnist.compat.overrides import has_torch_function as has_torch_function
    from tinygrad_mnist.compat.overrides import (
        has_torch_function_unary as has_torch_function_unary,
    )
    from tinygrad_mnist.compat.overrides import (
        has_torch_function_variadic as has_torch_function_variadic,
    )
    from tinygrad_mnist.ops.activation_inplace import *  # noqa: F403
    from tinygrad_mnist.ops.adaptive_pool import *  # noqa: F403
    from tinygrad_mnist.ops.ctc import *  # noqa: F403
    from tinygrad_mnist.ops.fold import *  # noqa: F403
    from tinygrad_mnist.ops.grid import *  # noqa: F403
    from tinygrad_mnist.ops.margin import *  # noqa: F403
    from tinygrad_mnist.ops.resample import *  # noqa: F403
else:
    __getattr__, __dir__ = page(
        __name__,
        {
            "..compat.overrides": (
                "handle_torch_function has_torch_function has_torch_function_unary "
                "has_torch_function_variadic"
            ),
            "..ops.activation_inplace": (
                "alpha_dropout_ celu_ dropout_ elu_ feature_alpha_dropout_ hardtanh_ leaky_relu_ "
                "relu_ rrelu_ selu_ threshold_"
            ),
            "..ops.adaptive_pool": (
                "adaptive_max_pool1d adaptive_max_pool1d_with_indices adaptive_max_pool2d "
                "adaptive_max_pool2d_with_indices adaptive_max_pool3d "
                "adaptive_max_pool3d_with_indices fractional_max_pool2d "
                "fractional_max_pool2d_with_indices fractional_max_pool3d "
                "fractional_max_pool3d_with_indices lp_pool1d lp_pool2d lp_pool3d max_unpool1d "
                "max_unpool2d max_unpool3d"
            ),
            "..ops.ctc": "ctc_loss",
            "..ops.fold": (
                "channel_shuffle fold native_channel_shuffle pixel_shuffle pixel_unshuffle unfold"
            ),
            "..ops.grid": "affine_grid grid_sample",
            "..ops.margin": (
                "linear_cross_entropy multi_margin_loss multilabel_margin_loss "
                "multilabel_soft_margin_loss triplet_margin_with_distance_loss"
            ),
            "..ops.resample": "interpolate upsample upsample_bilinear upsample_nearest",
        },
    )[:2]
