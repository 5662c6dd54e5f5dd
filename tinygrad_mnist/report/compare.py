"""Several runs side by side: their results, their curves in one chart, and what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tinygrad_mnist.models import Recipe
from tinygrad_mnist.report import charts
from tinygrad_mnist.report.facts import machine_facts, recipe_facts, seconds_text
from tinygrad_mnist.report.page import percent, render

COLORS = 8  # that the style sheet has
Records = Mapping[str, dict[str, Any]]


class Row(NamedTuple):
    """A setting or a result: its name, a text for each run, and whether the texts differ."""

    name: str
    texts: list[str]
    differs: bool
    best: list[bool] = []  # of a result, which runs have the best


def render_comparison(records: Records) -> str:
    """Write a page that compares the runs of these records, under their names. Needs Jinja2."""
    return render(
        "compare.html",
        title=f"{len(records)} runs",
        names=list(records),
        results=results(records),
        settings=settings(records),
        charts=both_charts(records),
        scripts=("charts.js",),
    )


def both_charts(records: Records) -> list[dict[str, Any]]:
    """The chart of accuracy and that of loss, each with the curves of all runs."""
    found = []
    for what in ("accuracy", "loss"):
        lines = [
            charts.Line(
                f"{name}, {kind}",
                place % COLORS,
                [epoch[f"{prefix}{what}"] for epoch in record["epochs"]],
                dashed=kind == "training",
            )
            for place, (name, record) in enumerate(records.items())
            for kind, prefix in (("validation", "validation_"), ("training", ""))
        ]
        found.append(charts.line_chart(what, lines, shares=what == "accuracy"))
    return found


def results(records: Records) -> list[Row]:
    """The runs' results; the best is marked where all were tested on the same images."""
    runs = list(records.values())
    accuracies = [run["test"]["accuracy"] for run in runs]
    comparable = len({run["test"]["measured_on"] for run in runs}) == 1
    last = [run["epochs"][-1] if run["epochs"] else {} for run in runs]
    return [
        Row(
            "test accuracy",
            [percent(value) for value in accuracies],
            len(set(accuracies)) > 1,
            [comparable and value == max(accuracies) for value in accuracies],
        ),
        _row("tested on", [run["test"]["measured_on"] for run in runs]),
        _row(
            "last validation accuracy",
            [percent(e.get("validation_accuracy", float("nan"))) for e in last],
        ),
        _row("parameters", [f"{run['parameters']:,}" for run in runs]),
        _row("duration", [seconds_text(run["seconds"]) for run in runs]),
    ]


def settings(records: Records) -> list[Row]:
    """Recipe, data and machine of the runs, those that differ first."""
    facts = [dict(_settings_of(record)) for record in records.values()]
    names = list(dict.fromkeys(name for each in facts for name in each))
    rows = [_row(name, [each.get(name, "–") for each in facts]) for name in names]
    return sorted(rows, key=lambda row: not row.differs)


def _settings_of(record: dict[str, Any]) -> list[tuple[str, str]]:
    data = record["data"]
    return [
        *(
            (f"recipe: {name}", text)
            for name, text in recipe_facts(Recipe.from_dict(record["recipe"]))
        ),
        ("data: name", data["name"]),
        ("data: trained on", f"{data['trained_on']:,} images"),
        ("data: validated on", f"{data['validated_on']:,} images"),
        *((f"machine: {name}", text) for name, text in machine_facts(record) if name != "duration"),
    ]


def _row(name: str, texts: list[str]) -> Row:
    return Row(name, texts, len(set(texts)) > 1)
