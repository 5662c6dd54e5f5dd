"""The facts of a run, as lines for a reader."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.models import Recipe
from tinygrad_mnist.report.run import Run

Fact = tuple[str, str]


def facts_of(run: Run) -> list[tuple[str, list[Fact]]]:
    """Return the facts by heading; for a run without a record, those of the model file."""
    recipe = [("Recipe", recipe_facts(run.recipe))]
    if run.record is None:
        test = ("tested on", f"{run.data.name}: {run.data.source}")
        return [*recipe, ("Data", [test])]
    data = run.record["data"]
    tested = [] if data["name"] == run.data.name else [("tested on", run.data.name)]
    return [
        *recipe,
        (
            "Data",
            [
                ("name", data["name"]),
                ("source", data["source"]),
                ("trained on", f"{data['trained_on']:,} images"),
                ("validated on", f"{data['validated_on']:,} images"),
                *tested,
            ],
        ),
        ("Machine", machine_facts(run.record)),
    ]


def recipe_facts(recipe: Recipe) -> list[Fact]:
    """Return a recipe's fields in words."""
    facts = [
        ("name", recipe.name),
        ("what", recipe.what),
        ("layers", "-".join(map(str, recipe.layers))),
        ("activation", recipe.activation),
        ("dropout", f"{recipe.dropout:g}"),
        ("loss", recipe.loss),
        ("optimizer", recipe.optimizer),
        ("learning rate", f"{recipe.lr:g}, {recipe.schedule}"),
        ("momentum", f"{recipe.momentum:g}"),
        ("batch", "all images" if recipe.batch_size is None else f"{recipe.batch_size} images"),
        ("epochs", str(recipe.epochs)),
        ("seed", str(recipe.seed)),
    ]
    unused = {"momentum": recipe.momentum == 0, "dropout": recipe.dropout == 0}
    unused["activation"] = not recipe.hidden and not recipe.channels
    return [(name, text) for name, text in facts if not unused.get(name)]


def machine_facts(record: dict[str, Any]) -> list[Fact]:
    """Return the machine of a run and its duration, as far as the record has them."""
    environment = record["environment"]
    blas_record = environment.get("blas")
    blas: dict[str, Any] = blas_record if isinstance(blas_record, dict) else {}
    variables = environment.get("variables")
    names = ("name", "version")
    parts = [str(blas[name]) for name in names if blas.get(name)]
    core = blas.get("core")
    variables_text = (
        ", ".join(f"{name}={value}" for name, value in variables.items())
        if isinstance(variables, dict)
        else ""
    )
    facts = [
        ("tinygrad-mnist", environment.get("tinygrad_mnist")),
        ("NumPy", environment.get("numpy")),
        ("Python", environment.get("python")),
        ("BLAS", ", ".join([" ".join(parts), *([f"core: {core}"] if core else [])])),
        ("machine", " ".join(str(environment.get(n) or "") for n in ("system", "machine")).strip()),
        ("cores", environment.get("cores")),
        ("threads", record.get("threads")),
        ("rows of a tile", record.get("tile_rows")),
        ("variables", variables_text),
        ("duration", seconds_text(record["seconds"])),
    ]
    return [(name, str(value)) for name, value in facts if value]


def seconds_text(seconds: float) -> str:
    """Return a duration in words.

    >>> seconds_text(0.0412), seconds_text(3.21), seconds_text(75), seconds_text(4000)
    ('0.041 s', '3.2 s', '1 min 15 s', '1 h 7 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2g} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{minutes // 60} h {minutes % 60} min"
