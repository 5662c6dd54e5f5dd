"""The documents name what there is: links, files, folders, recipes."""

import re
import subprocess
from pathlib import Path

import pytest

from tinygrad_mnist.models import RECIPES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
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


def test_every_page_that_a_file_names_exists() -> None:
    files = subprocess.run(
        ["git", "grep", "-IhoE", r"docs/[a-z/-]+\.(md|png)", "--", ":!CHANGELOG.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    named = set(files.stdout.split())
    assert len(named) > 15
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


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
