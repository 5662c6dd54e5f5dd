"""The functions of each library: its public names, and PyTorch's database of operators."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from benchmarks.census.points import CALLS, FEW, I3, ONE, TWO, Call, general, words

Function = Callable[..., Any]
Entry = tuple[str, Function, Iterable[Call]]
"""The name that a user writes, the function, and the calls to check."""

# Names that read or write files or settings, that draw, or that have no derivative to check.
LEFT_OUT = re.compile(
    r"^_|save|load|^from|^gen|memmap|^set|^get|print|show|^info|test|open|as_strided|^grad_|^custom_|put|copyto|fill|place$"
    r"|array2string|array_repr|array_str|empty|errstate|format|object|deprecat|vectorize|frompy"
    r"|iterable|lookfor|nested|nditer|ndenumerate|jit|pmap|pure_callback|^apply|piecewise|random"
    r"|bartlett|blackman|hamming|hanning|kaiser|^eye$|tri$|indices|^no_|turn_|Tensor$|allow|may_share"
    r"|shares_mem|byte|who|mgrid|ogrid|bmat|asmatrix|^mat$|dropout|rrelu|multinomial|bernoulli"
    r"|^u?int\d|^b?float\d|^complex|double$|single$|^half$"  # dtypes that can be called
    r"|^arange$|^tensor$|^asarray$|^astensor$|^array$|^identity$|as_tensor|^rand|normal|poisson$|_$|manual_seed|grad_enabled|default_dtype|^save"
)

DRAWN = re.compile(r"^normal|bernoulli|multinomial|dropout|rand|rrelu|cauchy|exponential|geometric")

# Parameters that are no arrays to differentiate by.
SETTINGS = frozenset(words(
    "axis axes axisa dim dims out dtype shape newshape repeats reps shift k n m ord p ddof "
    "order copy fill_value num deg decimals where initial size length period mode rcond rtol "
    "hermitian bins indices_or_sections new_shape dimension diagonal offset lower trans "
    "check_finite sorter correction keepdim inplace size_average reduce reduction exponent"
))  # fmt: skip

OF_SYMMETRIC = {"cholesky", "eigh", "eigvalsh", "pinvh", "cho_factor"}
OF_WHOLE_NUMBERS = {"jn", "jv", "jvp", "yn", "iv", "ive", "polygamma", "multigammaln"}  # orders


def of_namespaces(
    modules: dict[str, str],
    calls: dict[str, list[Call]] = CALLS,
    settings: frozenset[str] = SETTINGS,
    points: list[Call] | None = None,
) -> Iterator[Entry]:
    """Yield the public functions of some modules, each with the general points and its own."""
    yielded: set[int] = set()
    for prefix, module_name in modules.items():
        module = importlib.import_module(module_name)
        for name in sorted(getattr(module, "__all__", None) or dir(module)):
            function = getattr(module, name, None)
            if LEFT_OUT.search(name) or not callable(function) or type(function) is type:
                continue
            if id(function) in yielded or isinstance(function, np.dtype):
                continue
            yielded.add(id(function))
            shown = f"{prefix}.{name}"
            offered = list(filter(takes(function, settings), points or general()))
            if name in OF_SYMMETRIC:
                shown, function = f"{shown} of (x + x.T) / 2", of_symmetric(function)
            if name in OF_WHOLE_NUMBERS:
                offered = []
            yield shown, function, [*offered, *calls.get(name, [])]


def of_symmetric(function: Function) -> Function:
    """Make the function of the symmetric part: results for the rest are nobody's promise."""
    return lambda x, *args, **kw: function((x + x.swapaxes(-1, -2)) / 2, *args, **kw)


def takes(function: Function, settings: frozenset[str] = SETTINGS) -> Callable[[Call], bool]:
    """Make the test that a call's arguments stand where the function takes arrays, not settings."""
    raw = getattr(function, "fun", function)  # autograd's primitives hold the NumPy function
    if hasattr(raw, "nin"):
        return lambda call: len(call.args) == raw.nin
    try:
        parameters = list(inspect.signature(raw).parameters.values())
    except (TypeError, ValueError):
        return lambda call: True
    count = 0
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            count = 3
            break
        if parameter.name in settings or isinstance(parameter.default, (bool, int, str, tuple)):
            break
        count += 1
    return lambda call: len(call.args) <= count


def of_jax() -> Iterator[Entry]:
    yield from of_namespaces(
        {
            "jax.numpy": "jax.numpy",
            "jax.numpy.linalg": "jax.numpy.linalg",
            "jax.nn": "jax.nn",
            "jax.scipy.special": "jax.scipy.special",
        },
        points=FEW,  # JAX compiles each function for each shape
    )


def of_autograd() -> Iterator[Entry]:
    yield from of_namespaces(
        {
            "autograd.numpy": "autograd.numpy",
            "autograd.numpy.linalg": "autograd.numpy.linalg",
            "autograd.scipy.special": "autograd.scipy.special",
            "autograd.scipy.linalg": "autograd.scipy.linalg",
            "autograd.scipy.stats.norm": "autograd.scipy.stats.norm",
            "autograd.scipy.stats.t": "autograd.scipy.stats.t",
            "autograd.scipy.stats.gamma": "autograd.scipy.stats.gamma",
            "autograd.scipy.stats.beta": "autograd.scipy.stats.beta",
            "autograd.scipy.stats.chi2": "autograd.scipy.stats.chi2",
            "autograd.scipy.signal": "autograd.scipy.signal",
        }
    )


def of_mygrad() -> Iterator[Entry]:
    import mygrad

    yield from of_namespaces(
        {"mygrad": "mygrad", "mygrad.linalg": "mygrad.linalg", "mygrad.nnet": "mygrad.nnet"},
        settings=SETTINGS | {"alpha", "slope", "gamma", "start", "fill_value"},
    )
    for name in sorted(set(dir(mygrad.Tensor)) & set(CALLS)):
        method = getattr(mygrad.Tensor, name)
        yield f"mygrad.Tensor.{name}", method, [*(Call((x,)) for x in ONE), *CALLS[name]]
    yield from operators("mygrad")


def operators(library: str) -> Iterator[Entry]:
    """Yield the operators without a name: arithmetic, powers, keys."""
    for symbol in ("add", "sub", "mul", "truediv", "pow", "matmul"):
        yield f"{library}: operator.{symbol}", getattr(operator, symbol), list(map(Call, TWO))
    for symbol in ("neg", "abs"):
        yield f"{library}: operator.{symbol}", getattr(operator, symbol), [Call((x,)) for x in ONE]
    for exponent in (0, 1, 2, 3, -1, 0.5):
        powers = [Call((x, exponent)) for x in ONE]
        yield f"{library}: x**{exponent}", operator.pow, powers
    for key in (0, -1, slice(None, None, -1), slice(1, None), None, ..., I3[1:] * 0, [True, False]):
        yield f"{library}: x[{key}]", operator.getitem, [Call((x, key)) for x in ONE]


def of_torch(samples: int = 3, largest: int = 16) -> Iterator[Entry]:
    """Yield PyTorch's own samples, and the same calls at zeros, ones and whole numbers."""
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

    torch.set_num_threads(1)
    for entry in op_db:
        if (
            not entry.supports_autograd
            or LEFT_OUT.search(entry.name)
            or torch.float64 not in entry.supported_dtypes("cpu")
        ):
            continue
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inputs = list(entry.sample_inputs("cpu", torch.float64, requires_grad=True))
            small = [s for s in inputs if size_of(s) <= largest]
            for sample in small[:: -(-len(small) // samples) or 1]:
                yield torch_name(entry), *torch_call(entry, sample)


def size_of(sample: Any) -> int:
    import torch

    arguments = [sample.input, *sample.args]
    return sum(x.numel() for x in arguments if isinstance(x, torch.Tensor))


def torch_name(entry: Any) -> str:
    variant = f" ({entry.variant_test_name})" if entry.variant_test_name else ""
    return f"torch.{entry.name}{variant}"


def torch_call(entry: Any, sample: Any) -> tuple[Function, list[Call]]:
    """Make a sample a function of its Tensors, called there and at awkward points nearby."""
    import torch

    arguments = [sample.input, *sample.args]
    indices = [
        i for i, x in enumerate(arguments)
        if isinstance(x, torch.Tensor) and x.dtype == torch.float64 and x.requires_grad
    ]  # fmt: skip
    arrays = tuple(arguments[i].detach().numpy().copy() for i in indices)

    def function(*xs: Any) -> Any:
        args = list(arguments)
        for i, x in zip(indices, xs, strict=True):
            args[i] = x
        return sample.output_process_fn_grad(entry.op(*args, **sample.kwargs))

    shown = [x if i in indices else shortened(x) for i, x in enumerate(arguments)]
    function.shown = lambda xs: (  # type: ignore[attr-defined]
        [xs[indices.index(i)] if i in indices else x for i, x in enumerate(shown)], sample.kwargs
    )  # fmt: skip
    awkward = [arrays]
    awkward.append(tuple(np.zeros_like(x) for x in arrays))
    awkward.append(tuple(np.ones_like(x) for x in arrays))
    awkward.append(tuple(np.round(x / 3) for x in arrays))
    if arrays:
        awkward.append((np.round(arrays[0] / 3), *arrays[1:]))
        awkward.append((arrays[0], *(np.zeros_like(x) for x in arrays[1:])))
    return function, [Call(xs) for xs in awkward if xs]


def shortened(value: Any) -> Any:
    import torch

    return value.detach().numpy() if isinstance(value, torch.Tensor) else value


def of_ours() -> Iterator[Entry]:
    """Yield every row of the table, as its property tests draw it, and every public function."""
    from benchmarks.census.ours import CALLS as OWN
    from benchmarks.census.ours import rows

    yield from rows()
    yield from of_namespaces(
        {"tinygrad_mnist": "tinygrad_mnist", "F": "tinygrad_mnist.nn.functional"}, OWN
    )


LIBRARIES: dict[str, tuple[str, Callable[[], Iterator[Entry]]]] = {
    "torch": ("torch", of_torch),
    "jax": ("jax", of_jax),
    "autograd": ("autograd", of_autograd),
    "mygrad": ("mygrad", of_mygrad),
    "ours": ("tinygrad_mnist", of_ours),
}
