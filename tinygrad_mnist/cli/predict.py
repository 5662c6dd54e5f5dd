"""Ask a model which digits images show.

IMAGE is a picture file of one digit (a photo, a scan, a drawing), or a number: that test image,
from 0 on. What the model saw of a picture is drawn below its answer.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.cli.main import UsageError, complain, words
from tinygrad_mnist.cli.options import add_data, load_data, load_saved

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinygrad_mnist.data import Mnist
    from tinygrad_mnist.nn import Module

HELP = "ask a model which digits images show"
SURE = 0.4  # an answer needs at least this probability, as a mean over a picture's views


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, the images, and the data that numbers refer to."""
    parser.add_argument("model", metavar="MODEL", help="model.pkl, or the folder that holds it")
    parser.add_argument(
        "images", metavar="IMAGE", nargs="+", help="a picture, or a test image's number"
    )
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Print each answer and the probabilities; return 2 when a picture could not be read."""
    from tinygrad_mnist.cli.show import draw_image, percent, show_table

    saved = load_saved(args.model, quiet=True)
    numbered = any(map(is_number, args.images))
    data = load_data(args.data) if numbered else None
    code, rows, seen = 0, [], []
    for name in args.images:
        try:
            views, truth = _images(name, data)
        except (UsageError, OSError) as error:
            code = complain(words(error), 2)
            continue
        image, shares, answer = ask(saved.model, views)
        unsure = answer is None and not truth
        called = "not sure" if unsure else saved.recipe.classes[int(shares.argmax())]
        rows.append([name, called, *([truth] if numbered else []), *map(percent, shares)])
        if not truth:
            seen.append((name, image))
    if rows:
        truth_column = ["truth"] if numbered else []
        show_table(["image", "answer", *truth_column, *saved.recipe.classes], rows)
    for name, image in seen:
        print(f"\n{name}, as the model saw it:")
        print(draw_image(image, sys.stdout.encoding))
    return code


def ask(
    model: Module, views: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.float32], int | None]:
    """Return the view (28, 28) of which the model is surest, its probabilities and its answer.

    The answer is None when the mean over all views does not support it.
    """
    from tinygrad_mnist.train import predict

    shares = predict(model, views)
    surest = int(shares.max(1).argmax())
    answer = int(shares[surest].argmax())
    sure = float(shares[:, answer].mean()) >= SURE
    return views[surest], shares[surest], answer if sure else None


def is_number(name: str) -> bool:
    """Tell whether an argument is a test image's number: ASCII digits."""
    return name.isascii() and name.isdecimal()


def _images(name: str, data: Mnist | None) -> tuple[NDArray[Any], str]:
    """Return the images that an argument stands for and, for a test image, its digit."""
    from tinygrad_mnist.cli.picture import read_views

    if data is None or not is_number(name):
        return read_views(name), ""
    index = int(name)
    if index >= len(data.test_labels):
        raise UsageError(f"there are test images 0 to {len(data.test_labels) - 1:,}, not {index:,}")
    return data.test_images[index][None], str(data.test_labels[index])
