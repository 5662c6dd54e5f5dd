"""No damage goes unseen: cut at every byte, a bit flipped at every byte, one byte more or less.

Behind the checksum the guard must hold alone: the same damage with the checksum put right is
either refused or read, and never ends in another error.
"""

import io
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attacks.corpus import GOOD_NUMPY, resealed
from tests.serialize.test_roundtrip import trees
from tinygrad_mnist.serialize import FormatError, load, save
from tinygrad_mnist.serialize.format import read
from tinygrad_mnist.serialize.numpy_pickle import read_numpy_pickle


@pytest.fixture
def path(tmp_path):
    """A small file with something of everything."""
    tree = {
        "weight": np.array([[1.5, -2]], np.float32),
        "mask": np.array([True, False]),
        "step": 300,
        "lr": 1e-3,
        "betas": (0.9, 0.999),
        "names": ["é", b"\0", None, True, -(2**70)],
        7: {},
    }
    save(tree, tmp_path / "model.pkl")
    return tmp_path / "model.pkl"


def flips(file):
    for bit in range(8 * len(file)):
        flipped = bytearray(file)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def cuts(file):
    return (file[:length] for length in range(len(file)))


def assert_all_refused(path, damaged, numpy_pickle=False):
    count = 0
    for count, content in enumerate(damaged, 1):  # noqa: B007
        with open(path, "r+b") as file:  # emptying a file first is slow on some disks
            file.truncate(len(content))
            file.write(content)
        with pytest.raises(FormatError, match="damaged|version|cut short|not a file that save"):
            load(path, numpy_pickle=numpy_pickle)
    return count


def test_every_flipped_bit_is_found(path):
    size = path.stat().st_size
    assert assert_all_refused(path, flips(path.read_bytes())) == 8 * size > 1800


def test_every_cut_is_found(path):
    assert assert_all_refused(path, cuts(path.read_bytes())) > 200


def test_every_byte_left_out_or_put_in_is_found(path):
    file = path.read_bytes()
    assert_all_refused(path, (file[:i] + file[i + 1 :] for i in range(len(file))))
    assert_all_refused(path, (file[:i] + b"\0" + file[i:] for i in range(len(file) + 1)))


@settings(max_examples=40)
@given(trees, st.data())
def test_damage_of_any_file_is_found(tmp_path_factory, tree, data):
    path = tmp_path_factory.getbasetemp() / "damaged.pkl"
    save(tree, path)
    file = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(file) - 1))
    file[at] ^= data.draw(st.integers(1, 255))
    assert_all_refused(path, [bytes(file), bytes(file[:at])])


def read_or_refused(reader, file):
    """Whether the file is read; any error besides FormatError fails the test."""
    try:
        reader(io.BytesIO(file), len(file), "file")
    except FormatError:
        return False
    return True


def test_the_guard_holds_without_the_checksum(path):
    file = path.read_bytes()
    damaged = [*flips(file), *cuts(file)]
    read_count = sum(read_or_refused(read, resealed(content)) for content in damaged)
    assert 0 < read_count < len(damaged)  # flips within the numbers of a tensor are read
    assert not any(read_or_refused(read, resealed(content)) for content in cuts(file))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_the_reader_of_numpy_pickles_holds_too(protocol):
    tree = {"a": np.arange(3.0), "b": np.asfortranarray(np.ones((2, 2), bool)), "c": np.float32(1)}
    file = pickle.dumps(tree, protocol)
    assert not any(read_or_refused(read_numpy_pickle, content) for content in cuts(file))
    assert any(read_or_refused(read_numpy_pickle, content) for content in flips(file))
    assert not read_or_refused(read_numpy_pickle, GOOD_NUMPY + b"\0")
