"""set_num_threads: PyTorch's meaning, errors and all; NumPy's BLAS does as it is told."""

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import threads


@pytest.fixture(autouse=True)
def as_before():
    before = tg.get_num_threads()
    yield
    tg.set_num_threads(before)


def test_the_number_is_that_of_numpys_blas():
    controllers = pytest.importorskip("threadpoolctl").threadpool_info
    for count in (1, 2):
        tg.set_num_threads(count)
        assert tg.get_num_threads() == count
        assert {c["num_threads"] for c in controllers() if "numpy" in c["filepath"]} <= {count}


@pytest.mark.parametrize(
    ("count", "error", "words"),
    [
        (0, RuntimeError, "positive"),
        (-1, RuntimeError, "positive"),
        (1.0, TypeError, "got float"),
        (True, TypeError, "got bool"),
        ("2", TypeError, "got str"),
    ],
)
def test_a_wrong_number_of_threads_is_refused(count, error, words):
    with pytest.raises(error, match=words):
        tg.set_num_threads(count)


def test_an_unknown_blas_keeps_one_thread(monkeypatch):
    unknown = threads.Blas(lambda: 1, lambda count: None, is_known=False)
    monkeypatch.setattr(threads, "blas", lambda: unknown)
    tg.set_num_threads(1)
    with pytest.raises(RuntimeError, match="install threadpoolctl"):
        tg.set_num_threads(2)


@pytest.mark.parametrize("name", ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"])
def test_a_number_of_threads_in_the_environment_counts_as_set(name, monkeypatch):
    for other in threads.VARIABLES:
        monkeypatch.delenv(other, raising=False)
    assert not threads.is_set_by_user()
    monkeypatch.setenv(name, "1")
    assert threads.is_set_by_user()


def test_the_blas_is_found_without_threadpoolctl():
    """In a process of its own: this one may have loaded it."""
    if "openblas" not in str(np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]):
        pytest.skip("NumPy was built on another BLAS")
    code = (
        "import sys; sys.modules['threadpoolctl'] = None; import tinygrad_mnist as tg; "
        "tg.set_num_threads(1); print(tg.get_num_threads())"
    )
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_no_fork_comes_between_a_call_of_the_blas_and_its_end():
    assert all(type(library) is ctypes.PyDLL for library in threads._libraries())
