"""PyTorch's own database of ops: the same calls in both libraries, to second order.

Each name in names.txt is called with PyTorch's float64 sample inputs. Values agree to 1e-6, first
gradients to 1e-5, and second ones wherever PyTorch has them.
"""

from __future__ import annotations

import functools
import importlib.util
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.conformance.against_torch import compare, flat, mapped, to_ours

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch not installed"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.slow,
]
NAMES = Path(__file__).with_name("names.txt").read_text().split()
SAMPLES = 40  # of each variant of an op, evenly spaced: cdist alone has 256
LARGE = 1 << 17  # elements: an op that has smaller samples, too, is tried on these

# What is drawn at random has no values to compare: shapes and dtypes are.
DRAWN = {
    "bernoulli", "cauchy", "empty", "empty_like", "exponential", "geometric", "log_normal",
    "multinomial", "new_empty", "nn.functional.alpha_dropout", "nn.functional.dropout",
    "nn.functional.dropout2d", "nn.functional.dropout3d", "nn.functional.feature_alpha_dropout",
    "nn.functional.fractional_max_pool2d", "nn.functional.fractional_max_pool3d",
    "nn.functional.multi_head_attention_forward", "nn.functional.rrelu", "normal", "rand_like",
    "randint", "randint_like", "randn", "randn_like", "uniform",
}  # fmt: skip
# Where the database calls something other than the function or the method of that name.
CALLED: dict[str, Callable[..., Any]] = {
    "T": lambda x: x.T,
    "mH": lambda x: x.mH,
    "mT": lambda x: x.mT,
    "normal": lambda x, *args, **kw: (
        x.clone().normal_(*args, **kw)
        if len(args) == 2 and hasattr(x, "clone")
        else (tg.normal(x, *args, **kw))
    ),
    "real": lambda x: x.real,
    "einsum": lambda tensors, equation: tg.einsum(equation, *tensors),
    "where": lambda x, condition, other: x.where(condition, other),
    "nn.functional.embedding": lambda w, index, **kw: tg.nn.functional.embedding(index, w, **kw),
    "nn.functional.embedding_bag": (
        lambda w, index, **kw: tg.nn.functional.embedding_bag(index, w, **kw)
    ),
    "nn.functional.triplet_margin_with_distance_loss": (
        lambda *args, distance_function=None, **kw: (
            tg.nn.functional.triplet_margin_with_distance_loss(
                *args, distance_function=distance_function and tg.nn.PairwiseDistance(), **kw
            )
        )
    ),
    **{
        name: lambda x, *args, name=name, **kw: getattr(x.clone(), f"{name}_")(*args, **kw)
        for name in ("cauchy", "exponential", "geometric", "log_normal", "uniform")
    },
    "zero_": lambda x: x.clone().zero_(),
    "linalg.pinv, singular": lambda a, b: tg.linalg.pinv(a @ b.mT),
    "linalg.lstsq, grad_oriented": lambda a, b, driver: tg.linalg.lstsq(a, b, driver=driver)[:2],
}
# Where first derivatives alone are compared, though the database has second ones.
FIRST_ORDER = {
    "linalg.norm",  # a length of 0 has the derivative 0 in every order; PyTorch's second is NaN
    "nn.functional.ctc_loss",  # PyTorch raises for the second
}


@functools.cache
def database() -> dict[str, list[Any]]:
    """PyTorch's entries, by name."""
    from torch.testing._internal.common_methods_invocations import op_db

    found: dict[str, list[Any]] = {}
    for entry in op_db:
        found.setdefault(entry.name, []).append(entry)
    return found


def ours(name: str) -> Callable[..., Any]:
    """What a user would call: the function, or the method where there is none."""
    if name in CALLED:
        return CALLED[name]
    if name.startswith("nn.functional."):
        return getattr(tg.nn.functional, name.rpartition(".")[2])
    page, _, last = name.rpartition(".")
    if page:
        return getattr(getattr(tg, page), last)
    function = getattr(tg, name, None)
    if callable(function) and not isinstance(function, np.dtype):
        return function
    return lambda x, *args, **kw: getattr(x, name)(*args, **kw)


def variant(entry: Any) -> str:
    """The entry's name; with that of its variant where we call something else for it."""
    name = f"{entry.name}, {entry.variant_test_name}"
    return name if name in CALLED else entry.name  # type: ignore[no-any-return]


def proper(entry: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of inputs that are made symmetric or triangular first, where it wants such."""
    if entry.name == "cholesky_inverse":  # whose wrapper takes torch's Tensors only
        return lambda x, upper=False: function(x.triu() if upper else x.tril(), upper=upper)
    return lambda *args, **kw: entry.gradcheck_wrapper(function, *args, **kw)


def drawn(entry: Any) -> Iterator[Any]:
    """The entry's samples, seeded one by one as its `sample_inputs` does, without its bookkeeping.

    It looks through the stack for each, and PyTorch's `manual_seed` keeps a traceback for CUDA.
    """
    import torch
    from torch.testing._internal.common_utils import SEED

    samples = None
    while True:
        for seed in (torch.default_generator.manual_seed, random.seed, np.random.seed):
            seed(SEED)
        if samples is None:
            samples = iter(
                entry.sample_inputs_func(entry, "cpu", torch.float64, entry.supports_autograd)
            )
        try:
            yield next(samples)
        except StopIteration:
            return


def elements(value: Any) -> int:
    """Return how many elements a sample's first argument has; 0 for a list or a number."""
    return int(value.numel()) if hasattr(value, "numel") else 0


@pytest.mark.parametrize("name", NAMES)
def test_op_is_pytorchs(name: str) -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    for entry in database()[name]:
        samples = list(drawn(entry))
        assert samples
        samples = [s for s in samples if elements(s.input) < LARGE] or samples
        for sample in samples[:: -(-len(samples) // SAMPLES)]:
            args, kw = (sample.input, *sample.args), sample.kwargs
            if name in DRAWN or kw.get("dropout_p"):
                theirs = flat(entry.op(*args, **kw))
                mine = flat(ours(name)(*mapped(args, to_ours), **mapped(kw, to_ours)))
                assert [(tuple(a.shape), str(a.dtype)) for a in mine] == [
                    (tuple(b.shape), str(b.dtype).removeprefix("torch.")) for b in theirs
                ]
                continue
            second = entry.supports_gradgrad and name not in FIRST_ORDER
            calls = (proper(entry, f) for f in (ours(variant(entry)), entry.op))
            with sdpa_kernel(SDPBackend.MATH):  # the fast kernel has no second derivative
                compare(
                    *calls, args, kw, entry.supports_autograd, second, sample.output_process_fn_grad
                )
