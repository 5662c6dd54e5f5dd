"""Methods of Tensor whose families are imported when they are first asked for.

An import pays for a name here and nothing more. The same families' functions stand on the package's
page; in-place forms are made as in `inplace.py`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor

# {family: its methods}; one with an underscore is the in-place form of the function before it.
FAMILIES = {
    "arrange": (
        "adjoint dsplit hsplit narrow_copy rot90 sum_to_size unfold unsafe_chunk unsafe_split "
        "unsafe_split_with_sizes vsplit"
    ),
    "calculus": "cross cummax cummin diff renorm renorm_",
    "place": (
        "diagonal_scatter index_put index_put_ index_reduce index_reduce_ masked_scatter "
        "masked_scatter_ nonzero_static put put_ scatter_reduce scatter_reduce_ select_scatter "
        "slice_scatter take"
    ),
    "searching": "unique_consecutive",
    "statistics": (
        "bincount corrcoef cov histc histogram kthvalue median mode msort nanmedian nanquantile "
        "quantile"
    ),
}  # fmt: skip


class Late:
    """A method that is imported, and put into its place on Tensor, when it is first asked for."""

    def __init__(self, family: str, name: str) -> None:
        self.family, self.name = family, name

    def found(self) -> Any:
        """The function itself."""
        module = import_module(f"tinygrad_mnist.ops.{self.family}")
        if not self.name.endswith("_"):
            return getattr(module, self.name)
        from tinygrad_mnist.ops.inplace import method

        return method(getattr(module, self.name[:-1]))

    def __get__(self, tensor: Tensor | None, owner: type) -> Any:
        function = self.found()
        setattr(Tensor, self.name, function)
        return function if tensor is None else function.__get__(tensor, owner)


METHODS = {name: Late(family, name) for family, names in FAMILIES.items() for name in names.split()}
