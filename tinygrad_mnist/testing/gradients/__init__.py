"""The gradient checker: numerical derivatives with error estimates, beside the analytic ones.

`gradcheck.py` is the entry and `examine.py` the steps. `problem.py` moves the inputs, `ruler.py`
measures slopes with the formulas of `numeric.py`, `diagnosis.py` guesses the kind of a mistake.
"""
