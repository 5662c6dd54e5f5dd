"""Linear algebra: the functions of `tinygrad_mnist.linalg`, and their older names.

`solve.py` has what solves equations, `factor.py` the factorizations, `measure.py` numbers that
describe a matrix, `products.py` products and powers, `older.py` the names outside of `linalg`.
The derivatives are in the table, as all others. Loaded when one of the names is first asked for.
"""
