"""Find MNIST: in a folder that the user names, the cache, a download, or the package."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data import failures
from tinygrad_mnist.data.digits import Mnist, checked_mnist
from tinygrad_mnist.data.download import (
    CONNECT_SECONDS,
    MAX_DOWNLOAD,
    Progress,
    download,
    show_progress,
    tell,
)
from tinygrad_mnist.data.folder import is_too_large, stored_arrays
from tinygrad_mnist.data.idx import DataError, idx_sha256, read_idx, read_stream
from tinygrad_mnist.data.stored import StoredArray, open_array
from tinygrad_mnist.files import replacing

SHA256 = {  # of the uncompressed files
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
ENV = "TINYGRAD_MNIST_DATA"
OFFLINE = "TINYGRAD_MNIST_OFFLINE"
EMBEDDED: Literal["embedded"] = "embedded"
CANONICAL_BYTES = 60_000 * 28 * 28  # the largest of the four
LAYOUTS = ("", "MNIST/raw", "raw")  # the folder itself, and where torchvision puts the files

Array = NDArray[Any]


def load_mnist(
    data: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    mirrors: tuple[str, ...] = MIRRORS,
    progress: Progress = show_progress,
    stream: bool | None = None,
) -> Mnist:
    """Load MNIST from the first of: `data`, the cache, the `mirrors`, the subset in the package.

    `data` is a folder with the four IDX files (plain or gzipped, a torchvision root included), a
    folder with `train-images.npy` and so on or with shards of them, or "embedded"; when None, the
    environment variable TINYGRAD_MNIST_DATA names it. With `stream`, the training images of such a
    folder stay in their files; by default they do where they would fill half of the memory. A
    folder that is named must be good: anything wrong in it raises `DataError`. Otherwise the cache
    (`cache_dir()`) is filled by a download, which a line on standard error announces, and when
    that fails the embedded subset is loaded; its `source` gives the reason. No network is
    used when `download` is False, when TINYGRAD_MNIST_OFFLINE is set, or for a day after a
    failure; `fetch` tries again.

    >>> mnist = load_mnist("embedded")
    >>> mnist.name, mnist.train_images.shape, mnist.test_labels.shape
    ('mnist-5k-embedded', (4000, 28, 28), (1000,))
    """
    named = _named_folder(data)
    if isinstance(named, Path):
        return _load_folder(named, "" if data is not None else f" (named by {ENV})", stream)
    if stream:
        raise DataError("a stream needs files: name their folder, with --data or $" + ENV)
    if named == EMBEDDED:
        return load_embedded()

    arrays, problems = _read_cache()
    source = f"cache: {_cache_dir()}"
    if download and len(arrays) < len(SHA256):
        try:
            mirror = _try_download(arrays, mirrors, progress)
            source = f"downloaded from {mirror} to {cache_dir()}"
        except DataError as error:
            problems.append(str(error))
    if len(arrays) == len(SHA256):
        files = {name: name for name in SHA256}
        return checked_mnist(arrays, files, "mnist", "; ".join([source, *problems]))
    embedded = load_embedded()
    return replace(embedded, source="; ".join([embedded.source, *problems]))


def load_embedded() -> Mnist:
    """Load the 5,000 real MNIST digits in the package: 4,000 train / 1,000 test, stratified.

    All are digits of MNIST's training set (see embedded/README.md): a model trained on them may be
    tested on the real test set; one trained on the real training set has seen all of these.

    >>> load_embedded().test_images.shape
    (1000, 28, 28)
    """
    arrays = _embedded_arrays()
    return Mnist(
        train_images=arrays["train_images"],
        train_labels=arrays["train_labels"].astype(np.int64),
        test_images=arrays["test_images"],
        test_labels=arrays["test_labels"].astype(np.int64),
        name="mnist-5k-embedded",
        source="embedded subset: 4,000 train / 1,000 test digits "
        "(not the real 10,000-image test set)",
    )


def _embedded_arrays() -> dict[str, Array]:
    """Return the arrays in the package."""
    content = (Path(__file__).parent / "embedded" / "mnist5k.npz").read_bytes()
    # From memory: where an interrupt comes while NumPy opens it, no file is left open
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def cache_dir() -> Path:
    """Return `$XDG_CACHE_HOME/tinygrad-mnist`, or `~/.cache/tinygrad-mnist`; it need not exist.

    Raises DataError where neither a variable nor the system names the user's home.

    >>> cache_dir().name
    'tinygrad-mnist'
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))  # XDG: a path that is not absolute is ignored
    try:
        return (base if base.is_absolute() else Path.home() / ".cache") / "tinygrad-mnist"
    except RuntimeError:  # no HOME, and no entry in the system's list of users
        raise DataError("no cache: HOME is not set; set HOME or XDG_CACHE_HOME") from None


def _cache_dir() -> Path | None:
    """Return the folder of the cache, or None where there is none."""
    try:
        return cache_dir()
    except DataError:
        return None


def fetch(
    folder: str | os.PathLike[str] | None = None,
    *,
    mirrors: tuple[str, ...] = MIRRORS,
    progress: Progress = show_progress,
) -> Path:
    """Make the cache complete and verified, downloading what is missing or bad; return its folder.

    With `folder`, fill that folder instead; bad files in it are left and named. Raises `DataError`
    with the failure of each mirror.
    """
    if folder is None:
        target = cache_dir()
        arrays, _ = _read_cache()
    elif folder == EMBEDDED:
        raise DataError("the embedded subset is in the package; there is nothing to fetch")
    else:
        target = _expanded(folder)
        files = _files_in(target)
        arrays = {n: _canonical(read_idx(path), n, str(path)) for n, path in files.items()}
    if len(arrays) < len(SHA256):
        _download_missing(arrays, mirrors, progress, target)
    if (cache := _cache_dir()) is not None:
        failures.forget_failure(cache)
    return target


def verify(data: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """Check the four files in the folder `data` (default: TINYGRAD_MNIST_DATA, else the cache).

    Returns for each file "ok" when its content is the canonical one, else a line on the
    fault. Changes nothing. Raises `DataError` when the folder that is named is not there.
    """
    named = _named_folder(data)
    if named == EMBEDDED:
        raise DataError("the embedded subset is no folder of IDX files; nothing can be verified")
    folder, paths = _find(named if isinstance(named, Path) else cache_dir())
    report = {name: f"{folder / name}: missing" for name in SHA256}
    for name, path in paths.items():
        try:
            _canonical(read_idx(path), name, str(path))
            report[name] = "ok"
        except DataError as error:
            report[name] = str(error)
    return report


def _named_folder(data: str | os.PathLike[str] | None) -> Path | Literal["embedded"] | None:
    """Return the folder that the argument, or else the environment, names."""
    named, origin = data, ""
    if data is None:
        named, origin = os.environ.get(ENV) or None, f" (named by {ENV})"
    if named is None:
        return None
    if named == EMBEDDED:
        return EMBEDDED
    folder = _expanded(named)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise DataError(f"{folder}{origin}: a file; name the folder that holds the MNIST files")
    raise DataError(f"{folder}{origin}: no such folder")


def _expanded(named: str | os.PathLike[str]) -> Path:
    """Expand ~ to the user's home; a ~name of no user stays as it is."""
    return Path(os.path.expanduser(named))


def _load_folder(folder: Path, origin: str = "", stream: bool | None = None) -> Mnist:
    """Load the folder's digits, or similar images; `source` reports when they are not MNIST's."""
    where, paths = _find(folder)
    if missing := [name for name in SHA256 if name not in paths]:
        stored = stored_arrays(folder)
        if stored is not None:
            return _from_arrays(folder, stored, stream)
        raise DataError(
            f"{folder}{origin}: missing {', '.join(missing)}; looked in it and in its "
            "MNIST/raw and raw, for names like train-images-idx3-ubyte, .gz or not, "
            "train-images.idx3-ubyte, and train-images.npy"
        )
    streamed = is_too_large([*paths.values()]) if stream is None else stream
    read: Callable[[Path], Any] = open_array if streamed else read_idx
    arrays = {name: read(path) for name, path in paths.items()}
    files = {name: str(path) for name, path in paths.items()}
    source = f"folder: {where}{', streamed' if streamed else ''}"
    other = [name for name, array in arrays.items() if not _is_canonical(array, name)]
    if not other:
        return checked_mnist(arrays, files, "mnist", source)
    which = "all four files" if len(other) == len(SHA256) else ", ".join(other)
    note = f"{source}, not the canonical MNIST (other SHA-256 of {which})"
    return checked_mnist(arrays, files, "custom", note)


def _from_arrays(folder: Path, stored: dict[str, StoredArray], stream: bool | None) -> Mnist:
    """Return the data of a folder of `.npy` files or of shards, read unless it is streamed."""
    arrays: dict[str, Any] = dict(stored)
    files = {name: array.name for name, array in stored.items()}
    paths = [Path(file.path) for array in stored.values() for file in array.files]
    source = f"folder: {folder}, streamed"
    if not (is_too_large(paths) if stream is None else stream):
        arrays = {name: np.asarray(array) for name, array in stored.items()}
        source = f"folder: {folder}"
    return checked_mnist(arrays, files, "custom", source, any_integers=True)


def _is_canonical(array: Any, name: str) -> bool:
    """Tell whether the array is MNIST's; larger ones cannot be, and are not read for it."""
    return array.nbytes <= CANONICAL_BYTES and idx_sha256(array) == SHA256[name]


def _find(folder: Path) -> tuple[Path, dict[str, Path]]:
    """Return the part of the folder with most of the four files, and their paths."""
    parts = {folder / layout: _files_in(folder / layout) for layout in LAYOUTS}
    best = max(parts, key=lambda part: len(parts[part]))
    return best, parts[best]


def _files_in(folder: Path) -> dict[str, Path]:
    """Return the path of each of the four files that exists, under any of its usual names."""
    paths = {}
    for name in SHA256:
        for stem in (name, name.replace("-idx", ".idx")):
            for path in (folder / f"{stem}.gz", folder / stem):  # the plain one wins: it is faster
                if path.is_file():
                    paths[name] = path
    return paths


def _read_cache() -> tuple[dict[str, Array], list[str]]:
    """Read the good files of the cache, remove the bad ones; return arrays and complaints."""
    arrays: dict[str, Array] = {}
    problems: list[str] = []
    try:
        files = _files_in(cache_dir())
    except DataError as error:
        return arrays, [str(error)]
    for name, path in files.items():
        try:
            arrays[name] = _canonical(read_idx(path, max_bytes=MAX_DOWNLOAD), name, str(path))
        except DataError as error:
            problems.append(f"not used: {error}")
            with suppress(OSError):  # a read-only cache: refused again the next time
                path.unlink()
    return arrays, problems


def _try_download(arrays: dict[str, Array], mirrors: tuple[str, ...], progress: Progress) -> str:
    """Download the missing files, unless that is unwanted or has failed within a day."""
    if why := why_not_downloaded(mirrors):
        raise DataError(why)
    cache = cache_dir()
    seconds = CONNECT_SECONDS * len(mirrors)
    tell(f"MNIST is not here: trying to download it ({seconds:.0f} s at most for an answer)")
    try:
        return _download_missing(arrays, mirrors, progress, cache)
    except DataError as error:
        failures.remember(cache, mirrors, str(error))
        raise


def why_not_downloaded(mirrors: tuple[str, ...] = MIRRORS) -> str | None:
    """Return why load_mnist() would not download the files at present; None when it would."""
    if os.environ.get(OFFLINE, "0") not in ("", "0"):
        return f"no download: {OFFLINE} is set"
    cache = _cache_dir()
    return None if cache is None else failures.recent(cache, mirrors)


def _download_missing(
    arrays: dict[str, Array], mirrors: tuple[str, ...], progress: Progress, folder: Path
) -> str:
    """Add the missing files to `arrays` and the folder; return the mirror that completed them.

    The first failure of a mirror ends its turn, so that being offline costs one try of each.
    """
    problems = []
    for mirror in mirrors:
        try:
            for name in SHA256:
                if name not in arrays:
                    arrays[name] = _download_one(mirror, name, progress, folder)
            return mirror
        except DataError as error:
            problems.append(str(error))
    raise DataError(f"no download: {'; '.join(problems)}")


def _download_one(mirror: str, name: str, progress: Progress, folder: Path) -> Array:
    """Download one file into the folder; under its own name only once it is verified."""
    url = f"{mirror.rstrip('/')}/{name}.gz"
    path = folder / f"{name}.gz"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            download(url, part, progress)
            return _canonical(read_stream(part, url, MAX_DOWNLOAD), name, url)
    except OSError as error:
        system = error.__cause__ if isinstance(error.__cause__, OSError) else error
        reason = system.strerror or system
        raise DataError(f"{path.parent}: cannot be written: {reason}") from error


def _canonical(array: Array, name: str, file: str) -> Array:
    """Return the array if it equals MNIST's of that name. Raises DataError naming `file`."""
    digest = idx_sha256(array)
    if digest != SHA256[name]:
        raise DataError(
            f"{file}: not the canonical {name}: the SHA-256 of its content is "
            f"{digest[:12]}..., not {SHA256[name][:12]}..."
        )
    return array
