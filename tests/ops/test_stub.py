"""The types that a type checker sees are those of the methods there are."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_stub_is_current() -> None:
    spec = importlib.util.spec_from_file_location("write_stub", ROOT / "scripts" / "write_stub.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PATH.read_text() == module.stub(), "run: python scripts/write_stub.py"
