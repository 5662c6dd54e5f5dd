"""The examples of docs/jit.md and docs/one-step.md run, and print what the pages show."""

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("name", "least"), [("jit.md", 30), ("one-step.md", 20)])
def test_the_page_runs(name: str, least: int) -> None:
    failed, tried = doctest.testfile(
        str(DOCS / name), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert failed == 0 and tried > least
