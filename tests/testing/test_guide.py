"""docs/prove-your-gradient.md runs, and shows what is printed."""

import doctest
from pathlib import Path


def test_the_guide_runs() -> None:
    guide = Path(__file__).parents[2] / "docs" / "prove-your-gradient.md"
    failed, tried = doctest.testfile(
        str(guide), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert failed == 0 and tried > 10
