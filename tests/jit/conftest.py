"""The two compiled forms, for tests of their common promises."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import tinygrad_mnist as tg


@pytest.fixture(params=[{}, {"pure": True}], ids=["default", "pure"])
def jit(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`tg.jit`, in each of its forms."""
    return partial(tg.jit, **request.param)
