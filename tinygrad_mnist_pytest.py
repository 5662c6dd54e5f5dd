"""The pytest option `--gradients`, which loads `tinygrad_mnist.testing.plugin` on request.

pytest imports this file in every session, for it is an entry point. So it stands beside the package
and imports nothing: a session that does not ask for the plugin does not load the package either.
"""

from __future__ import annotations

from typing import Any

PLUGIN = "tinygrad_mnist.testing.plugin"


def pytest_addoption(parser: Any) -> None:
    """Add `--gradients`, and the setting `gradients = true` of pytest's configuration file."""
    explained = "settings for property tests of gradients: profiles, the marker fuzz, a count"
    parser.getgroup("gradients").addoption("--gradients", action="store_true", help=explained)
    parser.addini("gradients", explained, type="bool", default=False)


def pytest_configure(config: Any) -> None:
    """Load the plugin if it is asked for, and not loaded already."""
    if not config.getoption("--gradients") and not config.getini("gradients"):
        return
    if config.pluginmanager.has_plugin(PLUGIN):
        return
    try:
        config.pluginmanager.import_plugin(PLUGIN)
    except ImportError as error:
        import pytest

        raise pytest.UsageError(
            "--gradients needs hypothesis: pip install 'tinygrad-mnist[test]'"
        ) from error
