"""What every test shares: hypothesis profiles, the fuzz marker, the full MNIST when it is there."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline anywhere: a slow machine is not a counterexample. CI draws the same examples each
# time, so that a red run means a change; the fuzz profile is for searching.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("fuzz", deadline=None, max_examples=10_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


@pytest.fixture(scope="session")
def full_mnist_dir() -> Path:
    """The folder with the four MNIST files that TINYGRAD_MNIST_DATA names; skips without it."""
    folder = os.environ.get("TINYGRAD_MNIST_DATA")
    if not folder:
        pytest.skip("TINYGRAD_MNIST_DATA does not name a folder with the full MNIST")
    return Path(folder)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "full_mnist_dir" in getattr(item, "fixturenames", ()):
            item.add_marker("fullmnist")
    if "fuzz" in config.option.markexpr:
        return
    fuzz = [item for item in items if item.get_closest_marker("fuzz")]
    if fuzz:
        config.hook.pytest_deselected(items=fuzz)
        items[:] = [item for item in items if item not in set(fuzz)]
