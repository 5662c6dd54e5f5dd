"""`Mnist`, images with labels for training and testing, and the checks that they must pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.idx import DataError
from tinygrad_mnist.data.stored import StoredArray

TEST_BYTES = 2**28  # test images of a stream up to this size are read into memory
LABELS_AT_ONCE = 2**20


@dataclass(frozen=True, eq=False)
class Mnist:
    """Images (N, 28, 28) uint8 with labels (N,) int64 of 0 to 9, for training and for testing.

    `name` is what results quote: "mnist" for the canonical 60,000 + 10,000 images only,
    "mnist-5k-embedded" for the subset in the package, "custom" for anything else.
    `source` names in one line where the data came from. Data that is streamed stays in its files:
    the arrays for training are then of the class `StoredArray`, which reads the rows asked for.

    >>> from tinygrad_mnist.data import load_mnist
    >>> load_mnist("embedded")
    Mnist(mnist-5k-embedded, 4,000 train / 1,000 test images, embedded subset: ...)
    """

    train_images: NDArray[np.uint8] | StoredArray
    train_labels: NDArray[np.int64] | StoredArray
    test_images: NDArray[np.uint8] | StoredArray
    test_labels: NDArray[np.int64]
    name: str
    source: str

    @property
    def is_streamed(self) -> bool:
        """Tell whether the training images stay in their files."""
        return isinstance(self.train_images, StoredArray)

    def __repr__(self) -> str:
        """Name, sizes and source; never the pixels."""
        sizes = f"{len(self.train_labels):,} train / {len(self.test_labels):,} test images"
        return f"Mnist({self.name}, {sizes}, {self.source})"


def checked_mnist(
    arrays: Mapping[str, Any],
    files: Mapping[str, str],
    name: str,
    source: str,
    *,
    any_integers: bool = False,
) -> Mnist:
    """Return the data after checking each pair; errors name the files by `files`.

    Labels are uint8, as in the IDX files, or of any integer type with `any_integers`.
    """
    train = _checked_pair("train", arrays, files, any_integers)
    images, labels = _checked_pair("t10k", arrays, files, any_integers)
    if isinstance(images, StoredArray) and images.nbytes <= TEST_BYTES:
        images = np.asarray(images)
    labels = np.asarray(labels, np.int64)
    return Mnist(*train, images, labels, name, source)


def _checked_pair(
    part: str, arrays: Mapping[str, Any], files: Mapping[str, str], any_integers: bool
) -> tuple[Any, Any]:
    """Return the images and labels of "train" or "t10k"."""
    image_name, label_name = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
    images, labels = arrays[image_name], arrays[label_name]
    image_file, label_file = files[image_name], files[label_name]
    if images.ndim == 1 and labels.ndim == 3:
        raise DataError(
            f"{image_file}: holds labels, and {label_file} holds images: the two are swapped"
        )
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        content = f"{images.dtype} of shape {images.shape}"
        raise DataError(f"{image_file}: holds {content}; images are uint8 of shape (N, 28, 28)")
    is_fit = labels.dtype.kind in "ui" if any_integers else labels.dtype == np.uint8
    if not is_fit or labels.ndim != 1:
        content = f"{labels.dtype} of shape {labels.shape}"
        wanted = "integers" if any_integers else "uint8"
        raise DataError(f"{label_file}: holds {content}; labels are {wanted} of shape (N,)")
    if len(images) == 0:
        raise DataError(f"{image_file}: holds no images")
    if len(images) != len(labels):
        raise DataError(
            f"{image_file}: holds {len(images):,} images, "
            f"but {label_file} holds {len(labels):,} labels"
        )
    _check_labels(labels, label_file)
    return images, labels.astype(np.int64)


def _check_labels(labels: Any, file: str) -> None:
    """Raise DataError for a label that is no digit; a stream is read a part at a time."""
    for start in range(0, len(labels), LABELS_AT_ONCE):
        part = labels[start : start + LABELS_AT_ONCE]
        if part.min() < 0 or part.max() > 9:
            at = int(np.argmax((part < 0) | (part > 9)))
            raise DataError(f"{file}: label {part[at]} at index {start + at}; labels are 0 to 9")
