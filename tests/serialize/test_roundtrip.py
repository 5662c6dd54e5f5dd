"""Saved values come back: every type, dtype, shape and memory layout."""

import collections
import pickle
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_mnist as tg
from tests.serialize.same import assert_same
from tinygrad_mnist.serialize import (
    ArrayInfo,
    FormatError,
    UnsafeFileError,
    guard,
    inspect,
    load,
    save,
)  # fmt: skip
from tinygrad_mnist.serialize.guard import DTYPES, MAX_DEPTH

LAYOUTS = [
    np.ascontiguousarray,
    np.asfortranarray,
    np.transpose,
    np.flip,
    lambda array: array[..., ::2] if array.ndim else array,
    lambda array: np.broadcast_to(array, (2, *array.shape)),
    lambda array: array.astype(array.dtype.newbyteorder(">")),
    lambda array: array.reshape(-1)[0] if array.size else array,  # a NumPy scalar
]
arrays = hnp.arrays(
    st.sampled_from(sorted(DTYPES)), hnp.array_shapes(min_dims=0, min_side=0, max_side=4)
)
tensors = st.builds(
    lambda array, trained: tg.from_numpy(array).requires_grad_(trained and array.dtype.kind == "f"),
    arrays,
    st.booleans(),
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**2000), 2**2000),
    st.floats(),
    st.text(st.characters()),
    st.binary(),
    st.builds(lambda array, layout: layout(array), arrays, st.sampled_from(LAYOUTS)),
    tensors,
)
keys = st.text() | st.integers(-(2**60) + 1, 2**60 - 1)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(keys, inner),
)


def described(value: object) -> object:
    """Return the result that inspect() must have for a saved value."""
    if isinstance(value, (np.ndarray, np.generic, tg.Tensor)):
        return ArrayInfo(value.dtype.name, tuple(value.shape))
    if isinstance(value, dict):
        return {key: described(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(described(item) for item in value)
    return value


@settings(max_examples=40)
@example([[np.zeros(2), (1, [b"", (None,)])], {"a": [tg.ones(2)]}])
@given(trees)
def test_what_is_saved_comes_back_bit_for_bit(tree):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tree.pkl")
        save(tree, path)
        assert_same(load(path), tree)
        assert repr(inspect(path)) == repr(described(tree))  # repr: nan is not equal to itself
        first = path.read_bytes()
        save(load(path), path)
        assert path.read_bytes() == first


def test_a_tied_array_comes_back_under_both_names(tmp_path):
    shared = np.arange(6.0)
    save({"encoder": shared, "decoder": shared, "list": [shared] * 3}, tmp_path / "tied.pkl")
    got = load(tmp_path / "tied.pkl")
    assert_same(got, {"encoder": shared, "decoder": shared, "list": [shared] * 3})


class Tensor:
    """An object with the methods that save() needs of a tensor: detach() and numpy()."""

    def __init__(self, data):
        self.data = data

    def detach(self):
        return self

    def numpy(self):
        return self.data


def test_tensors_of_others_and_ordered_dicts_are_saved_as_arrays_and_dicts(tmp_path):
    weight = np.arange(3, dtype=np.float32)
    save(collections.OrderedDict(b=Tensor(weight), a=weight), tmp_path / "model.pkl")
    assert_same(load(tmp_path / "model.pkl"), {"b": weight, "a": weight})


def test_the_standard_library_alone_opens_the_file(tmp_path):
    save({"weight": np.float32([[1, 2]]), "sizes": (784, 10)}, tmp_path / "model.pkl")
    name, version, sha256, tree = pickle.loads((tmp_path / "model.pkl").read_bytes())
    assert (name, version, len(sha256)) == ("tinygrad-mnist", 2, 32)
    data = np.float32([1, 2]).tobytes()
    assert tree == {"weight": ("array", "float32", (1, 2), data), "sizes": ("tuple", 784, 10)}


def itself():
    loop = []
    loop.append(loop)
    return loop


def nested(depth):
    tree = 0
    for _ in range(depth):
        tree = [tree]
    return tree


@pytest.fixture
def short(monkeypatch):
    """A hundredth of the most opcodes: a million take seconds."""
    assert guard.MAX_OPCODES == 1_000_000
    monkeypatch.setattr(guard, "MAX_OPCODES", 10_000)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    "obj, error, message",
    [
        ({"a": [1, {2}]}, TypeError, r"obj\['a'\]\[1\] is of type set; save\(\) takes dict"),
        ({"a": {None: 1}}, TypeError, r"obj\['a'\] has the key None; keys are str, or int"),
        ({True: 1}, TypeError, "obj has the key True"),
        ({2**60: 1}, TypeError, "int below 2"),
        (
            [np.array([print])],
            TypeError,
            r"obj\[0\] has dtype object; save\(\) takes bool, float16",
        ),
        (np.zeros(1, "c8"), TypeError, "dtype complex64"),
        (np.zeros(1, "f4,i4"), TypeError, "save.. takes bool"),
        (np.ma.array([1.0], mask=[True]), TypeError, "type MaskedArray"),
        (print, TypeError, "builtin_function_or_method"),
        (itself(), FormatError, r"obj\[0\]\[0\].* nested more than 100 deep, or in itself"),
        (nested(MAX_DEPTH + 1), FormatError, "nested more than 100 deep"),
        ([None] * 10_000, UnsafeFileError, "long sequences belong in arrays"),
        (2**3000, UnsafeFileError, "LONG4"),
    ],
    ids=lambda value: "",
)
def test_what_load_would_not_read_is_refused_before_the_old_file_is_touched(
    obj, error, message, tmp_path
):
    save("old", tmp_path / "model.pkl")
    with pytest.raises(error, match=message):
        save(obj, tmp_path / "model.pkl")
    assert load(tmp_path / "model.pkl") == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.usefixtures("short")
def test_the_deepest_and_longest_that_save_takes_comes_back(tmp_path):
    save([nested(MAX_DEPTH - 1), [None] * 9_000], tmp_path / "model.pkl")
    assert load(tmp_path / "model.pkl") == [nested(MAX_DEPTH - 1), [None] * 9_000]


def peak_bytes(action):
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_saving_takes_no_copy_loading_one_and_inspecting_none(tmp_path):
    path, size = tmp_path / "large.pkl", 40_000_000
    tree = {str(i): np.zeros(size // 16, np.float32) for i in range(2)}
    tree |= {str(i): tg.zeros(size // 16) for i in range(2, 4)}
    assert peak_bytes(lambda: save(tree, path)) < size / 8
    assert peak_bytes(lambda: load(path)) < size * 1.1
    assert peak_bytes(lambda: inspect(path)) < size / 8
