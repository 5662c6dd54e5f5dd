"""Rows of the table that are public as they stand: a function and a method of the row's name.

`elementwise` declares such a row; `publish` makes the functions, for `rows.py`. The families list
them: `elementwise.py` those that have a derivative, `compare.py` the others.
"""

from __future__ import annotations

import inspect
import keyword
import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd.dtypes import REFUSED
from tinygrad_mnist.autograd.op import Kernel, Op
from tinygrad_mnist.autograd.record import name_rows, op
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops.arguments import public

# The signatures that `help` shows, by the number of arrays.
SIGNATURES = {
    n: inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation)
            for name, annotation in arrays
        ],
        return_annotation="Tensor",
    )
    for n, arrays in {1: [("input", "Tensor")], 2: [("input", "Any"), ("other", "Any")]}.items()
}
SHAPES = {
    1: "The result has the shape of `input`.",
    2: "`input` and `other`, of which one may be a number, broadcast.",
}


class Publication(NamedTuple):
    """The public names of a row besides its own, and its docstring."""

    aliases: tuple[str, ...]
    doc: str


def elementwise(
    kernel: Kernel, *, also: str = "", doc: str = "", **rules: Any
) -> Callable[..., Tensor]:
    """Declare an op that is a public function and a method of Tensor without further code.

    `also` holds its other names, separated by spaces. `doc` is the first sentence of its
    docstring, in place of the kernel's. A second sentence, of shapes and dtypes, is added.
    """
    row = op(kernel, **rules)
    declared: Op = row.op  # type: ignore[attr-defined]
    if len(declared.params) not in SIGNATURES or declared.keywords:
        names = ", ".join((*declared.params, *declared.keywords))
        raise TypeError(
            f"{declared.name}: a public elementwise op takes one array or two and no settings, "
            f"not ({names}); declare it with op(), and write its public function in its "
            "family's file"
        )
    results = getattr(kernel, "nout", 1)
    if results != 1:
        raise TypeError(f"{declared.name}: an op has one result, and this kernel {results}")
    if not isinstance(also, str):
        raise TypeError(f"{declared.name}: also={also!r} must be names in one str, with spaces")
    row.publication = Publication(tuple(also.split()), doc)  # type: ignore[attr-defined]
    return row


def publications(table: ModuleType) -> Iterator[tuple[Any, Publication]]:
    """Yield the public rows, each with its publication."""
    for row in list(vars(table).values()):
        publication = getattr(row, "publication", None)
        if publication is not None:
            yield row, publication


def publish(page: dict[str, Any], table: ModuleType) -> list[str]:
    """Put the public functions of the table's rows into a module's globals; return their names.

    First name all rows and enter them in REGISTRY. Raises TypeError for a name of two rows.
    """
    name_rows(vars(table))
    names: list[str] = []
    for row, publication in publications(table):
        function = public_function(row, publication, page["__name__"])
        for name in (row.op.row, *publication.aliases):
            check_name(name, names)
            page[name] = function
            names.append(name)
    return names


def check_name(name: str, earlier: list[str]) -> None:
    """Raise TypeError for a name that a public function and method cannot have."""
    if name in earlier:
        raise TypeError(f"{name} is the name of two rows of the table")
    if not name.isidentifier() or keyword.iskeyword(name) or name.endswith("_"):
        raise TypeError(
            f"{name!r} cannot be the name of a row: it must be an identifier without an underscore "
            "at its end, which stands for the form in place"
        )
    if hasattr(Tensor, name):  # the methods of the families come later
        raise TypeError(f"{name} cannot be the name of a row: Tensor.{name} is something else")


def public_names(table: ModuleType, with_rules: bool) -> list[str]:
    """The names of the public rows that have a rule, or of those that have none."""
    return [
        name
        for row, publication in publications(table)
        if any(row.op.rules) == with_rules
        for name in (row.op.row, *publication.aliases)
    ]


def public_function(row: Any, publication: Publication, module: str) -> Callable[..., Tensor]:
    """Make the function that users call for a row; the row is the method, with the same help."""
    kernel, arrays = row.op.kernel, len(row.op.params)
    own = not isinstance(kernel, np.ufunc)
    first = publication.doc or (first_paragraph(kernel) if own else row.__doc__)
    if not first and sys.flags.optimize < 2:
        raise TypeError(f"{row.op.row}: its kernel has no docstring; write doc='A sentence.'")
    row.__doc__ = f"{in_public_words(first)}\n\n{SHAPES[arrays]} {dtypes_of(kernel)}".rstrip()
    row.__signature__ = SIGNATURES[arrays]
    function: Any = public(row)
    function.__module__, function.__signature__ = module, row.__signature__
    return function  # type: ignore[no-any-return]


def first_paragraph(kernel: Kernel) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((kernel.__doc__ or "").partition("\n\n")[0].split())


def in_public_words(doc: str) -> str:
    """A kernel's docstring with PyTorch's names of arguments instead of NumPy's."""
    words = {"x": "input", "x1": "input", "x2": "other"}
    return re.sub(r"\b(x[12]?)\b", lambda match: words[match[0]], doc)


def dtypes_of(kernel: Kernel) -> str:
    """A sentence on the dtypes of a ufunc; kernels of our own have one already."""
    if not isinstance(kernel, np.ufunc):
        return ""
    d, q = "d" * kernel.nin, "q" * kernel.nin
    if f"{d}->?" in kernel.types:
        return "The result is of bools."
    if f"{d}->d" not in kernel.types:
        return "Raises DTypeError for floats."
    if kernel in REFUSED:
        return "Raises DTypeError for integers and bools."
    if f"{q}->q" in kernel.types:
        return "Integers stay integers."
    return "Of integers and bools the result is in the default dtype."
