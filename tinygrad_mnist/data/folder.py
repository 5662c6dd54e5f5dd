"""The arrays in a folder of the user's own: `.npy` files, shards of them, or shards of IDX files.

An array is a file (`train-images.npy`), several with numbers (`train-images-00000.npy`), or a
folder of such (`train-images/`); Keras's names (`x_train.npy`) are understood too.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from tinygrad_mnist.data.idx import MAX_BYTES, DataError
from tinygrad_mnist.data.shards import ENDINGS, PACKED, SHARD, in_order, listed
from tinygrad_mnist.data.stored import StoredArray, open_array, open_files

NAMES = {  # in IDX; of .npy files and of folders
    "train-images-idx3-ubyte": ("train-images", "x_train"),
    "train-labels-idx1-ubyte": ("train-labels", "y_train"),
    "t10k-images-idx3-ubyte": ("test-images", "t10k-images", "x_test"),
    "t10k-labels-idx1-ubyte": ("test-labels", "t10k-labels", "y_test"),
}
GROWTH = 5  # a pixel takes a byte in the file, and four more as an input
SHARE = 0.5  # of the memory: data that would take more is streamed


def stored_arrays(folder: Path) -> dict[str, StoredArray] | None:
    """Return the four arrays of a folder, unread, by their IDX names; None if there are none.

    Raises DataError if some are missing, named twice, or cannot be read row by row.
    """
    names = listed(folder)
    paths = {idx: _paths_of(spellings, folder, names) for idx, spellings in NAMES.items()}
    if not any(paths.values()):
        return None
    for idx, array in paths.items():
        if not array:
            packed = [n for n in names if n.startswith(NAMES[idx]) and PACKED.fullmatch(n)]
            hint = f"; unpack {packed[0]} first" if packed else ""
            raise DataError(f"{folder}: missing {NAMES[idx][0]}.npy, or its shards{hint}")
    for part in ("train", "t10k"):
        _check_shards_pair(paths[f"{part}-images-idx3-ubyte"], paths[f"{part}-labels-idx1-ubyte"])
    arrays = {}
    for idx, array in paths.items():
        if len(array) == 1:
            arrays[idx] = open_array(array[0])
        else:
            stem = SHARD.fullmatch(array[0].name)
            arrays[idx] = open_files(array, str(folder / (stem["stem"] if stem else "")))
    for part in ("train", "t10k"):
        _check_lengths(arrays[f"{part}-images-idx3-ubyte"], arrays[f"{part}-labels-idx1-ubyte"])
    return arrays


def _paths_of(spellings: tuple[str, ...], folder: Path, names: list[str]) -> list[Path]:
    """Return the file, the folder or the shards of one array; nothing if there are none."""
    ways = []
    for stem in spellings:
        plain = re.compile(rf"{re.escape(stem)}{ENDINGS}")
        ways += [[name] for name in names if plain.fullmatch(name)]
        ways += [[name] for name in names if name == stem and (folder / name).is_dir()]
        shards = [n for n in names if (m := SHARD.fullmatch(n)) and m["stem"] == stem]
        if shards:
            ways.append(in_order(shards, folder))
    if len(ways) > 1:
        raise DataError(f"{folder}: holds both {ways[0][0]} and {ways[1][0]}; keep one of them")
    return [folder / name for name in ways[0]] if ways else []


def _check_shards_pair(images: list[Path], labels: list[Path]) -> None:
    """Raise DataError if a shard of images has no shard of labels of its number, or the reverse."""
    by_number = [
        {int(match["number"]): path for path in paths if (match := SHARD.fullmatch(path.name))}
        for paths in (images, labels)
    ]
    if not all(by_number):
        return  # one of the two is a file of its own
    images_by_number, labels_by_number = by_number
    for shards, others, other in (
        (images_by_number, labels_by_number, "labels"),
        (labels_by_number, images_by_number, "images"),
    ):
        for number, path in shards.items():
            if number not in others:
                raise DataError(f"{path}: its shard of {other} is missing")


def _check_lengths(images: StoredArray, labels: StoredArray) -> None:
    """Raise DataError if a shard of images has another number of rows than that of its labels."""
    if len(images.files) != len(labels.files) or len(images.files) == 1:
        return  # cut at other rows, or not at all: the sums count
    for shard, other in zip(images.files, labels.files, strict=True):
        if shard.shape[0] != other.shape[0]:
            raise DataError(
                f"{shard.path}: holds {shard.shape[0]:,} images, but {Path(other.path).name} "
                f"holds {other.shape[0]:,} labels"
            )


def is_too_large(paths: list[Path]) -> bool:
    """Tell whether the files are too large to be held in memory, as bytes and as inputs.

    Compressed files count as they are: they cannot be streamed anyway.
    """
    size = sum(os.path.getsize(path) for path in paths)
    return size > MAX_BYTES or GROWTH * size > SHARE * memory()


def memory() -> int:
    """Return the bytes of memory that the process may use: the machine's, or its control group's.

    >>> memory() > 2**20
    True
    """
    limits = [2**63]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(path).read_text("ascii")))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return min(limits)
