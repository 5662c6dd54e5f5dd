"""docs/jit.md runs, and shows what is printed."""

import doctest
from pathlib import Path


def test_the_page_runs() -> None:
    page = Path(__file__).parents[2] / "docs" / "jit.md"
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert failed == 0 and tried > 10
