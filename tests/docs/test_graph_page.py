"""docs/graph.md: its examples run."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "graph.md"


def test_the_examples_run(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, optionflags=options)
    assert failed == 0 and tried > 10
