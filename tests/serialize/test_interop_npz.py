""".npz files, as NumPy writes and reads them; and hostile ones."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.serialize.exchange_models import arrays, filled, outputs, with_batch_norm
from tests.serialize.same import assert_same
from tinygrad_mnist.serialize import FormatError, UnsafeFileError
from tinygrad_mnist.serialize.exchange import load_npz, save_npz
from tinygrad_mnist.serialize.guard import DTYPES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.npz"


def test_numpy_and_this_library_read_each_others_files(path: Path) -> None:
    model = with_batch_norm()
    save_npz(model.state_dict(), path)
    with np.load(path, allow_pickle=False) as file:
        assert_same({name: file[name] for name in file.files}, arrays(model))
    for write in (np.savez, np.savez_compressed):
        write(path, **arrays(model))
        again = filled(with_batch_norm(), load_npz(path))
        assert np.array_equal(outputs(again), outputs(model))


def test_dtypes_memory_orders_and_odd_names_survive(path: Path) -> None:
    state = {name: np.arange(6).reshape(2, 3).astype(name).T for name in sorted(DTYPES)}
    state |= {"big": np.ones(2, ">f4"), "scalar": np.array(3), "none": np.zeros((0, 4))}
    state |= {"file": np.ones(1), "a.npy": np.zeros(1), "ü/ö": np.zeros(1)}
    save_npz(state, path)
    assert_same(load_npz(path), state)
    bits = path.read_bytes()
    save_npz(state, path)
    assert path.read_bytes() == bits
    np.savez(path, f=np.asfortranarray(np.arange(6).reshape(2, 3)), big=np.ones(2, ">f8"))
    assert_same(load_npz(path), {"f": np.arange(6).reshape(2, 3), "big": np.ones(2)})


def test_object_arrays_are_refused(path: Path) -> None:
    np.savez(path, w=np.array([{}], object))
    with pytest.raises(UnsafeFileError, match="'w': refused: an object array"):
        load_npz(path)


def member(header: bytes, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + data


def test_hostile_members_are_refused(path: Path) -> None:
    def refused(content: bytes, says: str) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("w.npy", content)
        with pytest.raises(FormatError, match=says):
            load_npz(path)

    form = "{{'descr': '{}', 'fortran_order': False, 'shape': {}}}"
    refused(member(form.format("<f4", "(10**12,)").encode()), "damaged")
    refused(member(form.format("<f4", (10**12,)).encode(), b"1234"), "does not agree")
    refused(member(form.format("<f4", (-1,)).encode(), b"1234"), "does not agree")
    refused(member(form.format("<f4", (2,)).encode(), b"1234"), "does not agree")
    refused(member(form.format("<f4", (1,)).encode(), b"12345"), "does not agree")
    refused(member(form.format("<c8", (1,)).encode(), b"12345678"), "dtype complex64")
    refused(member(form.format("<U1", (1,)).encode(), b"1234"), "dtype <U1")
    refused(member(b"print('run')"), "damaged")
    refused(member(b"{}", version=b"\3\0"), "version")
    refused(b"", "damaged")


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(path: Path) -> None:
    np.savez_compressed(path, w=np.zeros(10**6, np.float32))
    assert path.stat().st_size < 10_000
    with pytest.raises(UnsafeFileError, match="more than 1,000,000 bytes"):
        load_npz(path, max_bytes=10**6)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_clash_and_members_that_are_no_arrays_are_refused(path: Path) -> None:
    array = io.BytesIO()
    np.save(array, np.ones(1))
    for names in (["w.npy", "w.npy"], ["notes.txt"]):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, array.getvalue())
        with pytest.raises(FormatError, match="not an array, or appears twice"):
            load_npz(path)


def test_truncated_and_flipped_files_are_refused(path: Path) -> None:
    """Every cut is refused; of a flip, the content's checksum finds all in an array's data."""
    save_npz({"w": np.arange(20, dtype=np.float32)}, path)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(FormatError):
            load_npz(path)
    data = whole.index(np.arange(20, dtype=np.float32).tobytes())
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        try:
            load_npz(path)
        except FormatError:
            continue
        assert not data <= at < data + 80


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_npz(path)
