"""load(numpy_pickle=True): honest pickles of NumPy arrays, old and new, and nothing else."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serialize.test_roundtrip import LAYOUTS, arrays
from tinygrad_mnist.serialize import FormatError, UnsafeFileError, load, save

SAMPLES = Path(__file__).parent / "numpy_pickles"
WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)
TREE = {
    "weight": WEIGHT,
    "tied": WEIGHT,
    "fortran": np.asfortranarray(np.arange(4.0).reshape(2, 2)),
    "big_endian": np.arange(3, dtype=">i2"),
    "empty": np.zeros((0, 3)),
    "scalar": np.float64(0.5),
    "zero_d": np.array(True),
    "strided": np.arange(6)[::2],
    "plain": [1, 2.5, None, True, "text", ("a", 300)],
}


def assert_loaded(got, want):
    assert list(got) == list(want)
    for key, value in want.items():
        if key == "plain":
            assert got[key] == value
            continue
        assert type(got[key]) is type(value)
        assert got[key].dtype == value.dtype.newbyteorder("=") and got[key].dtype.isnative
        assert got[key].shape == value.shape
        assert got[key].tobytes() == value.astype(got[key].dtype).tobytes()
        assert type(value) is not np.ndarray or got[key].flags.writeable


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_pickles_that_numpy_1_wrote_are_read(path):
    assert_loaded(load(path, numpy_pickle=True), TREE)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_this_numpy_are_read(protocol, tmp_path):
    path = tmp_path / "arrays.pkl"
    path.write_bytes(pickle.dumps(TREE, protocol))
    got = load(path, numpy_pickle=True)
    assert_loaded(got, TREE)
    assert got["tied"] is got["weight"]
    assert got["fortran"].flags.f_contiguous
    path.write_bytes(pickle.dumps(WEIGHT, protocol))
    assert (load(path, numpy_pickle=True) == WEIGHT).all()


@given(arrays, st.sampled_from(LAYOUTS), st.sampled_from([2, 3, 4, 5]))
def test_any_array_comes_back(tmp_path_factory, array, layout, protocol):
    path = tmp_path_factory.getbasetemp() / "any.pkl"
    want = layout(array)
    path.write_bytes(pickle.dumps({"a": want}, protocol))
    assert_loaded(load(path, numpy_pickle=True), {"a": want})


def test_each_reader_refuses_the_others_files(tmp_path):
    path = tmp_path / "arrays.pkl"
    path.write_bytes(pickle.dumps(TREE, 4))
    with pytest.raises(FormatError, match=r"arrays\.pkl: not a file that save\(\) writes"):
        load(path)
    path.write_bytes(pickle.dumps(TREE, 0))
    with pytest.raises(UnsafeFileError, match="opcode DICT"):
        load(path, numpy_pickle=True)
    save({"weight": WEIGHT}, path)
    with pytest.raises(FormatError, match=r"save\(\) wrote it; leave out numpy_pickle"):
        load(path, numpy_pickle=True)


@pytest.mark.parametrize(
    "value, message",
    [
        (np.array([None]), "dtype 'O8'; the dtypes are b1, f2"),
        (np.zeros(2, "f4,i4"), "dtype 'V8'"),
        (np.datetime64("2026"), "dtype 'M8'"),
        (np.array(["a"]), "dtype 'U1'"),
        (np.ma.array([1.0]), "name 'numpy.ma.core'"),
        (np.float32, "name 'numpy', 'float32'"),
        (np.dtype("f4"), "a name, a dtype or an array without content"),
        ({1, 2}, "opcode EMPTY_SET"),
        (1 + 2j, "name 'builtins', 'complex'"),
        ([[[]]] * 2, "memo slot . is read, which holds no string"),
    ],
    ids=lambda value: "",
)
def test_other_pickles_are_refused_with_the_reason(value, message, tmp_path):
    (tmp_path / "other.pkl").write_bytes(pickle.dumps(value, 4))
    with pytest.raises(UnsafeFileError, match=message):
        load(tmp_path / "other.pkl", numpy_pickle=True)
