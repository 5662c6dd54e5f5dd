"""Every public function, class and method of Tensor says in a sentence of its own what it is."""

import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.autograd import op

PAGES = [
    "", "autograd", "autograd.functional", "nn", "nn.functional", "nn.init", "nn.utils", "optim",
    "optim.lr_scheduler", "testing", "utils.data", "linalg", "special", "fft",
]  # fmt: skip


def of_page(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The package's own functions and classes that a user finds on a page."""
    for name in dir(module):
        thing = getattr(module, name)
        own = (getattr(thing, "__module__", None) or "").startswith("tinygrad_mnist")
        if (
            not name.startswith("_")
            and own
            and (inspect.isclass(thing) or inspect.isroutine(thing))
        ):
            yield f"{module.__name__}.{name}", thing


def of_tensor() -> Iterator[tuple[str, Any]]:
    """The public methods and properties of Tensor."""
    for name in dir(tg.Tensor):
        if not name.startswith("_"):
            thing = inspect.getattr_static(tg.Tensor, name)
            yield f"Tensor.{name}", thing.load() if isinstance(thing, tg.ops.Later) else thing


def everything() -> dict[str, Any]:
    objects = dict(of_tensor())
    for page in PAGES:
        objects |= of_page(importlib.import_module(f"tinygrad_mnist.{page}".rstrip(".")))
    return objects


def fault(name: str, thing: Any) -> str | None:
    """Return the fault of a docstring, or None."""
    doc = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    if not doc:
        return "has no docstring of its own"
    first = " ".join(inspect.cleandoc(doc).partition("\n\n")[0].split())
    short = name.rpartition(".")[2]
    if first.startswith((f"{short}(", "<")):
        return f"has only its signature: {first}"
    if len(first.split()) < 3 or not first.endswith((".", ":")):
        return f"has no sentence: {first!r}"
    return None


def test_every_public_name_has_a_sentence() -> None:
    objects = everything()
    assert len(objects) > 800 and {"tinygrad_mnist.exp", "Tensor.exp", "Tensor.shape"} <= set(
        objects
    )
    faults = [f"{name} {why}" for name, thing in objects.items() if (why := fault(name, thing))]
    assert not faults, "\n".join(faults)


def test_no_two_functions_share_a_sentence() -> None:
    """But for a function and its method or its class: nn.Tanhshrink and F.tanhshrink."""
    by_doc = defaultdict(dict)
    for name, thing in everything().items():
        doc = thing.__doc__ or ""
        inner = inspect.unwrap(thing) if isinstance(thing, FunctionType) else thing
        if not doc.startswith("In place:"):
            short = name.rpartition(".")[2].replace("_", "").lower()
            by_doc[doc].setdefault(id(inner), short)
    shared = [set(names.values()) for names in by_doc.values() if len(set(names.values())) > 1]
    assert not shared, shared


class Silent(tg.nn.Linear):
    pass


def silent() -> None:
    pass


def terse() -> None:
    """Normal."""


@pytest.mark.parametrize(
    ("thing", "why"),
    [
        (Silent, "has no docstring of its own"),
        (silent, "has no docstring of its own"),
        (terse, "has no sentence: 'Normal.'"),
        (type("Pair", (), {"__doc__": "Pair(a, b)"}), "has only its signature: Pair(a, b)"),
    ],
    ids=["inherited", "none", "one word", "signature"],
)
def test_a_planted_fault_is_found(thing: Any, why: str) -> None:
    assert fault(f"tg.{thing.__name__}", thing) == why


def test_a_row_whose_kernel_has_no_docstring_is_found() -> None:
    row = op(lambda x: np.exp(x), x=lambda g, y: g * y)
    assert fault("tg.row", row) == "has no docstring of its own"
    row.__doc__ = repr(row.op)  # what a row of the table gets if its kernel has no docstring
    assert fault("tg.row", row) == "has only its signature: <op <lambda>(x)>"
