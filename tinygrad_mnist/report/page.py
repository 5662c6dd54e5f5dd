"""Assemble the report of a run."""

from __future__ import annotations

import importlib.util
import json
import shlex
from functools import cache
from pathlib import Path
from typing import Any

from tinygrad_mnist import __version__
from tinygrad_mnist.report import charts
from tinygrad_mnist.report.digits import Digits
from tinygrad_mnist.report.facts import facts_of, seconds_text
from tinygrad_mnist.report.first_layer import first_layer
from tinygrad_mnist.report.graph import step_graph
from tinygrad_mnist.report.histograms import IMAGES, histograms
from tinygrad_mnist.report.network import Unsupported, network_of
from tinygrad_mnist.report.run import Run
from tinygrad_mnist.train import measured_on

TEMPLATES = Path(__file__).parent / "templates"
LIMIT = 3_000_000  # bytes: the largest report
DIGITS_PER_CELL = (24, 12, 6, 2)  # of the matrix; fewer where the weights are many
MARK = '<meta name="generator" content="tinygrad-mnist'
SCRIPTS = ("network.js", "prepare.js", "digits.js", "pad.js", "charts.js")


def can_render() -> bool:
    """Tell whether Jinja2, of the extra cli, is installed, without importing it."""
    return importlib.util.find_spec("jinja2") is not None


def render_report(run: Run) -> str:
    """Write the report of a run as one page of HTML, of less than 3 MB.

    Without the record of the run the page has no curves; if the weights are too large, no pad;
    a sentence in the page reports it. Needs Jinja2.
    """
    content = _content(run)
    page = ""
    for network in (_network(run), None):
        for per_cell in DIGITS_PER_CELL:
            page = render("report.html", **content, network=network, digits=Digits(run, per_cell))
            if len(page.encode()) < LIMIT:
                return page
    return page


def _content(run: Run) -> dict[str, Any]:
    """Gather all that the template shows, except the digits and the weights."""
    evaluation = run.evaluation
    return {
        "title": f"{run.recipe.name}, seed {run.recipe.seed}",
        "recipe": run.recipe,
        "command": command_of(run),
        "measured_on": measured_on(run.data),
        "seen_before": run.data.name == "mnist-5k-embedded" and _trained_on(run) == "mnist",
        "headline": _headline(run),
        "facts": facts_of(run),
        "charts": curves(run.epochs),
        "epochs": run.epochs,
        "evaluation": evaluation,
        "matrix": _matrix(run),
        "classes": list(zip(evaluation.classes, evaluation.precision, evaluation.recall,
                            evaluation.confusion.sum(1).tolist(), strict=True)),
        "first_layer": first_layer(run.model),
        "graph": step_graph(run),
        "histograms": histograms(run),
        "gradient_images": min(IMAGES, len(run.data.train_labels)),
        "bars": charts.bars,
        "bar_width": charts.BAR_WIDTH,
        "bar_height": charts.BAR_HEIGHT,
        "scripts": SCRIPTS,
    }  # fmt: skip


def _network(run: Run) -> dict[str, Any] | None:
    """Return the layers and weights for the page; None if it cannot compute or hold them."""
    try:
        about, weights = network_of(run.model, run.recipe)
    except Unsupported:
        return None
    return {"about": about, "weights": weights} if len(weights) < LIMIT else None


def _trained_on(run: Run) -> str:
    return str(run.record["data"]["name"]) if run.record else ""


def _headline(run: Run) -> list[tuple[str, str]]:
    """Return the four most important numbers."""
    evaluation = run.evaluation
    numbers = [
        ("accuracy", percent(evaluation.accuracy)),
        ("wrong", f"{len(evaluation.mistakes):,} of {len(evaluation.labels):,}"),
        ("parameters", f"{sum(p.numel() for p in run.model.parameters()):,}"),
    ]
    if run.recipe.digit is not None:
        numbers.insert(1, (f"always “not {run.recipe.digit}”", percent(evaluation.baseline)))
    if run.record:
        numbers.append(("training", seconds_text(run.record["seconds"])))
    return numbers


def _matrix(run: Run) -> list[list[dict[str, Any]]]:
    """Return the confusion matrix, each cell with its share of the row."""
    counts = run.evaluation.confusion
    rows = counts.sum(1)
    return [
        [
            {"count": int(count), "share": share, "shade": _shade(share)}
            for count in counts[truth]
            for share in [float(count / max(rows[truth], 1))]
        ]
        for truth in range(len(counts))
    ]


def _shade(share: float) -> float:
    """Return the strength of a cell's colour: few mistakes stay visible, text stays readable.

    >>> round(_shade(0.01), 2), round(_shade(0.4), 2), round(_shade(0.99), 2)
    (0.1, 0.41, 1.0)
    """
    return 0.06 + 0.6 * share**0.6 if share < 0.45 else 0.82 + 0.18 * share


def curves(epochs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the charts of loss and accuracy, in training and validation; [] without epochs."""
    if not epochs:
        return []
    result = []
    for metric in ("loss", "accuracy"):
        lines = [
            charts.Line("training", 0, [e[metric] for e in epochs], dashed=True),
            charts.Line("validation", 1, [e[f"validation_{metric}"] for e in epochs]),
        ]
        result.append(charts.line_chart(metric, lines, shares=metric == "accuracy"))
    return result


FLAGS = ("epochs", "batch_size", "lr", "hidden", "digit")


def command_of(run: Run) -> str:
    """Return the command that trains this model again."""
    from tinygrad_mnist.models import RECIPES

    recipe, default = run.recipe, RECIPES.get(run.recipe.name)
    words = ["tinygrad-mnist", "train", recipe.name]
    for name in FLAGS:
        value = getattr(recipe, name)
        if default is None or value == getattr(default, name):
            continue
        text = "full" if value is None else str(value)
        if isinstance(value, tuple):
            text = ",".join(map(str, value))
        words += [f"--{name.replace('_', '-')}", text]
    words += ["--seed", str(recipe.seed)]
    if run.data.name == "mnist-5k-embedded":
        words += ["--data", "embedded"]
    return shlex.join(words)


def percent(share: float) -> str:
    """Return a share between 0 and 1 as a percentage; a dash for none.

    >>> percent(0.97849), percent(float("nan"))
    ('97.85 %', '–')
    """
    return "–" if share != share else f"{share * 100:.2f} %"


def render(template: str, **values: Any) -> str:
    """Fill a template; text is escaped, and JSON too, so that no name of a run becomes a tag."""
    return str(_environment().get_template(template).render(values))


@cache
def _environment() -> Any:
    """Return the templates' environment, which compiles each of them once."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def source(name: str) -> Markup:
        return Markup((TEMPLATES / name).read_text("utf-8"))

    def as_json(value: Any) -> Markup:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
        return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))

    environment.filters |= {"percent": percent, "as_json": as_json}
    environment.globals |= {"source": source, "version": __version__}
    return environment
