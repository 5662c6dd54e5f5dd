"""One door to the disk: what the package writes, it writes through files.py, whole and synced."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "tinygrad_mnist"
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "files.py")
WRITERS = {"write_text", "write_bytes", "rename", "NamedTemporaryFile", "mkstemp", "fsync",
           "tofile", "savefig", "savez", "savez_compressed", "savetxt"}  # fmt: skip
NAMES = {*WRITERS, "open", "replace", "save"}
CALLED = re.compile(rf"\b({'|'.join(sorted(NAMES))})\s*\(")
# Open for another reason than to write content.
OTHERWISE = {
    "cli/folder.py": "a lock, which holds nothing",
    "cli/output.py": "the standard streams",
    "cli/ranks.py": "what all ranks but the first print, which nobody reads",
    "train/journal.py": "Optuna appends to its journal; a line that a kill cut off goes",
    "train/sweep.py": "whole folders change places",
}


def writers(source: str) -> Iterator[str]:
    """Yield the calls that open a file for writing, or replace one."""
    if not CALLED.search(source):  # to parse it takes longer than all else
        return
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        last = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
        if last not in NAMES:  # to write a call out takes longer than all else
            continue
        name = ast.unparse(node.func)
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        words = {v.value for v in values if isinstance(v, ast.Constant) and type(v.value) is str}
        modes = {word for word in words if set(word) <= set("rwxabt+")}
        opens = name in ("open", "io.open") and any(set(mode) & set("wxa+") for mode in modes)
        if opens or name in ("os.replace", "np.save") or name.rpartition(".")[2] in WRITERS:
            yield ast.unparse(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_files_py_writes_files(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() not in OTHERWISE:
        assert list(writers(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "open(path, 'w')",
        "open(path, mode='x+b')",
        "io.open(path, 'a')",
        "path.write_text('')",
        "folder.joinpath('a').write_bytes(b'')",
        "os.replace(part, path)",
        "figure.savefig(path)",
        "np.savez(path, a=a)",
        "tempfile.NamedTemporaryFile()",
    ],
)
def test_a_planted_writer_is_seen(source: str) -> None:
    assert len(list(writers(source))) == 1


def test_reading_is_allowed_anywhere() -> None:
    assert list(writers("open(path, 'rb'); open(path); word.replace('a', 'w')")) == []
