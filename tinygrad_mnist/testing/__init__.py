"""Prove gradients: `gradcheck`, hypothesis strategies for Tensors, and one-line property tests.

`strategies.py`, `graphs.py` and `networks.py` draw, `properties.py` checks one call from every
side, `given.py` joins the two; the numerical derivatives are in `gradients/`. Only strategies need
Hypothesis: it is imported when the name of one is first used.
"""

from typing import TYPE_CHECKING, Any

from tinygrad_mnist.lazy import page
from tinygrad_mnist.testing.gradients.error import GradcheckError
from tinygrad_mnist.testing.gradients.examine import Report, examine
from tinygrad_mnist.testing.gradients.gradcheck import gradcheck, gradgradcheck
from tinygrad_mnist.testing.libraries.adapter import Adapter

if TYPE_CHECKING:
    from tinygrad_mnist.compat.assertions import assert_allclose, assert_close, make_tensor
    from tinygrad_mnist.testing.given import given_gradients
    from tinygrad_mnist.testing.graphs import Program, programs
    from tinygrad_mnist.testing.networks import modules
    from tinygrad_mnist.testing.properties import prove
    from tinygrad_mnist.testing.strategies import arrays, broadcastable, tensors
else:
    _get, __dir__ = page(
        __name__,
        {
            ".compat.assertions": "assert_allclose assert_close make_tensor",  # a layer above
            "given": "given_gradients",
            "graphs": "Program programs",
            "networks": "modules",
            "properties": "prove",
            "strategies": "arrays broadcastable tensors",
        },
    )[:2]

    def __getattr__(name: str) -> Any:
        try:
            return _get(name)
        except ImportError as error:
            raise ImportError(
                f"{__name__}.{name} needs hypothesis: pip install 'tinygrad-mnist[test]'"
            ) from error


__all__ = [
    "Adapter", "GradcheckError", "Program", "Report", "arrays", "assert_allclose", "assert_close",
    "broadcastable", "examine", "given_gradients", "gradcheck", "gradgradcheck", "make_tensor",
    "modules", "programs", "prove", "tensors",
]  # fmt: skip
