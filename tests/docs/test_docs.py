"""What the documents show is what happens."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_mnist.models import RECIPES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_the_tutorial_runs() -> None:
    failed, tried = doctest.testfile(
        str(ROOT / "docs" / "tutorial.md"), module_relative=False, optionflags=OPTIONS
    )
    assert failed == 0 and tried > 40


def test_the_model_in_the_readme_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", "embedded")
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    share, where = ran.stdout.split("% of ")
    assert float(share) > 80
    assert where == "the test images of mnist-5k-embedded\n"
    assert len(program.splitlines()) <= 35


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_the_readme_has_every_recipe_and_its_numbers_pass_the_floors() -> None:
    table = README.partition("## The recipes, measured")[2].partition("\n## ")[0]
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in table.splitlines()]
    rows = [row for row in rows if row and row[0].startswith("`")]
    assert [row[0].strip("`") for row in rows] == list(RECIPES)
    for row in rows:
        recipe = RECIPES[row[0].strip("`")]
        assert row[1] == "-".join(map(str, recipe.layers))
        measured = [float(number) for number in re.findall(r"\d\d\.\d\d", row[2])]
        assert len(measured) == 3 and min(measured) >= 100 * recipe.floor


def test_the_layout_names_every_folder_and_no_other() -> None:
    layout = (ROOT / "docs" / "layout.md").read_text("utf-8")
    named = set(re.findall(r"^## `(\w+)/`", layout, re.MULTILINE))
    folders = {path.parent.name for path in (ROOT / "tinygrad_mnist").glob("*/__init__.py")}
    assert named == folders


def test_every_file_that_the_layout_names_exists() -> None:
    layout = (ROOT / "docs" / "layout.md").read_text("utf-8")
    for heading, text in re.findall(r"^## `(\w+)/`[^\n]*\n(.*?)(?=^## |\Z)", layout, re.M | re.S):
        for name in re.findall(r"`([\w/]+\.py)`", text):
            places = [ROOT / "tinygrad_mnist" / heading / name, ROOT / "tinygrad_mnist" / name]
            assert any(place.is_file() for place in places), f"{heading}: {name}"
