"""Where MNIST is found, in which order, and how bad files are refused."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from tests.data.conftest import (
    NAMES,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Files,
    plain,
    write,
)
from tinygrad_mnist.data import (
    DataError,
    Mnist,
    cache_dir,
    load_embedded,
    load_mnist,
    mnist,
    read_idx,
    verify,
)
from tinygrad_mnist.data.idx import idx_sha256


def assert_holds(data: Mnist, files: Files) -> None:
    np.testing.assert_array_equal(data.train_images, files[TRAIN_IMAGES])
    np.testing.assert_array_equal(data.train_labels, files[TRAIN_LABELS])
    np.testing.assert_array_equal(data.test_images, files[TEST_IMAGES])
    np.testing.assert_array_equal(data.test_labels, files[TEST_LABELS])
    assert {data.train_images.dtype, data.test_images.dtype} == {np.dtype(np.uint8)}
    assert {data.train_labels.dtype, data.test_labels.dtype} == {np.dtype(np.int64)}


# A folder


@pytest.mark.parametrize("layout", ["", "MNIST/raw", "raw"])
@pytest.mark.parametrize("rename", ["{}.gz", "{}", "dotted", "dotted.gz"])
def test_a_folder_is_read_in_each_usual_layout_and_naming(layout, rename, files, tmp_path):
    place = write(tmp_path / "data" / layout, files)
    for name in NAMES:
        packed_file = place / f"{name}.gz"
        if not rename.endswith(".gz"):
            packed_file.write_bytes(plain(files[name]))
        stem = name.replace("-idx", ".idx") if rename.startswith("dotted") else name
        packed_file.rename(place / (f"{stem}.gz" if rename.endswith(".gz") else stem))
    data = load_mnist(tmp_path / "data", download=False)
    assert_holds(data, files)
    assert data.source.startswith(f"folder: {place}, ")


def test_other_digits_are_loaded_but_never_called_mnist(files, tmp_path):
    data = load_mnist(write(tmp_path / "a", files))
    assert data.name == "custom"
    assert data.source == (
        f"folder: {tmp_path / 'a'}, not the canonical MNIST (other SHA-256 of all four files)"
    )


def test_one_other_file_among_canonical_ones_is_named(canonical, tmp_path):
    folder = write(tmp_path / "a", canonical)
    assert load_mnist(folder).name == "mnist"
    assert load_mnist(folder).source == f"folder: {folder}"
    canonical[TEST_IMAGES][0, 0, 0] ^= 1
    data = load_mnist(write(folder, canonical))
    assert data.name == "custom"
    assert data.source.endswith(f"not the canonical MNIST (other SHA-256 of {TEST_IMAGES})")


def test_the_environment_names_a_folder_and_the_argument_goes_before_it(
    files, tmp_path, monkeypatch
):
    write(tmp_path / "env", files)
    monkeypatch.setenv(mnist.ENV, str(tmp_path / "env"))
    assert_holds(load_mnist(), files)
    files[TRAIN_IMAGES] = 255 - files[TRAIN_IMAGES]
    assert_holds(load_mnist(str(write(tmp_path / "argument", files))), files)


def test_a_home_folder_is_understood(files, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write(tmp_path / "digits", files)
    assert_holds(load_mnist("~/digits"), files)


def test_a_folder_that_is_not_there_is_an_error_not_a_fallback(canonical, tmp_path, monkeypatch):
    write(cache_dir(), canonical)
    with pytest.raises(DataError, match=r"/absent: no such folder$"):
        load_mnist(tmp_path / "absent")
    monkeypatch.setenv(mnist.ENV, str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"/absent \(named by TINYGRAD_MNIST_DATA\): no such"):
        load_mnist()
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"/file: a file; name the folder that holds the MNIST"):
        load_mnist(tmp_path / "file")
    monkeypatch.setenv(mnist.ENV, "")  # empty is unset
    assert load_mnist().source.startswith("cache: ")


def test_every_missing_file_is_named_with_what_was_looked_for(files, tmp_path):
    del files[TRAIN_LABELS], files[TEST_LABELS]
    folder = write(tmp_path / "a" / "raw", files).parent
    with pytest.raises(DataError) as caught:
        load_mnist(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder}: missing {TRAIN_LABELS}, {TEST_LABELS}; looked in it")
    assert "MNIST/raw" in message and "\n" not in message


def swap(files: Files) -> None:
    files[TRAIN_IMAGES], files[TRAIN_LABELS] = files[TRAIN_LABELS], files[TRAIN_IMAGES]


def drop_a_label(files: Files) -> None:
    files[TEST_LABELS] = files[TEST_LABELS][1:]


def mix_the_sets(files: Files) -> None:
    files[TRAIN_LABELS], files[TEST_LABELS] = files[TEST_LABELS], files[TRAIN_LABELS]


def label_with_a_letter(files: Files) -> None:
    files[TEST_LABELS][5] = 10


def empty(files: Files) -> None:
    files[TRAIN_IMAGES], files[TRAIN_LABELS] = files[TRAIN_IMAGES][:0], files[TRAIN_LABELS][:0]


def enlarge(files: Files) -> None:
    files[TEST_IMAGES] = np.zeros((8, 32, 32), np.uint8)


def widen_images(files: Files) -> None:
    files[TEST_IMAGES] = files[TEST_IMAGES].astype(np.float32)


def widen_labels(files: Files) -> None:
    files[TRAIN_LABELS] = files[TRAIN_LABELS].astype(np.int32)


def images_twice(files: Files) -> None:
    files[TEST_LABELS] = files[TEST_IMAGES]


@pytest.mark.parametrize(
    "damage, message",
    [
        (
            swap,
            f"{TRAIN_IMAGES}.gz: holds labels, and .*{TRAIN_LABELS}.gz holds images: .*swap",
        ),
        (drop_a_label, f"{TEST_IMAGES}.gz: holds 8 images, but .*{TEST_LABELS}.gz holds 7 labels"),
        (mix_the_sets, f"{TRAIN_IMAGES}.gz: holds 12 images, but .*{TRAIN_LABELS}.gz holds 8 lab"),
        (label_with_a_letter, f"{TEST_LABELS}.gz: label 10 at index 5; labels are 0 to 9"),
        (empty, f"{TRAIN_IMAGES}.gz: holds no images"),
        (enlarge, rf"{TEST_IMAGES}.gz: holds uint8 of shape \(8, 32, 32\); images are .*28, 28"),
        (widen_images, f"{TEST_IMAGES}.gz: holds float32 of shape .*; images are uint8"),
        (widen_labels, rf"{TRAIN_LABELS}.gz: holds int32 of shape \(12,\); labels are uint8"),
        (
            images_twice,
            rf"{TEST_LABELS}.gz: holds uint8 of shape \(8, 28, 28\); labels are .*\(N,",
        ),
    ],
)
def test_files_that_do_not_fit_together_are_named(damage, message, files, tmp_path):
    damage(files)
    with pytest.raises(DataError, match=message) as caught:
        load_mnist(write(tmp_path / "a", files))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"<html>Sign in to this network</html>", "a web page"),
        (b"\x1f\x8b", "truncated"),
        (plain(np.arange(5, dtype=np.uint8)) + b"!", "over-long"),
    ],
)
def test_a_damaged_file_is_named(content, message, files, tmp_path):
    folder = write(tmp_path / "a", files)
    path = folder / f"{TEST_LABELS}.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: {message}"):
        load_mnist(folder)


# The cache (what fills it is in test_download.py)


def test_the_cache_is_where_xdg_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "tinygrad-mnist"
    home = Path.home() / ".cache" / "tinygrad-mnist"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/to/be/ignored")
    assert cache_dir() == home
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == home


def test_a_full_cache_is_used_without_a_download(canonical):
    write(cache_dir(), canonical)
    data = load_mnist(mirrors=())
    assert_holds(data, canonical)
    assert (data.name, data.source) == ("mnist", f"cache: {cache_dir()}")


def test_without_cache_and_download_the_embedded_subset_is_used():
    data = load_mnist(download=False)
    assert data.name == "mnist-5k-embedded" and data.source == load_embedded().source
    assert not cache_dir().exists()


@pytest.mark.parametrize("damage", ["content", "bytes"])
def test_a_bad_file_in_the_cache_is_refused_named_and_removed(damage, canonical):
    folder = write(cache_dir(), canonical)
    path = folder / f"{TRAIN_LABELS}.gz"
    if damage == "bytes":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        write(folder, {TRAIN_LABELS: canonical[TRAIN_LABELS][::-1]})
    data = load_mnist(download=False)
    assert data.name == "mnist-5k-embedded"
    why = "truncated" if damage == "bytes" else f"not the canonical {TRAIN_LABELS}: the SHA-256"
    assert f"; not used: {path}: {why}" in data.source and "\n" not in data.source
    assert sorted(folder.iterdir()) == sorted(
        folder / f"{name}.gz" for name in NAMES if name != TRAIN_LABELS
    )


# The embedded subset


def test_the_embedded_subset_is_4000_and_1000_digits_stratified():
    data = load_embedded()
    assert data.train_images.shape == (4000, 28, 28) and data.test_images.shape == (1000, 28, 28)
    assert data.train_images.dtype == data.test_images.dtype == np.uint8
    assert data.train_labels.dtype == data.test_labels.dtype == np.int64
    assert np.bincount(data.train_labels).tolist() == [400] * 10
    assert np.bincount(data.test_labels).tolist() == [100] * 10
    assert set(data.train_labels[:100]) == set(range(10))  # a mixture, not class after class
    images = np.concatenate([data.train_images, data.test_images])
    assert len({image.tobytes() for image in images}) == 5000  # no test digit is a training digit


def test_the_embedded_subset_is_what_it_has_always_been():
    data = load_embedded()
    arrays = (data.train_images, data.train_labels, data.test_images, data.test_labels)
    digests = [idx_sha256(array.astype(np.uint8))[:12] for array in arrays]
    assert digests == [
        "8a0ef481a48e",
        "b772e5003481",
        "34736a23fb74",
        "c7a5a3d9fb9f",
    ]


def test_the_embedded_subset_says_what_it_is_not():
    data = load_embedded()
    assert data.name == "mnist-5k-embedded"
    assert "4,000 train / 1,000 test digits (not the real 10,000-image test set)" in data.source
    assert repr(data).startswith("Mnist(mnist-5k-embedded, 4,000 train / 1,000 test images, embed")


def test_embedded_can_be_asked_for_by_name(canonical, monkeypatch, tmp_path):
    write(cache_dir(), canonical)
    assert load_mnist("embedded").name == "mnist-5k-embedded"
    monkeypatch.setenv(mnist.ENV, "embedded")
    assert load_mnist().name == "mnist-5k-embedded"
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "embedded", canonical)
    assert_holds(load_mnist("./embedded"), canonical)  # a folder of that name


def test_the_embedded_digits_are_of_the_training_set_alone(full_mnist_dir):
    full, embedded = load_mnist(full_mnist_dir), load_embedded()

    def labelled(images: np.ndarray, labels: np.ndarray) -> set[bytes]:
        return {x.tobytes() + bytes([y]) for x, y in zip(images, labels, strict=True)}

    train = labelled(full.train_images, full.train_labels)
    test = labelled(full.test_images, full.test_labels)
    ours = labelled(embedded.train_images, embedded.train_labels)
    ours |= labelled(embedded.test_images, embedded.test_labels)
    assert len(ours) == 5000 and ours <= train and not ours & test


# The real thing


def test_the_real_files_are_canonical(full_mnist_dir):
    data = load_mnist(full_mnist_dir)
    assert data.name == "mnist" and data.source == f"folder: {full_mnist_dir}"
    assert data.train_images.shape == (60_000, 28, 28) and data.test_labels.shape == (10_000,)
    assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert set(verify(full_mnist_dir).values()) == {"ok"}


FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist


@pytest.mark.skipif(not FASHION.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_fashion_mnist_is_loaded_and_not_taken_for_mnist():
    data = load_mnist(FASHION)
    assert data.name == "custom" and "not the canonical MNIST" in data.source
    assert np.bincount(data.test_labels).tolist() == [1000] * 10


# verify


def test_verify_says_of_each_file_what_is_wrong_and_changes_nothing(canonical):
    assert all(line.endswith(": missing") for line in verify().values())
    folder = write(cache_dir(), canonical)
    assert set(verify().values()) == {"ok"}
    (folder / f"{TEST_LABELS}.gz").unlink()
    (folder / f"{TRAIN_LABELS}.gz").write_bytes(b"<html>")
    write(folder, {TEST_IMAGES: 255 - canonical[TEST_IMAGES]})
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for report in (verify(), verify(folder)):
        assert list(report) == list(NAMES)
        assert report[TRAIN_IMAGES] == "ok"
        assert report[TRAIN_LABELS].startswith(f"{folder / TRAIN_LABELS}.gz: a web page")
        assert report[TEST_IMAGES].startswith(f"{folder / TEST_IMAGES}.gz: not the canonical")
        assert report[TEST_LABELS] == f"{folder / TEST_LABELS}: missing"
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_verify_needs_a_folder(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        verify(tmp_path / "absent")
    with pytest.raises(DataError, match="the embedded subset is no folder of IDX files"):
        verify("embedded")


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="permissions do not bind root")
def test_a_file_that_may_not_be_read_is_named(files, tmp_path):
    folder = write(tmp_path / "a", files)
    (folder / f"{TEST_LABELS}.gz").chmod(0)
    with pytest.raises(DataError, match=f"{TEST_LABELS}.gz: cannot be read: Permission denied"):
        load_mnist(folder)
    assert read_idx(folder / f"{TEST_IMAGES}.gz").shape == (8, 28, 28)
