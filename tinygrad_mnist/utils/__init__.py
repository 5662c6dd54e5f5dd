"""The part of `torch.utils` that is here: `utils.data`, and paths to others; and `graph`.

Training programs written for PyTorch import `utils.data`; the package itself does not need it.
`checkpoint`, `_pytree` and their like are found by `paths.py`. `graph` draws what was recorded, and
`LayerCalls` notes which layer recorded it.
"""

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.nn.calls import LayerCalls as LayerCalls
    from tinygrad_mnist.utils import data as data
    from tinygrad_mnist.utils.graphs.picture import Graph as Graph
    from tinygrad_mnist.utils.graphs.picture import graph as graph
else:
    __getattr__, __dir__, __all__ = page(
        __name__, {"": "data", "graphs.picture": "Graph graph", ".nn.calls": "LayerCalls"}
    )
