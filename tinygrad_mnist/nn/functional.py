"""`torch.nn.functional`'s names; each is computed in `ops/`, one file a family."""

from typing import Any

from tinygrad_mnist.ops.activation import *  # noqa: F403
from tinygrad_mnist.ops.attention import *  # noqa: F403
from tinygrad_mnist.ops.conv import *  # noqa: F403
from tinygrad_mnist.ops.elementwise import sigmoid as sigmoid
from tinygrad_mnist.ops.elementwise import tanh as tanh
from tinygrad_mnist.ops.linear import *  # noqa: F403
from tinygrad_mnist.ops.loss import *  # noqa: F403
from tinygrad_mnist.ops.norm import *  # noqa: F403
from tinygrad_mnist.ops.pool import *  # noqa: F403


def __getattr__(name: str) -> Any:
    from tinygrad_mnist.missing import instead

    hint = instead("nn.functional", name, globals())
    raise AttributeError(f"module {__name__!r} has no {name!r}{hint}")
