"""Op: a NumPy kernel with one rule for each input; `op()` in `record.py` declares one.

A rule is written once, in terms of ops. Run on ndarrays it is plain NumPy; run on Tensors it
builds the graph of its own derivative, so every op has every order of derivative.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.signature import all_names, defaults, parameter_names
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels.checks import OutOfBounds

Kernel = Callable[..., Any]
Rule = Callable[..., Any]
Selector = Callable[[Sequence[Any]], tuple[Any, ...]]
Bound = Callable[[Any, Sequence[Any], tuple[int, ...], int], Any]

REGISTRY: dict[str, Op] = {}
RESERVED = ("g", "y", "shape", "i")  # in a rule: the gradient, the output, ...


class ShapeError(RuntimeError, ValueError):
    """The shapes or types of an op's arguments do not fit; the message names op and arguments."""


class DTypeError(RuntimeError, TypeError):
    """The dtypes of an op's arguments do not fit; the message names op and arguments."""


class DivisionError(RuntimeError, ZeroDivisionError):
    """Integers were divided by 0."""


class SavedSelectors(dict[tuple[bool, ...], Selector | None]):
    """For each set of inputs that need a gradient, the function that selects a node's `saved`.

    From (*arrays, y, *residuals, settings, None) it takes the values that the rules of those inputs
    name, and the None in place of each other value (index -1 is the last). Where no rule names
    anything, the function is None.
    """

    def __init__(self, op: Op) -> None:
        self._mask = op.mask

    def __missing__(self, needed: tuple[bool, ...]) -> Selector | None:
        flags = self._mask(needed)
        indices = [index if flag else -1 for index, flag in enumerate(flags)]
        self[needed] = operator.itemgetter(*indices) if any(flags) else None
        return self[needed]


class Op:
    """A kernel, the names of its arguments, and a rule for each input with a derivative."""

    def __init__(
        self,
        kernel: Kernel,
        rules: dict[str, Rule | None],
        residual: dict[str, Rule] | None = None,
        *,
        common: dict[str, Rule] | None = None,
        view: bool = False,
        draws: bool = False,
        again: bool = False,
        onto: Callable[..., Any] | None = None,
        erases: bool = False,
        called: str = "",
    ) -> None:
        self.kernel = kernel
        self.again, self.onto, self.erases = again, onto, erases
        self.view = view
        self.draws = draws
        self.row = kernel.__name__  # the name in the table
        self.called = called
        self.name = called or self.row  # the public name: messages, grad_fn, print(step)
        self.residual, self.common = dict(residual or {}), dict(common or {})
        self.params, self.keywords, self.variadic = _signature(kernel, list(rules))
        self.defaults = {k: v for k, v in defaults(kernel).items() if k in self.keywords}
        # A ufunc that gives bools for any dtypes (comparisons, logic) needs no common dtype first.
        nin, loops = getattr(kernel, "nin", 0), getattr(kernel, "types", ())
        elementwise = nin > 0 and getattr(kernel, "signature", None) is None
        self.promotes = elementwise and "d" * nin + "->?" not in loops
        self._rule_parameters = {
            param: self._parameters(f"rule for {param!r}", rule)
            for param, rule in rules.items()
            if rule is not None
        }
        self._check(rules)
        words = (*self.params, "y", *self.residual, *self.common)
        self._saved_index = {p: i for i, p in enumerate(words)}
        self.rules: tuple[Bound | None, ...] = tuple(self._bind(p, rules) for p in self.params)
        self._common = [self._bound(definition) for definition in self.common.values()]
        if onto is not None:
            self._onto = [self._saved_index[p] for p in onto.op.params[2:]], onto.op.keywords  # type: ignore[attr-defined]
        self.constants = [i for i, rule in enumerate(self.rules) if rule is None]
        self.selectors = SavedSelectors(self)

    def _check(self, rules: dict[str, Rule | None]) -> None:
        """Refuse a rule for a name that is no input, and one that names a value it cannot get."""
        reserved = ("g", "y", "shape", "i") if self.variadic else ("g", "y", "shape")
        arguments = (*self.params, *self.keywords)
        for name in rules:
            if name in RESERVED:
                raise TypeError(f"{self.name}: {name!r} has a meaning in rules; rename the input")
            if name not in self.params:
                raise TypeError(
                    f"{self.name}: a rule for {name!r}, which is not an input of it; "
                    f"its inputs are {', '.join(self.params)}"
                )
            words = self._rule_parameters.get(name)
            if words is not None and words[:1] != ("g",):
                raise TypeError(
                    f"{self.name}: the first parameter of the rule for {name!r} must be g, "
                    "the incoming gradient"
                )
            self._check_words(
                f"rule for {name!r}", words or (),
                (*reserved, *arguments, *self.residual, *self.common),
            )  # fmt: skip
        for name, definition in self.residual.items():
            words = self._parameters(f"definition of {name!r}", definition)
            self._check_words(f"definition of {name!r}", words, arguments)
        for name, definition in self.common.items():
            words = self._parameters(f"definition of {name!r}", definition)
            allowed = ("g", "y", *arguments, *self.residual)
            self._check_words(f"definition of {name!r}", words, allowed)

    def _check_words(self, what: str, words: Sequence[str], allowed: Sequence[str]) -> None:
        for word in words:
            if word not in allowed:
                raise TypeError(
                    f"{self.name}: the {what} names {word!r}; it may name {', '.join(allowed)}"
                )

    def _parameters(self, what: str, rule: Any) -> tuple[str, ...]:
        if not callable(rule):
            raise TypeError(
                f"{self.name}: the {what} must be a function or None, not {type(rule).__name__}"
            )
        return all_names(rule)

    def _bind(self, param: str, rules: dict[str, Rule | None]) -> Bound | None:
        """Return the rule for an input, bound; None if it has none."""
        rule = rules.get(param)
        return None if rule is None else self._bound(rule)

    def _bound(self, rule: Rule) -> Bound:
        """Make of a rule a function of (g, saved, shape of the input, index of the input)."""
        names = all_names(rule)[1:]
        indices = [self._saved_index.get(name, -1) for name in names]
        match indices if -1 not in indices else None:
            case []:
                return lambda g, saved, shape, i: rule(g)
            case [p]:
                return lambda g, saved, shape, i: rule(g, saved[p])
            case [p, q]:
                return lambda g, saved, shape, i: rule(g, saved[p], saved[q])
            case [*many] if many:
                pick = operator.itemgetter(*many)
                return lambda g, saved, shape, i: rule(g, *pick(saved))
        match names, indices:
            case ["shape"], _:
                return lambda g, saved, shape, i: rule(g, shape)
            case [_, "shape"], [p, _] if p >= 0:
                return lambda g, saved, shape, i: rule(g, saved[p], shape)
        pairs, defaults = list(zip(names, indices, strict=True)), self.defaults

        def general(g: Any, saved: Sequence[Any], shape: tuple[int, ...], i: int) -> Any:
            settings = (saved and saved[-1]) or defaults
            values: list[Any] = []
            for name, index in pairs:
                if index >= 0:
                    values.append(saved[index])
                elif name in ("shape", "i"):
                    values.append(shape if name == "shape" else i)
                else:
                    values.append(settings.get(name, defaults.get(name)))
            return rule(g, *values)

        return general

    def mask(self, needed: Sequence[bool]) -> list[bool]:
        """Tell for each value in `saved` whether a rule of a needed input names it."""
        pairs = zip(self.params, needed, strict=False)
        parameters = (self._rule_parameters.get(param, ()) for param, need in pairs if need)
        names = set().union(*parameters)
        for definition in self.common.values():
            names.update(all_names(definition))
        for residual in names.intersection(self.residual):
            names.update(all_names(self.residual[residual]))
        flags = [n in names for n in (*self.params, "y", *self.residual)]
        return [*flags, not names.isdisjoint(self.keywords)]

    def rebuild(self, inputs: Sequence[Any], saved: Sequence[Any]) -> Iterator[Any]:
        """Compute the saved residuals again, from inputs that are attached to the graph."""
        values = dict(zip(self.params, inputs, strict=True)) | self.defaults | (saved[-1] or {})
        for index, definition in enumerate(self.residual.values(), len(self.params) + 1):
            if saved[index] is None:
                yield None
            else:
                yield definition(*(values[word] for word in all_names(definition)))

    def with_common(self, g: Any, saved: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return `saved` with the values that the rules of one visit share, before the settings."""
        values = (rule(g, saved, (), 0) for rule in self._common)
        return (*saved[:-1], *values, saved[-1])

    def add_onto(self, total: Any, g: Any, saved: Sequence[Any], *, in_place: bool) -> Any:
        """Add the part of an input's cotangent that `g` gives to the parts that came before it."""
        assert self.onto is not None
        indices, names = self._onto
        arrays = [saved[index] for index in indices]
        settings = {name: saved[-1][name] for name in names}
        if in_place:
            return self.onto.op.kernel(total, g, *arrays, **settings, out=total)  # type: ignore[attr-defined]
        return self.onto(total, g, *arrays, **settings)

    def explain(self, error: Exception, args: Sequence[Any], kw: dict[str, Any]) -> Exception:
        """Return the same failure with the op's name and arguments in its message."""
        if isinstance(error, (Warning, MemoryError, np.linalg.LinAlgError)):
            return error
        shown = ", ".join(_describe(arg) for arg in args)
        options = "".join(f", {k}={v!r}" for k, v in kw.items())
        message = f"{self.name}({shown}{options}): {error}"
        if isinstance(error, ZeroDivisionError):
            return DivisionError(message)
        if isinstance(error, IndexError):
            return OutOfBounds(message)
        if isinstance(error, FloatingPointError):
            return FloatingPointError(message)
        if not isinstance(error, TypeError):
            return ShapeError(message)
        usual = (Tensor, np.ndarray, np.generic, bool, int, float)
        return (DTypeError if all(isinstance(arg, usual) for arg in args) else TypeError)(message)

    def __repr__(self) -> str:
        return f"<op {self.row}({', '.join((*self.params, *self.keywords))})>"


def _signature(
    kernel: Kernel, inputs: list[str]
) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    """Return a kernel's array arguments, its keywords, and the name of its *args or None.

    A ufunc's arguments have no names: they get those of the rules, if each has a rule, or else
    they are x, or a and b.
    """
    if isinstance(kernel, np.ufunc):
        usual = ["x"] if kernel.nin == 1 else list("abcdef"[: kernel.nin])
        return tuple(inputs if len(inputs) == kernel.nin else usual), (), None
    positional, variadic, keywords = parameter_names(kernel)
    if variadic is not None:
        positional = (*positional, variadic)
    return positional, tuple(name for name in keywords if name != "out"), variadic


def _describe(arg: Any) -> str:
    array = arg._data if isinstance(arg, Tensor) else arg
    if isinstance(array, np.ndarray):
        return f"{array.dtype}{list(array.shape)}"
    return repr(array)
