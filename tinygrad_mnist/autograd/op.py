"""Op: a NumPy kernel with one rule for each input; `op()` in `record.py` declares one.

A rule is written once, in terms of ops. Run on ndarrays it is plain NumPy; run on Tensors it
builds the graph of its own derivative, so every op has every order of derivative.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.signature import all_names, defaults, parameters
from tinygrad_mnist.autograd.tensor import Tensor

Kernel = Callable[..., Any]
Rule = Callable[..., Any]
Keeper = Callable[[Sequence[Any]], tuple[Any, ...]]
Bound = Callable[[Any, Sequence[Any], tuple[int, ...], int], Any]

REGISTRY: dict[str, Op] = {}
RESERVED = ("g", "y", "shape", "i")  # what a rule calls the gradient, the output, ...


class ShapeError(RuntimeError, ValueError):
    """The shapes or types of an op's arguments do not fit; the message names the op and them."""


class DTypeError(RuntimeError, TypeError):
    """The dtypes of an op's arguments do not fit; the message names the op and them."""


class DivisionError(RuntimeError, ZeroDivisionError):
    """Integers were divided by 0."""


class Keepers(dict[tuple[bool, ...], Keeper | None]):
    """What picks `saved` from (*arrays, y, *residuals, settings, None), by which inputs need grad.

    It picks what the rules of those inputs name; None if that is nothing.
    """

    def __init__(self, it: Op) -> None:
        self._mask = it.mask

    def __missing__(self, needed: tuple[bool, ...]) -> Keeper | None:
        flags = self._mask(needed)
        places = [place if flag else -1 for place, flag in enumerate(flags)]
        self[needed] = operator.itemgetter(*places) if any(flags) else None
        return self[needed]


class Op:
    """What is known of an op: its kernel, its arguments' names, and its rules."""

    def __init__(
        self,
        kernel: Kernel,
        rules: dict[str, Rule | None],
        residual: dict[str, Rule] | None = None,
        *,
        view: bool = False,
        draws: bool = False,
        again: bool = False,
        called: str = "",
    ) -> None:
        self.kernel = kernel
        self.again = again
        self.view = view
        self.draws = draws
        self.row = kernel.__name__  # the name in the table
        self.called = called
        self.name = called or self.row  # the public name: messages, grad_fn, print(step)
        self.residual = dict(residual or {})
        self.params, self.keywords, self.variadic = _signature(kernel, list(rules))
        self.defaults = {k: v for k, v in defaults(kernel).items() if k in self.keywords}
        # What gives bools whatever the dtypes (comparisons, logic) needs no common dtype first.
        nin, loops = getattr(kernel, "nin", 0), getattr(kernel, "types", ())
        elementwise = nin > 0 and getattr(kernel, "signature", None) is None
        self.promotes = elementwise and "d" * nin + "->?" not in loops
        self._words = {
            param: self._parameters(f"rule for {param!r}", rule)
            for param, rule in rules.items()
            if rule is not None
        }
        self._check(rules)
        self._places = {p: i for i, p in enumerate((*self.params, "y", *self.residual))}
        self.rules: tuple[Bound | None, ...] = tuple(self._bind(p, rules) for p in self.params)
        self.constants = [i for i, rule in enumerate(self.rules) if rule is None]
        self.keepers = Keepers(self)

    def _check(self, rules: dict[str, Rule | None]) -> None:
        """Refuse a rule for what is no input, and one that names what it cannot be given."""
        reserved = ("g", "y", "shape", "i") if self.variadic else ("g", "y", "shape")
        given = (*self.params, *self.keywords)
        for name in rules:
            if name in RESERVED:
                raise TypeError(f"{self.name}: {name!r} has a meaning in rules; rename the input")
            if name not in self.params:
                raise TypeError(
                    f"{self.name}: a rule for {name!r}, which is not an input of it; "
                    f"its inputs are {', '.join(self.params)}"
                )
            words = self._words.get(name)
            if words is not None and words[:1] != ("g",):
                raise TypeError(
                    f"{self.name}: the first parameter of the rule for {name!r} must be g, "
                    "the incoming gradient"
                )
            self._check_words(
                f"rule for {name!r}", words or (), (*reserved, *given, *self.residual)
            )
        for name, definition in self.residual.items():
            words = self._parameters(f"definition of {name!r}", definition)
            self._check_words(f"definition of {name!r}", words, given)

    def _check_words(self, what: str, words: Sequence[str], known: Sequence[str]) -> None:
        for word in words:
            if word not in known:
                raise TypeError(
                    f"{self.name}: the {what} names {word!r}; it may name {', '.join(known)}"
                )

    def _parameters(self, what: str, rule: Any) -> tuple[str, ...]:
        if not callable(rule):
            raise TypeError(
                f"{self.name}: the {what} must be a function or None, not {type(rule).__name__}"
            )
        return all_names(rule)

    def _bind(self, param: str, rules: dict[str, Rule | None]) -> Bound | None:
        """A rule as a closure of one fixed shape: (g, saved, shape of the input, its index)."""
        rule = rules.get(param)
        if rule is None:
            return None
        names = self._words[param][1:]
        places = [self._places.get(name, -1) for name in names]
        match places if -1 not in places else None:
            case []:
                return lambda g, saved, shape, i: rule(g)
            case [p]:
                return lambda g, saved, shape, i: rule(g, saved[p])
            case [p, q]:
                return lambda g, saved, shape, i: rule(g, saved[p], saved[q])
            case [*many] if many:
                pick = operator.itemgetter(*many)
                return lambda g, saved, shape, i: rule(g, *pick(saved))
        if names == ("shape",):
            return lambda g, saved, shape, i: rule(g, shape)
        pairs, defaults = list(zip(names, places, strict=True)), self.defaults

        def general(g: Any, saved: Sequence[Any], shape: tuple[int, ...], i: int) -> Any:
            settings = (saved and saved[-1]) or defaults
            given: list[Any] = []
            for name, place in pairs:
                if place >= 0:
                    given.append(saved[place])
                elif name in ("shape", "i"):
                    given.append(shape if name == "shape" else i)
                else:
                    given.append(settings.get(name, defaults.get(name)))
            return rule(g, *given)

        return general

    def mask(self, needed: Sequence[bool]) -> list[bool]:
        """For each place of `saved`, whether a rule of a needed input names it."""
        pairs = zip(self.params, needed, strict=False)
        wanted = (self._words.get(param, ()) for param, need in pairs if need)
        names = set().union(*wanted)
        for residual in names.intersection(self.residual):
            names.update(all_names(self.residual[residual]))
        flags = [n in names for n in (*self.params, "y", *self.residual)]
        return [*flags, not names.isdisjoint(self.keywords)]

    def rebuild(self, inputs: Sequence[Any], saved: Sequence[Any]) -> Iterator[Any]:
        """The kept residuals, computed again from inputs that are attached to the graph."""
        known = dict(zip(self.params, inputs, strict=True)) | self.defaults | (saved[-1] or {})
        for place, definition in enumerate(self.residual.values(), len(self.params) + 1):
            if saved[place] is None:
                yield None
            else:
                yield definition(*(known[word] for word in all_names(definition)))

    def explain(self, error: Exception, args: Sequence[Any], kw: dict[str, Any]) -> Exception:
        """The same failure, naming the op and what it was given."""
        if isinstance(error, (Warning, MemoryError, np.linalg.LinAlgError)):
            return error
        given = ", ".join(_describe(arg) for arg in args)
        options = "".join(f", {k}={v!r}" for k, v in kw.items())
        message = f"{self.name}({given}{options}): {error}"
        if isinstance(error, ZeroDivisionError):
            return DivisionError(message)
        for kind in (IndexError, FloatingPointError):
            if isinstance(error, kind):
                return kind(message)
        if not isinstance(error, TypeError):
            return ShapeError(message)
        known = (Tensor, np.ndarray, np.generic, bool, int, float)
        return (DTypeError if all(isinstance(arg, known) for arg in args) else TypeError)(message)

    def __repr__(self) -> str:
        return f"<op {self.row}({', '.join((*self.params, *self.keywords))})>"


def _signature(
    kernel: Kernel, inputs: list[str]
) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    """The kernel's array arguments, its keywords, and the name of its *args, if it has them.

    A ufunc's arguments have no names: the rules name them, if there is one for each, or else they
    are x, or a and b.
    """
    if isinstance(kernel, np.ufunc):
        usual = ["x"] if kernel.nin == 1 else list("abcdef"[: kernel.nin])
        return tuple(inputs if len(inputs) == kernel.nin else usual), (), None
    positional, variadic, keywords = parameters(kernel)
    if variadic is not None:
        positional = (*positional, variadic)
    return positional, tuple(name for name in keywords if name != "out"), variadic


def _describe(arg: Any) -> str:
    array = arg._data if isinstance(arg, Tensor) else arg
    if isinstance(array, np.ndarray):
        return f"{array.dtype}{list(array.shape)}"
    return repr(array)
