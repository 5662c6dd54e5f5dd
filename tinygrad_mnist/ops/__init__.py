"""The derivative table, and PyTorch's functions composed of its rows, one file per family.

`table.py` is where derivatives are; the families have none. An `elementwise` row is a function and
a method of Tensor as it stands. A family lists in METHODS what of it is also a method. To add an
op, add a row; to add a name that needs no row, compose it in its family.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.hints import no_attribute
from tinygrad_mnist.ops import (
    compare,
    convert,
    create,
    diagonal,
    elementwise,
    index,
    inplace,
    join,
    matmul,
    printing,
    random,
    reduce,
    shape,
    table,
)
from tinygrad_mnist.ops.arguments import device, named
from tinygrad_mnist.ops.refused import refuse

FAMILIES = (
    elementwise, compare, reduce, shape, join, diagonal, index, matmul, create, random
)  # fmt: skip
Operator = Callable[[Any, Any], Any]

OPERATORS: dict[str, Operator] = {
    "add": table.add, "sub": table.sub, "mul": table.mul, "truediv": table.div,
    "matmul": matmul.matmul, "pow": elementwise.pow, "mod": table.remainder,
    "floordiv": table.floor_divide, "and": table.bitwise_and, "or": table.bitwise_or,
    "xor": table.bitwise_xor, "lshift": table.bitwise_left_shift,
    "rshift": table.bitwise_right_shift,
}  # fmt: skip
# Methods whose module is loaded when one of them is first called
LATER = {
    "activation": "hardshrink prelu",
    "arrange": "adjoint dsplit hsplit narrow_copy rot90 sum_to_size unfold unsafe_chunk "
    "unsafe_split unsafe_split_with_sizes vsplit",
    "calculus": "cross cummax cummin diff renorm renorm_",
    "legacy": "_indices _is_view _values as_strided as_subclass ger get_device is_complex "
    "is_conj is_cpu is_inference is_ipu is_meta is_mkldnn is_mps is_mtia is_neg is_nested "
    "is_nonzero is_pinned is_quantized is_same_size is_set_to is_shared is_signed "
    "is_sparse is_sparse_csr is_vulkan is_xla is_xpu layout name ndimension new "
    "output_nr pin_memory resize_ resize_as_ share_memory_ storage_offset "
    "to_dense to_sparse to_sparse_coo type",
    "histogram": "bincount histc histogram",
    "linalg.older": "cholesky cholesky_inverse cholesky_solve det geqrf inverse logdet lu lu_solve "
    "matrix_exp matrix_power orgqr ormqr pinverse qr slogdet svd triangular_solve",
    "scattering": "diagonal_scatter index_put index_put_ index_reduce index_reduce_ masked_scatter "
    "masked_scatter_ nonzero_static put put_ scatter_reduce scatter_reduce_ select_scatter "
    "slice_scatter take",
    "searching": "unique_consecutive",
    "special": "digamma erfinv i0 igamma igammac lgamma mvlgamma polygamma",
    "statistics": "corrcoef cov kthvalue median mode msort nanmedian nanquantile quantile",
}
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


OPERANDS = (Tensor, np.ndarray, np.generic, int, float)


def operation(operator: Operator) -> Operator:
    """An operator that leaves what is neither a Tensor nor a number to Python: x == None."""
    return lambda a, b: operator(a, b) if isinstance(b, OPERANDS) else NotImplemented


def reflected(operator: Operator) -> Operator:
    """other op self, where Python calls self.__rop__(other)."""
    return lambda a, b: operator(b, a) if isinstance(b, OPERANDS) else NotImplemented


def method_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself; of a row of the table, without the wrapper that respells arguments."""
    bare = getattr(function, "__wrapped__", None)
    return bare if hasattr(bare, "op") else function  # type: ignore[return-value]


class Later:
    """A method that is loaded, and set on Tensor, when it is first asked for.

    With an underscore it is the in-place form of the function before it.
    """

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def load(self) -> Any:
        """The function itself."""
        module = import_module(f"{__name__}.{self.module}")
        if self.module == "legacy":  # whose methods have no functions of their names
            return module.METHODS[self.name]
        function = getattr(module, self.name.removesuffix("_"))
        return inplace.method(function) if self.name.endswith("_") else function

    def __get__(self, tensor: Tensor | None, owner: type) -> Any:
        function = self.load()
        setattr(Tensor, self.name, function)
        return function if tensor is None else function.__get__(tensor, owner)


def check_names() -> None:
    """Raise TypeError for a name of two functions, as a row and a composed function."""
    files: dict[str, str] = {}
    for family in FAMILIES:
        for name in family.__all__:
            if name in files:
                raise TypeError(f"{name} names two functions: {files[name]}, {family.__name__}")
            files[name] = family.__name__


def methods() -> dict[str, Any]:
    """The methods, operators and properties that this package gives Tensor, by name."""
    check_names()
    attributes: dict[str, Any] = {
        name: method_of(getattr(family, name)) for family in FAMILIES for name in family.METHODS
    }
    attributes |= convert.METHODS | inplace.METHODS
    for name, operator in OPERATORS.items():
        bare = getattr(operator, "__wrapped__", operator)
        attributes |= {f"__{name}__": operation(bare), f"__r{name}__": reflected(bare)}
    attributes |= {f"__{name}__": operation(getattr(table, name)) for name in COMPARISONS}
    for module, names in LATER.items():
        attributes |= {name: Later(module, name) for name in names.split()}
    return attributes | {
        "__getitem__": index.getitem,
        "__getattr__": unknown,
        "__repr__": printing.text_of,
        "_repr_html_": in_notebook,
        "__neg__": table.neg,
        "__pos__": elementwise.positive,
        "__abs__": table.abs,
        "__invert__": table.bitwise_not,
        "mT": property(
            matrices_transposed, doc="Each matrix in the last two dimensions transposed; a view."
        ),
        "T": property(transposed),
        "H": property(
            matrix_transposed,
            doc="The conjugate transpose, which is `mT`, for all elements are real.",
        ),
        "mH": property(
            matrices_transposed,
            doc="The conjugate transpose of each matrix: `mT`, for all elements are real.",
        ),
        "device": property(lambda x: device("cpu"), doc="The device, which is always the CPU."),
        "is_cuda": property(lambda x: False, doc="Tell whether the Tensor lives on a GPU: False."),
        "real": property(lambda x: x, doc="The Tensor itself: all elements are real."),
        "itemsize": property(
            lambda x: x._data.itemsize, doc="The number of bytes of one element: `element_size()`."
        ),
        "nbytes": property(lambda x: x._data.nbytes, doc="The number of bytes of all elements."),
        "where": where,
    }


def in_notebook(self: Tensor) -> str:
    """The Tensor as HTML, which a notebook shows."""
    from tinygrad_mnist.ops.notebook import render_html

    return render_html(self)


def transposed(x: Tensor) -> Tensor:
    """The dimensions in reverse order; a view."""
    return table.permute(x, axes=tuple(range(x.ndim))[::-1])


def matrices_transposed(x: Tensor) -> Tensor:
    """Each matrix transposed; RuntimeError for a vector."""
    if x.ndim == 1:
        raise RuntimeError(
            "tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    return shape.transpose(x, -1, -2)


def matrix_transposed(x: Tensor) -> Tensor:
    """One matrix transposed; RuntimeError for a vector and for a batch."""
    if x.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {x.ndim}-D tensor; for "
            "batches of matrices there is tensor.mH"
        )
    return transposed(x)


def where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """The elements where `condition` holds, and those of `other` elsewhere."""
    return compare.where(condition, self, other)  # type: ignore[no-any-return]


def unknown(self: Tensor, name: str) -> Any:
    """Raise AttributeError with the nearest method; called for missing names alone."""
    message = f"'{type(self).__name__}' object has no attribute {name!r}"
    if name.startswith("_"):
        raise AttributeError(message)

    def hint() -> str:
        from tinygrad_mnist.missing import instead

        return instead("Tensor", name, dir(Tensor))

    raise no_attribute(message, name, hint)


for _family in FAMILIES:
    named(vars(_family), _family.__all__)
    refuse(vars(_family))
METHODS = methods()
for _name, _value in METHODS.items():
    setattr(Tensor, _name, _value)
