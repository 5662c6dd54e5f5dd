"""Types reach the user's program: a module's call has its forward's, a loader its samples'."""

import re
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "typed_program.py"


def test_mypy_sees_what_the_comments_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("mypy.api")
    monkeypatch.setenv("MYPYPATH", str(Path(__file__).parents[2]))
    out, err, _ = api.run(
        ["--strict", "--config-file=", f"--cache-dir={tmp_path}", "--no-error-summary",
         "--follow-imports=silent", str(PROGRAM)]
    )  # fmt: skip
    assert err == ""
    said = {}
    for line in out.splitlines():
        number, kind, text = re.fullmatch(r".*?:(\d+): (\w+): (.*)", line).groups()
        revealed = re.fullmatch(r'Revealed type is "(.*)"', text)
        said[int(number)] = revealed[1] if revealed else f"{kind}: {text.rpartition('[')[2][:-1]}"
    expected = {
        number: re.sub(r"  # noqa.*", "", line.partition("  # ")[2])
        for number, line in enumerate(PROGRAM.read_text().splitlines(), 1)
        if "  # " in line
    }
    assert len(expected) > 10
    assert said == {n: want.replace("Tensor", TENSOR) for n, want in expected.items()}


TENSOR = "tinygrad_mnist.autograd.tensor.Tensor"
