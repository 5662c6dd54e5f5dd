"""Prove gradients: `gradcheck`, hypothesis strategies for Tensors, and property tests in a line.

`strategies.py`, `graphs.py` and `networks.py` draw, `properties.py` checks one call from every
side, `given.py` joins the two; the numerical derivatives are in `autograd/`. Hypothesis is needed
only by what draws: it is imported when one of those names is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.autograd.examine import Report, examine
from tinygrad_mnist.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck

if TYPE_CHECKING:
    from tinygrad_mnist.testing.given import given_gradients
    from tinygrad_mnist.testing.graphs import Program, programs
    from tinygrad_mnist.testing.networks import modules
    from tinygrad_mnist.testing.properties import prove
    from tinygrad_mnist.testing.strategies import arrays, broadcastable, tensors

__all__ = [
    "GradcheckError",
    "Program",
    "Report",
    "arrays",
    "broadcastable",
    "examine",
    "given_gradients",
    "gradcheck",
    "gradgradcheck",
    "modules",
    "programs",
    "prove",
    "tensors",
]

_HOME = {
    "arrays": "strategies", "broadcastable": "strategies", "tensors": "strategies",
    "given_gradients": "given", "modules": "networks", "programs": "graphs",
    "Program": "graphs", "prove": "properties",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_HOME[name]}")
    except ImportError as error:
        raise ImportError(
            f"{__name__}.{name} needs hypothesis: pip install 'tinygrad-mnist[test]'"
        ) from error
    value = globals()[name] = getattr(module, name)
    return value
