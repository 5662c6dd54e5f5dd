"""Reverse-mode automatic differentiation on NumPy, with PyTorch's names, and MNIST models.

The public names stand here, on one page; each folder's first file says what lives in it.
"""

__version__ = "0.1.0"
