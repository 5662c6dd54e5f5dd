"""Prove gradients: `gradcheck`, hypothesis strategies for Tensors, and property tests in a line.

`strategies.py` draws, `properties.py` checks one call from every side, the numerical derivatives
are in `autograd/`. Hypothesis is imported only by what draws; nothing here is imported by training.
"""

from tinygrad_mnist.autograd.examine import Report, examine
from tinygrad_mnist.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "Report", "examine", "gradcheck", "gradgradcheck"]
