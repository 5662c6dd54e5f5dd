"""The short form of an optimizer in a notebook."""

from xml.etree import ElementTree

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim


def rows(optimizer: optim.Optimizer) -> list[dict[str, str]]:
    page = ElementTree.fromstring(f"<div>{optimizer._repr_html_()}</div>")
    head, *others = [["".join(c.itertext()) for c in row] for row in page.find("table")]
    return [dict(zip(head, cells, strict=True)) for cells in others]


def test_a_row_per_group() -> None:
    model = nn.Linear(3, 2)
    optimizer = optim.Adam([{"params": [model.weight], "lr": 0.1}, {"params": [model.bias]}])
    assert [row["steps"] for row in rows(optimizer)] == ["-", "-"]
    for _ in range(3):
        optimizer.zero_grad()
        model(tg.ones(1, 3)).sum().backward()
        optimizer.step()
    first, second = rows(optimizer)
    assert (first["parameters"], first["lr"], first["steps"]) == ("6 in 1", "0.1", "3")
    assert (second["parameters"], second["lr"]) == ("2 in 1", "0.001")


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad", "LBFGS", "Rprop", "NAdam"])
def test_every_kind_has_a_table(name: str) -> None:
    optimizer = getattr(optim, name)(nn.Linear(3, 2).parameters(), lr=0.25)
    (row,) = rows(optimizer)
    assert row["parameters"] == "8 in 2" and row["lr"] == "0.25"


def test_settings_are_escaped() -> None:
    optimizer = optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    optimizer.param_groups[0]["<i>"] = "</td><script>"
    assert rows(optimizer)[0]["<i>"] == "</td><script>"
