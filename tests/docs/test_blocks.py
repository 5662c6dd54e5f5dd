"""Every code block of the README and of the documents runs, and prints what it shows."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Page, blocks
from tinygrad_mnist.models import RECIPES

PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
}
WITH_CODE = [name for name, text in PAGES.items() if list(blocks(text))]
# What a page takes for granted, run before its blocks.
BEFORE = {
    "CONTRIBUTING.md": "import numpy as np; from tinygrad_mnist.ops.published import elementwise",
    "docs/layout.md": (
        "import numpy as np; from tinygrad_mnist.autograd import op\n"
        "from tinygrad_mnist.ops.published import elementwise"
    ),
    "docs/format.md": (
        "import tinygrad_mnist as tg; from tinygrad_mnist import nn\n"
        "tg.save(nn.Sequential(nn.Linear(3, 2)).state_dict(), 'model.pkl')"
    ),
}
# Files that a page's commands read.
PICTURES = {"README.md": "digit.png", "docs/pictures.md": "photo.jpg"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; recipes of one epoch, and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", "embedded")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("tinygrad_mnist.train.plots.can_plot", lambda: False)
    for name, recipe in RECIPES.items():
        monkeypatch.setitem(RECIPES, name, recipe.replace(epochs=1))
    return tmp_path


def write_picture(path: Path) -> None:
    """Write a test digit as a picture."""
    from PIL import Image

    from tinygrad_mnist.data import load_embedded

    Image.fromarray(load_embedded().test_images[0]).save(path)


@pytest.mark.parametrize("name", WITH_CODE)
def test_every_block_runs(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "tinygrad-mnist sweep " in PAGES[name] and importlib.util.find_spec("optuna") is None:
        pytest.skip("sweeps need Optuna")
    needs_the_command_line = "tinygrad-mnist " in PAGES[name]
    if needs_the_command_line and importlib.util.find_spec("jinja2") is None:
        pytest.skip("the commands of this page need the extra cli")
    names: dict[str, object] = {"__name__": "__main__"}
    exec(BEFORE.get(name, ""), names)
    if name in PICTURES:
        write_picture(folder / PICTURES[name])
    page = Page(name, PAGES[name], names)
    page.run()
    if name == "README.md":  # its model learns
        printed = re.search(r"([\d.]+)% of the test images of (.*)", capsys.readouterr().out)
        assert printed and float(printed[1]) > 80 and printed[2] == "mnist-5k-embedded"
    if page.skipped:
        parts = (f"{part!r} needs {library}" for part, library in page.skipped.items())
        pytest.skip(f"all other sections ran: {', '.join(parts)}")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```python\n>>> 1 + 1\n3\n```\n", "Expected"),
        ("```python\nraise ValueError('x')\n```\n", "x"),
        ("```\nx = 1\n```\n", "nobody runs"),
        ("```pyhton\nx = 1\n```\n", "nobody runs"),
        ("```text\nimport numpy\n```\n", "this is code"),
        ("- an item\n\n  ```python\n  x\n  ```\n", "indented"),
        ("```sh\ntinygrad-mnist models --no-such-flag\n```\n", "no-such-flag"),
        ("```sh\nrm -r runs\n```\n", "nobody runs"),
        ("```sh\npip install -e '.[clii]'\n```\n", "clii"),
        ("```sh\npython -m benchmarks.steps --no-such-flag\n```\n", "2"),
        ("```python\n>>> x = 1\n  >>> x\n```\n", "not seen|inconsistent|Expected"),
    ],
)
def test_a_planted_fault_is_found(text: str, fault: str, folder: Path) -> None:
    with pytest.raises((Exception, SystemExit), match=fault):
        Page("page.md", text, {}).run()


def test_a_missing_library_skips_its_section_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text = (
        "## A\n```python\nx = 1\n```\n## B\n```python\nimport torch\n```\n```python\ny = 1\n```\n"
    )
    page = Page("page.md", text, names := {})
    page.run()
    assert page.skipped == {"B": "torch"} and "x" in names and "y" not in names
