"""Recipes: a model and its hyper-parameters, as data.

A trained model's file carries its recipe: renaming or removing a field makes files unreadable.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from tinygrad_mnist import nn
from tinygrad_mnist.models.cnn import cnn
from tinygrad_mnist.models.mlp import ACTIVATIONS, DIGITS, PIXELS, mlp

OPTIMIZERS = ("SGD", "Adam")
SCHEDULES = ("constant", "cosine")
LARGEST = 100_000
SIZES = f"sizes of 1 to {LARGEST:,}"


class RecipeError(ValueError):
    """A recipe that cannot be run; the message, one line, names the field and its choices."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model and the settings to train it. Raises `RecipeError` for a value out of range.

    >>> recipe = Recipe(name="mine", what="a small network", floor=0.9, hidden=(64,))
    >>> recipe.replace(hidden=(32, 16)).layers
    (784, 32, 16, 10)
    >>> recipe.replace(lr=-1)
    Traceback (most recent call last):
    tinygrad_mnist.models.recipe.RecipeError: lr must be above 0 and finite, not -1
    """

    name: str
    what: str
    """One line for a reader."""
    floor: float
    """The accuracy to reach on MNIST's 10,000 test images, after training on the 60,000."""

    channels: tuple[int, ...] = ()
    """The widths of the convolutional layers; without any, a multi-layer perceptron."""
    hidden: tuple[int, ...] = ()
    """The widths of the hidden linear layers."""
    activation: str = "relu"
    dropout: float = 0.0
    digit: int | None = None
    """With a digit, the model has one output, "is it this digit?"; without, ten."""

    optimizer: str = "SGD"
    lr: float = 0.1
    momentum: float = 0.0
    """Of SGD alone."""
    weight_decay: float = 0.0
    schedule: str = "constant"
    """How the learning rate changes from epoch to epoch; "cosine" ends near 0."""
    batch_size: int | None = 64
    """None means the gradient of the whole training set, one step per epoch."""
    tile_rows: int | str | None = "auto"
    """How many images of a batch a thread computes at a time; None: all together; "auto": as many
    as suit the sizes of the model."""
    epochs: int = 10
    validation: float = 1 / 12
    """The share of the training images set aside to validate after every epoch."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `RecipeError` for the first field that is wrong."""
        _require(_are_sizes(self.channels), "channels", SIZES, self.channels)
        _require(_are_sizes(self.hidden), "hidden", SIZES, self.hidden)
        _require(len(self.channels) <= 2, "channels", "at most 2 sizes", self.channels)
        _require_one_of("activation", self.activation, tuple(ACTIVATIONS))
        _require_one_of("optimizer", self.optimizer, OPTIMIZERS)
        _require_one_of("schedule", self.schedule, SCHEDULES)
        _require(0 <= self.dropout < 0.5, "dropout", "at least 0 and below 0.5", self.dropout)
        _require(self.digit in (None, *range(10)), "digit", "0 to 9", self.digit)
        _require(0 < self.lr < float("inf"), "lr", "above 0 and finite", self.lr)
        _require(0 <= self.momentum < 1, "momentum", "at least 0 and below 1", self.momentum)
        no_use = self.momentum != 0 and self.optimizer != "SGD"
        _require(not no_use, "momentum", f"0 for {self.optimizer}, which has none", self.momentum)
        good = 0 <= self.weight_decay < float("inf")
        _require(good, "weight_decay", "at least 0 and finite", self.weight_decay)
        no_batches = self.batch_size is not None and self.batch_size < 1
        _require(not no_batches, "batch_size", "at least 1", self.batch_size)
        rows = self.tile_rows
        fine = rows >= 1 if isinstance(rows, int) else rows in (None, "auto")
        _require(fine, "tile_rows", 'at least 1, "auto" or None', rows)
        _require(self.epochs >= 1, "epochs", "at least 1", self.epochs)
        _require(0 < self.validation < 1, "validation", "between 0 and 1", self.validation)
        _require(self.seed >= 0, "seed", "at least 0", self.seed)

    @property
    def outputs(self) -> int:
        """How many numbers the model returns for an image."""
        return DIGITS if self.digit is None else 1

    @property
    def loss(self) -> str:
        """The name, in nn.functional, of the loss that is minimised."""
        return "cross_entropy" if self.digit is None else "binary_cross_entropy_with_logits"

    @property
    def layers(self) -> tuple[int, ...]:
        """The widths of all layers, from pixels to outputs."""
        return (PIXELS, *self.channels, *self.hidden, self.outputs)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the answers: the ten digits, or "not 5" and "5"."""
        if self.digit is None:
            return tuple(str(digit) for digit in range(DIGITS))
        return (f"not {self.digit}", str(self.digit))

    def replace(self, **changes: Any) -> Recipe:
        """Return the same recipe with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, in built-in types."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: Any) -> Recipe:
        """Make a recipe of the fields of `to_dict`; raises `RecipeError` for others."""
        if not isinstance(fields, dict):
            raise RecipeError("holds no recipe")
        names = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(str(name) for name in set(fields) - names):
            raise RecipeError(f"holds a recipe of another release, with {', '.join(unknown)}")
        values: dict[str, Any] = {
            str(name): tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
        }
        _check_kinds(values)
        try:
            return cls(**values)
        except TypeError as error:
            raise RecipeError(f"holds a recipe that cannot be read: {error}") from None


# What a file may hold for a field of each annotation.
_KINDS: dict[str, Any] = {
    "str": str,
    "int": int,
    "int | None": int | None,
    "int | str | None": int | str | None,
    "float": int | float,
    "tuple[int, ...]": tuple,
}


def _check_kinds(values: dict[str, Any]) -> None:
    """Raise `RecipeError` for a value read from a file that is of no kind that its field takes."""
    for field in dataclasses.fields(Recipe):
        value = values.get(field.name, field.default)
        parts = value if isinstance(value, tuple) else (value,)
        good = field.name not in values or isinstance(value, _KINDS[str(field.type)])
        if isinstance(value, tuple):
            good &= all(isinstance(part, int) for part in parts)
        huge = any(isinstance(part, int) and abs(part) >= 2**63 for part in parts)
        if not good or huge or any(isinstance(part, bool) for part in parts):
            raise RecipeError(
                f"holds a recipe that cannot be read: its {field.name} is {value!r:.40}"
            )


def _require(good: bool, field: str, rule: str, value: object) -> None:
    if not good:
        raise RecipeError(f"{field} must be {rule}, not {value}")


def _are_sizes(values: tuple[int, ...]) -> bool:
    return all(1 <= value <= LARGEST for value in values)


def _require_one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    _require(value in allowed, field, f"one of {', '.join(allowed)}", value)


def build(recipe: Recipe) -> nn.Sequential:
    """Build the untrained model of a recipe; its first weights come from the random state.

    >>> build(Recipe(name="mine", what="a small network", floor=0.9, hidden=(64,)))
    Sequential(
      (0): Linear(in_features=784, out_features=64, bias=True)
      (1): ReLU()
      (2): Linear(in_features=64, out_features=10, bias=True)
    )
    """
    inside = recipe.activation, recipe.dropout
    if recipe.channels:
        return cnn(recipe.channels, recipe.hidden, recipe.outputs, *inside)
    return mlp(PIXELS, recipe.hidden, recipe.outputs, *inside)
