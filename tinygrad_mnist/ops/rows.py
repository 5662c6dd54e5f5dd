"""The rows of the table that are public as they stand, each under its names.

Type checkers read `rows.pyi` instead, which scripts/write_stub.py writes.
"""

from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.published import publish
from tinygrad_mnist.ops.refused import refuse

__all__ = publish(globals(), table)
refuse(globals())
