"""Random programs for both libraries: the same seed gives the same one.

A step is a call on Tensors made before it. What a program ends in: of every step the dtype, shape,
requires_grad, whether it shares memory with its first argument, and the value, or that it raised;
then the gradients of the sum of all floats by the leaves, and the gradients of their squares.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[Any, Any, Any, random.Random], Any]
UNARY = """
    neg abs exp sin cos tanh sigmoid relu square floor ceil round sign expm1 atan asinh erf trunc
    isnan isfinite logical_not nan_to_num reciprocal sinh rsqrt log1p sqrt frac positive
""".split()  # noqa: SIM905
BINARY = """
    add sub mul div maximum minimum remainder atan2 hypot fmod pow eq lt ge logaddexp
    logical_and xlogy
""".split()  # noqa: SIM905
REDUCTIONS = [
    "sum",
    "mean",
    "amax",
    "amin",
    "prod",
    "var",
    "std",
    "logsumexp",
    "any",
    "all",
    "argmax",
    "nansum",
    "norm",
]
ALONG = [
    "cumsum",
    "cumprod",
    "softmax",
    "log_softmax",
    "sort",
    "max",
    "min",
    "logcumsumexp",
    "argsort",
]
CASTS = ["float", "double", "half", "long", "int", "bool"]


def dim(x: Any, rng: random.Random) -> int:
    return rng.randint(-x.ndim - (rng.random() < 0.05), max(x.ndim - 1, 0))


def unary(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    return getattr(t, rng.choice(UNARY))(x)


def binary(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    return getattr(t, rng.choice(BINARY))(x, y)


def number(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    value = rng.choice([2, -1, 0.5, 3, 1.5, 0])
    name = rng.choice(["add", "sub", "mul", "truediv", "pow", "mod", "radd", "rsub"])
    return getattr(x, f"__{name}__")(value)


def reduction(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    name, at, keep = rng.choice(REDUCTIONS), dim(x, rng), rng.random() < 0.5
    if name == "norm":
        return t.norm(x, rng.choice([1, 2, float("inf")]), at, keep)
    return getattr(t, name)(x, at, keepdim=keep)


def along(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    made = getattr(t, rng.choice(ALONG))(x, dim(x, rng))
    return made if hasattr(made, "dtype") else made[0]


def whole(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    return getattr(t, rng.choice(["sum", "mean", "prod", "max", "min", "std", "norm"]))(x)


def shape(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    a, b = dim(x, rng), dim(x, rng)
    return rng.choice([
        lambda: x.reshape(-1), lambda: x.transpose(a, b), lambda: x.unsqueeze(a),
        lambda: x.squeeze(), lambda: x.flip(a), lambda: x.expand(2, *x.shape),
        lambda: x.narrow(a, 0, 1), lambda: x.select(a, 0), lambda: x.diagonal(),
        lambda: x.movedim(a, b), lambda: x.repeat(2, *[1] * x.ndim), lambda: x.contiguous(),
        lambda: x.flatten(), lambda: x.t(), lambda: x.roll(1, a), lambda: x.unbind(a)[0],
        lambda: x.chunk(2, a)[0], lambda: x.ravel(), lambda: x.triu(), lambda: x.view(-1),
        lambda: x.swapaxes(a, b), lambda: x.clone(), lambda: x.detach(), lambda: x[..., ::2],
        lambda: x[None], lambda: x[0], lambda: x[x > 0], lambda: x[[0, -1]],
        lambda: x.broadcast_to(x.shape),
    ])()  # fmt: skip


def joined(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    return rng.choice([
        lambda: t.cat([x, y]), lambda: t.stack([x, y]), lambda: t.where(x > 0, x, y),
        lambda: x @ y, lambda: t.matmul(x, y.t()), lambda: t.outer(x, y), lambda: t.lerp(x, y, 0.3),
        lambda: t.clamp(x, y, None), lambda: t.clamp(x, -1, 1), lambda: t.addcmul(x, y, y),
        lambda: x.masked_fill(x > 0.5, 0), lambda: t.dist(x, y), lambda: t.cdist(x, y),
    ])()  # fmt: skip


def cast(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    return getattr(x, rng.choice(CASTS))()


def written(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    z = x.clone()
    return rng.choice([
        lambda: z.add_(y), lambda: z.mul_(2), lambda: z.div_(2), lambda: z[0].fill_(1),
        lambda: z.copy_(y), lambda: z.clamp_(0, 1), lambda: z.exp_(), lambda: z.zero_(),
    ])()  # fmt: skip


STEPS: list[Step] = [
    unary, unary, unary, binary, binary, binary, number, reduction, reduction, along, whole,
    shape, shape, shape, joined, joined, cast, written,
]  # fmt: skip


def leaves(t: Any, rng: random.Random) -> list[Any]:
    made = []
    for _ in range(3):
        size = [rng.randint(1, 3) for _ in range(rng.randint(0, 3))]
        values = [round(rng.uniform(-2, 2), 2) for _ in range(int(np.prod(size)))]
        x = t.tensor(values, dtype=t.float64).reshape(size)
        kind = rng.choice(["float64", "float64", "float32", "int64", "bool"])
        x = x.to(getattr(t, kind)) if kind != "float64" else x.clone()
        made.append(x.requires_grad_() if "float" in kind and rng.random() < 0.8 else x)
    return made


def seen(x: Any, source: Any) -> Any:
    array = x.detach().numpy()
    memory = bool(array.size and np.shares_memory(array, source.detach().numpy()))
    dtype = str(x.dtype).removeprefix("torch.")
    return dtype, tuple(x.shape), x.requires_grad, memory, array.copy()


def run(t: Any, seed: int, log: list[str] | None = None) -> list[Any]:
    """What a program ends in, step by step; a step that raises is left out of what follows."""
    rng = random.Random(seed)
    tensors = leaves(t, rng)
    asked, ends = [x for x in tensors if x.requires_grad], []
    for _ in range(rng.randint(2, 7)):
        step, x, y = rng.choice(STEPS), rng.choice(tensors), rng.choice(tensors)
        own = random.Random(rng.random())
        try:
            made = step(t, x, y, own)
            ends.append(seen(made, x))
            tensors.append(made)
        except (RuntimeError, TypeError, IndexError, ValueError, NotImplementedError) as error:
            ends.append("raises")
            if log is not None:
                log.append(f"{type(error).__name__}: {error}")
            rng = random.Random(rng.random())
        if log is not None:
            log.append(f"{step.__name__}: {ends[-1]}")
    floats = [x for x in tensors if x.requires_grad]
    if not asked or not floats:
        return ends
    total = sum((x.double().sum() for x in floats), t.zeros((), dtype=t.float64))
    try:
        ends += derivatives(t, total, asked)
    except RuntimeError:
        ends.append("no derivative")
    return ends


def derivatives(t: Any, total: Any, asked: list[Any]) -> list[Any]:
    """The gradients of `total`, and those of the sum of their squares."""
    first = t.autograd.grad(total, asked, create_graph=True, allow_unused=True)
    ends: list[Any] = [[None if g is None else (g.detach() + 0).numpy() for g in first]]
    more = [g for g in first if g is not None and g.requires_grad]
    if more:
        second = sum((g.double() ** 2).sum() for g in more)
        again = t.autograd.grad(second, asked, allow_unused=True)
        ends.append([None if g is None else (g.detach() + 0).numpy() for g in again])
    return ends
