"""The space of a sweep: for fields of a recipe, ranges and lists of values to try.

0.001:0.1       between the two; for whole numbers, both included
0.001:0.1:log   as many below 0.01 as above
32:512:32       in steps
32,64,128       one of these; for layers, 256x128,64 are two networks
10              this value, in all trials
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinygrad_mnist.models import Recipe, RecipeError
from tinygrad_mnist.models.mlp import ACTIVATIONS
from tinygrad_mnist.models.recipe import OPTIMIZERS, SCHEDULES

REAL = ("lr", "momentum", "weight_decay", "dropout")
WHOLE = ("hidden", "batch_size", "epochs", "seed")
NAMED = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "activation": tuple(ACTIVATIONS)}
FIELDS = (*REAL, *WHOLE, *NAMED)


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; `step` None: any between, or any whole number."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    def __str__(self) -> str:
        end = ":log" if self.log else f":{self.step:g}" if self.step else ""
        return f"{self.low:g}:{self.high:g}{end}"

    @property
    def examples(self) -> tuple[float, ...]:
        """Return its ends, which must both be possible."""
        return self.low, self.high

    def suggest(self, trial: Any, name: str) -> Any:
        """Let an Optuna trial choose a number."""
        if isinstance(self.low, int):
            return trial.suggest_int(name, self.low, self.high, step=self.step or 1, log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


@dataclass(frozen=True)
class Choices:
    """A list of values; sizes of layers as tuples."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return ",".join(map(spell_value, self.values))

    @property
    def examples(self) -> tuple[Any, ...]:
        """Return all values."""
        return self.values

    def suggest(self, trial: Any, name: str) -> Any:
        """Let an Optuna trial choose a value; it stores the spelling of a tuple."""
        by_name = {spell_value(v) if isinstance(v, tuple) else v: v for v in self.values}
        return by_name[trial.suggest_categorical(name, list(by_name))]


class Space:
    """The values to try for some fields of a recipe. Raises RecipeError, naming the flag.

    `texts` maps fields to text as in the table above; a field with one value is set in `recipe`,
    the others are in `axes`.

    >>> from tinygrad_mnist.models import RECIPES
    >>> space = Space(RECIPES["mlp-10"], {"lr": "0.01:1:log", "hidden": "8,16", "epochs": "2"})
    >>> {name: str(axis) for name, axis in space.axes.items()}, space.recipe.epochs
    ({'lr': '0.01:1:log', 'hidden': '8,16'}, 2)
    """

    def __init__(self, recipe: Recipe, texts: Mapping[str, str]) -> None:
        self.recipe, self.axes = recipe, dict[str, Range | Choices]()
        for field, text in texts.items():
            try:
                axis = parse_axis(field, text)
                self._check(field, axis)
            except RecipeError as error:
                raise RecipeError(f"{flag(field)} {text}: {error}") from None
            if len(axis.examples) == 1:
                self.recipe = self.recipe.replace(**{field: axis.examples[0]})
            else:
                self.axes[field] = axis
        self._check_momentum()

    def _check(self, field: str, axis: Range | Choices) -> None:
        """Raise RecipeError if the recipe could not have one of the values."""
        if field == "hidden" and not self.recipe.hidden:
            raise RecipeError(f"{self.recipe.name} has no hidden layer")
        for value in axis.examples:
            is_width = field == "hidden" and isinstance(axis, Range)
            changed = (value,) * len(self.recipe.hidden) if is_width else value
            self.recipe.replace(momentum=0.0, optimizer="SGD").replace(**{field: changed})

    def _check_momentum(self) -> None:
        optimizers = getattr(self.axes.get("optimizer"), "values", (self.recipe.optimizer,))
        if "momentum" in self.axes and "SGD" not in optimizers:
            raise RecipeError(f"--momentum: {self.recipe.optimizer} has none; sweep it for SGD")

    def suggest(self, trial: Any) -> Recipe:
        """Return the recipe with the values that an Optuna trial chooses."""
        values: dict[str, Any] = {}
        for field, axis in self.axes.items():
            if field == "hidden" and isinstance(axis, Range):
                names = layer_names(len(self.recipe.hidden))
                values[field] = tuple(axis.suggest(trial, name) for name in names)
            elif field != "momentum":
                values[field] = axis.suggest(trial, field)
        optimizer = values.get("optimizer", self.recipe.optimizer)
        if optimizer != "SGD":
            values["momentum"] = 0.0
        elif "momentum" in self.axes:
            values["momentum"] = self.axes["momentum"].suggest(trial, "momentum")
        return self.recipe.replace(**values)

    def to_dict(self) -> dict[str, str]:
        """Return the axes as text."""
        return {field: str(axis) for field, axis in self.axes.items()}


def parse_axis(field: str, text: str) -> Range | Choices:
    """Read a range, a list or a value. Raises RecipeError with what is wrong.

    >>> parse_axis("hidden", "32:512:32"), parse_axis("optimizer", "adam,sgd")
    (Range(low=32, high=512, step=32, log=False), Choices(values=('Adam', 'SGD')))
    """
    if ":" in text:
        return _range(field, text)
    values = tuple(_value(field, part) for part in text.split(","))
    if len(set(values)) < len(values):
        raise RecipeError("a value stands there twice")
    return Choices(values)


def _range(field: str, text: str) -> Range:
    if field in NAMED:
        raise RecipeError(f"{field} has no range; list some of {', '.join(NAMED[field])}")
    parts = text.split(":")
    if len(parts) > 3:
        raise RecipeError("a range is low:high, low:high:log or low:high:step")
    low, high = (_number(field, part) for part in parts[:2])
    log = parts[2:] == ["log"]
    step = _number(field, parts[2]) if len(parts) == 3 and not log else None
    if low > high:
        raise RecipeError("an inverted range: it ends below its start")
    if low == high:
        raise RecipeError(f"an empty range; for one value write {flag(field)} {parts[0]}")
    if log and low <= 0:
        raise RecipeError("a log range starts above 0")
    if step is not None and not 0 < step <= high - low:
        raise RecipeError("the step is above 0, and not longer than the range")
    return Range(low, high, step, log)


def _value(field: str, text: str) -> Any:
    if field in NAMED:
        for name in NAMED[field]:
            if name.lower() == text.strip().lower():
                return name
        raise RecipeError(f"{text!r} is none of {', '.join(NAMED[field])}")
    if field == "hidden":
        return tuple(_number(field, part) for part in text.split("x"))
    if field == "batch_size" and text == "full":
        return None
    return _number(field, text)


def _number(field: str, text: str) -> Any:
    try:
        value = (float if field in REAL else int)(text)
    except ValueError:
        kind = "a number" if field in REAL else "a whole number"
        raise RecipeError(f"{text!r} is not {kind}") from None
    if not math.isfinite(value):
        raise RecipeError(f"{text} is not finite")
    return value


def flag(field: str) -> str:
    """Return the flag of a field: "--batch-size"."""
    return f"--{field.replace('_', '-')}"


def layer_names(count: int) -> list[str]:
    """Return the names of the widths of hidden layers: hidden, or hidden-1, hidden-2, ..."""
    return ["hidden"] if count == 1 else [f"hidden-{number}" for number in range(1, count + 1)]


def spell_value(value: Any) -> str:
    """Return a value as it is written in a list.

    >>> spell_value((256, 128)), spell_value(0.001), spell_value(None)
    ('256x128', '0.001', 'full')
    """
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    if value is None:
        return "full"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
