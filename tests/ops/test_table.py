"""The table and `kernels/` have the same sections: a row's kernel is NumPy's, or in its file."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_mnist import kernels
from tinygrad_mnist.autograd import REGISTRY
from tinygrad_mnist.ops import further, layers, table

SHARED = {  # what several kernels are made of
    "axpby",
    "banded",
    "blocks",
    "buffers",
    "checks",
    "columns",
    "depthwise",
    "elementwise",
    "grouped",
    "over_steps",
    "parallel",
    "pooled_conv",
    "scratch",
    "spinning",
    "sums",
    "transforms",
    "winograd",
    "winograd_rows",
}


def sections(source: str) -> Iterator[tuple[str, list[str]]]:
    """Each heading of the table with the names of its rows."""
    first = re.search(r"^# (?=Arithmetic|Special functions|Recurrent)", source, re.MULTILINE)
    body = source[first.start() : source.index("# Short words")]
    for part in re.split(r"^# ", body, flags=re.MULTILINE)[1:]:
        heading, _, rows = part.partition("\n")
        yield heading, re.findall(r"^(\w+)(?:: OpCall)? = (?:op|elementwise)\(", rows, re.MULTILINE)


KERNELS = {name: op.kernel for name, op in REGISTRY.items()}
SECTIONS = {
    heading: names
    for page in (table, further, layers)
    for heading, names in sections(inspect.getsource(page))
}


def strays(heading: str, names: list[str], table_rows: dict[str, Any]) -> list[str]:
    """The rows of a section whose kernel is neither NumPy's nor in the section's file."""
    file = re.search(r"\(kernels/(\w+)\.py\)", heading)
    home = f"tinygrad_mnist.kernels.{file[1]}" if file else None
    own = [n for n in names if not isinstance(table_rows[n], np.ufunc)]
    return [f"{n} in {table_rows[n].__module__}" for n in own if table_rows[n].__module__ != home]


def test_every_row_stands_in_a_section() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(REGISTRY)


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_kernels_of_a_section_are_in_its_file(heading: str) -> None:
    assert strays(heading, SECTIONS[heading], KERNELS) == []


def test_each_file_of_kernels_belongs_to_one_section() -> None:
    files = {path.stem for path in Path(kernels.__path__[0]).glob("*.py")} - {"__init__"}
    named = re.findall(r"\(kernels/(\w+)\.py\)", "\n".join(SECTIONS))
    assert sorted(set(named)) == sorted(files - SHARED)


def test_a_kernel_in_another_file_is_found() -> None:
    assert strays("Activations (kernels/activation.py)", ["relu", "exp"], KERNELS) == []
    stray = ["relu in tinygrad_mnist.kernels.activation"]
    assert strays("Steps (kernels/steps.py): zero or one", ["relu", "exp"], KERNELS) == stray
    assert strays("Exponentials and powers", ["relu", "exp"], KERNELS) == stray
