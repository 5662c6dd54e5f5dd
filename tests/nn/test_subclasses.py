"""isinstance and issubclass answer for public classes as PyTorch's do, from a stored table.

`scripts/write_subclasses.py` writes the table.
"""

import importlib
import json
from pathlib import Path

import pytest

TABLE = json.loads(Path(__file__).with_name("subclasses.json").read_text("utf-8"))


@pytest.mark.parametrize("page", TABLE)
def test_a_class_derives_from_those_that_pytorchs_derives_from(page):
    module, table = importlib.import_module(f"tinygrad_mnist.{page}"), TABLE[page]
    here = {name: getattr(module, name) for name in table if hasattr(module, name)}
    assert len(here) > len(table) / 2
    for name, cls in here.items():
        bases = {other for other, base in here.items() if issubclass(cls, base)}
        assert bases == set(table[name]) & here.keys(), name


def test_every_public_layer_stands_in_the_table():
    from tinygrad_mnist import nn

    public = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    layers = {name for name in public if issubclass(getattr(nn, name), nn.Module)}
    assert layers <= TABLE["nn"].keys()
