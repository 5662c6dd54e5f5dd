"""docs/differences-from-pytorch.md is what the script writes, and errors say what the page says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import missing

pytest.importorskip("torch")
PAGE = Path(__file__).parents[2] / "docs" / "differences-from-pytorch.md"


def test_the_page_is_current() -> None:
    import torch

    version = torch.__version__.partition("+")[0]
    if f"with PyTorch {version}:" not in PAGE.read_text("utf-8"):
        pytest.skip(f"the page was written beside another PyTorch than {version}")
    script = PAGE.parents[1] / "scripts" / "write_differences.py"
    run = subprocess.run(
        [sys.executable, "-W", "ignore", script, "-"], capture_output=True, text=True, check=True
    )
    assert run.stdout == PAGE.read_text("utf-8"), "run python scripts/write_differences.py"


def test_every_difference_ends_with_what_to_write_instead() -> None:
    by_hand, _, names = PAGE.read_text("utf-8").partition("## Names that are not here")
    rows = [line.split(" | ") for line in by_hand.splitlines() if re.match(r"\| (?!PyTorch)", line)]
    assert len(rows) > 45
    assert [row for row in rows if len(row) != 3 or not all(cell.strip("| ") for cell in row)] == []
    lines = [line for line in names.splitlines() if line.startswith("- ")]
    assert [line for line in lines if re.search(r"`: (not written yet)?\.?$", line)] == []


@pytest.mark.parametrize("namespace", [*missing.INSTEAD])
def test_no_reason_is_given_for_what_is_here(namespace: str) -> None:
    here = tg if namespace == "torch" else tg.Tensor if namespace == "Tensor" else None
    for part in () if here is not None else namespace.split("."):
        here = getattr(tg if here is None else here, part)
    known = [name for name, reason in missing.INSTEAD[namespace].items() if reason]
    refused = {"SparseAdam"}  # there, to raise an error that says so
    assert [name for name in known if hasattr(here, name) and name not in refused] == []


def test_an_error_says_what_the_page_says() -> None:
    text = PAGE.read_text("utf-8")
    for name, of in (("storage", tg.ones(1)), ("view_as_complex", tg), ("cudnn_convolution", tg)):
        with pytest.raises(AttributeError) as error:
            getattr(of, name)
        reason = str(error.value).partition("; ")[2]
        assert re.search(rf"`{name}`.*: {re.escape(reason)}\.", text), reason
