"""Random training runs with random events, jitted in each form: as eager to the bit, or refused.

`JIT_CATALOGUE=eager` compares eager with itself; `python -m tests.jit.random_training` tries more.
"""

import functools
import os

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.jit.random_training import compare, eager, far

FORMS = {
    "default": tg.jit,
    "pure": functools.partial(tg.jit, pure=True),
    "tiles": functools.partial(tg.jit, tile_rows=4),
}
if os.environ.get("JIT_CATALOGUE") == "eager":
    FORMS = dict.fromkeys(FORMS, eager)


@pytest.mark.parametrize("seed", range(5))
def test_default(seed):
    assert compare(seed, "default", FORMS["default"]) is None


@pytest.mark.parametrize("seed", range(1000, 1002))
def test_default_seldom_looked_at(seed):
    assert compare(seed, "default", FORMS["default"], how="seldom") is None


@pytest.mark.parametrize("form", ["pure", "tiles"])
def test_others_are_as_eager_or_refused(form):
    """Most runs are not refused."""
    differences = [compare(seed, form, FORMS[form]) for seed in range(7, 9)]
    assert [where for where in differences if where not in (None, "refused")] == []
    assert None in differences  # tiles refuse an event of most runs


def stops(function):
    """A jit that returns the results of its fifth call from then on."""
    results = []

    def call(*args):
        if len(results) < 5:
            results.append(function(*args))
        return results[-1]

    return call


def off_by_a_bit(function):
    """A jit that is wrong by one unit in the last place of its results."""

    def call(*args):
        result = function(*args)
        tensors = [t for t in (result if isinstance(result, tuple) else ()) if t.dtype.kind == "f"]
        if tensors:
            array = tensors[0].detach().numpy()
            np.nextafter(array, np.inf, out=array)
        return result

    return call


def refuses(function):
    def call(*args):
        raise RuntimeError("refused")

    return call


def refuses_too_late(function):
    def call(*args):
        function(*args)
        raise RuntimeError("refused")

    return call


@pytest.mark.parametrize("seed", [0])
def test_a_wrong_jit_would_be_seen(seed):
    for form in FORMS:
        assert compare(seed, form, stops) not in (None, "refused")
    for form in ("default", "pure"):
        assert compare(seed, form, off_by_a_bit) not in (None, "refused")
    assert compare(seed, "default", refuses) not in (None, "refused")
    assert compare(seed, "pure", refuses) == compare(seed, "tiles", refuses) == "refused"
    assert "and yet changed" in compare(seed, "pure", refuses_too_late)


def test_far_is_far():
    one, other = np.ones(4), np.ones(4)
    other[1] += 1e-7
    assert far(one.tobytes(), other.tobytes()) is None
    other[1] += 1e-4
    assert "0" in far(("x", [one.tobytes()]), ("x", [other.tobytes()]))
    assert far(["a", 1], ["a", 2]) and far(["a"], ["a", 2])
