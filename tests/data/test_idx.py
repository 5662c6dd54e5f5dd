"""The IDX reader and writer: every type, and nothing damaged ever read as if it were whole."""

import gzip
import hashlib
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.data.conftest import packed, plain
from tinygrad_mnist.data import DataError, failures, read_idx, write_idx
from tinygrad_mnist.data.idx import TYPES, encode_idx, idx_sha256

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
arrays = st.sampled_from([*TYPES.values(), *(t.newbyteorder("<") for t in TYPES.values())]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


@pytest.mark.parametrize(
    "code, items, expected",
    [
        (0x08, "01ff", np.array([1, 255], np.uint8)),
        (0x09, "01ff", np.array([1, -1], np.int8)),
        (0x0B, "0102fffe", np.array([258, -2], np.int16)),
        (0x0C, "00010000fffffffe", np.array([65536, -2], np.int32)),
        (0x0D, "3fc00000c0000000", np.array([1.5, -2], np.float32)),
        (0x0E, "3ff8000000000000c000000000000000", np.array([1.5, -2], np.float64)),
    ],
)
def test_each_type_is_read_and_written_as_the_format_says(code, items, expected, tmp_path):
    file = bytes.fromhex(f"0000{code:02x}01 00000002 {items}")
    (tmp_path / "given").write_bytes(file)
    read = read_idx(tmp_path / "given")
    assert read.dtype == expected.dtype and read.dtype.isnative
    assert read.tolist() == expected.tolist()
    write_idx(tmp_path / "written", expected)
    assert (tmp_path / "written").read_bytes() == file


@settings(same_folder, max_examples=40)
@given(array=arrays, name=st.sampled_from(["a.idx", "a.idx.gz"]), step=st.sampled_from([1, 2, -1]))
@example(array=np.array(7, np.uint8), name="a.idx", step=1)
@example(array=np.zeros((3, 0), np.int16), name="a.idx.gz", step=1)
def test_what_is_written_is_read_back(array, name, step, tmp_path):
    array = array[::step].T if array.ndim else array  # not contiguous, not in C order
    write_idx(tmp_path / name, array)
    read = read_idx(tmp_path / name)
    assert read.shape == array.shape
    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.tobytes() == array.astype(read.dtype).tobytes()  # bits, so that nan is equal
    read[...] = 0  # the caller's own, to change as he likes


def test_content_and_not_the_name_tells_gzip_from_plain(tmp_path):
    array = np.arange(6, dtype=np.uint8)
    (tmp_path / "plain.gz").write_bytes(plain(array))
    (tmp_path / "packed").write_bytes(packed(array))
    assert read_idx(tmp_path / "plain.gz").tolist() == array.tolist()
    assert read_idx(str(tmp_path / "packed")).tolist() == array.tolist()


def test_a_gzip_file_of_several_members_is_one_stream(tmp_path):
    whole = plain(np.arange(6, dtype=np.uint8))
    (tmp_path / "a").write_bytes(gzip.compress(whole[:9]) + gzip.compress(whole[9:]))
    assert read_idx(tmp_path / "a").tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("encode", [plain, packed])
def test_every_cut_and_every_extension_is_refused(encode, tmp_path):
    data = encode(np.arange(12, dtype=np.int16).reshape(3, 4))
    path = tmp_path / "cut"
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(DataError) as caught:
            read_idx(path)
        problem = str(caught.value).removeprefix(f"{path}: ")
        assert problem.startswith(("truncated", "empty", "not an IDX file: it begins with"))
    path.write_bytes(data + b"\1")
    with pytest.raises(DataError, match=r"cut: (over-long|damaged)"):
        read_idx(path)


def test_a_whole_gzip_stream_of_a_cut_file_is_refused(tmp_path):
    data = plain(np.arange(12, dtype=np.int16).reshape(3, 4))
    for end in range(len(data)):
        (tmp_path / "a.gz").write_bytes(gzip.compress(data[:end]))
        with pytest.raises(DataError, match=r"a.gz: (truncated|empty): "):
            read_idx(tmp_path / "a.gz")


def test_more_content_than_declared_is_refused_inside_gzip_too(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(plain(np.arange(3, dtype=np.uint8)) + b"\0"))
    with pytest.raises(DataError, match=r"a.gz: over-long: .* \(3,\) of uint8"):
        read_idx(tmp_path / "a.gz")


def test_a_flipped_bit_in_the_compressed_items_is_noticed(tmp_path):
    data = bytearray(packed(np.random.default_rng(0).integers(0, 255, 99, dtype=np.uint8)))
    for at in range(12, len(data)):  # behind gzip's own header: deflate, CRC and length
        data[at] ^= 4
        (tmp_path / "a.gz").write_bytes(data)
        with pytest.raises(DataError, match="a.gz: "):
            read_idx(tmp_path / "a.gz")
        data[at] ^= 4


@same_folder
@given(data=st.binary(max_size=40), zip_them=st.booleans(), with_zeros=st.booleans())
@example(data=bytes.fromhex("00000802 00000000 ffffffff"), zip_them=False, with_zeros=False)
def test_any_bytes_are_an_array_or_a_data_error(data, zip_them, with_zeros, tmp_path):
    data = b"\0\0" + data if with_zeros else data
    (tmp_path / "any").write_bytes(gzip.compress(data) if zip_them else data)
    try:
        array = read_idx(tmp_path / "any")
    except DataError:
        return
    assert plain(array) == data


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\r\n<html>", "a web page"),
        (b"<?xml version='1.0'?><Error>", "a web page"),
        (b"PK\3\4....", "not an IDX file: it begins with bytes 50 4b, not 00 00"),
        (
            b"\0\0\x0a\1....",
            "not an IDX file: type code 0x0A is none of 0x08, 0x09, 0x0B",
        ),
        (b"\0\0\x08\x41" + b"\0\0\0\1" * 65 + b"!", "declares 65 dimensions; at most 64"),
        (b"\0\0\x08\3" + b"\0\0\0\0" + b"\xff" * 8, r"too large: .* \(0, 4294967295, 42949"),
    ],
)
def test_what_is_not_idx_is_told_so(content, message, tmp_path):
    for data in (content, gzip.compress(content)):
        (tmp_path / "bad").write_bytes(data)
        with pytest.raises(DataError, match=rf"bad: {message}"):
            read_idx(tmp_path / "bad")


def test_what_cannot_be_opened_is_a_data_error_too(tmp_path):
    with pytest.raises(DataError, match=r"absent: cannot be read: No such file or directory"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match=r"cannot be read: Is a directory"):
        read_idx(tmp_path)


def peak_memory_refusing(path: Path, **limits: int) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            read_idx(path, **limits)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_header_that_lies_takes_no_memory(pack, tmp_path):
    (tmp_path / "lie").write_bytes(pack(struct.pack(">HBBII", 0, 8, 2, 2**15, 2**14) + b"data"))
    assert peak_memory_refusing(tmp_path / "lie") < 2**20


def test_a_gzip_bomb_is_stopped_at_what_its_header_declares_or_the_limit_allows(tmp_path):
    bomb = gzip.compress(struct.pack(">HBBI", 0, 8, 1, 10) + bytes(2**23), 9)
    (tmp_path / "bomb").write_bytes(bomb)
    assert peak_memory_refusing(tmp_path / "bomb") < 2**21
    honest = gzip.compress(struct.pack(">HBBI", 0, 8, 1, 2**23) + bytes(2**23), 9)
    (tmp_path / "honest").write_bytes(honest)
    assert peak_memory_refusing(tmp_path / "honest", max_bytes=2**20) < 2**20


@pytest.mark.parametrize("array", [np.arange(3), np.array([True]), np.array(["a"])])
def test_a_type_that_idx_lacks_is_refused_and_writes_nothing(array, tmp_path):
    with pytest.raises(DataError, match=f"IDX has no {array.dtype}; cast to one of uint8, int8"):
        write_idx(tmp_path / "a", array)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    write_idx(tmp_path / "a", np.arange(3, dtype=np.uint8))

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_idx(tmp_path / "a", np.zeros(9, np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert read_idx(tmp_path / "a").tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: write_idx(folder / "a", np.arange(3, dtype=np.uint8)),
        lambda folder: failures.remember(folder, ("mirror",), "no answer"),
    ],
)
def test_the_bytes_are_on_the_disk_before_the_file_has_its_name(write, tmp_path, monkeypatch):
    steps = []

    def noted(name):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args: [steps.append(name), call(*args)][1])

    noted("fsync")
    noted("replace")
    write(tmp_path)
    assert steps[:2] == ["fsync", "replace"]


def test_equal_arrays_make_equal_gzip_files(tmp_path, monkeypatch):
    array = np.arange(300, dtype=np.int32)
    write_idx(tmp_path / "a.gz", array)
    monkeypatch.setattr("time.time", lambda: 0.0)
    write_idx(tmp_path / "b.gz", array)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


@settings(max_examples=40)
@given(arrays)
def test_the_digest_is_that_of_the_uncompressed_file(array):
    header, items = encode_idx(array.T)
    assert idx_sha256(array.T) == hashlib.sha256(header + items.tobytes()).hexdigest()
