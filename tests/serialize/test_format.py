"""The format: files of every version keep loading, and errors say what is wrong."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.serialize.same import assert_same
from tinygrad_mnist.serialize import FormatError, UnsafeFileError, inspect, load, save
from tinygrad_mnist.serialize.guard import Machine

SAMPLES = Path(__file__).parent / "samples"

# What each committed file must give for ever; never edit an entry, add one for a new version.
EXPECTED = {
    "v1.plain.pkl": {
        "none": None,
        "bools": [True, False],
        "ints": [0, 255, 256, 65536, -1, 2**31, -(2**100)],
        "floats": [0.0, -0.0, 1.5, float("inf"), float("nan")],
        "text": ["", "é∂🙂", "a" * 300],
        "bytes": [b"", b"\x00\xff", b"x" * 300],
        "tuples": ((), ("tensor", "float32"), ("tuple", (1, [2]))),
        "empty": [{}, [], ()],
        7: {-1: "keys are str or int"},
    },
    "v1.tensors.pkl": {
        "order": ["b", "a"],
        "b": np.arange(6, dtype=np.float32).reshape(2, 3) / 3,
        "a": np.array(2.5),
        "empty": np.zeros((0, 3), np.float16),
        "half": np.array([1, -0.0, np.inf, np.nan], np.float16),
        "bool": np.array([[True], [False]]),
        **{f"{kind}{n}": np.array([0, 1, 2**7 - 1]).astype(f"{kind}{n}")
           for kind in ("int", "uint") for n in (8, 16, 32, 64)},
        "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "big": np.arange(70_000, dtype=np.uint8),
    },
    "v2.kinds.pkl": {
        "tensor": tg.tensor([[1.5, -0.0], [float("inf"), 2.0]]),
        "leaf": tg.tensor([0.25], requires_grad=True),
        "int": tg.tensor([1, 2]),
        "array": np.array([1, 2], np.int16),
        "tuples": (("tensor", "float32"), ("leaf", 1), ("array", [tg.tensor(True)])),
    },
    "v1.checkpoint.pkl": {
        "model": {"0.weight": np.full((2, 3), 0.5, np.float32), "0.bias": np.zeros(2, np.float32)},
        "optimizer": {"state": {0: {"step": 3, "exp_avg": np.ones((2, 3), np.float32)}},
                      "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0, 1]}]},
        "recipe": {"name": "mlp-128", "hidden": [128]},
        "random": {"bit_generator": "PCG64", "state": {"state": 2**127 + 1, "inc": 3}},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_committed_files_keep_loading(name):
    assert_same(load(SAMPLES / name), EXPECTED[name])


def test_every_committed_file_is_expected():
    assert {path.name for path in SAMPLES.iterdir()} == set(EXPECTED)


def test_the_format_page_tells_how_to_open_a_file_without_this_library(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "format.md").read_text()
    code = re.search(r"```python\n(import pickle.*?)```", page, re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    save({"0.weight": np.float32([[1, 2]])}, "model.pkl")
    names: dict = {}
    exec(code, names)
    np.testing.assert_array_equal(names["weight"], np.float32([[1, 2]]), strict=True)
    assert f"with {len(Machine.ops)} opcodes" in page


def test_a_newer_version_is_named(tmp_path):
    data = bytearray((SAMPLES / "v1.plain.pkl").read_bytes())
    data[29] = 4
    path = tmp_path / "newer.pkl"
    path.write_bytes(data)
    with pytest.raises(
        FormatError, match=r"newer\.pkl: .* version 4; this release reads version 1 to 3"
    ):
        load(path)


def test_a_file_larger_than_asked_for_is_refused_unread(tmp_path):
    save(b"x" * 1000, tmp_path / "model.pkl")
    with pytest.raises(UnsafeFileError, match=r"1,\d+ bytes, more than max_bytes=1,000"):
        load(tmp_path / "model.pkl", max_bytes=1000)
    with pytest.raises(UnsafeFileError, match="max_bytes"):
        inspect(tmp_path / "model.pkl", max_bytes=1000)
    with open(tmp_path / "sparse.pkl", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UnsafeFileError, match="max_bytes=4,294,967,296"):
        load(tmp_path / "sparse.pkl")


def test_missing_files_folders_and_pipes_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.pkl"):
        load(tmp_path / "none.pkl")
    with pytest.raises((IsADirectoryError, PermissionError), match=tmp_path.name):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="pipe: not a regular file"):
        load(tmp_path / "pipe")
    with pytest.raises(FormatError, match="not a regular file"):
        load("/dev/zero", numpy_pickle=True)
