"""Random programs of views, copies and writes on memory of every layout, for both libraries.

A program starts from Tensors whose memory this library lays out in its own way: images behind a
convolution, the weight and the output of a linear layer. The same seed gives the same program.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Step = Callable[[Any, Any, Any, random.Random], Any]


def factors(x: Any, rng: random.Random) -> tuple[int, ...]:
    """A shape with as many elements, mostly."""
    n, shape = x.numel(), []
    while n > 1 and len(shape) < 4:
        choices = [d for d in range(2, n + 1) if n % d == 0]
        shape.append(rng.choice(choices))
        n //= shape[-1]
    if rng.random() < 0.2:
        shape.insert(rng.randint(0, len(shape)), 1)
    if shape and rng.random() < 0.3:
        shape[rng.randrange(len(shape))] = -1
    return tuple(shape) if rng.random() < 0.95 else (3, *shape)


def dim(x: Any, rng: random.Random) -> int:
    return rng.randint(-x.ndim, max(x.ndim - 1, 0))


def permuted(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    dims = list(range(x.ndim))
    rng.shuffle(dims)
    return x.permute(*dims)


def expanded(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    return x.expand(*(3 if n == 1 else -1 if rng.random() < 0.5 else n for n in x.shape))


def narrowed(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    at = dim(x, rng)
    start = rng.randint(0, x.shape[at] - 1)
    return x.narrow(at, start, rng.randint(1, x.shape[at] - start))


def flattened(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    a, b = sorted((rng.randrange(max(x.ndim, 1)), rng.randrange(max(x.ndim, 1))))
    return rng.choice([t.flatten, lambda x, a, b: x.flatten(a, b)])(x, a, b)


def unflattened(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    at = dim(x, rng)
    return x.unflatten(at, (-1, rng.choice([1, 2, 3])))


def strided(t: Any, x: Any, y: Any, rng: random.Random) -> Any:
    return t.as_strided(x, (2, 2), rng.choice([(1, 3), (2, 1), (2, 3), (1, 2)]))


def key(x: Any, rng: random.Random) -> Any:
    parts: list[Any] = []
    for n in x.shape[: rng.randint(1, max(x.ndim, 1))]:
        choices = [
            rng.randrange(n), slice(None), slice(rng.randrange(n), None),
            slice(None, None, rng.choice([1, 2])), slice(rng.randrange(n), n),
        ]  # fmt: skip
        parts.append(rng.choice(choices))
    if rng.random() < 0.1:
        parts.insert(rng.randint(0, len(parts)), None)
    if rng.random() < 0.1:
        parts.insert(rng.randint(0, len(parts)), ...)
    if parts and rng.random() < 0.1:
        parts[0] = [0, 0] if isinstance(parts[0], int) else parts[0]
    return tuple(parts)


VIEWS: dict[str, Step] = {
    "view": lambda t, x, y, r: x.view(factors(x, r)),
    "view(-1)": lambda t, x, y, r: x.view(-1),
    "view rows": lambda t, x, y, r: x.view(x.shape[0], -1),
    "reshape": lambda t, x, y, r: x.reshape(factors(x, r)),
    "reshape(-1)": lambda t, x, y, r: x.reshape(-1),
    "reshape rows": lambda t, x, y, r: t.reshape(x, (-1, x.shape[-1])),
    "ravel": lambda t, x, y, r: x.ravel(),
    "flatten": flattened,
    "unflatten": unflattened,
    "view_as": lambda t, x, y, r: x.view_as(y),
    "reshape_as": lambda t, x, y, r: x.reshape_as(y),
    "transpose": lambda t, x, y, r: x.transpose(dim(x, r), dim(x, r)),
    "permute": permuted,
    "last": lambda t, x, y, r: x.movedim(1, -1),
    "T": lambda t, x, y, r: x.T if x.ndim == 2 else x.mT,
    "t": lambda t, x, y, r: x.t(),
    "expand": expanded,
    "expand front": lambda t, x, y, r: x.expand(2, *x.shape),
    "squeeze": lambda t, x, y, r: x.squeeze() if r.random() < 0.5 else x.squeeze(dim(x, r)),
    "unsqueeze": lambda t, x, y, r: x.unsqueeze(r.randint(0, x.ndim)),
    "narrow": narrowed,
    "select": lambda t, x, y, r: x.select(dim(x, r), 0),
    "chunk": lambda t, x, y, r: r.choice(x.chunk(2, dim(x, r))),
    "split": lambda t, x, y, r: r.choice(x.split(r.choice([1, 2]), dim(x, r))),
    "unbind": lambda t, x, y, r: r.choice(x.unbind(dim(x, r))),
    "diagonal": lambda t, x, y, r: x.diagonal(r.choice([0, 0, 1]), *r.choice([(0, 1), (-2, -1)])),
    "as_strided": strided,
    "contiguous": lambda t, x, y, r: x.contiguous(),
    "index": lambda t, x, y, r: x[key(x, r)],
    "detach": lambda t, x, y, r: x.detach(),
    "data": lambda t, x, y, r: x.data,
}  # fmt: skip
COPIES: dict[str, Step] = {
    "clone": lambda t, x, y, r: x.clone(),
    "mul": lambda t, x, y, r: x * 2,
    "neg": lambda t, x, y, r: -x,
    "relu": lambda t, x, y, r: x.relu(),
    "add": lambda t, x, y, r: x + y,
    "conv": lambda t, x, y, r: t.nn.functional.conv2d(x, t.ones(3, x.shape[1], 1, 1)),
    "linear": lambda t, x, y, r: t.nn.functional.linear(x, t.ones(2, x.shape[-1])),
    "zeros_like": lambda t, x, y, r: t.zeros_like(x),
    "sum": lambda t, x, y, r: x.sum(dim(x, r), keepdim=r.random() < 0.5),
    "cat": lambda t, x, y, r: t.cat([x, x], dim(x, r)),
    "stack": lambda t, x, y, r: t.stack([x, x], dim(x, r)),
    "cumsum": lambda t, x, y, r: x.cumsum(dim(x, r)),
    "flip": lambda t, x, y, r: x.flip(dim(x, r)),
    "max_pool": lambda t, x, y, r: t.nn.functional.max_pool2d(x, 2),
    "matmul": lambda t, x, y, r: x @ x.mT,
    "softmax": lambda t, x, y, r: x.softmax(dim(x, r)),
}
WRITES: dict[str, Step] = {
    "add_": lambda t, x, y, r: x.add_(1),
    "add_ other": lambda t, x, y, r: x.add_(y),
    "mul_": lambda t, x, y, r: x.mul_(2),
    "copy_": lambda t, x, y, r: x.copy_(y),
    "copy_ self": lambda t, x, y, r: x.copy_(x.flip(0)),
    "zero_": lambda t, x, y, r: x.zero_(),
    "relu_": lambda t, x, y, r: x.relu_(),
    "clamp_": lambda t, x, y, r: x.clamp_(-1, 2),
    "set": lambda t, x, y, r: x.__setitem__(key(x, r), 0.25),
    "set other": lambda t, x, y, r: x.__setitem__(0, y),
    "set mask": lambda t, x, y, r: x.__setitem__(x > 0, -1.0),
    "set list": lambda t, x, y, r: x.__setitem__([0, -1], 3.0),
    "masked_fill_": lambda t, x, y, r: x.masked_fill_(x < 0, 0.5),
    "data": lambda t, x, y, r: x.data.mul_(0.5),
    "fill view": lambda t, x, y, r: x.view(-1)[0].fill_(4.0),
    "+=": lambda t, x, y, r: x.__iadd__(1.0),
}
REFUSED = (  # by this library, as its documentation says
    "made a copy in another layout", "as_strided() of a Tensor that requires grad",
    "more than one element of the written-to tensor",
)  # fmt: skip


def start(t: Any, seed: int, grad: bool) -> list[Any]:
    """Tensors of each kind of layout, with the same elements in both libraries."""
    source = np.random.default_rng(seed)

    def made(*shape: int) -> Any:
        return t.from_numpy(source.integers(-3, 4, shape).astype(np.float32))

    linear, conv = t.nn.Linear(2, 16), t.nn.Conv2d(1, 4, 2)
    with t.no_grad():
        for p in (*linear.parameters(), *conv.parameters()):
            p.copy_(made(*p.shape))
            p.requires_grad_(grad)
    images = conv(made(2, 1, 4, 3))
    rows = linear(made(6, 2))
    plain = made(2, 3, 4).requires_grad_(grad)
    return [images, linear.weight, rows, plain * 1.0, conv.weight, plain, images.detach()]


def is_defined(x: Any) -> bool:
    """Tell whether a Tensor may be used: PyTorch forbids a no_grad view whose base was written.

    Without asking for `grad_fn` PyTorch takes a view whose base was written for a leaf.
    """
    try:
        return x.grad_fn is None or True
    except RuntimeError:
        return False


def shown(x: Any) -> tuple[Any, ...]:
    """What a program can see of a Tensor's layout: lengths of one dimension have any stride."""
    steps = tuple(s for s, n in zip(x.stride(), x.shape, strict=True) if n > 1 and x.numel())
    return tuple(x.shape), x.requires_grad, x.is_contiguous(), steps


def run(t: Any, seed: int, refused: set[int]) -> Iterator[tuple[str, int, Any]]:
    """Yield what each step shows, then values, what reaches whom, and gradients.

    The writes in `refused` do not take place.
    """
    rng = random.Random(seed)
    grad = rng.random() < 0.6
    tensors = start(t, seed, grad)
    leaves = [x for x in tensors if x.is_leaf and x.requires_grad]
    kept = tensors[:]
    tensors = rng.sample(tensors, 3)
    for at in range(rng.randint(3, 10)):
        x, y = rng.choice(tensors[-4:]), rng.choice(tensors)
        family = rng.choices((VIEWS, COPIES, WRITES), (5, 1, 4))[0]
        name, quiet, own = rng.choice(list(family)), rng.random() < 0.3, rng.random()
        quiet = quiet and not (family is VIEWS and x.requires_grad)  # PyTorch says it requires grad
        if not is_defined(x):
            return
        result: Any
        try:
            if at in refused:
                raise RuntimeError(REFUSED[0])
            with t.set_grad_enabled(not quiet):
                # The result of an op on a view is laid out as it is here, and contiguous
                source = x.contiguous() if family is COPIES else x
                result = family[name](t, source, y, random.Random(own))
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            yield name, at, error
            continue
        if family is not WRITES:
            tensors.append(result)
        yield name, at, None if family is WRITES else shown(result)
    if not all(is_defined(x) for x in tensors):
        return
    yield "values", -1, [x.detach().numpy().copy() for x in (*kept, *tensors)]
    total = t.zeros(())
    for i, x in enumerate(tensors):
        total = total + (x * x * (i + 1)).sum()
    try:
        if total.requires_grad:
            total.backward()
        yield "gradients", -1, [None if x.grad is None else x.grad.numpy().copy() for x in leaves]
    except RuntimeError as error:
        yield "gradients", -1, error
    reached = []
    for i, x in enumerate(tensors):
        if not x.numel() or any(
            n > 1 and not step for n, step in zip(x.shape, x.stride(), strict=True)
        ):
            continue  # PyTorch fills it all the same
        with t.no_grad():
            x.fill_(100.0 + i)
        reached.append((i, [z.detach().numpy().copy() for z in (*kept, *tensors)]))
    yield "reached", -1, reached
