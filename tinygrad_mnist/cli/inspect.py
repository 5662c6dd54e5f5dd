"""List what a model file holds, without loading its weights; its checksum is verified."""

from __future__ import annotations

import argparse
import math
from typing import Any

from tinygrad_mnist.cli.options import model_file

HELP = "list what a model file holds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model."""
    parser.add_argument("model", metavar="MODEL", help="model.pkl, or the folder that holds it")


def run(args: argparse.Namespace) -> int:
    """Print the recipe, the results and a row per array."""
    from tinygrad_mnist.cli.show import percentage, say, show_table
    from tinygrad_mnist.models import Recipe, RecipeError
    from tinygrad_mnist.serialize import FormatError, inspect

    path = model_file(args.model)
    content = inspect(path)
    try:
        recipe = Recipe.from_dict(content["recipe"])
        arrays = dict(_arrays(content["model"]))
        print(f"file    {path}: {path.stat().st_size:,} bytes, its checksum is right")
        print(f"written by tinygrad-mnist {content['tinygrad_mnist']}")
        fields = (
            f"{name} {value}" for name, value in recipe.to_dict().items() if name not in SHOWN
        )
        say("recipe", f"{recipe.name}: {recipe.what}; {', '.join(fields)}")
        print("data    {name}, {train:,} train / {test:,} test images".format(**content["data"]))
        if results := content["results"]:
            say("test", f"accuracy {percentage(results['accuracy'])}, on {results['measured_on']}")
        if training := content["training"]:
            arrays |= _arrays(training, "training.")
            print(f"resume  a checkpoint, after {training['epoch']} of {recipe.epochs} epochs")
    except (KeyError, TypeError, AttributeError):
        raise FormatError(f"{path}: not a model file: `train` writes model.pkl") from None
    except RecipeError as error:
        raise FormatError(f"{path}: {error}") from None
    rows = [
        [name, info.dtype, " x ".join(map(str, info.shape)) or "-", f"{info.nbytes:,}"]
        for name, info in arrays.items()
    ]
    print()
    show_table(["array", "dtype", "shape", "bytes"], rows, left=3)
    elements = sum(math.prod(info.shape) for info in arrays.values())
    size = sum(info.nbytes for info in arrays.values())
    print(f"{len(arrays)} arrays of {elements:,} numbers, {size:,} bytes")
    return 0


SHOWN = ("name", "what", "floor")


def _arrays(value: Any, prefix: str = "") -> Any:
    """Yield (dotted name, ArrayInfo) of each array in nested dicts, lists and tuples."""
    from tinygrad_mnist.serialize import ArrayInfo

    if isinstance(value, ArrayInfo):
        yield prefix.removesuffix("."), value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _arrays(inner, f"{prefix}{key}.")
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from _arrays(inner, f"{prefix}{i}.")
