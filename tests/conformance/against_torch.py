"""Run one call in both libraries and compare values, first and second order gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_mnist as tg


def mapped(value: Any, leaf: Any) -> Any:
    """A nested structure of lists, tuples and dicts with `leaf` applied to what is inside."""
    if isinstance(value, dict):
        return {k: mapped(v, leaf) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and type(value).__name__ != "Size":
        return type(value)(mapped(v, leaf) for v in value)
    return leaf(value)


def leaves(value: Any) -> list[Any]:
    """The leaves of a nested structure, in order."""
    found: list[Any] = []
    mapped(list(value) if isinstance(value, tuple) else value, found.append)
    return found


def flat(value: Any) -> list[Any]:
    """A result as a flat list: named tuples and lists are opened."""
    if isinstance(value, dict):
        return [x for v in value.values() for x in flat(v)]
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in flat(v)]
    return [value]


def to_ours(value: Any) -> Any:
    """A torch value as ours: Tensors, dtypes, devices, generators' absence."""
    import torch

    if isinstance(value, torch.Tensor):
        ours = tg.tensor(value.detach().numpy())
        # the same strides matter to nobody, the same requires_grad does
        return ours.requires_grad_(value.requires_grad) if value.requires_grad else ours
    if isinstance(value, torch.dtype):
        return getattr(tg, str(value).split(".")[1])
    if isinstance(value, torch.device):
        return tg.device(str(value))
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, (torch.layout, torch.memory_format)):
        return None
    return value


def numbers(value: Any) -> np.ndarray:
    """The value of a leaf of a result as an array."""
    if hasattr(value, "detach"):
        value = (
            value.detach().numpy(force=True)
            if "torch" in type(value).__module__
            else value.detach().numpy()
        )
    return np.asarray(value)


def check_same(ours: Any, theirs: Any, tolerance: float, what: str, dtypes: bool = True) -> None:
    """AssertionError unless two results have the same structure, shapes, kinds and values."""
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs), f"{what}: {len(ours)} results, PyTorch has {len(theirs)}"
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if b is None or a is None:
            zero = a is b or not np.any(numbers(b if a is None else a))
            assert zero, f"{what} {i}: {a} here, {b} in PyTorch"
            continue
        x, y = numbers(a), numbers(b)
        assert x.shape == y.shape, f"{what} {i}: shape {x.shape}, PyTorch has {y.shape}"
        if dtypes:
            assert x.dtype == y.dtype, f"{what} {i}: {x.dtype}, PyTorch has {y.dtype}"
        x, y = (v.astype(np.float64) if v.dtype.kind != "f" else v for v in (x, y))
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, err_msg=f"{what} {i}")


def differentiable(outputs: Any) -> list[Any]:
    """The outputs that a gradient can start from."""
    return [y for y in flat(outputs) if hasattr(y, "requires_grad") and y.requires_grad]


def compare(
    ours: Any, theirs: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
    grad: bool, second: bool, after: Any = None,
) -> None:  # fmt: skip
    """Call both with the same arguments and compare all that comes out, to second order."""
    import torch

    rng = np.random.default_rng(0)
    our_args, our_kwargs = mapped(args, to_ours), mapped(kwargs, to_ours)
    result = theirs(*args, **kwargs)
    result = after(result) if after else result
    mine = ours(*our_args, **our_kwargs)
    mine = after(mine) if after else mine
    check_same(mine, result, 1e-6, "value")
    if not grad:
        return
    pairs = [
        (a, b)
        for a, b in zip(flat([our_args, our_kwargs]), flat([args, kwargs]), strict=True)
        if isinstance(b, torch.Tensor) and b.requires_grad
    ]
    outputs, our_outputs = differentiable(result), differentiable(mine)
    assert len(outputs) == len(our_outputs), (
        f"{len(our_outputs)} differentiable results, PyTorch has {len(outputs)}"
    )
    if not outputs or not pairs:
        return
    seeds = [rng.standard_normal(tuple(y.shape)) for y in outputs]
    theirs_g = torch.autograd.grad(
        outputs, [b for _, b in pairs], [torch.tensor(s, requires_grad=second) for s in seeds],
        create_graph=second, allow_unused=True,
    )  # fmt: skip
    ours_g = tg.autograd.grad(
        our_outputs, [a for a, _ in pairs], [tg.tensor(s, requires_grad=second) for s in seeds],
        create_graph=second, allow_unused=True,
    )  # fmt: skip
    check_same(ours_g, theirs_g, 1e-5, "gradient", dtypes=False)
    if not second:
        return
    both = [
        (a, b) for a, b in zip(ours_g, theirs_g, strict=True) if b is not None and b.requires_grad
    ]
    both = [(a, b) for a, b in both if a is not None and a.requires_grad] or []
    if not both:
        return
    seeds = [rng.standard_normal(tuple(b.shape)) for _, b in both]
    theirs_gg = torch.autograd.grad(
        [b for _, b in both], [b for _, b in pairs], [torch.tensor(s) for s in seeds],
        allow_unused=True,
    )  # fmt: skip
    ours_gg = tg.autograd.grad(
        [a for a, _ in both], [a for a, _ in pairs], [tg.tensor(s) for s in seeds],
        allow_unused=True,
    )  # fmt: skip
    check_same(ours_gg, theirs_gg, 1e-5, "second gradient", dtypes=False)
