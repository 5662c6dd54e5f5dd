"""Shards: one array in several files whose names differ in a number.

`train-images-00003.npy` and `train-images-00003-of-00012.npy` are shards, IDX files likewise.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from tinygrad_mnist.data.idx import DataError

ENDINGS = r"(?:\.npy|[-.]idx\d?-ubyte|\.idx)"
SHARD = re.compile(rf"(?P<stem>.*?)[-_.]?(?P<number>\d+)(?:[-_.]of[-_.](?P<count>\d+))?{ENDINGS}")
PLAIN = re.compile(rf".+{ENDINGS}")
PACKED = re.compile(rf".+(?:\.npz|{ENDINGS}\.(?:gz|bz2|xz|zst))")


def shards_in(folder: Path) -> list[Path]:
    """Return the shards of one array in a folder of their own, in order.

    Raises DataError if there are none, one is missing or compressed, or there are two arrays.
    """
    names = listed(folder)
    if packed := [name for name in names if PACKED.fullmatch(name)]:
        raise DataError(
            f"{folder / packed[0]}: compressed, so its rows cannot be read one by one; "
            "unpack the shards first (gunzip, unzip)"
        )
    plain = [name for name in names if PLAIN.fullmatch(name)]
    if not plain:
        raise DataError(f"{folder}: holds no shards: no .npy and no IDX file")
    if len(plain) == 1 and "-of-" not in plain[0]:
        return [folder / plain[0]]
    if odd := [name for name in plain if not SHARD.fullmatch(name)]:
        raise DataError(f"{folder / odd[0]}: has no number; shards are named like part-00000.npy")
    stems = {match["stem"] for name in plain if (match := SHARD.fullmatch(name))}
    if len(stems) > 1:
        both = " and ".join(repr(stem) for stem in sorted(stems)[:2])
        raise DataError(f"{folder}: holds shards of two arrays, {both}; name one folder for each")
    return [folder / name for name in in_order(plain, folder)]


def in_order(names: Iterable[str], folder: Path) -> list[str]:
    """Sort the shards of one array by number. Raises DataError for a gap or a number twice."""
    numbered: dict[int, str] = {}
    counts = set()
    for name in sorted(names):
        match = SHARD.fullmatch(name)
        assert match is not None
        number = int(match["number"])
        if number in numbered:
            raise DataError(f"{folder / name}: shard {number} again, beside {numbered[number]}")
        numbered[number] = name
        counts.add(int(match["count"]) if match["count"] else None)
    if len(counts) > 1:
        raise DataError(f"{folder / name}: its shards disagree on how many there are")
    first = min(numbered)
    (count,) = counts
    last = max(numbered) if count is None else min(first, 1) + count - 1
    missing = sorted(set(range(min(first, 1), last + 1)) - set(numbered))
    if missing or len(numbered) > last - min(first, 1) + 1:
        fault = f"number {missing[0]} is missing" if missing else f"there are more than {count}"
        raise DataError(f"{folder / numbered[first]}: of its shards, {fault}")
    return [numbered[number] for number in sorted(numbered)]


def listed(folder: Path) -> list[str]:
    """Return the names in a folder but for hidden ones. Raises DataError if it cannot be read."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from error
