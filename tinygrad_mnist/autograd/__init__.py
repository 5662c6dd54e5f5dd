"""How differentiation works: Tensors, recorded calls, and one walk over them.

No op is named here: `ops/table.py` declares them, and sets in `supplied.py` those that the walk
needs. Read `graph.py`, `tensor.py`, `op.py`, `record.py`, then `engine.py`; change an op in the
table, never here. Beside the engine stand PyTorch's tools: `function.py` and `functional.py`, under
PyTorch's own import paths, `anomaly.py` and `memory.py`. The engine imports none of them.
"""

from typing import TYPE_CHECKING

from tinygrad_mnist.autograd.engine import backward, grad
from tinygrad_mnist.autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from tinygrad_mnist.autograd.op import REGISTRY, Op
from tinygrad_mnist.autograd.record import op
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.autograd import functional
    from tinygrad_mnist.autograd.anomaly import (
        detect_anomaly,
        is_anomaly_enabled,
        set_detect_anomaly,
    )
    from tinygrad_mnist.autograd.function import Function, once_differentiable
    from tinygrad_mnist.autograd.memory import graph_memory
    from tinygrad_mnist.compat.tensors import Variable
    from tinygrad_mnist.testing.gradients.gradcheck import gradcheck, gradgradcheck
else:
    __getattr__, __dir__ = page(
        __name__,
        {
            "": "functional",
            "anomaly": "detect_anomaly is_anomaly_enabled set_detect_anomaly",
            "function": "Function once_differentiable",
            "memory": "graph_memory",
            ".compat.tensors": "Variable",  # layers above: on demand
            ".testing.gradients.gradcheck": "gradcheck gradgradcheck",
        },
    )[:2]

__all__ = [
    "REGISTRY", "Function", "Op", "Tensor", "Variable", "backward", "detect_anomaly",
    "enable_grad", "functional", "grad", "gradcheck", "gradgradcheck", "graph_memory",
    "inference_mode",
    "is_anomaly_enabled", "is_grad_enabled", "no_grad", "once_differentiable", "op",
    "set_detect_anomaly", "set_grad_enabled",
]  # fmt: skip
