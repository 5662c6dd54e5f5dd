"""Every block of code in the how-to pages runs, in the order of the page."""

import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

DOCS = Path(__file__).parents[2] / "docs"
NEEDS = {"streaming.md": (), "sweeps.md": ("optuna",)}


@pytest.mark.parametrize("page", NEEDS)
def test_every_block_runs(page: str, tmp_path: Path) -> None:
    if missing := [name for name in NEEDS[page] if find_spec(name) is None]:
        pytest.skip(f"needs {', '.join(missing)}")
    shell = Shell(tmp_path)
    blocks = re.findall(r"```(\w*)\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 4 and {kind for kind, _ in blocks} == {"python", "sh"}
    for kind, code in blocks:
        if kind == "sh":
            program, *arguments = shlex.split(code)
            assert program == "tinygrad-mnist"
            ran = shell(*arguments)
        else:
            ran = shell.run([sys.executable, "-W", "ignore", "-c", code])
        assert ran.code == 0, f"{code}\n{ran.err}"
    assert (tmp_path / "runs").is_dir()
