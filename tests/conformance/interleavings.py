"""Random interleavings of views, writes in place and uses, to be run in both libraries.

A program is a list of steps on a growing list of Tensors; the same seed gives the same program.
"""

from __future__ import annotations

import random
from typing import Any

VIEWS = [
    ("transpose", lambda t, x, r: x.transpose(0, -1)),
    ("row", lambda t, x, r: x[r % x.shape[0]] if x.ndim > 1 else x[:]),
    ("element", lambda t, x, r: x[r % x.shape[0]]),
    ("half", lambda t, x, r: x[: max(1, x.shape[0] // 2)]),
    ("rest", lambda t, x, r: x[x.shape[0] // 2 :]),
    ("every other", lambda t, x, r: x[..., ::2]),
    ("column", lambda t, x, r: x[..., r % x.shape[-1]]),
    ("flat", lambda t, x, r: x.reshape(-1)),
    ("view", lambda t, x, r: x.view(-1) if x.is_contiguous() else x[:1]),
    ("unsqueeze", lambda t, x, r: x.unsqueeze(0)),
    ("diagonal", lambda t, x, r: x.diagonal() if x.ndim == 2 else x[:1]),
    ("expand", lambda t, x, r: x.expand(1, *x.shape)),
    ("detach", lambda t, x, r: x.detach()),
    ("narrow", lambda t, x, r: x.narrow(0, 0, 1)),
]
USES = [
    lambda t, x, w, r: x * 2,
    lambda t, x, w, r: x * w[r % 6],
    lambda t, x, w, r: x.exp(),
    lambda t, x, w, r: x * x,
    lambda t, x, w, r: x + x.sum(),
    lambda t, x, w, r: t.sin(x),
    lambda t, x, w, r: x.clone(),
    lambda t, x, w, r: x.relu() + w[0],
]
WRITES = [
    lambda t, x, w, r: x.add_(1),
    lambda t, x, w, r: x.add_(w[r % 6] * 1),
    lambda t, x, w, r: x.mul_(2),
    lambda t, x, w, r: x.mul_(w[r % 6] * 1),
    lambda t, x, w, r: x.zero_(),
    lambda t, x, w, r: x.fill_(0.5),
    lambda t, x, w, r: x.copy_(w[r % 6] * 1),
    lambda t, x, w, r: x.__setitem__(0, w[r % 6] * 1) if x.ndim else x.add_(2),
    lambda t, x, w, r: x.__setitem__(..., 0.25),
    lambda t, x, w, r: x.exp_() if r % 3 == 0 else x.sub_(1),
    lambda t, x, w, r: x.clamp_(-1, 1),
    lambda t, x, w, r: x.relu_(),
    lambda t, x, w, r: x.mul_(x.detach() if r % 2 else 0.5),
    lambda t, x, w, r: x.tanh_(),
]


def run(t: Any, seed: int) -> tuple[list[Any], Any, list[bool]]:
    """What a program ends in: values, gradients (or the class of an error), requires_grad."""
    rng = random.Random(seed)
    w = t.tensor([0.5, -1.0, 2.0, 0.25, 1.5, -0.5], dtype=t.float64, requires_grad=True)
    u = t.tensor([[1.0, 2.0, -1.0], [0.5, -2.0, 1.0]], dtype=t.float64, requires_grad=True)
    tensors = [t.zeros(2, 3, dtype=t.float64), u * 1.0, w.reshape(3, 2) * 2.0, w, u]
    retained = []
    for _ in range(rng.randint(3, 12)):
        kind, r = rng.random(), rng.randint(0, 11)
        x = rng.choice(tensors[-6:] if rng.random() < 0.5 else tensors)
        choice = rng.random()
        quiet = rng.random() < 0.25
        if kind < 0.35:
            made = VIEWS[int(choice * len(VIEWS))][1](t, x, r) if x.ndim else x * 1
            tensors.append(made)
        elif kind < 0.8:
            write = WRITES[int(choice * len(WRITES))]
            _ = x.grad_fn  # without it PyTorch takes a view whose base was written for a leaf
            try:
                if quiet:
                    with t.no_grad():
                        write(t, x, w, r)
                else:
                    write(t, x, w, r)
            except RuntimeError:
                tensors.append(x * 1)  # refused: so it must be in both
                retained.append(None)
        else:
            made = USES[int(choice * len(USES))](t, x, w, r)
            tensors.append(made)
            if r % 4 == 0 and made.requires_grad:
                made.retain_grad()
                retained.append(made)
    values = [x.detach().numpy().copy() for x in tensors]
    total = t.zeros((), dtype=t.float64)
    for i, x in enumerate(tensors[2:]):
        total = total + (x * (i + 1)).sum()
    try:
        total.backward()
        grads: Any = [w.grad, u.grad, *(x if x is None else x.grad for x in retained)]
        grads = [g if g is None else g.numpy().copy() for g in grads]
    except RuntimeError:
        grads = RuntimeError
    return values, grads, [x.requires_grad for x in tensors]
