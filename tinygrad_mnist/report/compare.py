"""Several runs side by side: their results, their curves in one chart, their differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tinygrad_mnist.models import Recipe
from tinygrad_mnist.report import charts
from tinygrad_mnist.report.facts import machine_facts, recipe_facts, seconds_text
from tinygrad_mnist.report.page import percent, render

COLORS = 8  # in the style sheet
Records = Mapping[str, dict[str, Any]]


class Row(NamedTuple):
    """A setting or a result: its name, a text for each run, and True if the texts differ."""

    name: str
    texts: list[str]
    differs: bool
    best: list[bool] = []  # of a result: the runs that have the best one


def render_comparison(records: Records) -> str:
    """Write a page that compares the runs of these records, under their names. Needs Jinja2."""
    return render(
        "compare.html",
        title=f"{len(records)} runs",
        names=list(records),
        results=results(records),
        settings=settings(records),
        charts=metric_charts(records),
        scripts=("charts.js",),
    )


def metric_charts(records: Records) -> list[dict[str, Any]]:
    """Return the charts of accuracy and loss, each with the curves of all runs."""
    result = []
    for metric in ("accuracy", "loss"):
        lines = [
            charts.Line(
                f"{name}, {kind}",
                number % COLORS,
                [epoch[f"{prefix}{metric}"] for epoch in record["epochs"]],
                dashed=kind == "training",
            )
            for number, (name, record) in enumerate(records.items())
            for kind, prefix in (("validation", "validation_"), ("training", ""))
        ]
        result.append(charts.line_chart(metric, lines, shares=metric == "accuracy"))
    return result


def results(records: Records) -> list[Row]:
    """Return the results; the best is marked where all runs were tested on the same images."""
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
    """Return the recipe, data and machine of the runs, those that differ first."""
    facts = [dict(_settings_of(record)) for record in records.values()]
    names = list(dict.fromkeys(name for run_facts in facts for name in run_facts))
    rows = [_row(name, [run_facts.get(name, "–") for run_facts in facts]) for name in names]
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
