"""Pictures of recorded computations: `tg.utils.graph`.

`picture.py` has the function and the object that it returns. `collect.py` reads the graph into
plain numbers and names, with `sources.py` for the values that no op computed and `frames.py` for
the layers; `columns.py` arranges the ops, and `svg.py`, `dot.py` and `listing.py` write them.
"""
