"""The libraries whose gradients can be checked, one short file each.

`adapter.py` is the protocol: four methods are needed, the others are optional. `door.py` finds the
library of a call. Each file imports its library inside of functions, when one is called.
"""
