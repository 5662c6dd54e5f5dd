"""A pytest plugin: settings for gradient tests, the `fuzz` marker, a count of the examples tried.

Switch it on by `pytest --gradients`, by `gradients = true` in pytest's configuration file, or by
`pytest_plugins = ["tinygrad_mnist.testing.plugin"]` in the conftest.py beside your tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.statistics import collector

TRIED: dict[str, int] = {}
"""How many examples hypothesis has tried in each test of this session."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and three profiles, and load one.

    None has a deadline: a slow machine is not a counterexample. `ci` draws the same examples each
    time, so that a red run means a change; `fuzz` is for searching. HYPOTHESIS_PROFILE names the
    profile to use; the default is `ci` where CI is set, and `dev` elsewhere.
    """
    settings.register_profile("dev", deadline=None)
    settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
    settings.register_profile("fuzz", deadline=None, max_examples=10_000, print_blob=True)
    usual = "ci" if "CI" in os.environ else "dev"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", usual))
    config.addinivalue_line(
        "markers", "fuzz: a long search for counterexamples; runs only when -m names it"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests marked `fuzz`, unless -m names that mark."""
    if "fuzz" in config.option.markexpr:
        return
    fuzz = [item for item in items if item.get_closest_marker("fuzz")]
    if fuzz:
        config.hook.pytest_deselected(items=fuzz)
        items[:] = [item for item in items if item not in set(fuzz)]


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[Any]:
    """Count the examples of @given tests, and of @given functions inside of tests."""
    others = collector.value

    def count(statistics: Any) -> None:
        phases = [v for v in statistics.values() if isinstance(v, dict)]
        tried = sum(len(phase.get("test-cases", ())) for phase in phases)
        TRIED[item.nodeid] = TRIED.get(item.nodeid, 0) + tried
        if others is not None:
            others(statistics)

    with collector.with_value(count):  # type: ignore[arg-type]
        result = yield
    return result


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many examples were tried."""
    if TRIED:
        terminalreporter.write_line(
            f"hypothesis tried {sum(TRIED.values()):,} examples in {len(TRIED)} tests"
        )
