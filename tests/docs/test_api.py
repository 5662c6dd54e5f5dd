"""The index of public names is that of the names there are."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")


def write_api() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_api", ROOT / "scripts" / "write_api.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_index_is_current() -> None:
    page = write_api().page()
    stale = set(PAGE.splitlines()) ^ set(page.splitlines())
    assert page == PAGE, f"run: python scripts/write_api.py ({len(stale)} lines differ)"


@pytest.mark.parametrize("module", [nn, nn.functional, nn.init, optim, tg.autograd.functional])
def test_every_public_name_is_listed(module: ModuleType) -> None:
    title = module.__name__.removeprefix("tinygrad_mnist.")
    text = PAGE.partition(f"\n## `{title}`\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^- \[?`(\w+)", text, re.MULTILINE))
    assert listed >= set(getattr(module, "__all__", ())) and len(listed) > 5
    assert all(hasattr(module, name) for name in listed)


def test_every_name_of_the_package_is_listed() -> None:
    listed = set(re.findall(r"`(\w+)", PAGE))
    names = [name for name in dir(tg) if not name.startswith("_")]
    assert [
        n for n in names if n not in listed and not isinstance(getattr(tg, n), ModuleType)
    ] == []
    assert "no_grad" in names and "float32" in listed


def test_arguments_and_sentences() -> None:
    script = write_api()

    def example(x, *rest, key=0.5, **more):
        """Do one thing, e.g. this; *then* rest. A second sentence."""

    assert script.signature(example) == "(x, *rest, key=0.5, **more)"
    assert script.sentence(example) == "Do one thing, e.g. this; \\*then\\* rest."
    assert script.signature(lambda x, *, y=PAGE: x) == "(x, *, y=...)"
