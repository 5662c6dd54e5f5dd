"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinygrad_mnist.cli.main import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tinygrad_mnist.data import Mnist
    from tinygrad_mnist.models import Recipe
    from tinygrad_mnist.train import Saved


def add_data(parser: argparse.ArgumentParser) -> None:
    """--data."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="folder with the four MNIST files, or 'embedded' for the 5,000 digits in the package "
        "(default: $TINYGRAD_MNIST_DATA, the cache, a download, embedded)",
    )


def load_data(named: str | None) -> Mnist:
    """The data that --data names; says on one line which it is."""
    from tinygrad_mnist.data import load_mnist

    data = load_mnist(named)
    sizes = f"{len(data.train_labels):,} train / {len(data.test_labels):,} test images"
    print(f"data    {data.name}: {sizes} ({data.source})", flush=True)
    return data


def recipe_of(name: str) -> Recipe:
    """The recipe of that name; `UsageError` suggests the nearest."""
    from tinygrad_mnist.models import RECIPES

    if name not in RECIPES:
        raise UsageError(f"no recipe {name!r}{did_you_mean(name, RECIPES)}")
    return RECIPES[name]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a mistyped word.

    >>> did_you_mean("mlp128", ["mlp-10", "mlp-128", "deep"])
    '; did you mean mlp-128?'
    >>> did_you_mean("x", ["mlp-10", "mlp-128", "deep"])
    '; there are mlp-10, mlp-128, deep'
    """
    known = list(known)
    near = difflib.get_close_matches(word.lower(), known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"


def load_saved(path: str) -> Saved:
    """The model in the file that `path` stands for."""
    from tinygrad_mnist.train import load_model

    return load_model(model_file(path))


def model_file(path: str) -> Path:
    """The model file at `path`, or model.pkl in it if it is a folder."""
    from pathlib import Path

    file = Path(path)
    if file.is_dir():
        names = [name for name in ("model.pkl", "checkpoint.pkl") if (file / name).is_file()]
        if not names:
            raise UsageError(f"{path}: holds neither model.pkl nor checkpoint.pkl")
        file = file / names[0]
    return file


def sizes(text: str) -> tuple[int, ...]:
    """The type of --hidden: "256,128,64".

    >>> sizes("256,128")
    (256, 128)
    """
    try:
        return tuple(int(size) for size in text.split(",") if size.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not sizes like 256,128,64") from None


def batch_size(text: str) -> int | None:
    """The type of --batch-size: a number, or "full" for all images at once."""
    if text == "full":
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor 'full'") from None
