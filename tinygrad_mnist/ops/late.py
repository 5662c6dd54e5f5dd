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
    "old": (
        "_indices _is_view _values apply_ as_strided as_subclass ger get_device is_complex is_conj "
        "is_cpu is_inference is_ipu is_meta is_mkldnn is_mps is_mtia is_neg is_nested is_nonzero "
        "is_pinned is_quantized is_same_size is_set_to is_shared is_signed is_sparse is_sparse_csr "
        "is_vulkan is_xla is_xpu layout map_ name ndimension new output_nr pin_memory resize_ "
        "resize_as_ resolve_neg share_memory_ storage_offset to_dense to_sparse to_sparse_coo type"
    ),
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
        if self.family == "old":  # where methods have no functions of their names
            return module.METHODS[self.name]
        if not self.name.endswith("_"):
            return getattr(module, self.name)
        from tinygrad_mnist.ops.inplace import method

        return method(getattr(module, self.name[:-1]))

    def __get__(self, tensor: Tensor | None, owner: type) -> Any:
        function = self.found()
        setattr(Tensor, self.name, function)
        return function if tensor is None else function.__get__(tensor, owner)


METHODS = {name: Late(family, name) for family, names in FAMILIES.items() for name in names.split()}
