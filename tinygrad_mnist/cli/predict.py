"""Ask a model which digits images show.

IMAGE is a picture file (PNG and the like) of one digit, or a number: that test image, from 0 on.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.options import add_data, load_data, load_saved

if TYPE_CHECKING:
    from tinygrad_mnist.data import Mnist

HELP = "ask a model which digits images show"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the images, and the data that numbers refer to."""
    parser.add_argument("model", metavar="MODEL", help="model.pkl, or the folder that holds it")
    parser.add_argument(
        "images", metavar="IMAGE", nargs="+", help="a PNG, or a test image's number"
    )
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Print the answer and every class's probability."""
    import numpy as np

    from tinygrad_mnist.cli.picture import read_picture
    from tinygrad_mnist.cli.show import percent, show_table
    from tinygrad_mnist.train import predict

    saved = load_saved(args.model)
    numbered = any(name.isdigit() for name in args.images)
    data = load_data(args.data) if numbered else None
    images, truths = [], []
    for name in args.images:
        if data is not None and name.isdigit():
            image, truth = _test_image(data, int(name))
        else:
            image, truth = read_picture(name), ""
        images.append(image)
        truths.append(truth)
    rows = []
    for name, truth, shares in zip(
        args.images, truths, predict(saved.model, np.stack(images)), strict=True
    ):
        answer = saved.recipe.classes[int(shares.argmax())]
        rows.append([name, answer, *([truth] if numbered else []), *map(percent, shares)])
    truth_column = ["truth"] if numbered else []
    show_table(["image", "answer", *truth_column, *saved.recipe.classes], rows)
    return 0


def _test_image(data: Mnist, index: int) -> tuple[Any, str]:
    if index >= len(data.test_labels):
        raise UsageError(f"there are test images 0 to {len(data.test_labels) - 1:,}, not {index:,}")
    return data.test_images[index], str(data.test_labels[index])
