"""Examples of a strategy that are the same in every run, whatever was imported before."""

from __future__ import annotations

from typing import Any
from unittest import mock

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.internal.conjecture import providers

CONSTANT = "_maybe_draw_constant"  # of hypothesis's provider, since 6.131


def without_constants(*_: Any, **__: Any) -> None:
    """Take the part of `CONSTANT`; a Mock takes a tenth of the time of a draw."""


def same_examples(strategy: Any, count: int, start: int = 0) -> list[Any]:
    """Draw up to `count` examples from the seed `start`.

    A seed alone does not fix them: hypothesis mixes in constants that it reads in the modules
    which are loaded by then, and a whole run has loaded others than one test. Here it mixes in
    none.
    """
    drawn: list[Any] = []

    @seed(start)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def draw(example: Any) -> None:
        drawn.append(example)

    provider = getattr(providers, "HypothesisProvider", None)
    if not hasattr(provider, CONSTANT):
        draw()
        return drawn
    with mock.patch.object(provider, CONSTANT, without_constants):
        draw()
    return drawn
