"""The NumPy kernels that NumPy itself does not have as one function: ndarrays in, ndarrays out.

They import numpy alone, use no Tensors or gradients, and change none of their inputs.
Positional arguments are arrays or numbers, keyword-only ones are settings. Layout is decided here.
A file for each section of `ops/table.py`, whose heading names it; beside them stands what they
share: `elementwise`, `sums`, `scratch`, `checks`, `winograd`.
"""
