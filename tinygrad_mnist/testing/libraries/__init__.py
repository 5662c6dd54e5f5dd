"""The libraries whose gradients can be checked, one short file each.

`adapter.py` is the protocol: four methods, and more for what a library does beyond them. `door.py`
finds the library of a call. Each file imports its library inside of functions, when it is called.
"""
