"""docs/prove-your-gradient.md runs, and shows what is printed."""

import doctest
import importlib.util
import re
import warnings
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "prove-your-gradient.md"
LIBRARIES = {"In PyTorch": "torch", "In JAX": "jax", "In NumPy": "numpy"}
# The text before a heading "## In ...", and each of those sections to the next heading.
PARTS = re.split(r"^## (?=In |The tools)", GUIDE.read_text("utf-8"), flags=re.MULTILINE)
SECTIONS = {part.partition("\n")[0]: part for part in PARTS}
FIRST = PARTS[0].partition("\n")[0]


def test_every_section_has_a_library() -> None:
    assert set(SECTIONS) == {FIRST, *LIBRARIES, "The tools"}


@pytest.mark.parametrize("title", [FIRST, *LIBRARIES])
def test_the_guide_runs(title: str) -> None:
    library = LIBRARIES.get(title, "numpy")
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    test = doctest.DocTestParser().get_doctest(SECTIONS[title], {}, title, str(GUIDE), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    with warnings.catch_warnings():
        if title in ("In PyTorch", "In JAX"):
            warnings.simplefilter("ignore")  # those libraries' own
        failed, tried = runner.run(test)
    assert failed == 0 and tried > 4
