"""Linear algebra: the functions of `tinygrad_mnist.linalg`, and their older names.

`solve.py` solves equations, `factor.py` has the factorizations, `measure.py` numbers that describe
a matrix, `products.py` products and powers, `older.py` the names outside of `linalg`. The
derivatives are in `further.py`. All is loaded when one of the names is first used.
"""
