"""`torchvision.datasets`: MNIST from this library's data layer, and FashionMNIST from a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.data import Mnist, load_mnist
from tinygrad_mnist.data.idx import DataError
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.utils.data import Dataset


class VisionDataset(Dataset[Any]):
    """A data set of images with transforms."""

    def __init__(
        self,
        root: Any = None,
        transforms: Any = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.root, self.transforms = root, transforms
        self.transform, self.target_transform = transform, target_transform


class MNIST(VisionDataset):
    """Handwritten digits: `data` (n, 28, 28) uint8 and `targets` (n,) int64.

    From `root` where the files are (also in MNIST/raw), else as `data.load_mnist` finds them: in
    the folder that TINYGRAD_MNIST_DATA names, the cache, a download with `download=True`, or the
    subset in the package; a printed line then says so.
    """

    classes = ["0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six",
               "7 - seven", "8 - eight", "9 - nine"]  # fmt: skip

    def __init__(
        self,
        root: Any = None,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        self.train = train
        mnist = self._load(root, download)
        images = mnist.train_images if train else mnist.test_images
        labels = mnist.train_labels if train else mnist.test_labels
        self.data, self.targets = from_numpy(np.asarray(images)), from_numpy(np.asarray(labels))

    def _load(self, root: Any, download: bool) -> Mnist:
        if root is not None and os.path.isdir(root):
            try:
                return load_mnist(root, stream=False)
            except DataError:  # no files there: use the library's own
                if _has_files(root):
                    raise
        mnist = load_mnist(download=download, stream=False)
        if mnist.name == "mnist-5k-embedded":
            print(f"MNIST: {mnist.source}")
        return mnist

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Return the number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    train_data = test_data = property(lambda self: self.data)
    train_labels = test_labels = property(lambda self: self.targets)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        image, target = picture(self.data[int(index)].numpy()), int(self.targets[int(index)])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target


def _has_files(root: Any) -> bool:
    """Tell whether a file of MNIST is in the folder, or where torchvision puts it."""
    folders = [os.path.join(root, part) for part in ("", "raw", os.path.join("MNIST", "raw"))]
    return any("ubyte" in name for f in folders if os.path.isdir(f) for name in os.listdir(f))


class FashionMNIST(MNIST):
    """Articles of clothing, in files of MNIST's form under `root`/FashionMNIST/raw.

    Raises DataError where they are not: nothing is downloaded.
    """

    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
               "Bag", "Ankle boot"]  # fmt: skip

    def _load(self, root: Any, download: bool) -> Mnist:
        folder = os.path.join(os.fspath(root), "FashionMNIST")
        if not os.path.isdir(folder):
            raise DataError(
                f"FashionMNIST is not downloaded: put its four files (train-images-idx3-ubyte.gz, "
                f"...) into {os.path.join(folder, 'raw')}"
            )
        return load_mnist(folder)


def picture(array: Any) -> Any:
    """Return an array (H, W) uint8 as Pillow's image, or itself where Pillow is not installed."""
    try:
        from PIL import Image
    except ImportError:
        return array
    return Image.fromarray(np.asarray(array))


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"torchvision.datasets has no {name!r} here: MNIST and FashionMNIST, and a "
        "utils.data.Dataset of your own, are available"
    )


__all__ = ["MNIST", "FashionMNIST", "VisionDataset"]
