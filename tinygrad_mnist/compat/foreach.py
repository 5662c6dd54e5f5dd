"""`torch._foreach_mul_` and its like, which optimizers call: a loop over lists of Tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import reduce

PREFIX = "_foreach_"
NAMES = {
    "abs", "acos", "add", "addcdiv", "addcmul", "asin", "atan", "ceil", "clamp_max",
    "clamp_min", "copy", "cos", "cosh", "div", "erf", "erfc", "exp", "expm1", "floor", "frac",
    "lerp", "lgamma", "log", "log10", "log1p", "log2", "max", "maximum", "minimum", "mul",
    "neg", "norm", "pow", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh",
    "sqrt", "sub", "tan", "tanh", "trunc", "zero",
}  # fmt: skip
OTHERWISE = {"maximum": "clamp_min", "minimum": "clamp_max"}  # the methods of these names


def foreach(name: str) -> Callable[..., Any]:
    """Return the function `_foreach_...`; AttributeError for a name that PyTorch has not either.

    >>> import tinygrad_mnist as tg
    >>> tensors = [tg.ones(2), tg.ones(1)]
    >>> foreach("_foreach_mul_")(tensors, [2.0, 3.0])
    [tensor([2., 2.]), tensor([3.])]
    """
    method = name.removeprefix(PREFIX)
    stem, in_place = method.removesuffix("_"), method.endswith("_")
    if stem not in NAMES or method == "zero":  # whose only form is in place
        raise AttributeError(f"module 'torch' has no attribute {name!r}")
    if stem in OTHERWISE:
        method = OTHERWISE[stem] + "_" * in_place
    elif method == "copy":
        method = "clone"

    def call(self: Any, *args: Any, **kw: Any) -> Any:
        results = []
        for i, x in enumerate(self):
            own = [_at(a, i, len(self)) for a in args]
            settings = {word: _at(value, i, len(self)) for word, value in kw.items()}
            results.append(_one(method, x, own, settings))
        return self if in_place else tuple(results)

    call.__name__ = call.__qualname__ = name
    return call


def _at(value: Any, i: int, count: int) -> Any:
    """Return what belongs to Tensor i: an element of a list, or the value that all share."""
    if not isinstance(value, (list, tuple)):
        return value
    if len(value) != count:
        raise RuntimeError(
            f"Tensor lists must have the same number of tensors, got {count} and {len(value)}"
        )
    return value[i]


def _one(method: str, x: Tensor, args: list[Any], settings: dict[str, Any]) -> Any:
    """Call the method of one Tensor, with the arguments by PyTorch's names of the lists'."""
    if method == "norm":
        order = args[0] if args else settings.get("ord", 2)
        return reduce.norm(x, order)
    for word in ("scalar", "scalars", "tensors", "other", "value", "exponent", "src"):
        if word in settings and method.rstrip("_") not in ("addcdiv", "addcmul"):
            args = [*args, settings.pop(word)]
    if method.rstrip("_") in ("addcdiv", "addcmul") and len(args) == 3:
        return getattr(x, method)(*args[:2], value=args[2])
    if method.endswith("_") and not hasattr(x, method):
        return x.copy_(getattr(x, method.removesuffix("_"))(*args, **settings))
    return getattr(x, method)(*args, **settings)
