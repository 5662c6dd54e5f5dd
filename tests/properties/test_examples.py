"""Examples that are to be the same each time are so, whatever has been imported."""

import importlib
import sys
from pathlib import Path

import hypothesis.strategies as st
import pytest

from tests.properties.examples import same_examples


def test_a_module_that_is_imported_in_between_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hypothesis takes the constants of a module in the working directory for local ones."""
    numbers = st.lists(st.integers(0, 10**9), min_size=20, max_size=20)
    before = same_examples(numbers, 20)
    (tmp_path / "full_of_constants.py").write_text(f"NUMBERS = {list(range(12345, 13345))}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        importlib.import_module("full_of_constants")
        assert same_examples(numbers, 20) == before
    finally:
        sys.modules.pop("full_of_constants", None)
    assert same_examples(numbers, 20, start=1) != before
    assert len(before) == 20
