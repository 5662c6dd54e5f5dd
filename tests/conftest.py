"""Shared by all tests: the full MNIST where it is available, and a seal that no test may break."""

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests import ahead
from tests.browser import browser as browser
from tests.sealed import note_hooks, sealed
from tinygrad_mnist import threads
from tinygrad_mnist.data import mnist

pytest_plugins = ["tinygrad_mnist.testing.plugin"]


# The library that the examples in a file need; they are skipped without it.
EXAMPLES_NEED = {
    "h5_file.py": "h5py",
    "onnx_file.py": "onnx",
    "safetensors_file.py": "safetensors",
    "torch_file.py": "torch",
}


def decompress_once() -> None:
    """Let the package's digits be decompressed once: a copy takes a tenth of the time."""
    arrays = cache(mnist._embedded_arrays)
    mnist._embedded_arrays = lambda: {name: array.copy() for name, array in arrays().items()}


gc.disable()  # until the tests are collected, and frozen: all that is made until then stays
note_hooks()
decompress_once()
threads.settle()  # else the first test that asks for a gradient would change their number


RUNNING: list[pytest.Item] = []  # the test; to ask pytest for `request` takes 0.1 ms each time


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    RUNNING[:] = [item]


@pytest.fixture(autouse=True)
def leaves_everything_as_it_was() -> Iterator[None]:
    """Fail a test that leaves a mode, a hook, the default dtype or a thread changed."""
    (item,) = RUNNING
    rewind(item)
    with sealed(let_go=getattr(item, "funcargs", {}).clear):
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Prepare what the processes that tests start inherit."""
    take_back_signals()
    share_caches(config)


def take_back_signals() -> None:
    """Take back what `nohup` and `&` have switched off: tests send these signals to processes."""
    handlers = {"SIGINT": signal.default_int_handler, "SIGHUP": lambda *_: None}
    for name, handler in handlers.items():
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)  # a process that is started does not inherit a handler


def share_caches(config: pytest.Config) -> None:
    """Let one process compile the package and list the fonts, and not each: 0.3 s and 0.4 s."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if "MPLCONFIGDIR" not in os.environ:  # matplotlib's, which is otherwise in XDG_CACHE_HOME
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        os.environ["MPLCONFIGDIR"] = folder.name


@pytest.fixture(scope="session")
def full_mnist_dir() -> Path:
    """The folder with the four MNIST files that TINYGRAD_MNIST_DATA names; skips without it."""
    folder = os.environ.get("TINYGRAD_MNIST_DATA")
    if not folder:
        pytest.skip("TINYGRAD_MNIST_DATA does not name a folder with the full MNIST")
    return Path(folder)


GENERATORS: dict[str, list[tuple[np.random.Generator, object]]] = {}  # by module, as imported


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the garbage collector what collection has made: most of all objects, and they stay."""
    for module in {getattr(item, "module", None) for item in session.items} - {None}:
        GENERATORS[module.__name__] = [
            (value, value.bit_generator.state)
            for value in vars(module).values()
            if isinstance(value, np.random.Generator)
        ]
    ahead.start(session)
    gc.collect()
    gc.freeze()
    gc.enable()


def rewind(item: pytest.Item) -> None:
    """Rewind the generators of the test's file: its numbers do not depend on earlier tests."""
    module = getattr(item, "module", None)
    for generator, state in GENERATORS.get(getattr(module, "__name__", ""), ()):
        generator.bit_generator.state = state


@pytest.fixture(autouse=True, scope="module")
def without_a_heap_to_search() -> None:
    """Spare it, too, what the tests of earlier files have left, such as libraries and caches."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "full_mnist_dir" in getattr(item, "fixturenames", ()):
            item.add_marker("fullmnist")
        needed = EXAMPLES_NEED.get(item.path.name)
        if needed and find_spec(needed) is None:
            item.add_marker(pytest.mark.skip(f"needs {needed}"))
