"""Arrays that stay in their files give the rows that are there, or say which file is wrong."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinygrad_mnist.data import DataError, StoredArray, load_mnist, open_array, write_idx
from tinygrad_mnist.data import stored as module

ROWS = np.random.default_rng(0).integers(0, 256, (300, 3, 2), dtype=np.uint8)


def shards(folder: Path, array: np.ndarray, cuts: list[int], name: str = "part") -> Path:
    folder.mkdir(exist_ok=True)
    for number, part in enumerate(np.split(array, cuts)):
        np.save(folder / f"{name}-{number:05}.npy", part)
    return folder


def as_npy(folder: Path) -> StoredArray:
    np.save(folder / "rows.npy", ROWS)
    return open_array(folder / "rows.npy")


def as_idx(folder: Path) -> StoredArray:
    write_idx(folder / "rows", ROWS)
    return open_array(folder / "rows")


def as_shards(folder: Path) -> StoredArray:
    return open_array(shards(folder / "rows", ROWS, [7, 7, 180]))  # one of them empty


@pytest.mark.parametrize("store", [as_npy, as_idx, as_shards])
def test_rows_are_those_of_the_array(store: Callable[[Path], StoredArray], tmp_path: Path) -> None:
    stored = store(tmp_path)
    assert (stored.shape, stored.dtype, len(stored)) == (ROWS.shape, ROWS.dtype, 300)
    assert np.array_equal(np.asarray(stored), ROWS)
    random = np.random.default_rng(1).integers(-300, 300, 90)
    shuffled = np.random.default_rng(2).permutation(np.arange(5, 200))  # a run, out of order
    for index in (0, -1, slice(5, 190), slice(None, None, -7), slice(9, 3), random, shuffled,
                  [], [[1, 2], [3, 4]], np.arange(300) % 5 == 0, np.int8(3)):  # fmt: skip
        expected = ROWS[index] if not isinstance(index, list) or index else ROWS[:0]
        assert np.array_equal(stored[index], expected), index
    for index in (300, -301, [5, 300]):
        with pytest.raises(IndexError, match="of 300"):
            stored[index]


@pytest.mark.parametrize("dtype", [">i4", "<i4", ">f8", "bool", "<u2"])
def test_rows_have_the_byte_order_of_the_machine(dtype: str, tmp_path: Path) -> None:
    array = np.arange(40).reshape(20, 2).astype(dtype)
    np.save(tmp_path / "rows.npy", array)
    part = open_array(tmp_path / "rows.npy")[[19, 0]]
    assert part.dtype.isnative and np.array_equal(part, array[[19, 0]])


def test_no_file_stays_open_or_mapped(tmp_path: Path) -> None:
    stored = as_shards(tmp_path)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    stored.take([3, 200, 9])
    stored.read(0, 300)
    if before:
        assert len(os.listdir("/proc/self/fd")) == before
        assert "part-0000" not in Path("/proc/self/maps").read_text("utf-8")


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(0, 0))  # a clock may be too coarse to see the write


def replace(path: Path) -> None:
    path.rename(path.with_suffix(".old"))
    np.save(path, ROWS)


def cut(path: Path) -> None:
    os.truncate(path, 500)


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("rows", [[250, 3], slice(0, 300)])
@pytest.mark.parametrize(
    ("change", "says"),
    [(rewrite, "changed since"), (replace, "changed since"), (cut, "changed since"),
     (remove, "cannot be read: No such file")],
)  # fmt: skip
def test_a_file_that_changes_is_named(
    change: Callable[[Path], None], says: str, rows: list[int] | slice, tmp_path: Path
) -> None:
    stored = as_npy(tmp_path)
    change(tmp_path / "rows.npy")
    with pytest.raises(DataError, match=rf"rows\.npy: {says}"):
        stored[rows]


def test_a_file_that_shrinks_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = as_npy(tmp_path)
    os.truncate(tmp_path / "rows.npy", 500)
    monkeypatch.setattr(module, "_identity", lambda file: stored.files[0].identity)
    with pytest.raises(DataError, match=r"rows\.npy: truncated while it was read: 1,428 bytes"):
        stored.read(0, 300)


def save(array: np.ndarray) -> Callable[[Path], object]:
    return lambda path: np.save(path, array, allow_pickle=True)


def zipped(path: Path) -> None:
    np.savez(path.with_suffix(".npz"), ROWS)
    path.with_suffix(".npz").rename(path)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (save(np.array([1, None])), "holds Python objects"),
        (save(np.asfortranarray(ROWS)), "in Fortran order.*ascontiguousarray"),
        (save(np.zeros(3, [("a", "u1")])), "rows are of integers, floats or bool"),
        (save(np.array(["a"])), "rows are of integers, floats or bool"),
        (save(np.uint8(3)), "a single number"),
        (zipped, r"compressed \(\.npz\).*unzip rows\.npy"),
        (lambda path: path.write_bytes(b"\x1f\x8b12345678"), r"compressed \(gzip\).*gunzip"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(b"hello world"), "not a .npy file"),
        (lambda path: path.write_bytes(b"\x93NUMPY\x01\0\x10\0{'descr': ][    \n"), "damaged"),
        (lambda path: path.write_bytes(b"\x93NUMPY\x09\0"), "damaged|version"),
        (lambda path: path.write_bytes(b"\x93NU"), "damaged"),
        (lambda path: path.symlink_to("/nowhere"), "a link to /nowhere, which does not exist"),
        (os.mkfifo, "not a regular file"),
    ],
)  # fmt: skip
def test_what_has_no_rows_to_read_is_refused(
    write: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    write(tmp_path / "rows.npy")
    with pytest.raises(DataError, match=says) as error:
        open_array(tmp_path / "rows.npy")
    assert str(error.value).startswith(f"{tmp_path / 'rows.npy'}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("size", "fault"), [(-1, "truncated"), (1, "over-long")])
def test_a_size_that_is_not_the_headers(size: int, fault: str, tmp_path: Path) -> None:
    path = shards(tmp_path / "rows", ROWS, [100]) / "part-00001.npy"
    os.truncate(path, path.stat().st_size + size)
    with pytest.raises(DataError, match=rf"part-00001\.npy: {fault}: .*1,200 bytes"):
        open_array(tmp_path / "rows")


def another_shape(folder: Path) -> None:
    np.save(folder / "part-00001.npy", ROWS[:, :2])


def another_dtype(folder: Path) -> None:
    np.save(folder / "part-00001.npy", ROWS.astype(np.int16))


def another_array(folder: Path) -> None:
    np.save(folder / "labels-00000.npy", ROWS)


def a_packed_one(folder: Path) -> None:
    (folder / "part-00002.npy.gz").write_bytes(b"")


def no_number(folder: Path) -> None:
    np.save(folder / "rest.npy", ROWS)


def too_many(folder: Path) -> None:
    for number in (0, 1, 2):
        (folder / f"part-0000{number}.npy").rename(folder / f"part-{number}-of-2.npy")


def twice(folder: Path) -> None:
    np.save(folder / "part-1.npy", ROWS)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (another_shape, r"part-00001\.npy: rows of uint8 \(2, 2\), but part-00000\.npy has uint8"),
        (another_dtype, r"part-00001\.npy: rows of int16"),
        (another_array, "shards of two arrays, 'labels' and 'part'"),
        (a_packed_one, r"part-00002\.npy\.gz: compressed"),
        (no_number, r"rest\.npy: has no number"),
        (too_many, "there are more than 2"),
        (twice, "shard 1 again"),
        (lambda folder: (folder / "part-00001.npy").unlink(), "number 1 is missing"),
        (lambda folder: [path.unlink() for path in folder.iterdir()], "holds no shards"),
    ],
)
def test_shards_that_do_not_belong_together(
    damage: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    damage(shards(tmp_path / "rows", ROWS, [100, 200]))
    with pytest.raises(DataError, match=says):
        open_array(tmp_path / "rows")


# Folders of the four arrays


@pytest.fixture
def digits(files: dict[str, np.ndarray], tmp_path: Path) -> Path:
    """The noise of `files`: .npy files, those for training in shards."""
    for name, array in files.items():
        stem = name.partition("-idx")[0]
        if stem.startswith("train"):
            shards(tmp_path, array, [5, 8], stem)
        else:
            np.save(tmp_path / f"{stem}.npy", array.astype(np.int64) if array.ndim == 1 else array)
    return tmp_path


@pytest.mark.parametrize("stream", [False, True])
def test_a_folder_of_shards_is_found(
    digits: Path, files: dict[str, np.ndarray], stream: bool
) -> None:
    mnist = load_mnist(digits, stream=stream)
    assert isinstance(mnist.train_images, StoredArray) is stream is mnist.is_streamed
    assert (mnist.name, mnist.train_labels.dtype) == ("custom", np.int64)
    assert np.array_equal(mnist.train_images[:], files["train-images-idx3-ubyte"])
    assert np.array_equal(mnist.train_labels[[11, 0]], files["train-labels-idx1-ubyte"][[11, 0]])
    assert np.array_equal(mnist.test_images, files["t10k-images-idx3-ubyte"])


def test_folders_of_shards_and_the_names_of_keras(
    files: dict[str, np.ndarray], tmp_path: Path
) -> None:
    images, labels, test_images, test_labels = files.values()
    shards(tmp_path / "train-images", images, [5])
    np.save(tmp_path / "y_train.npy", labels)
    np.save(tmp_path / "x_test.npy", test_images)
    np.save(tmp_path / "y_test.npy", test_labels)
    assert np.array_equal(load_mnist(tmp_path, stream=True).train_images[:], images)


def test_data_that_would_fill_memory_is_streamed(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not load_mnist(digits).is_streamed
    monkeypatch.setattr("tinygrad_mnist.data.folder.memory", lambda: 1000)
    assert load_mnist(digits).is_streamed


def test_the_canonical_files_keep_their_name(
    canonical: dict[str, np.ndarray], tmp_path: Path
) -> None:
    for name, array in canonical.items():
        write_idx(tmp_path / name, array)
    assert load_mnist(tmp_path, stream=True).name == "mnist"


def compressed(folder: Path) -> None:
    (folder / "t10k-images.npy").rename(folder / "t10k-images.npy.gz")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "train-labels-00002.npy").unlink(),
         r"train-images-00002\.npy: its shard of labels is missing"),
        (lambda folder: (folder / "train-images-00002.npy").unlink(),
         r"train-labels-00002\.npy: its shard of images is missing"),
        (lambda folder: (folder / "t10k-labels.npy").unlink(), r"missing test-labels\.npy"),
        (lambda folder: np.save(folder / "train-labels-00001.npy", np.ones(4, np.uint8)),
         r"train-images-00001\.npy: holds 3 images, but train-labels-00001\.npy holds 4 labels"),
        (compressed, r"unpack t10k-images\.npy\.gz first"),
        (lambda folder: np.save(folder / "train-images.npy", ROWS), "holds both .*; keep one"),
        (lambda folder: np.save(folder / "t10k-labels.npy", np.arange(8) + 3),
         r"t10k-labels\.npy: label 10 at index 7"),
        (lambda folder: np.save(folder / "t10k-labels.npy", np.arange(8) - 1),
         r"t10k-labels\.npy: label -1 at index 0"),
        (lambda folder: np.save(folder / "t10k-labels.npy", np.ones(8)), "labels are integers"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_a_folder_that_is_not_whole(
    digits: Path, damage: Callable[[Path], object], says: str, stream: bool
) -> None:
    damage(digits)
    with pytest.raises(DataError, match=says):
        load_mnist(digits, stream=stream)


def test_only_files_can_be_streamed() -> None:
    with pytest.raises(DataError, match="a stream needs files"):
        load_mnist("embedded", stream=True)
