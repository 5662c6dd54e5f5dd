"""Modules: parameters, layers and losses, under `torch.nn`'s names.

`module.py` is what all of them share; `layers/` holds one file a family; `functional.py` lists the
functions, which are computed in `ops/`. Parameters' names and shapes are in people's files: keep.
"""

from typing import Any

from tinygrad_mnist.nn import functional as functional
from tinygrad_mnist.nn import init as init
from tinygrad_mnist.nn import utils as utils
from tinygrad_mnist.nn.containers import *  # noqa: F403
from tinygrad_mnist.nn.layers.activation import *  # noqa: F403
from tinygrad_mnist.nn.layers.attention import *  # noqa: F403
from tinygrad_mnist.nn.layers.conv import *  # noqa: F403
from tinygrad_mnist.nn.layers.embedding import *  # noqa: F403
from tinygrad_mnist.nn.layers.linear import *  # noqa: F403
from tinygrad_mnist.nn.layers.norm import *  # noqa: F403
from tinygrad_mnist.nn.layers.pool import *  # noqa: F403
from tinygrad_mnist.nn.layers.rnn import *  # noqa: F403
from tinygrad_mnist.nn.loss import *  # noqa: F403
from tinygrad_mnist.nn.module import Module as Module
from tinygrad_mnist.nn.parameter import Parameter as Parameter
from tinygrad_mnist.ops.arguments import nearest


def __getattr__(name: str) -> Any:
    raise AttributeError(f"module {__name__!r} has no {name!r}{nearest(name, globals())}")
