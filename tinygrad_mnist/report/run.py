"""The content of a report: a trained model, its test images, and the record of its run."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinygrad_mnist import nn
from tinygrad_mnist.data import Mnist
from tinygrad_mnist.models import Recipe, RecipeError
from tinygrad_mnist.train import Evaluation

LARGEST = 50_000_000  # bytes of a record; a thousand epochs take 300,000


class RecordError(ValueError):
    """A run.json that cannot be used; the message names the file and the fault."""


@dataclass(frozen=True, eq=False)
class Run:
    """A model with its recipe, its answers to the test images, and the record of its run."""

    model: nn.Module
    recipe: Recipe
    data: Mnist
    evaluation: Evaluation
    record: dict[str, Any] | None = None
    """The content of run.json; None where it is missing."""
    epochs: list[dict[str, Any]] = field(default_factory=list)
    """The numbers of each epoch, as in the record."""


def read_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the run.json of a finished run, and check every field that a report needs.

    Raises RecordError for a file that is damaged or no such record; OSError when it cannot be
    read.
    """
    path = Path(path)
    if path.exists() and not path.is_file():  # opening a pipe would block
        raise RecordError(f"{path}: not a regular file")
    if path.stat().st_size > LARGEST:
        raise RecordError(f"{path}: too large for the record of a run")
    try:
        text = path.read_text("utf-8-sig")  # with or without the mark that some editors add
        _require(bool(text.strip()), "empty")
        record = json.loads(text)
        _check(record)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"{path}: damaged or half-written: {error}") from None
    except (KeyError, TypeError, AttributeError, ValueError, RecipeError) as error:
        why = {KeyError: f"{error} is missing", TypeError: "a part of a wrong type"}.get(
            type(error), str(error)
        )
        raise RecordError(f"{path}: not the record of a run, as `train` writes it: {why}") from None
    return dict(record)


NUMBERS = ("epoch", "lr", "loss", "accuracy", "validation_loss", "validation_accuracy", "seconds")


def _check(record: dict[str, Any]) -> None:
    """Raise one of Python's own errors for a field that is missing or of a wrong type."""
    Recipe.from_dict(record["recipe"])
    for name in ("data", "environment", "test"):
        _require(isinstance(record[name], dict), f"{name} is not an object")
    for section in (record["data"], record["test"]):
        _require(all(isinstance(key, str) for key in section), "a name is not a string")
    for name in ("name", "source"):
        _require(isinstance(record["data"][name], str), f"data.{name} is not a string")
    _require(isinstance(record["test"]["measured_on"], str), "test.measured_on is not a string")
    for value, name in (
        (record["test"]["accuracy"], "test.accuracy"),
        (record["seconds"], "seconds"),
        (record["parameters"], "parameters"),
        *((record["data"][key], f"data.{key}") for key in ("trained_on", "validated_on")),
    ):
        _require(_is_number(value), f"{name} is not a number")
    _require(isinstance(record["epochs"], list), "epochs is not a list")
    for numbers in record["epochs"]:
        for name in NUMBERS:
            _require(_is_number(numbers[name]), f"{name} of an epoch is not a number")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 2**63


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise ValueError(fault)


def finite(value: Any) -> float | None:
    """Return a number that can be drawn; None for infinity, NaN and numbers near infinity.

    >>> finite(0.5), finite(float("inf"))
    (0.5, None)
    """
    drawable = value is not None and math.isfinite(value) and abs(value) < 1e300
    return float(value) if drawable else None
