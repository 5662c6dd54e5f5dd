"""The output of scripts/write_stub.py is current: types of public ops, docs/api.md, sizes."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITTEN = runpy.run_path(str(ROOT / "scripts" / "write_stub.py"))["written"]()


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_what_follows_from_the_code_is_current(path: Path) -> None:
    assert path.read_text() == WRITTEN[path], "run: python scripts/write_stub.py"
