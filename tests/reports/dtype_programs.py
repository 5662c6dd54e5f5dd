"""One small call for each function and dtype.

`python -m tests.reports.dtype_programs` asks PyTorch. What it answered stands in `dtypes.json`: the
dtype of the result, or "raises".
"""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DTYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]
PATH = Path(__file__).with_name("dtypes.json")
ELEMENTWISE = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "deg2rad",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "frac",
    "log",
    "log10",
    "log1p",
    "log2",
    "logit",
    "nan_to_num",
    "neg",
    "positive",
    "rad2deg",
    "reciprocal",
    "relu",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trunc",
    "isnan",
    "isinf",
    "isfinite",
    "logical_not",
    "bitwise_not",
    "sum",
    "mean",
    "prod",
    "var",
    "std",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "any",
    "all",
    "norm",
    "logsumexp",
    "nansum",
    "nanmean",
    "count_nonzero",
    "isposinf",
    "isneginf",
]
ALONG = [
    "cumsum",
    "cumprod",
    "logcumsumexp",
    "softmax",
    "log_softmax",
    "sort",
    "argsort",
    "max",
    "min",
    "unbind",
]
MATRICES = ["tril", "triu", "diag", "trace", "t", "diagonal"]
PAIRS = [
    "add",
    "sub",
    "mul",
    "div",
    "pow",
    "remainder",
    "fmod",
    "maximum",
    "minimum",
    "atan2",
    "hypot",
    "logaddexp",
    "xlogy",
    "floor_divide",
    "eq",
    "lt",
    "bitwise_and",
    "bitwise_or",
    "logical_and",
    "float_power",
    "true_divide",
    "rsub",
]
CASTS = ["float", "double", "half", "long", "int", "short", "byte", "bool"]


def F(t: Any) -> Any:
    """The library's nn.functional."""
    return importlib.import_module(f"{t.__name__}.nn.functional")


def named(name: str) -> Callable[[Any, Any], Any]:
    return lambda t, x: getattr(t, name)(x)


def along(name: str) -> Callable[[Any, Any], Any]:
    def call(t: Any, x: Any) -> Any:
        y = getattr(t, name)(x, 0)
        return y[0] if isinstance(y, tuple) else y

    return call


def of_matrix(name: str) -> Callable[[Any, Any], Any]:
    return lambda t, x: getattr(t, name)(t.stack([x, x]))


def cast(name: str) -> Callable[[Any, Any], Any]:
    return lambda t, x: getattr(x, name)()


PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    **{name: named(name) for name in ELEMENTWISE if name != "logsumexp"},
    **{f"{name} along 0": along(name) for name in ALONG},
    **{f"{name} of a matrix": of_matrix(name) for name in MATRICES},
    **{f".{name}()": cast(name) for name in CASTS},
    "topk": lambda t, x: t.topk(x, 1)[0],
    "lerp": lambda t, x: t.lerp(x, x, 0.5),
    "clamp": lambda t, x: t.clamp(x, 0, 1),
    "clampf": lambda t, x: t.clamp(x, 0.5),
    "norm1": lambda t, x: t.norm(x, 1),
    "masked_fill": lambda t, x: x.masked_fill(t.tensor([True, False, True]), 1),
    "masked_fillf": lambda t, x: x.masked_fill(t.tensor([True, False, True]), 1.5),
    "index_fill": lambda t, x: x.index_fill(0, t.tensor([0]), 1),
    "index_add": lambda t, x: x.index_add(0, t.tensor([0]), x[:1]),
    "cumsum": lambda t, x: x.cumsum(0),
    "where num": lambda t, x: t.where(t.tensor([True, False, True]), x, 1),
    "where numf": lambda t, x: t.where(t.tensor([True, False, True]), x, 1.5),
    "full_like": lambda t, x: t.full_like(x, 1),
    "zeros_like": lambda t, x: t.zeros_like(x),
    "matmul": lambda t, x: t.stack([x, x]) @ t.stack([x, x]).t(),
    "dot": lambda t, x: t.dot(x, x),
    "cat": lambda t, x: t.cat([x, x]),
    "pow2": lambda t, x: x**2,
    "pow2f": lambda t, x: x**2.0,
    "pow.5": lambda t, x: x**0.5,
    "pow-1": lambda t, x: x**-1,
    "rpow": lambda t, x: 2**x,
    "rpowf": lambda t, x: 2.0**x,
    "add1": lambda t, x: x + 1,
    "add1f": lambda t, x: x + 1.5,
    "addT": lambda t, x: x + True,
    "mul2": lambda t, x: x * 2,
    "div2": lambda t, x: x / 2,
    "floordiv2": lambda t, x: x // 2,
    "floordiv0": lambda t, x: x // 0,
    "mod0": lambda t, x: x % 0,
    "mod2": lambda t, x: x % 2,
    "mod2f": lambda t, x: x % 2.0,
    "sub1": lambda t, x: x - 1,
    "rsub1": lambda t, x: 1 - x,
    "xlogy2": lambda t, x: t.xlogy(x, 2),
    "xlogyr": lambda t, x: t.xlogy(2, x),
    "gt": lambda t, x: x > 1.5,
    "sinc0": lambda t, x: t.sinc(x),
    "div trunc": lambda t, x: t.div(x, 2, rounding_mode="trunc"),
    "div floor": lambda t, x: t.div(x, 2, rounding_mode="floor"),
    "div floor0": lambda t, x: t.div(x, 0, rounding_mode="floor"),
    "round1": lambda t, x: t.round(x, decimals=1),
    "addcmul": lambda t, x: t.addcmul(x, x, x),
    "addcdiv": lambda t, x: t.addcdiv(x, x, x),
    "alpha": lambda t, x: t.add(x, x, alpha=2),
    "alphaf": lambda t, x: t.add(x, x, alpha=1.5),
    "neg": lambda t, x: -x,
    "inv": lambda t, x: ~x,
    "pos": lambda t, x: +x,
    "scatter": lambda t, x: x.scatter(0, t.tensor([0]), 1),
    "scatter_add": lambda t, x: x.scatter_add(0, t.tensor([0]), x[:1]),
    "index_copy": lambda t, x: x.index_copy(0, t.tensor([0]), x[:1]),
    "repeat": lambda t, x: x.repeat(2),
    "unique": lambda t, x: t.unique(x),
    "iadd1": lambda t, x: x.clone().add_(1),
    "iadd1f": lambda t, x: x.clone().add_(1.5),
    "imul": lambda t, x: x.clone().mul_(x),
    "idiv": lambda t, x: x.clone().div_(2),
    "fill": lambda t, x: x.clone().fill_(1.5),
    "exp_": lambda t, x: x.clone().exp_(),
    "cdist": lambda t, x: t.cdist(t.stack([x, x]), t.stack([x, x])),
    "aminmax": lambda t, x: t.aminmax(x)[0],
    "dist": lambda t, x: t.dist(x, x),
    "isclose": lambda t, x: t.isclose(x, x),
    "outer": lambda t, x: t.outer(x, x),
    "mean dt": lambda t, x: t.mean(x, dtype=t.float32),
    "sum dt": lambda t, x: t.sum(x, dtype=t.float64),
    "prod dt": lambda t, x: t.prod(x, dtype=t.float32),
    "std0": lambda t, x: t.std(x, 0),
    "einsum": lambda t, x: t.einsum("i,i->", x, x),
    "relu F": lambda t, x: F(t).relu(x),
    "gelu F": lambda t, x: F(t).gelu(x),
    "leaky F": lambda t, x: F(t).leaky_relu(x),
    "hardtanh F": lambda t, x: F(t).hardtanh(x),
    "softplus F": lambda t, x: F(t).softplus(x),
    "elu F": lambda t, x: F(t).elu(x),
    "silu F": lambda t, x: F(t).silu(x),
    "mse F": lambda t, x: F(t).mse_loss(x, x),
    "l1 F": lambda t, x: F(t).l1_loss(x, x),
    "threshold F": lambda t, x: F(t).threshold(x, 1, 0),
    "softsign F": lambda t, x: F(t).softsign(x),
    "smoothl1": lambda t, x: F(t).smooth_l1_loss(x, x),
    "one_hot": lambda t, x: F(t).one_hot(x),
    "normalize F": lambda t, x: F(t).normalize(x, dim=0),
    "dropout F": lambda t, x: F(t).dropout(x, 0.5, False),
}


def made(t: Any, dtype: str) -> Any:
    return t.tensor([1, 2, 1]).to(getattr(t, dtype))


def pairs(t: Any, first: str, second: str) -> Iterator[tuple[str, Any, Any]]:
    """Two vectors; a number and a vector; a vector and a number."""
    x, y = made(t, first), made(t, second)
    yield from (("", x, y), (" 0-d first", x[0], y), (" 0-d second", x, y[0]))


def outcome(call: Callable[..., Any], *args: Any) -> str:
    """The dtype of the result, or that there is none."""
    try:
        return str(call(*args).dtype).removeprefix("torch.")
    except (RuntimeError, TypeError, IndexError, ValueError):
        return "raises"


def table(t: Any) -> dict[str, str]:
    """The outcome of every program with every dtype."""
    found = {
        f"{name}: {dtype}": outcome(program, t, made(t, dtype))
        for name, program in PROGRAMS.items()
        for dtype in DTYPES
    }
    for name, first, second in itertools.product(PAIRS, DTYPES, DTYPES):
        for how, x, y in pairs(t, first, second):
            found[f"{name}: {first}, {second}{how}"] = outcome(getattr(t, name), x, y)
    return found


if __name__ == "__main__":
    lines = (
        f"  {json.dumps(k)}: {json.dumps(v)}"
        for k, v in table(importlib.import_module("torch")).items()
    )
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")
