"""x[key] and x[key] = value for random keys, with gradients, against PyTorch."""

from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")
SHAPE = (3, 4, 2, 3)


def random_key(rng: np.random.Generator) -> tuple[Any, ...]:
    """Ints, slices, None, an Ellipsis, masks and index arrays that broadcast together."""
    key: list[Any] = []
    dim, arrays, common = 0, 0, int(rng.integers(1, 4))
    while dim < len(SHAPE) and rng.random() < 0.85:
        n = SHAPE[dim]
        kind = rng.choice(["int", "slice", "none", "array", "list", "mask", "dots"])
        if kind == "none":
            key.append(None)
            continue
        if kind == "dots" and ... not in [k for k in key if not hasattr(k, "shape")]:
            left = len(SHAPE) - dim
            skip = int(rng.integers(0, left + 1))
            key.append(...)
            dim += skip
            break  # what follows an Ellipsis counts from the end
        if kind == "int":
            key.append(int(rng.integers(-n, n)))
        elif kind == "array":
            lengths = [(common,), (1,), (2, common), (2, 1)]
            key.append(rng.integers(-n, n, lengths[rng.integers(4)]))
            arrays += 1
        elif kind == "list":
            key.append([int(i) for i in rng.integers(-n, n, common)])
            arrays += 1
        elif kind == "mask":
            mask = np.zeros(n, bool)
            mask[rng.permutation(n)[: min(common, n)]] = True
            if int(mask.sum()) != common:
                continue
            key.append(mask)
            arrays += 1
        else:
            start, stop = sorted(rng.integers(-1, n + 2, 2).tolist())
            key.append(slice(start, stop, int(rng.integers(1, 3))))
        dim += 1
    return tuple(key)


def as_key(lib: Any, key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(lib.tensor(part) if isinstance(part, np.ndarray) else part for part in key)


@pytest.mark.parametrize("seed", range(10))
def test_indexing_is_pytorchs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(40):
        key, data = random_key(rng), rng.standard_normal(SHAPE)
        found = []
        for lib in (tg, torch):
            x = lib.tensor(data, requires_grad=True)
            y = x[as_key(lib, key)]
            (y * y).sum().backward()
            found.append((y.detach().numpy(), x.grad.numpy()))
        for mine, theirs in zip(*found, strict=True):
            np.testing.assert_array_equal(mine, theirs, err_msg=str(key))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("recorded", [True, False])
def test_assignment_is_pytorchs(seed: int, recorded: bool) -> None:
    rng = np.random.default_rng(100 + seed)
    for _ in range(25):
        key, data = random_key(rng), rng.standard_normal(SHAPE)
        flat = np.arange(data.size).reshape(SHAPE)
        picked = torch.tensor(flat)[as_key(torch, key)].numpy()
        if len(np.unique(picked)) != picked.size:
            continue  # which of several values stays is not defined
        shape = picked.shape if rng.random() < 0.7 else picked.shape[1:]
        value = rng.standard_normal(shape)
        found = []
        for lib in (tg, torch):
            x = lib.tensor(data, requires_grad=recorded)
            v = lib.tensor(value, requires_grad=recorded)
            y = x * 1
            y[as_key(lib, key)] = v
            found.append([y.detach().numpy()])
            if recorded:
                (y * y).sum().backward()
                found[-1] += [x.grad.numpy(), v.grad.numpy()]
        for mine, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, err_msg=str(key))
